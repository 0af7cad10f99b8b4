"""Two small synthetic worlds, and the lakehouses made from them.

*Tiny*: eight coins on random walks, fourteen weeks, a long sleeve and its short twin. *Small*: the sample market's
coins and the demo's engines, just long enough for every feature to be warm. Nothing here is real data.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
import yaml

from quant_assets.cli.session import quiet
from quant_assets.keys import asset_name
from quant_assets.manifests import Ledger
from quant_assets.profiles.load import load_profile
from quant_assets.profiles.model import Profile
from quant_assets.running import GraphRunner, StepReport
from quant_resources.dagster_home import prepare_dagster_home
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.venues.config import SampleVenueConfig
from quant_resources.venues.sample import SampleVenue

DEMO = Path(__file__).parents[2] / "quant_assets" / "profiles" / "demo.yaml"
BAR_COLUMNS = ("symbol", "date", "open", "high", "low", "close", "volume", "quote_volume")
TINY_START, TINY_FIRST_WEEK, TINY_END = "2023-01-02", "2023-02-27", "2023-04-09"
SMALL_START, SMALL_FIRST_WEEK, SMALL_END = "2022-01-01", "2022-11-07", "2023-02-12"
UP_GROSS = 0.5
SHORT_WINDOWS = {"momentum_window": 120, "volatility_window": 90, "memory_bars": 250}


@dataclass(frozen=True)
class Place:
    """One lakehouse with its Dagster home, reports and profile."""

    folder: Path

    @property
    def lakehouse(self) -> Lakehouse:
        return Lakehouse(str(self.folder / "lakehouse"))

    @property
    def home(self) -> Path:
        return prepare_dagster_home(self.folder / "home")

    @property
    def profile_file(self) -> Path:
        return self.folder / "profile.yaml"

    @property
    def bars_file(self) -> Path:
        return self.folder / "bars" / "bars.parquet"

    @property
    def profile(self) -> Profile:
        return load_profile(str(self.profile_file))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "QUANT_LAKEHOUSE": str(self.folder / "lakehouse"),
            "DAGSTER_HOME": str(self.home),
            "QUANT_PROFILE": str(self.profile_file),
            "QUANT_REPORTS": str(self.folder / "reports"),
        }

    def write(self, profile: Mapping[str, Any], bars: pd.DataFrame | None = None) -> Place:
        """Put the profile, and the bars that its venue reads, into the folder."""
        self.bars_file.parent.mkdir(parents=True, exist_ok=True)
        self.profile_file.write_text(yaml.safe_dump(dict(profile), sort_keys=False), encoding="utf-8")
        if bars is not None:
            bars.to_parquet(self.bars_file, index=False)
        return self

    def copy_to(self, folder: Path) -> Place:
        """A copy with its own lakehouse, instance and bars (nothing in them names the folder)."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Place(folder)

    @contextmanager
    def runner(self) -> Iterator[GraphRunner]:
        """A runner on this place, with a real instance on disk."""
        quiet()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            with dg.DagsterInstance.from_config(str(self.home)) as instance:
                yield GraphRunner(self.profile, instance, self.lakehouse)

    def backfill(self, *selection: str, **arguments: Any) -> list[StepReport]:
        with self.runner() as runner:
            return runner.backfill(selection, **arguments)

    def contents(self, *assets: str) -> dict[tuple[str, str], str]:
        """Content hash of every partition: '' where it was refused."""
        rows = Ledger(self.lakehouse).latest(columns=["data_version"])
        days = rows["partition"].dt.strftime("%Y-%m-%d")
        found = zip(rows["asset"], days, rows["data_version"], strict=True)
        return {(a, d): v for a, d, v in found if not assets or a in assets or a.rpartition("/")[2] in assets}

    def statuses(self, asset: str) -> dict[str, str]:
        return {key: state.status for key, state in Ledger(self.lakehouse).states(asset).items()}

    def table(self, name: str) -> pd.DataFrame:
        table = self.lakehouse.open(name)
        return pd.DataFrame() if table is None else table.to_pandas()

    def refusals(self, asset: str, partition: str, column: str = "rules") -> str:
        """Broken rules of the newest refusal (or its ``reason``), '' where there is none."""
        rows = self.table("refusals")
        newest = rows[(rows["asset"] == asset) & (pd.to_datetime(rows["partition"]) == partition)]
        return ",".join(newest.sort_values("recorded_at")[column].tail(1))


