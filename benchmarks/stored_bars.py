"""A lakehouse whose bars are published already, and the run of ``features_matrix`` on it in a process of its own.

`python -m benchmarks.stored_bars FOLDER` runs the asset over the whole range of the lakehouse that ``prepare`` made in
FOLDER, through the same runner as `quant backfill`, and prints its report as JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import dagster as dg

from benchmarks.panel import START, accepted_bars
from quant_assets.cli.session import quiet
from quant_assets.features.config import ALL
from quant_assets.features.matrix import days_needed
from quant_assets.keys import FEATURES_MATRIX, OHLCV, asset_name
from quant_assets.manifests import PUBLISHED, Ledger, Manifest
from quant_assets.profiles.model import Profile
from quant_assets.running import GraphRunner
from quant_assets.tables import OHLCV_TABLE
from quant_resources.dagster_home import prepare_dagster_home
from quant_resources.lakehouse.hashing import content_hashes
from quant_resources.lakehouse.store import Lakehouse

FIRST_WEEK = dt.date(2019, 1, 14)
"""The first Monday whose week before lies inside the panel: all its days but the first six have features."""


def profile(days: int) -> Profile:
    """A profile of the synthetic panel that asks for every feature that is on by default."""
    start = dt.date.fromisoformat(START)
    return Profile.model_validate(
        {
            "name": "benchmark",
            "title": "Benchmark on synthetic bars",
            "start": start,
            "first_week": FIRST_WEEK,
            "end": start + dt.timedelta(days=days - 1),
            "venue": {"kind": "sample", "seed": 1},
            "features": {"features": [ALL]},
            "costs": {"fee": 0.001, "slippage": 0.0005, "borrow": 0.05},
            "universes": [{"name": "all", "min_value_traded": 1.0, "min_history_days": 1}],
        }
    )


def prepare(folder: Path, symbols: int, days: int) -> None:
    """Write the panel's bars into a lakehouse in ``folder``, every day published, and make a home for Dagster."""
    lakehouse = Lakehouse(folder / "lakehouse")
    bars = OHLCV_TABLE.canonical(accepted_bars(symbols, days))
    keys = [day.date().isoformat() for day in bars["date"].unique()]
    version = lakehouse.replace(OHLCV_TABLE, bars, keys)
    contents = content_hashes(OHLCV_TABLE, bars, keys)
    Ledger(lakehouse).record([_manifest(k, contents[k], version, symbols) for k in keys], dt.datetime(2024, 1, 1))
    prepare_dagster_home(folder / "home")
    (folder / "days.json").write_text(json.dumps(days), encoding="utf-8")


def _manifest(key: str, content: str, version: int, rows: int) -> Manifest:
    """What publishing the bars of a day would have recorded."""
    name = asset_name(OHLCV)
    return Manifest(name, key, PUBLISHED, "prepared", content, OHLCV_TABLE.name, version, rows, "", "", "", (), {})


def run(folder: Path) -> dict[str, Any]:
    """Publish ``features_matrix`` on every day; the report of the step, and how many days back a value may read."""
    quiet()
    chosen = profile(json.loads((folder / "days.json").read_text(encoding="utf-8")))
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        runner = GraphRunner(chosen, instance, Lakehouse(folder / "lakehouse"))
        (report,) = runner.backfill([asset_name(FEATURES_MATRIX)])
    return {**report.to_record(), "reach_days": days_needed(chosen.features, chosen.annualisation)}


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]))))
