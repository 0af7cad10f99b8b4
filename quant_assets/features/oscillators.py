"""Oscillators of whole one-dimensional arrays, in TradingView's conventions."""

from __future__ import annotations

import numpy as np

from quant_assets.features.moving_averages import rma
from quant_assets.features.series import FloatArray


def rsi(close: FloatArray, length: int = 14) -> FloatArray:
    """Relative strength index in [0, 100]: 100 - 100 / (1 + RMA(gains) / RMA(losses)) (Wilder 1978; Pine ``ta.rsi``).

    The first value is at bar ``length + 1``. 100 without losses, NaN where the price has not moved at all.
    """
    change = np.diff(np.asarray(close, dtype=np.float64), prepend=np.nan)
    up, down = rma(np.maximum(change, 0.0), length), rma(np.maximum(-change, 0.0), length)
    ratio = np.divide(up, down, out=np.full(len(up), np.nan), where=down > 0)
    return np.where((down == 0.0) & (up > 0.0), 100.0, 100.0 - 100.0 / (1.0 + ratio))
