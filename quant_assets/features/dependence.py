"""Memory of one window of returns or prices, by definition: autocorrelation, reversion, variance ratio, unit root.

Arrays are one-dimensional, oldest first. These readable forms define what the panel kernels compute.
"""

from __future__ import annotations

import math

import numpy as np

from quant_assets.features.movement import FLAT, moves
from quant_assets.features.series import FloatArray

# Response surface of the unit-root distribution with a constant (MacKinnon 1994, table 3; one series): polynomials in
# the statistic whose normal probability is the p-value, for statistics up to and above the splitting point.
TAU_LOWEST, TAU_SPLIT, TAU_HIGHEST = -18.83, -1.61, 2.74
BELOW_SPLIT = (2.1659, 1.4412, 0.038269)
ABOVE_SPLIT = (1.7339, 0.93202, -0.12745, -0.010368)


def autocorrelation(values: FloatArray, lag: int = 1) -> float:
    """Sum of (x_t - m)(x_(t-lag) - m) / sum of (x_t - m)^2, in [-1, 1]; NaN without movement.

    Box & Jenkins (1976), Time Series Analysis, ch. 2.
    """
    if lag >= len(values) or not moves(values):
        return math.nan
    gap = values - values.mean()
    return float(np.sum(gap[lag:] * gap[:-lag]) / np.sum(gap**2))


def half_life(close: FloatArray) -> float:
    """Bars after which half of a deviation of the log price is gone, in [0, bars of the window].

    -ln 2 / ln(1 + b) with b from: change = a + b * log price before. 0 where 1 + b <= 0 (gone within a bar); the
    window's number of bars where the fit says longer or never (b >= 0): a window cannot tell these apart, so the value
    means "at least this long". NaN where the price stands still. The discrete form of an Ornstein-Uhlenbeck process:
    Chan (2013), Algorithmic Trading, ch. 2.
    """
    level = np.log(close)
    before, change = level[:-1], np.diff(level)
    gap = before - before.mean() if len(before) else before
    square = float(np.sum(gap**2))
    if len(before) < 2 or not square > len(before) * FLAT * (1.0 + before.mean() ** 2):
        return math.nan
    return float(half_life_of_slope(np.array([np.sum(gap * change) / square]), np.array([len(close)]))[0])


def half_life_of_slope(slope: FloatArray, longest: FloatArray) -> FloatArray:
    """-ln 2 / ln(1 + slope) within [0, ``longest``], as ``half_life`` states; NaN stays NaN."""
    kept = np.clip(1.0 + slope, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        decay = -np.log(kept)
        return np.where(decay > 0.0, np.minimum(math.log(2.0) / decay, longest), np.where(kept == 1.0, longest, np.nan))


def variance_ratio(close: FloatArray, horizon: int) -> float:
    """Variance of overlapping ``horizon``-bar log returns / (horizon * that of one bar), without small-sample bias.

    Lo & MacKinlay (1988), Stock market prices do not follow random walks, Rev. Financial Studies 1(1), eq. 12-13.
    """
    level, q = np.log(close), horizon
    n = len(level) - 1
    if n <= q:
        return math.nan
    drift = (level[-1] - level[0]) / n
    short = np.sum((np.diff(level) - drift) ** 2) / (n - 1)
    long = np.sum((level[q:] - level[:-q] - q * drift) ** 2) / (q * (n - q + 1) * (1.0 - q / n))
    return float(long / short) if short > FLAT * (drift**2 + FLAT) else math.nan


def hurst_variance_ratio(close: FloatArray, horizon: int) -> float:
    """0.5 + ln VR(q) / (2 ln q): the exponent of a self-similar process with that variance ratio; NaN where VR is 0."""
    ratio = variance_ratio(close, horizon)
    return 0.5 + math.log(ratio) / (2.0 * math.log(horizon)) if ratio > 0.0 else math.nan


def dickey_fuller_statistic(close: FloatArray, lags: int) -> float:
    """t statistic of b in: change = a + b * log price before + ``lags`` changes before; NaN for collinear regressors.

    Said & Dickey (1984), Testing for unit roots in ARMA models of unknown order, Biometrika 71(3); the number of lags
    is fixed, not searched for.
    """
    level = np.log(close)
    change = np.diff(level)
    count = len(change) - lags
    columns = [np.ones(count), level[lags:-1] - level[0], *(change[lags - k : -k] for k in range(1, lags + 1))]
    design, target = np.column_stack(columns), change[lags:]
    if count <= lags + 2 or not moves(target):
        return math.nan
    solution, _, rank, _ = np.linalg.lstsq(design, target, rcond=1e-10)
    if rank < lags + 2:
        return math.nan
    left = float(np.sum((target - design @ solution) ** 2)) / (count - lags - 2)
    return float(solution[1] / math.sqrt(left * np.linalg.inv(design.T @ design)[1, 1]))


def unit_root_probability(statistic: FloatArray) -> FloatArray:
    """Approximate p-value of Dickey-Fuller statistics with a constant, in [0, 1]: high where a unit root is plausible.

    MacKinnon (1994), Approximate asymptotic distribution functions for unit-root and cointegration tests, J. Business &
    Economic Statistics 12(2).
    """
    from scipy.special import ndtr

    low, high = np.polynomial.Polynomial(BELOW_SPLIT), np.polynomial.Polynomial(ABOVE_SPLIT)
    inside = np.clip(statistic, TAU_LOWEST, TAU_HIGHEST)
    middle = ndtr(np.where(inside <= TAU_SPLIT, low(inside), high(inside)))
    return np.where(statistic > TAU_HIGHEST, 1.0, np.where(statistic < TAU_LOWEST, 0.0, middle))
