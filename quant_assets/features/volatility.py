"""Volatility of one window of bars, from its definitions; per year where an annualisation is handed in.

Arrays are one-dimensional, oldest bar first. These readable forms define what the panel kernels compute.
"""

from __future__ import annotations

import numpy as np

from quant_assets.features.series import FloatArray


def parkinson_volatility(high: FloatArray, low: FloatArray, annualisation: float) -> float:
    """sqrt(mean(ln(high / low)^2) / (4 ln 2) * annualisation).

    Parkinson (1980), The extreme value method for estimating the variance of the rate of return, J. Business 53(1).
    """
    return float(np.sqrt(np.mean(np.log(high / low) ** 2) / (4.0 * np.log(2.0)) * annualisation))


def yang_zhang_volatility(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, annualisation: float
) -> float:
    """Yang-Zhang volatility of the bars after the first, which only gives the previous close; needs three bars.

    With o = ln(open / previous close), c = ln(close / open), u = ln(high / open), d = ln(low / open):
    variance = var(o) + k var(c) + (1 - k) mean(u (u - c) + d (d - c)), k = 0.34 / (1.34 + (n + 1) / (n - 1)),
    variances with ddof 1. Yang & Zhang (2000), Drift-independent volatility estimation, J. Business 73(3).
    """
    n = len(close) - 1
    overnight = np.log(open_[1:]) - np.log(close[:-1])
    start = np.log(open_[1:])
    inside, up, down = np.log(close[1:]) - start, np.log(high[1:]) - start, np.log(low[1:]) - start
    rogers_satchell = np.mean(up * (up - inside) + down * (down - inside))
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    variance = overnight.var(ddof=1) + k * inside.var(ddof=1) + (1.0 - k) * rogers_satchell
    return float(np.sqrt(variance * annualisation))


def downside_deviation(returns: FloatArray, annualisation: float) -> float:
    """sqrt(mean(min(r, 0)^2) * annualisation); returns above zero count as zero, in the mean too.

    Sortino & van der Meer (1991), Downside risk, J. Portfolio Management 17(4), with a target of zero.
    """
    return float(np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2) * annualisation))
