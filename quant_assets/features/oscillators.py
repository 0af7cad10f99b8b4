"""Oscillators in TradingView's conventions, of one symbol or of a whole panel (``first``, see ``lives``).

A quotient whose denominator is zero has no value: it is NaN, never a number that rounding chose.
"""

from __future__ import annotations

import numpy as np

from quant_assets.features.lives import prepared, quotient, whole
from quant_assets.features.moving_averages import sma, weighted
from quant_assets.features.series import FloatArray, IntArray

CCI_SCALE = 0.015


def rsi(close: FloatArray, length: int = 14, first: IntArray | None = None) -> FloatArray:
    """Relative strength index in [0, 100]: 100 - 100 / (1 + RMA(gains) / RMA(losses)) (Wilder 1978; Pine ``ta.rsi``).

    The first value is at bar ``length + 1``. 100 without losses, NaN where the price has not moved at all.
    """
    from quant_assets.features.recursive_kernels import relative_strength

    first, (items,) = prepared(first, close)
    out = np.empty(len(items))
    relative_strength(items, first, whole("an indicator length", length), out)
    return out


def place_in_range(
    source: FloatArray, high: FloatArray, low: FloatArray, length: int = 14, first: IntArray | None = None
) -> FloatArray:
    """100 * (source - lowest low) / (highest high - lowest low) of ``length`` bars (Lane; Pine ``ta.stoch``).

    Warm-up ``length - 1`` bars; NaN where the window has no range.
    """
    from quant_assets.features import window_kernels

    first, series = prepared(first, source, high, low)
    out = np.empty(len(first))
    window_kernels.stochastic(*series, first, whole("an indicator length", length), out)
    return out


def stochastic(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    length: int = 14,
    smooth_k: int = 3,
    smooth_d: int = 3,
    first: IntArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """%K = SMA(place of the close in the range, smooth_k) and %D = SMA(%K, smooth_d), in [0, 100].

    Warm-up ``length + smooth_k - 2`` and ``length + smooth_k + smooth_d - 3`` bars. NaN for any window that holds a
    bar without a range (Pine averages the older known values there instead).
    """
    k = sma(place_in_range(close, high, low, length, first), smooth_k, first)
    return k, sma(k, smooth_d, first)


def stochastic_rsi(
    close: FloatArray,
    rsi_length: int = 14,
    length: int = 14,
    smooth_k: int = 3,
    smooth_d: int = 3,
    first: IntArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """%K and %D of the RSI's place in its own range (Chande & Kroll 1994); in [0, 100].

    Warm-up ``rsi_length + length + smooth_k - 2`` bars for %K and ``smooth_d - 1`` more for %D.
    """
    strength = rsi(close, rsi_length, first)
    return stochastic(strength, strength, strength, length, smooth_k, smooth_d, first)


def cci(
    high: FloatArray, low: FloatArray, close: FloatArray, length: int = 20, first: IntArray | None = None
) -> FloatArray:
    """Commodity channel index of the typical price (high + low + close) / 3 (Lambert 1980); see ``channel_index``."""
    first, (high, low, close) = prepared(first, high, low, close)
    return channel_index((high + low + close) / 3.0, length, first)


def channel_index(values: FloatArray, length: int = 20, first: IntArray | None = None) -> FloatArray:
    """(value - SMA) / (0.015 * mean absolute deviation from it) of ``length`` bars (Pine ``ta.cci``).

    Warm-up ``length - 1`` bars; NaN where the window does not deviate.
    """
    from quant_assets.features.window_kernels import commodity_channel

    first, (items,) = prepared(first, values)
    out = np.empty(len(first))
    commodity_channel(items, first, whole("an indicator length", length), CCI_SCALE, out)
    return out


def awesome(
    high: FloatArray, low: FloatArray, fast: int = 5, slow: int = 34, first: IntArray | None = None
) -> FloatArray:
    """Awesome oscillator: SMA(fast) - SMA(slow) of (high + low) / 2 (Williams 1998); warm-up ``slow - 1`` bars."""
    first, (high, low) = prepared(first, high, low)
    middle = (high + low) / 2.0
    return sma(middle, fast, first) - sma(middle, slow, first)


def momentum(values: FloatArray, length: int = 10, first: IntArray | None = None) -> FloatArray:
    """value - value ``length`` bars ago; warm-up ``length`` bars (Pine ``ta.mom``)."""
    from quant_assets.features.bar_kernels import change

    first, (items,) = prepared(first, values)
    out = np.empty(len(items))
    change(items, first, whole("an indicator length", length), out)
    return out


def rate_of_change(values: FloatArray, length: int = 10, first: IntArray | None = None) -> FloatArray:
    """100 * (value / value ``length`` bars ago - 1) in percent, NaN from zero; warm-up ``length`` (Pine ``ta.roc``)."""
    from quant_assets.features.bar_kernels import relative_change

    first, (items,) = prepared(first, values)
    out = np.empty(len(items))
    relative_change(items, first, whole("an indicator length", length), out)
    return out


def williams_r(
    high: FloatArray, low: FloatArray, close: FloatArray, length: int = 14, first: IntArray | None = None
) -> FloatArray:
    """Williams %R in [-100, 0]: place of the close in the range - 100; warm-up ``length - 1`` (Pine ``ta.wpr``)."""
    place = place_in_range(close, high, low, length, first)
    place -= 100.0
    return place


def ultimate(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    fast: int = 7,
    middle: int = 14,
    slow: int = 28,
    first: IntArray | None = None,
) -> FloatArray:
    """Ultimate oscillator in [0, 100]: 100 * (4 a + 2 b + c) / 7 (Williams 1985).

    a, b, c = sum of buying pressure / sum of true range over ``fast``, ``middle``, ``slow`` bars; buying pressure is
    close - min(low, previous close). Both need the bar before: the first value is one bar after the longest. NaN where
    a window has no range.
    """
    from quant_assets.features import window_kernels

    first, prices = prepared(first, high, low, close)
    lengths = np.array([whole("an indicator length", n) for n in (fast, middle, slow)], dtype=np.int64)
    out = np.empty(len(first))
    window_kernels.ultimate(*prices, first, lengths, out)
    return out


def chande_momentum(values: FloatArray, length: int = 9, first: IntArray | None = None) -> FloatArray:
    """100 * (gains - losses) / (gains + losses) of ``length`` changes, in [-100, 100] (Chande 1994; Pine ``ta.cmo``).

    The first value is at bar ``length + 1``; NaN where nothing moved.
    """
    change = momentum(values, 1, first)
    up, down = (sma(np.maximum(side, 0.0), length, first) for side in (change, -change))
    moved = up + down
    return quotient(100.0 * (up - down), moved)


def centre_of_gravity(values: FloatArray, length: int = 10, first: IntArray | None = None) -> FloatArray:
    """-sum(value of k bars ago * (k + 1)) / sum(value) (Ehlers 2002; Pine ``ta.cog``); warm-up ``length - 1`` bars."""
    count = whole("an indicator length", length)
    return -weighted(values, np.arange(1.0, count + 1.0), first) / weighted(values, np.ones(count), first)