def tiny_bars(seed: int = 11, coins: int = 8) -> pd.DataFrame:
    """Random walks with one common factor: continuous opens, honest ranges, constant trading."""
    rng = np.random.default_rng(seed)
    days = pd.date_range(TINY_START, TINY_END, freq="D")
    market = rng.normal(0.0, 0.02, len(days))
    frames = []
    for number in range(coins):
        moves = 0.7 * market + rng.normal(0.0, 0.015 + 0.002 * number, len(days))
        close = (10.0 + number) * np.exp(np.cumsum(moves))
        opened = np.concatenate([[10.0 + number], close[:-1]])
        volume = 1e6 * np.exp(rng.normal(0.0, 0.2, len(days)))
        frames.append(
            pd.DataFrame(
                {
                    "symbol": f"TOY:COIN{number}/USDT",
                    "date": days,
                    "open": opened,
                    "high": np.maximum(opened, close) * 1.01,
                    "low": np.minimum(opened, close) * 0.99,
                    "close": close,
                    "volume": volume,
                    "quote_volume": volume * (opened + close) / 2,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _tiny_sleeve(name: str, direction: str, gross: float) -> dict[str, Any]:
    return {
        "name": name,
        "title": f"Everything, {direction.lower()}",
        "universe": "all",
        "direction": direction,
        "selection": {
            "score": {"feature": "momentum"},
            "clusters": {"per_cluster": 8, "lookback_days": 30},
            "top_n": 8,
            "floor": 1,
            "on_empty": "cash",
        },
        "allocation": {
            "engine": "equal_weight",
            "cap": 0.5,
            "gross": gross,
            "lookback_days": 30,
            "min_observations": 20,
        },
    }


def tiny_profile(**changes: Any) -> dict[str, Any]:
    """A long sleeve and its short twin of twice the size over all coins, and a meta of both."""
    profile = {
        "name": "tiny",
        "title": "Eight synthetic coins",
        "start": TINY_START,
        "first_week": TINY_FIRST_WEEK,
        "end": TINY_END,
        "venue": {"kind": "files", "path": "bars", "venue_name": "TOY", "data_kind": "synthetic"},
        "costs": {"fee": 0.001, "slippage": 0.0005, "borrow": 0.0},
        "universes": [{"name": "all", "intent": "BOTH", "min_history_days": 20, "min_value_traded": 1e5}],
        "features": {"features": ["momentum", "realised_volatility"], "momentum_window": 20, "volatility_window": 20},
        "sleeves": [_tiny_sleeve("up", "LONG", UP_GROSS), _tiny_sleeve("down", "SHORT", 1.0)],
        "metas": [
            {
                "name": "both",
                "members": ["up", "down"],
                "engine": "equal_weight",
                "lookback_weeks": 4,
                "min_history_weeks": 2,
                "min_weight": 0.1,
                "max_weight": 0.9,
                "concentration_base": "capital",
                "opposites": [["up", "down"]],
            }
        ],
    }
    return {**profile, **changes}


def small_bars() -> pd.DataFrame:
    """The sample market's received bars, dirt included, over the small world's days."""
    venue = SampleVenue(SampleVenueConfig(seed=7))
    first, last = pd.Timestamp(SMALL_START).date(), pd.Timestamp(SMALL_END).date()
    return venue.bars(None, first, last).frame[list(BAR_COLUMNS)]


def small_profile(**changes: Any) -> dict[str, Any]:
    """The demo's rating sleeve and its short trend sleeve with their engines, on a shorter history."""
    profile = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    chosen = [s for s in profile["sleeves"] if s["name"] in {"ma_long", "trend_short"}]
    meta = {
        **profile["metas"][0],
        "members": [s["name"] for s in chosen],
        "min_history_weeks": 4,
        "max_weight": 0.9,
        "opposites": [],
    }
    return {
        **profile,
        "name": "small",
        "title": "The demo on a short synthetic history",
        "start": SMALL_START,
        "first_week": SMALL_FIRST_WEEK,
        "end": SMALL_END,
        "venue": {"kind": "files", "path": "bars", "venue_name": "SYNTH", "data_kind": "synthetic"},
        "features": SHORT_WINDOWS,
        "sleeves": chosen,
        "metas": [meta],
        **changes,
    }


_FINISHED: dict[str, Place] = {}


def finished(name: str, base: Path) -> Place:
    """The finished lakehouse of a world, made once a session; copy it before changing it."""
    if name not in _FINISHED:
        place = Place(base / f"finished_{name}")
        bars, profile = (tiny_bars(), tiny_profile()) if name == "tiny" else (small_bars(), small_profile())
        reports = place.write(profile, bars).backfill()
        broken = [r for r in reports if r.exit_code]
        assert not broken, f"the {name} world must be clean: {broken}"
        _FINISHED[name] = place
    return _FINISHED[name]


def names_of(runner: GraphRunner) -> list[str]:
    return [asset_name(key) for key in runner.ordered()]


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with its size and time of change: equal trees mean nothing was touched."""
    files = (p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else iter(())
    return {str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns) for p in files}
