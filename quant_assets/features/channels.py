"""Bands and channels in TradingView's conventions, of one symbol or of a whole panel (``first``, see ``lives``)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from quant_assets.errors import UsageError
from quant_assets.features.lives import blank, prepared, quotient, whole
from quant_assets.features.moving_averages import ema, rma
from quant_assets.features.series import FloatArray, IntArray

Reach = Literal["atr", "true_range", "high_low"]


def donchian(
    high: FloatArray, low: FloatArray, length: int = 20, first: IntArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Upper and lower channel: highest high and lowest low of ``length`` bars, the current one included.

    Warm-up ``length - 1`` bars (Pine ``ta.highest``, ``ta.lowest``).
    """
    from quant_assets.features.window_kernels import window_extremes

    first, (above, below) = prepared(first, high, low)
    top, bottom = blank(2, len(first))
    window_extremes(above, below, first, whole("an indicator length", length), top, bottom)
    return top, bottom


def extreme_ages(values: FloatArray, length: int, first: IntArray | None = None) -> tuple[FloatArray, FloatArray]:
    """Bars since the highest and since the lowest of the last ``length`` values, the oldest of equals.

    The negatives of Pine's ``ta.highestbars`` and ``ta.lowestbars``; warm-up ``length - 1`` bars.
    """
    from quant_assets.features.scan_kernels import ages_of_extremes

    first, (items,) = prepared(first, values)
    highest, lowest = blank(2, len(first))
    ages_of_extremes(items, first, whole("an indicator length", length), highest, lowest)
    return highest, lowest


def deviation(
    values: FloatArray, length: int, ddof: int = 0, first: IntArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the last ``length`` values (Pine ``ta.sma`` and ``ta.stdev``: ddof 0).

    Exactly 0 where all values are equal; warm-up ``length - 1`` bars; UsageError unless 0 <= ddof < length.
    """
    from quant_assets.features.window_kernels import window_deviation

    lost = whole("ddof", ddof, least=0)
    if whole("an indicator length", length) <= lost:
        raise UsageError(f"a standard deviation with ddof {ddof} needs a length above it, not {length}")
    first, (items,) = prepared(first, values)
    mean, spread = blank(2, len(first))
    window_deviation(items, first, length, lost, mean, spread)
    return mean, spread


def bollinger(
    values: FloatArray, length: int = 20, multiplier: float = 2.0, first: IntArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Middle, upper and lower Bollinger band: SMA -+ multiplier * standard deviation of ddof 0 (Pine ``ta.bb``)."""
    from quant_assets.features.window_kernels import deviation_bands

    first, (items,) = prepared(first, values)
    middle, upper, lower = blank(3, len(first))
    deviation_bands(items, first, whole("an indicator length", length), float(multiplier), middle, upper, lower)
    return middle, upper, lower


def bollinger_width(
    values: FloatArray, length: int = 20, multiplier: float = 2.0, first: IntArray | None = None
) -> FloatArray:
    """100 * (upper - lower) / middle of the Bollinger bands, in percent (Pine ``ta.bbw``)."""
    mean, spread = deviation(values, length, 0, first)
    return _width(mean, spread, multiplier)


def bollinger_percent(
    values: FloatArray, length: int = 20, multiplier: float = 2.0, first: IntArray | None = None
) -> FloatArray:
    """%B = (value - lower) / (upper - lower): 0 on the lower band, 1 on the upper; NaN where the bands coincide."""
    first, (items,) = prepared(first, values)
    mean, spread = deviation(items, length, 0, first)
    return _percent(items, mean, spread, multiplier)


def bollinger_all(
    values: FloatArray, length: int = 20, multiplier: float = 2.0, first: IntArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Upper band, lower band, width and %B of the Bollinger bands, from one pass over the windows."""
    first, (items,) = prepared(first, values)
    mean, spread = deviation(items, length, 0, first)
    reach = multiplier * spread
    return mean + reach, mean - reach, _width(mean, spread, multiplier), _percent(items, mean, spread, multiplier)


def _width(mean: FloatArray, spread: FloatArray, multiplier: float) -> FloatArray:
    return quotient(200.0 * multiplier * spread, mean)


def _percent(values: FloatArray, mean: FloatArray, spread: FloatArray, multiplier: float) -> FloatArray:
    return 0.5 + quotient(values - mean, 2.0 * multiplier * spread)


def keltner(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    length: int = 20,
    multiplier: float = 2.0,
    reach: Reach = "atr",
    atr_length: int = 10,
    first: IntArray | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Middle, upper and lower Keltner channel: EMA(close, length) -+ multiplier * reach.

    ``reach`` "atr": RMA(true range, ``atr_length``), as TradingView's Keltner Channels indicator draws it by default;
    warm-up max(length, atr_length) - 1 bars. "true_range": EMA(true range, length), as Pine's ``ta.kc``, where the
    range of a life's first bar is unknown: the middle starts at bar ``length``, the bands at ``length + 1``.
    "high_low": EMA(high - low, length), as Pine's ``ta.kc`` without true range; warm-up ``length - 1`` bars.
    """
    from quant_assets.features.bar_kernels import true_range

    first, prices = prepared(first, high, low, close)
    (span,) = blank(1, len(first))
    if reach == "high_low":
        span = ema(prices[0] - prices[1], length, first)
    elif reach in ("atr", "true_range"):
        true_range(*prices, first, reach == "atr", span)
        span = rma(span, atr_length, first) if reach == "atr" else ema(span, length, first)
    else:
        raise UsageError(f"the reach of a Keltner channel is atr, true_range or high_low, not {reach!r}")
    middle = ema(prices[2], length, first)
    span *= multiplier
    return middle, middle + span, middle - span


def correlation(left: FloatArray, right: FloatArray, length: int, first: IntArray | None = None) -> FloatArray:
    """Pearson correlation of the last ``length`` pairs; NaN where a side does not move (Pine ``ta.correlation``)."""
    from quant_assets.features.scan_kernels import window_correlation

    first, (one, two) = prepared(first, left, right)
    out = np.empty(len(first))
    window_correlation(one, two, first, whole("the length of a correlation", length, least=2), out)
    return out
