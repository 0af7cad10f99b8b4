"""Moving averages in TradingView's conventions, of one symbol or of a whole panel (``first``, see ``lives``).

One array in, one array of the same length out, NaN exactly during warm-up. Arithmetic is in the compiled kernels,
imported on first use.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from quant_assets.errors import UsageError
from quant_assets.features.lives import prepared, whole
from quant_assets.features.series import FloatArray, IntArray


def windows(values: FloatArray, length: int) -> FloatArray:
    """View (n - length + 1, length) of all full windows of a 1-D array; UsageError for a length below one."""
    if length < 1:
        raise UsageError(f"an indicator length must be at least 1, not {length}")
    if len(values) < length:
        return np.empty((0, length))
    return sliding_window_view(np.asarray(values, dtype=np.float64), length)


def padded(values: FloatArray, total: int) -> FloatArray:
    """``values`` right-aligned in an array of ``total`` items, NaN before."""
    out = np.full(total, np.nan)
    if len(values):
        out[total - len(values) :] = values
    return out


def sma(values: FloatArray, length: int, first: IntArray | None = None) -> FloatArray:
    """Simple moving average; NaN for a life's first ``length - 1`` items (Pine ``ta.sma``).

    A window that holds an unknown value has no mean.
    """
    from quant_assets.features.window_kernels import window_mean

    first, (items,) = prepared(first, values)
    out = np.empty(len(items))
    window_mean(items, first, whole("an indicator length", length), out)
    return out


def weighted(values: FloatArray, weights: FloatArray, first: IntArray | None = None) -> FloatArray:
    """Sum of weight * value over the last ``len(weights)`` bars; ``weights[0]`` belongs to the newest bar."""
    from quant_assets.features.scan_kernels import window_filter

    first, (items,) = prepared(first, values)
    _, (shares,) = prepared(None, weights)
    whole("an indicator length", len(shares))
    out = np.empty(len(items))
    window_filter(items, first, shares, out)
    return out


def wma(values: FloatArray, length: int, first: IntArray | None = None) -> FloatArray:
    """Linearly weighted average, newest item weighs ``length``; warm-up ``length - 1`` (Pine ``ta.wma``)."""
    weights = np.arange(whole("an indicator length", length), 0.0, -1.0)
    return weighted(values, weights / weights.sum(), first)


def hma(values: FloatArray, length: int, first: IntArray | None = None) -> FloatArray:
    """Hull moving average: WMA(2 WMA(length // 2) - WMA(length), int(sqrt(length))) (Hull 2005; Pine ``ta.hma``).

    Warm-up: ``length + int(sqrt(length)) - 2`` bars.
    """
    half = whole("the length of a Hull average", length, least=2) // 2
    inner = 2.0 * wma(values, half, first) - wma(values, length, first)
    return wma(inner, int(np.sqrt(length)), first)


def swma(values: FloatArray, first: IntArray | None = None) -> FloatArray:
    """Symmetrically weighted average of four bars, weights 1/6, 2/6, 2/6, 1/6; warm-up 3 bars (Pine ``ta.swma``)."""
    return weighted(values, np.array([1.0, 2.0, 2.0, 1.0]) / 6.0, first)


def alma(
    values: FloatArray, length: int, offset: float = 0.85, sigma: float = 6.0, first: IntArray | None = None
) -> FloatArray:
    """Arnaud Legoux's Gaussian-weighted average; warm-up ``length - 1`` bars (Pine ``ta.alma``).

    The bell is centred ``offset * (length - 1)`` bars from the oldest bar and ``length / sigma`` bars wide.
    """
    if not sigma > 0:
        raise UsageError(f"sigma of an Arnaud Legoux average must be positive, not {sigma}")
    place = np.arange(whole("an indicator length", length) - 1.0, -1.0, -1.0)
    weights = np.exp(-((place - offset * (length - 1)) ** 2) / (2.0 * (length / sigma) ** 2))
    return weighted(values, weights / weights.sum(), first)


def linear_regression(values: FloatArray, length: int, offset: int = 0, first: IntArray | None = None) -> FloatArray:
    """Least-squares line through the last ``length`` values, read ``offset`` bars before the newest.

    Warm-up: ``length - 1`` bars; ``length`` of at least 2 (Pine ``ta.linreg``).
    """
    place = np.arange(whole("the length of a regression", length, least=2) - 1.0, -1.0, -1.0)
    centred = place - place.mean()
    slope = centred / (centred @ centred)
    return weighted(values, 1.0 / length + slope * (length - 1 - offset - place.mean()), first)


def vwma(values: FloatArray, volume: FloatArray, length: int, first: IntArray | None = None) -> FloatArray:
    """Volume-weighted average sum(value * volume) / sum(volume); NaN where no volume traded (Pine ``ta.vwma``)."""
    from quant_assets.features.window_kernels import add_share

    first, (items, traded) = prepared(first, values, volume)
    out = np.zeros(len(first))
    add_share(items * traded, traded, first, whole("an indicator length", length), 1.0, out)
    return out


def ema(values: FloatArray, length: int, first: IntArray | None = None) -> FloatArray:
    """Exponential average, alpha = 2 / (length + 1), seeded with the mean of its first values (Pine ``ta.ema``).

    Leading unknown values are skipped; the first value is at the ``length``-th known one.
    """
    return _recursive(values, length, 2.0, 1.0, first)


def rma(values: FloatArray, length: int, first: IntArray | None = None) -> FloatArray:
    """Wilder's average, alpha = 1 / length, seeded with the mean of its first values (Wilder 1978; Pine ``ta.rma``)."""
    return _recursive(values, length, 1.0, 0.0, first)


def _recursive(values: FloatArray, length: int, numerator: float, extra: float, first: IntArray | None) -> FloatArray:
    """Recursive average whose newest value weighs ``numerator / (length + extra)``."""
    from quant_assets.features.recursive_kernels import exponential

    first, (items,) = prepared(first, values)
    out = np.empty(len(items))
    exponential(items, first, whole("an indicator length", length), numerator / (length + extra), out)
    return out
