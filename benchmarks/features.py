"""Everything that is claimed about the speed of features, in one run: `python -m benchmarks.features`.

From bars in memory, from stored bars in a new process, from stored bars to the published table; and side by side with
TA-Lib, pandas-ta-classic, pandas, antropy and nolds.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import factors, shared_indicators, stored_bars, windows
from benchmarks.fresh import Fresh, fresh
from benchmarks.measure import Found, Measurement
from benchmarks.page import shown
from benchmarks.panel import accepted_bars
from quant_assets.features.config import ALL, FeaturesConfig
from quant_assets.features.matrix import days_needed
from quant_assets.features.series import build_series


@dataclass(frozen=True)
class Sizes:
    """How large the panels are: symbols, days of the crypto panel, and of the stock panel of sessions."""

    symbols: int = 500
    days: int = 5 * 365
    stocks: int = 800
    sessions: int = 13 * 252
    runs: int = 3


def measurements(sizes: Sizes | None = None) -> Iterator[Found]:
    """All of it, the processes of their own before this one holds a panel."""
    size = sizes or Sizes()
    yield from from_stored_bars(size)
    yield from fourteen_factors(size)
    series = build_series(accepted_bars(size.symbols, size.days))
    yield from shared_indicators.comparisons(series, size.runs)
    yield from windows.per_window(series, size.runs)
    yield from windows.rolling_apply(series)


def from_stored_bars(size: Sizes) -> Iterator[Measurement]:
    """All features that are on by default: the frame in memory, then the published table, each in a new process."""
    panel = f"{size.symbols} symbols x {size.days:,} days"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stored_bars.prepare(folder, size.symbols, size.days)
        computed = fresh("benchmarks.factors", str(folder / "lakehouse"), ALL)
        made = computed.told
        yield Measurement(
            f"all features, {panel}, from bars in memory",
            made["again"],
            made["again_cpu"],
            1,
            5.0,
            f"{made['features']} features, {made['rows']:,} rows, two threads; the first time in the process "
            f"{made['first']:.1f} s",
            computed.memory,
        )
        ended = _middle([_published(folder) for _ in range(size.runs)])
        (told,) = ended.told["assets"]
        reach = days_needed(FeaturesConfig(features=(ALL,)), factors.YEAR)
        if told["published"] != told["asked"]:
            raise RuntimeError(f"the benchmark's own data were not all published: {told}")
        yield Measurement(
            f"all features, {panel}, from stored bars to the published, checked and certified table",
            ended.seconds,
            ended.cpu,
            size.runs,
            15.0,
            f"`quant backfill`, start to end, {told['seconds']:.1f} s of it in the run; {told['published']:,} daily "
            f"partitions (days with fewer than {reach} days of bars before them rest on what there is)",
            ended.memory,
            3072.0,
        )


def fourteen_factors(size: Sizes) -> Iterator[Measurement]:
    """A stock market's daily factors from stored bars in a new process, code compiled before and never compiled."""
    panel = f"14 features, {size.stocks} symbols x {size.sessions:,} sessions"
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as cache:
        folder, ids = Path(name), ",".join(factors.FOURTEEN)
        stored_bars.prepare(folder / "small", 2, 400)
        compiled = fresh(
            "benchmarks.factors", str(folder / "small" / "lakehouse"), ALL, environment={"NUMBA_CACHE_DIR": cache}
        )
        yield Measurement(
            "compiling all features, once after installation", compiled.told["first"], compiled.told["first_cpu"], 1
        )
        stored_bars.prepare(folder, size.stocks, size.sessions)
        lakehouse = str(folder / "lakehouse")
        fresh("benchmarks.factors", str(folder / "small" / "lakehouse"), ids)
        cold = _middle([fresh("benchmarks.factors", lakehouse, ids, "once") for _ in range(size.runs)])
        told = cold.told
        yield Measurement(
            f"{panel}, cold",
            cold.seconds,
            cold.cpu,
            size.runs,
            4.0,
            f"{told['rows']:,} rows; a new process from start to end: {told['read']:.1f} s reading the stored bars, "
            f"{told['first']:.1f} s computing, the rest starting Python",
            cold.memory,
        )


def _published(folder: Path) -> Fresh:
    """The backfill on a copy of the prepared lakehouse, which has no features yet."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "copy"
        shutil.copytree(folder, copy)
        return stored_bars.publish(copy)


def _middle(runs: list[Fresh]) -> Fresh:
    """The run of median length."""
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]


if __name__ == "__main__":
    shown({"features": list(measurements())})
