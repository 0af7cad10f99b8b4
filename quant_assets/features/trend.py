"""Trend and range indicators of whole one-dimensional arrays, in TradingView's conventions."""

from __future__ import annotations

import numpy as np

from quant_assets.features.moving_averages import padded, rma, windows
from quant_assets.features.series import FloatArray


def true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """max(high - low, |high - previous close|, |low - previous close|); first bar: high - low (Wilder 1978)."""
    out = np.asarray(high, dtype=np.float64) - low
    out[1:] = np.maximum(out[1:], np.maximum(np.abs(high[1:] - close[:-1]), np.abs(low[1:] - close[:-1])))
    return out


def atr(high: FloatArray, low: FloatArray, close: FloatArray, length: int = 14) -> FloatArray:
    """Average true range: RMA of the true range, first value at bar ``length`` (Pine ``ta.atr``)."""
    return rma(true_range(high, low, close), length)


def adx_di(
    high: FloatArray, low: FloatArray, close: FloatArray, di_length: int = 14, adx_length: int = 14
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """ADX, +DI and -DI, all in [0, 100] (Wilder 1978; Pine ``ta.dmi``).

    +DI = 100 RMA(+DM) / RMA(TR), -DI likewise, ADX = 100 RMA(|+DI - -DI| / (+DI + -DI)). Movement and range of the
    very first bar are unknown, so the DIs start at bar ``di_length + 1``. Where the range is zero the last DI stands.
    """
    reach, rise, fall = movement(high, low, close)
    smooth_range = rma(reach, di_length)
    plus, minus = (_last_known(_percent(rma(moved, di_length), smooth_range)) for moved in (rise, fall))
    both = plus + minus
    index = np.abs(plus - minus) / np.where(both == 0.0, 1.0, both)
    return 100.0 * rma(index, adx_length), plus, minus


def movement(high: FloatArray, low: FloatArray, close: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """True range, +DM and -DM of each bar against the bar before it (Wilder 1978); NaN on the first bar."""
    reach = true_range(high, low, close)
    reach[:1] = np.nan
    up, down = np.diff(high, prepend=np.nan), -np.diff(low, prepend=np.nan)
    rise = np.where((up > down) & (up > 0.0), up, 0.0)
    fall = np.where((down > up) & (down > 0.0), down, 0.0)
    rise[:1] = fall[:1] = np.nan
    return reach, rise, fall


def donchian(high: FloatArray, low: FloatArray, length: int = 20) -> tuple[FloatArray, FloatArray]:
    """Upper and lower channel: highest high and lowest low of ``length`` bars, the current one included."""
    n = len(high)
    return padded(windows(high, length).max(axis=1), n), padded(windows(low, length).min(axis=1), n)


def ichimoku(
    high: FloatArray,
    low: FloatArray,
    conversion: int = 9,
    base: int = 26,
    span_b: int = 52,
    displacement: int = 26,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Conversion line, base line and the two leading spans at each bar, the spans moved ``displacement`` bars ahead.

    Each line is the middle of its Donchian channel; span A is the mean of conversion and base line (Hosoda 1968).
    Displacement 0 gives the spans undisplaced, as the moving-average rating reads them.
    """
    lines = [(up + down) / 2.0 for up, down in (donchian(high, low, n) for n in (conversion, base, span_b))]
    spans = [(lines[0] + lines[1]) / 2.0, lines[2]]
    ahead_a, ahead_b = (padded(s[: max(len(s) - displacement, 0)], len(s)) for s in spans)
    return lines[0], lines[1], ahead_a, ahead_b


def _percent(part: FloatArray, whole: FloatArray) -> FloatArray:
    """100 * part / whole; NaN where the whole is zero."""
    share = np.full(len(part), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return 100.0 * share


def _last_known(values: FloatArray) -> FloatArray:
    """Each NaN replaced by the last value before it; leading NaNs stay."""
    index = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
    known: FloatArray = values[index]
    return known
