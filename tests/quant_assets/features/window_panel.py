"""Synthetic bar series for the window functions: many lives, every window, and one way to compare with a definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from quant_assets.features.series import BarSeries, build_series
from tests.quant_assets.features.conftest import START, synthetic_bars

BARS = 150


@cache
def panel(symbols: int = 4, days: int = 420) -> BarSeries:
    """Synthetic lives of different lengths, without holes."""
    import pandas as pd

    return build_series(
        pd.concat(
            [synthetic_bars(f"SYN:P{k}/USDT", days - 90 * k, seed=50 + k, start=START) for k in range(symbols)],
            ignore_index=True,
        )
    )


def windows(series: BarSeries, bars: int = BARS, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Every window of up to ``bars`` bars and at least ``least``, in the order of the series."""
    end = np.arange(len(series), dtype=np.int64)
    start = np.maximum(series.first, end - bars + 1)
    kept = end - start + 1 >= least
    return start[kept], end[kept]


def compare(
    function: Callable, definition: Callable[[BarSeries], tuple], parameters: Mapping[str, float], bars: int = BARS
) -> None:
    """Compare each output of ``function`` with ``definition`` of the window alone, at windows of all lengths."""
    series = panel()
    start, end = windows(series, bars)
    got = function(series, start, end, parameters)
    rng = np.random.default_rng(7)
    short = np.flatnonzero(end - start + 1 < bars)
    chosen = np.concatenate([short[:40], rng.choice(len(end), 80, replace=False)])
    for i in chosen:
        expected = definition(cut(series, start[i], end[i]))
        np.testing.assert_allclose([part[i] for part in got], expected, rtol=2e-9, atol=1e-12, err_msg=str(i))


def cut(series: BarSeries, first: int, last: int) -> BarSeries:
    """The bars ``first .. last`` alone, as a series of their own."""
    names = ("code", "day", "first", "open", "high", "low", "close", "volume", "quote_value")
    parts = {name: getattr(series, name)[first : last + 1].copy() for name in names}
    parts["first"] = np.maximum(parts["first"] - first, 0)
    return replace(series, **parts)
