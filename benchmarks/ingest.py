"""The listings and bars of a venue server brought into an empty lakehouse, in a process of its own.

`python -m benchmarks.ingest URL FOLDER` does what `quant ingest` does, over the days of the synthetic panel, and prints
what became of both assets as JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import dagster as dg

from benchmarks.panel import DAYS, START
from quant_assets.cli.session import quiet
from quant_assets.keys import LISTINGS, OHLCV, asset_name
from quant_assets.profiles.model import Profile
from quant_assets.running import GraphRunner
from quant_resources.dagster_home import prepare_dagster_home
from quant_resources.lakehouse.store import Lakehouse


def profile(url: str, staging: Path) -> Profile:
    """A profile of the panel's days whose bars come from a server of synthetic bars."""
    start = dt.date.fromisoformat(START)
    return Profile.model_validate(
        {
            "name": "benchmark",
            "title": "Benchmark on synthetic bars",
            "start": start,
            "first_week": start + dt.timedelta(days=(-start.weekday()) % 7 + 7 * 60),
            "end": start + dt.timedelta(days=DAYS - 1),
            "venue": {"kind": "ccxt", "base_url": url, "data_kind": "synthetic", "staging": str(staging)},
            "costs": {"fee": 0.001, "slippage": 0.0005, "borrow": 0.05},
            "universes": [{"name": "all"}],
        }
    )


def run(url: str, folder: Path) -> dict[str, Any]:
    """Days published and refused over both assets, and the seconds of each."""
    quiet()
    home = prepare_dagster_home(folder / "home")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runner = GraphRunner(profile(url, folder / "staging"), instance, Lakehouse(folder / "lakehouse"))
        steps = runner.backfill([asset_name(LISTINGS), asset_name(OHLCV)])
    return {
        "published": sum(s.published for s in steps),
        "refused": sum(s.refused for s in steps),
        **{s.asset: round(s.seconds, 1) for s in steps},
    }


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], Path(sys.argv[2]))))
