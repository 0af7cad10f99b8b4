"""How much a Sharpe ratio over a short history is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

TWO_SIDED_95 = 1.959963984540054


@dataclass(frozen=True)
class SharpeEstimate:
    """An annualised Sharpe ratio with its standard error; ``t`` is their quotient."""

    sharpe: float
    standard_error: float
    observations: int

    @property
    def t(self) -> float:
        """Sharpe ratio in standard errors; NaN when undefined."""
        return self.sharpe / self.standard_error if self.standard_error > 0.0 else float("nan")

    @property
    def significant(self) -> bool:
        """True when it differs from zero at the two-sided 5 % level."""
        return abs(self.t) > TWO_SIDED_95

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval."""
        half = TWO_SIDED_95 * self.standard_error
        return self.sharpe - half, self.sharpe + half


def sharpe_estimate(net: pd.Series, annualisation: int) -> SharpeEstimate:
    """Sharpe ratio of daily returns (no risk-free rate) and its asymptotic standard error.

    Lo (2002), "The Statistics of Sharpe Ratios", eq. 8: for independent identically distributed returns the daily
    ratio has the variance (1 + SR^2 / 2) / T; both are scaled to a year by sqrt(annualisation). Autocorrelated
    returns make the true error larger.
    """
    known = net.dropna()
    deviation = float(known.std())
    if len(known) < 2 or not deviation > 0.0:
        return SharpeEstimate(float("nan"), float("nan"), len(known))
    daily = float(known.mean()) / deviation
    year = math.sqrt(annualisation)
    return SharpeEstimate(daily * year, math.sqrt((1.0 + daily**2 / 2.0) / len(known)) * year, len(known))


def difference_estimate(net: pd.Series, baseline: pd.Series, annualisation: int) -> SharpeEstimate:
    """The same for the daily difference to a baseline on their common dates: the information ratio.

    ``net`` and ``baseline`` have the date as index.
    """
    both = pd.concat({"net": net, "baseline": baseline}, axis=1, join="inner").dropna()
    return sharpe_estimate(both["net"] - both["baseline"], annualisation)
