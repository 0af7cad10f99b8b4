"""Moving averages of a whole one-dimensional array, in TradingView's conventions (NaN exactly during warm-up).

These are the readable reference forms: plain NumPy, one array in, one array of the same length out.
The matrix uses the compiled window kernels, and the tests hold the two against each other.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from quant_assets.errors import UsageError
from quant_assets.features.series import FloatArray


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


def sma(values: FloatArray, length: int) -> FloatArray:
    """Simple moving average; NaN for the first ``length - 1`` items (Pine ``ta.sma``)."""
    return padded(windows(values, length).mean(axis=1), len(values))


def wma(values: FloatArray, length: int) -> FloatArray:
    """Linearly weighted average, newest item weighs ``length`` (Pine ``ta.wma``)."""
    weights = np.arange(1.0, length + 1)
    return padded(windows(values, length) @ weights / weights.sum(), len(values))


def hma(values: FloatArray, length: int) -> FloatArray:
    """Hull moving average: WMA(2 WMA(length // 2) - WMA(length), int(sqrt(length))) (Hull 2005; Pine ``ta.hma``)."""
    if length < 2:
        raise UsageError(f"a Hull average needs a length of at least 2, not {length}")
    return wma(2.0 * wma(values, length // 2) - wma(values, length), int(np.sqrt(length)))


def vwma(values: FloatArray, volume: FloatArray, length: int) -> FloatArray:
    """Volume-weighted average sum(value * volume) / sum(volume); NaN where no volume traded (Pine ``ta.vwma``)."""
    weight = windows(volume, length).sum(axis=1)
    value = windows(np.asarray(values) * volume, length).sum(axis=1)
    return padded(np.divide(value, weight, out=np.full(len(weight), np.nan), where=weight > 0), len(values))


def ema(values: FloatArray, length: int) -> FloatArray:
    """Exponential average, alpha = 2 / (length + 1), seeded with the mean of its first values (Pine ``ta.ema``)."""
    return _recursive(values, length, 2.0 / (length + 1))


def rma(values: FloatArray, length: int) -> FloatArray:
    """Wilder's average, alpha = 1 / length, seeded with the mean of its first values (Wilder 1978; Pine ``ta.rma``)."""
    return _recursive(values, length, 1.0 / length)


def ema_weights(length: int, window: int) -> FloatArray:
    """Weight of each of ``window`` items, oldest first, in the last value of ``ema(items, length)``; they sum to 1.

    The recursion unrolled: item k after the seed weighs alpha (1 - alpha)^(window - 1 - k), and each of the first
    ``length`` items weighs (1 - alpha)^(window - length) / length.
    """
    if window < length:
        raise UsageError(f"an exponential average of {length} needs a window of at least that, not {window}")
    alpha = 2.0 / (length + 1)
    decay = np.multiply.accumulate(np.append(1.0, np.full(window - length, 1.0 - alpha)))
    return np.concatenate([np.full(length, decay[-1] / length), alpha * decay[:-1][::-1]])


def _recursive(values: FloatArray, length: int, alpha: float) -> FloatArray:
    """First-order recursive average that starts with the mean of the first ``length`` values after leading NaNs."""
    if length < 1:
        raise UsageError(f"an indicator length must be at least 1, not {length}")
    items = np.asarray(values, dtype=np.float64)
    out = np.full(len(items), np.nan)
    known = np.flatnonzero(~np.isnan(items))
    first = int(known[0]) if len(known) else len(items)
    seed = first + length - 1
    if seed >= len(items):
        return out
    state = float(items[first : seed + 1].mean())
    out[seed] = state
    for i, item in enumerate(items[seed + 1 :].tolist(), start=seed + 1):
        state += alpha * (item - state)
        out[i] = state
    return out
