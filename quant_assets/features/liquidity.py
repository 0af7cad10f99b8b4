"""Liquidity, age and completeness of one window of bars, from their definitions.

Arrays are one-dimensional, oldest first; ``value`` is the value traded in quote currency: the bar's own quote value, or
close * volume where the venue reports none. These readable forms define what the panel kernels compute.
"""

from __future__ import annotations

import math

import numpy as np

from quant_assets.features.series import FloatArray

MAD_TO_DEVIATION = 1.4826  # standard deviation of a normal law / its median absolute deviation
IMPACT_UNIT = 1e6


def traded_value(close: FloatArray, volume: FloatArray, quote_value: FloatArray) -> FloatArray:
    """Value traded of each bar: ``quote_value``, or close * volume where it is unknown (NaN)."""
    return np.where(np.isnan(quote_value), close * volume, quote_value)


def average_value(value: FloatArray) -> float:
    """Mean value traded a bar, days without trade included as zero; NaN where more than half are unknown."""
    known = value[~np.isnan(value)]
    return float(known.mean()) if 2 * len(known) >= len(value) else math.nan


def amihud_illiquidity(returns: FloatArray, value: FloatArray) -> float:
    """Mean of |return| / value traded, per million of quote currency, over the bars that traded.

    NaN where fewer than half of the bars traded a known value. Amihud (2002), Illiquidity and stock returns, J.
    Financial Markets 5(1).
    """
    traded = value > 0.0
    if 2 * int(traded.sum()) < len(value) or not traded.any():
        return math.nan
    return float(np.mean(np.abs(returns[traded]) / value[traded]) * IMPACT_UNIT)


def execution_cost_index(returns: FloatArray, value: FloatArray, order_value: float, annualisation: float) -> float:
    """Yearly volatility * sqrt(order value / average value traded); NaN without known trade.

    The square-root law of market impact: Almgren, Thum, Hauptmann & Li (2005), Direct estimation of equity market
    impact, Risk 18(7). ``returns`` are those inside the window, ``value`` that of all its bars.
    """
    mean = average_value(value)
    if not mean > 0.0:
        return math.nan
    return float(returns.std(ddof=1) * math.sqrt(annualisation) * math.sqrt(order_value / mean))


def volume_score(volume: FloatArray) -> float:
    """(ln newest volume - median) / (1.4826 * median absolute deviation) of the logarithms of positive volumes.

    NaN where the newest volume is not positive, fewer than half are, or half of them are equal. Iglewicz & Hoaglin
    (1993), How to detect and handle outliers, ASQC.
    """
    logs = np.log(volume[volume > 0.0])
    if not volume[-1] > 0.0 or 2 * len(logs) < len(volume):
        return math.nan
    middle = np.median(logs)
    spread = MAD_TO_DEVIATION * np.median(np.abs(logs - middle))
    return float((logs[-1] - middle) / spread) if spread > 0.0 else math.nan


def survival_score(age_days: float, bars: int, span_days: float, bars_per_day: float) -> float:
    """1 / (1 + (365 / age)^2) * share of the expected bars that are there, in [0, 1].

    ``bars`` of the window against ``span_days * bars_per_day``, never more than all of them. Age is in calendar days.
    """
    return min(1.0, bars / max(span_days * bars_per_day, 1.0)) / (1.0 + (365.0 / age_days) ** 2)
