"""Feature functions: the outputs of a kernel at the ends of given windows of a bar series.

A feature function takes (series, start, end, parameters) and returns one array per output, each as long as ``end``;
it may read only the bars ``start[i] .. end[i]`` for output ``i``. Kernels are imported on first use: the registry can
be read (for column schemas, say) without paying for the compiler.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Protocol

import numpy as np

from quant_assets.features import moving_averages, ratings, statistics, trend
from quant_assets.features.series import BarSeries, FloatArray, IntArray

Parameters = Mapping[str, float]


class WindowFunction(Protocol):
    """Signature of every feature function."""

    def __call__(
        self, series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters
    ) -> tuple[FloatArray, ...]:
        """Outputs at the windows ``start[i] .. end[i]``."""
        ...


def _kernels() -> ModuleType:
    from quant_assets.features import kernels

    return kernels


def _blank(end: IntArray, count: int) -> tuple[FloatArray, ...]:
    return tuple(np.empty(len(end)) for _ in range(count))


def return_statistics(
    series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters
) -> tuple[FloatArray, ...]:
    """Annualised mean return, annualised volatility, and the reciprocal of that volatility."""
    mean, deviation = _blank(end, 2)
    _kernels().return_moments(series.returns, start, end, mean, deviation)
    volatility = deviation * np.sqrt(parameters["annualisation"])
    return mean * parameters["annualisation"], volatility, statistics.reciprocal(volatility)


def efficiency(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> tuple[FloatArray, ...]:
    """Efficiency ratio on returns."""
    out = _blank(end, 1)
    _kernels().efficiency_ratio(series.returns, start, end, *out)
    return out


def directional(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> tuple[FloatArray, ...]:
    """ADX, +DI, -DI; the movement of each bar against the bar before it is the same in every window that holds both."""
    out = _blank(end, 3)
    lengths = int(parameters["di_length"]), int(parameters["adx_length"])
    _kernels().directional_movement(*trend.movement(series.high, series.low, series.close), start, end, *lengths, *out)
    return out


def rsi(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> tuple[FloatArray, ...]:
    """Relative strength index."""
    out = _blank(end, 1)
    _kernels().relative_strength(series.close, start, end, int(parameters["length"]), *out)
    return out


def sma(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> tuple[FloatArray, ...]:
    """Mean close of the window."""
    out = _blank(end, 1)
    _kernels().window_mean(series.close, start, end, *out)
    return out


def vwma(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> tuple[FloatArray, ...]:
    """Volume-weighted mean close of the window."""
    out = _blank(end, 1)
    _kernels().weighted_mean(series.close, series.volume, start, end, *out)
    return out


def donchian(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> tuple[FloatArray, ...]:
    """Highest high and lowest low of the window."""
    out = _blank(end, 2)
    _kernels().extremes(series.high, series.low, start, end, *out)
    return out


def recommend_ma(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> tuple[FloatArray, ...]:
    """Moving-average rating; windows of each length are rated together, with that length's weights."""
    lengths = end - start + 1
    (out,) = _blank(end, 1)
    for length in np.unique(lengths):
        chosen = np.flatnonzero(lengths == length)
        weights = np.column_stack([moving_averages.ema_weights(n, int(length)) for n in ratings.AVERAGES])
        part = np.empty(len(chosen))
        _kernels().moving_average_rating(
            series.high, series.low, series.close, series.volume, end[chosen], np.ascontiguousarray(weights), part
        )
        out[chosen] = part
    return (out,)


def close(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> tuple[FloatArray, ...]:
    """Adjusted close of the row's own bar."""
    return (series.close[end],)
