"""Indicators of price and volume in TradingView's conventions, of one symbol or of a whole panel (``first``).

A bar of unknown volume has unknown values; it never reads as a bar without trade.
"""

from __future__ import annotations

import numpy as np

from quant_assets.features.lives import blank, lagged, prepared, quotient
from quant_assets.features.moving_averages import sma
from quant_assets.features.series import FloatArray, IntArray


def money_flow(values: FloatArray, volume: FloatArray, length: int = 14, first: IntArray | None = None) -> FloatArray:
    """Money flow index in [0, 100]: 100 - 100 / (1 + inflow / outflow) of ``length`` bars (Pine ``ta.mfi``).

    A bar's flow is value * volume, in where the value rose, out where it fell. A life's first bar has no change and
    counts on both sides, as in Pine, so the first value is at bar ``length``. 100 where nothing flowed out.
    """
    first, (items, traded) = prepared(first, values, volume)
    flow, change = items * traded, items - lagged(items, first, 1)
    inward = sma(np.where(change <= 0.0, 0.0 * flow, flow), length, first)
    outward = sma(np.where(change >= 0.0, 0.0 * flow, flow), length, first)
    ratio = quotient(inward, outward)
    return np.where(outward == 0.0, 100.0, 100.0 - 100.0 / (1.0 + ratio))


def on_balance_volume(close: FloatArray, volume: FloatArray, first: IntArray | None = None) -> FloatArray:
    """Volume added on rising and taken off on falling closes since a life began (Granville 1963; Pine ``ta.obv``).

    NaN on the first bar, and on bars of unknown close or volume, which leave the balance as it was.
    """
    return _indices(close, volume, first)[0]


def negative_volume_index(close: FloatArray, volume: FloatArray, first: IntArray | None = None) -> FloatArray:
    """Product of 1 + return over the bars whose volume fell; 1 on a life's first bar (Dysart 1936; Pine ``ta.nvi``)."""
    return _indices(close, volume, first)[1]


def intraday_intensity(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> FloatArray:
    """(2 close - high - low) / ((high - low) * volume) of each bar (Bostian; Pine ``ta.iii``).

    NaN without range or without volume; no warm-up.
    """
    _, (high, low, close, volume) = prepared(None, high, low, close, volume)
    whole = (high - low) * volume
    return quotient(2.0 * close - high - low, whole)


def _indices(close: FloatArray, volume: FloatArray, first: IntArray | None) -> tuple[FloatArray, ...]:
    from quant_assets.features.recursive_kernels import volume_indices

    first, series = prepared(first, close, volume)
    out = blank(2, len(first))
    volume_indices(*series, first, *out)
    return out
