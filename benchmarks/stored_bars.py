"""A lakehouse whose bars are published already, and `quant backfill` of ``features_matrix`` on it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from benchmarks.fresh import Fresh, fresh
from benchmarks.panel import START, accepted_bars
from quant_assets.features.config import ALL
from quant_assets.keys import FEATURES_MATRIX, OHLCV, asset_name
from quant_assets.manifests import PUBLISHED, Ledger, Manifest
from quant_assets.tables import OHLCV_TABLE
from quant_resources.dagster_home import prepare_dagster_home
from quant_resources.lakehouse.hashing import content_hashes
from quant_resources.lakehouse.store import Lakehouse

FIRST_WEEK = dt.date(2019, 1, 14)
"""The first Monday whose week before lies inside the panel: all its days but the first six have features."""


def profile(days: int) -> dict[str, Any]:
    """A profile of the synthetic panel that asks for every feature that is on by default."""
    start = dt.date.fromisoformat(START)
    return {
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


def prepare(folder: Path, symbols: int, days: int) -> None:
    """Write the panel's bars into a lakehouse in ``folder``, every day published, a profile, and a home for Dagster."""
    lakehouse = Lakehouse(folder / "lakehouse")
    bars = OHLCV_TABLE.canonical(accepted_bars(symbols, days))
    keys = [day.date().isoformat() for day in bars["date"].unique()]
    version = lakehouse.replace(OHLCV_TABLE, bars, keys)
    contents = content_hashes(OHLCV_TABLE, bars, keys)
    Ledger(lakehouse).record([_manifest(k, contents[k], version, symbols) for k in keys], dt.datetime(2024, 1, 1))
    # Whoever has stored bars has a home that has been used before.
    with dg.DagsterInstance.from_config(str(prepare_dagster_home(folder / "home"))):
        pass
    (folder / "profile.yaml").write_text(yaml.safe_dump(profile(days)), encoding="utf-8")


def _manifest(key: str, content: str, version: int, rows: int) -> Manifest:
    """What publishing the bars of a day would have recorded."""
    name = asset_name(OHLCV)
    return Manifest(name, key, PUBLISHED, "prepared", content, OHLCV_TABLE.name, version, rows, "", "", "", (), {})


def publish(folder: Path) -> Fresh:
    """`quant backfill --select features_matrix` over the whole range, from the start of its process to the end."""
    return fresh(
        "quant_assets", "backfill", "--select", asset_name(FEATURES_MATRIX), "--json",
        "--profile", str(folder / "profile.yaml"),
        environment={"QUANT_LAKEHOUSE": str(folder / "lakehouse"), "DAGSTER_HOME": str(folder / "home")},
    )  # fmt: skip
