"""Trend and range indicators in TradingView's conventions, of one symbol or of a whole panel (``first``)."""

from __future__ import annotations

import numpy as np

from quant_assets.errors import UsageError
from quant_assets.features.channels import donchian
from quant_assets.features.lives import blank, lagged, prepared, whole
from quant_assets.features.moving_averages import ema
from quant_assets.features.series import FloatArray, IntArray

__all__ = [
    "adx_di",
    "atr",
    "donchian",
    "elder_ray",
    "ichimoku",
    "macd",
    "parabolic_sar",
    "supertrend",
    "true_range",
]


def true_range(
    high: FloatArray, low: FloatArray, close: FloatArray, first: IntArray | None = None, *, whole_first: bool = True
) -> FloatArray:
    """max(high - low, |high - previous close|, |low - previous close|) (Wilder 1978; Pine ``ta.tr(true)``).

    A life's first bar: high - low, or NaN without ``whole_first`` (Pine ``ta.tr``).
    """
    from quant_assets.features import bar_kernels

    first, prices = prepared(first, high, low, close)
    out = np.empty(len(first))
    bar_kernels.true_range(*prices, first, whole_first, out)
    return out


def atr(
    high: FloatArray, low: FloatArray, close: FloatArray, length: int = 14, first: IntArray | None = None
) -> FloatArray:
    """Average true range: RMA of the true range, first value at bar ``length`` (Pine ``ta.atr``)."""
    from quant_assets.features.recursive_kernels import average_range

    first, prices = prepared(first, high, low, close)
    out = np.empty(len(first))
    average_range(*prices, first, whole("an indicator length", length), out)
    return out


def adx_di(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    di_length: int = 14,
    adx_length: int = 14,
    first: IntArray | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """ADX, +DI and -DI, all in [0, 100] (Wilder 1978; Pine ``ta.dmi``).

    +DI = 100 RMA(+DM) / RMA(TR), -DI likewise, ADX = 100 RMA(|+DI - -DI| / (+DI + -DI)), the quotient 0 where both DIs
    are 0. Movement and range of a life's very first bar are unknown, so the DIs start at bar ``di_length + 1`` and ADX
    at bar ``di_length + adx_length``. Where the mean range is zero the last DI stands (Pine ``fixnan``), NaN before
    any. Two moves that differ by rounding alone (a part in 10^12 of the price) are equal: neither counts, as in Pine.
    """
    from quant_assets.features.recursive_kernels import directional

    first, prices = prepared(first, high, low, close)
    lengths = whole("the length of the DIs", di_length), whole("the smoothing of the ADX", adx_length)
    adx, plus, minus = blank(3, len(first))
    directional(*prices, first, *lengths, adx, plus, minus)
    return adx, plus, minus


def ichimoku(
    high: FloatArray,
    low: FloatArray,
    conversion: int = 9,
    base: int = 26,
    span_b: int = 52,
    displacement: int = 26,
    first: IntArray | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Conversion line, base line and the two leading spans at each bar, the spans moved ``displacement`` bars ahead.

    Each line is the middle of its Donchian channel; span A is the mean of conversion and base line (Hosoda 1968).
    Displacement 0 gives the spans undisplaced, as the moving-average rating reads them. The lagging span is the close
    itself drawn 26 bars back: at its own bar it would be the future, so it is not an output.
    Warm-up: length - 1 bars for the lines, ``base - 1 + displacement`` and ``span_b - 1 + displacement`` for the spans.
    """
    first, (high, low) = prepared(first, high, low)
    ahead = whole("the displacement", displacement, least=0)
    lines = [(up + down) / 2.0 for up, down in (donchian(high, low, n, first) for n in (conversion, base, span_b))]
    span_a, span_2 = (lagged(span, first, ahead) for span in ((lines[0] + lines[1]) / 2.0, lines[2]))
    return lines[0], lines[1], span_a, span_2


def macd(
    values: FloatArray, fast: int = 12, slow: int = 26, signal: int = 9, first: IntArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """MACD line EMA(fast) - EMA(slow), its signal EMA(line, signal), and line - signal (Appel; Pine ``ta.macd``).

    Each average is seeded on its own first values: the line starts at bar ``slow`` (26), signal and histogram at bar
    ``slow + signal - 1`` (34).
    """
    from quant_assets.features.recursive_kernels import convergence

    first, (items,) = prepared(first, values)
    lengths = (whole(f"the {n} length of MACD", v) for n, v in (("fast", fast), ("slow", slow), ("signal", signal)))
    line, trigger, histogram = blank(3, len(items))
    convergence(items, first, *lengths, line, trigger, histogram)
    return line, trigger, histogram


def supertrend(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    length: int = 10,
    factor: float = 3.0,
    first: IntArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Supertrend line and direction, -1 in an uptrend (line below) and 1 in a downtrend (Pine ``ta.supertrend``).

    Bands (high + low) / 2 -+ factor * ATR(length) that only move towards the price until the close has passed them.
    The first value is at bar ``length``, always a downtrend on the upper band; a close above the upper band turns it
    up, below the lower band down. Warm-up ``length - 1`` bars, direction included. UsageError for a factor <= 0.
    """
    from quant_assets.features import recursive_kernels

    if not factor > 0:
        raise UsageError(f"the factor of a supertrend must be positive, not {factor}")
    first, prices = prepared(first, high, low, close)
    line, direction = blank(2, len(first))
    reach = atr(prices[0], prices[1], prices[2], length, first)
    recursive_kernels.supertrend(*prices, reach, first, float(factor), line, direction)
    return line, direction


def parabolic_sar(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    start: float = 0.02,
    increment: float = 0.02,
    maximum: float = 0.2,
    first: IntArray | None = None,
    *,
    limit_first: bool = False,
) -> FloatArray:
    """Parabolic stop and reverse (Wilder 1978; Pine ``ta.sar``); the first value is at a life's second bar.

    The first direction is a guess from two closes: treat values before the first reversal as warm-up. Pine tests a bar
    for a reversal before it keeps the stop out of the two bars before; ``limit_first`` does so first, as in Wilder's
    book and Stock.Indicators. UsageError unless 0 < start <= maximum and increment > 0.
    """
    from quant_assets.features.recursive_kernels import parabolic_stop

    if not (0 < start <= maximum and increment > 0):
        raise UsageError(f"parabolic SAR needs 0 < start <= maximum and increment > 0: {start}, {increment}, {maximum}")
    first, prices = prepared(first, high, low, close)
    out = np.empty(len(first))
    parabolic_stop(*prices, first, float(start), float(increment), float(maximum), limit_first, out)
    return out


def elder_ray(
    high: FloatArray, low: FloatArray, close: FloatArray, length: int = 13, first: IntArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Bull power high - EMA(close) and bear power low - EMA(close) (Elder 1989); warm-up ``length - 1`` bars."""
    first, (high, low, close) = prepared(first, high, low, close)
    centre = ema(close, length, first)
    return high - centre, low - centre
