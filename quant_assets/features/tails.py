"""Shape and tails of one window of returns or prices, from their definitions.

Arrays are one-dimensional, oldest first. These readable forms define what the panel kernels compute.
"""

from __future__ import annotations

import math

import numpy as np

from quant_assets.features.movement import moves
from quant_assets.features.series import FloatArray


def skewness(returns: FloatArray) -> float:
    """Adjusted Fisher-Pearson skewness G1, signed; NaN below three returns or without movement.

    Joanes & Gill (1998), Comparing measures of sample skewness and kurtosis, The Statistician 47(1).
    """
    n = len(returns)
    gap = returns - returns.mean()
    if n < 3 or not moves(returns):
        return math.nan
    return float(np.mean(gap**3) / np.mean(gap**2) ** 1.5 * math.sqrt(n * (n - 1)) / (n - 2))


def excess_kurtosis(returns: FloatArray) -> float:
    """Adjusted excess kurtosis G2 (0 for a normal law); NaN below four returns or without movement.

    Joanes & Gill (1998), as ``skewness``.
    """
    n = len(returns)
    gap = returns - returns.mean()
    if n < 4 or not moves(returns):
        return math.nan
    plain = np.mean(gap**4) / np.mean(gap**2) ** 2 - 3.0
    return float((n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * plain + 6.0))


def tail_mean(returns: FloatArray, share: float = 0.05) -> float:
    """Expected shortfall as a return: the mean of the worst ``share`` of the returns, the last counted in part.

    (sum of the [share n] smallest + the fraction of share n that is left * the next) / (share n).
    Acerbi & Tasche (2002), On the coherence of expected shortfall, J. Banking & Finance 26(7).
    """
    ordered = np.sort(returns)
    weight = share * len(ordered)
    whole = int(weight + 1e-9)
    rest = max(weight - whole, 0.0)
    total = ordered[:whole].sum() + (rest * ordered[whole] if rest > 1e-9 else 0.0)
    return float(total / weight)


def max_drawdown(close: FloatArray) -> float:
    """Deepest fall from the highest close so far inside the window, in [-1, 0]."""
    return float(np.min(close / np.maximum.accumulate(close)) - 1.0)


def antifragility_score(returns: FloatArray, full_history: float, share: float = 0.05) -> float:
    """(bounded skewness + share of the tails that is gain) * min(1, returns / full_history), in [0, 2].

    Bounded skewness is (1 + G1 / (1 + |G1|)) / 2; the tail part is gain / (gain + loss) with the mean of the best and
    minus the mean of the worst ``share`` of the returns, each at least 0. Both are 1/2 for a symmetric law. The idea,
    more gain than loss from large moves: Taleb & Douady (2013), Mathematical definition, mapping, and detection of
    (anti)fragility, Quantitative Finance 13(11). It is compared with nothing but the symbol's own returns.
    """
    gain, loss = max(-tail_mean(-returns, share), 0.0), max(-tail_mean(returns, share), 0.0)
    if not gain + loss > 0.0:
        return math.nan
    skew = skewness(returns)
    bounded = (1.0 + skew / (1.0 + abs(skew))) / 2.0
    return (bounded + gain / (gain + loss)) * min(1.0, len(returns) / full_history)
