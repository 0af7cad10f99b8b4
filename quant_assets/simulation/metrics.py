"""Performance metrics of daily net returns, each a function of one array, with explicit annualisation.

Nothing is clipped, dropped or filled. A metric that is not defined for its input is NaN, and ``performance_table``
says why under ``undefined``: no result is ever infinite. NaN, infinite or below -100 % returns are a ``UsageError``.
Days after ruin are ordinary days of zero return. The risk-free rate is zero throughout.

Belongs here: definitions with their sources. Does not belong here: significance of metrics (deflated Sharpe, PBO).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quant_assets.errors import UsageError

Floats = npt.NDArray[np.float64]
TAIL = 0.05
_SPREAD_OF_ROUNDING = 8 * float(np.finfo(np.float64).eps)


class _UndefinedError(Exception):
    """The metric has no value for this input; the text is the reason."""


def total_return(returns: npt.ArrayLike) -> float:
    """Compounded return of the whole span, ``prod(1 + r) - 1``; NaN when empty."""
    return _or_nan(_total_return, returns, 1.0)


def cagr(returns: npt.ArrayLike, *, annualisation: float) -> float:
    """Compound annual growth rate, ``prod(1 + r)^(annualisation / n) - 1``; -1 after ruin; NaN when empty.

    NaN also where the annualised figure exceeds the range of floats (a huge gain over very few days).
    """
    return _or_nan(_cagr, returns, annualisation)


def annualised_volatility(returns: npt.ArrayLike, *, annualisation: float) -> float:
    """Sample standard deviation (n - 1) times ``sqrt(annualisation)``; NaN for fewer than two values."""
    return _or_nan(_volatility, returns, annualisation)


def sharpe(returns: npt.ArrayLike, *, annualisation: float) -> float:
    """Mean over sample standard deviation, times ``sqrt(annualisation)`` (Sharpe 1994, risk-free rate zero).

    NaN for fewer than two values and for constant returns (zero volatility).
    """
    return _or_nan(_sharpe, returns, annualisation)


def sortino(returns: npt.ArrayLike, *, annualisation: float) -> float:
    """Mean over downside deviation ``sqrt(mean(min(r, 0)^2))`` over all days, times ``sqrt(annualisation)``.

    NaN when empty or without a losing day. Source: Sortino and Price (1994), target zero.
    """
    return _or_nan(_sortino, returns, annualisation)


def calmar(returns: npt.ArrayLike, *, annualisation: float) -> float:
    """CAGR over the absolute maximum drawdown of the whole span; NaN when empty or without a drawdown."""
    return _or_nan(_calmar, returns, annualisation)


def max_drawdown(returns: npt.ArrayLike) -> float:
    """Deepest fall of the value from its running peak, <= 0, the starting value counting as a peak; NaN when empty."""
    return _or_nan(_max_drawdown, returns, 1.0)


def value_at_risk(returns: npt.ArrayLike) -> float:
    """The 5 % quantile of daily returns (linear interpolation), a signed return: -0.03 is a loss of 3 %."""
    return _or_nan(_value_at_risk, returns, 1.0)


def conditional_value_at_risk(returns: npt.ArrayLike) -> float:
    """Mean of the worst ``floor(0.05 (n - 1)) + 1`` daily returns, a signed return; NaN when empty."""
    return _or_nan(_conditional_value_at_risk, returns, 1.0)


def best_day(returns: npt.ArrayLike) -> float:
    """Largest daily return; NaN when empty."""
    return _or_nan(lambda r, _: float(r.max()), returns, 1.0)


def worst_day(returns: npt.ArrayLike) -> float:
    """Smallest daily return; NaN when empty."""
    return _or_nan(lambda r, _: float(r.min()), returns, 1.0)


def hit_rate(returns: npt.ArrayLike) -> float:
    """Share of days with a return above zero, among all days; NaN when empty."""
    return _or_nan(_hit_rate, returns, 1.0)


def annualised_turnover(turnover: npt.ArrayLike, *, annualisation: float) -> float:
    """Mean daily turnover (traded notional over equity, both ways) times ``annualisation``; NaN when empty."""
    return _or_nan(lambda t, days: float(t.mean()) * days, turnover, annualisation)


def performance_table(daily: pd.DataFrame, annualisation: float) -> dict[str, Any]:
    """All metrics of a simulation's daily table (net, gross, costs, turnover are read).

    Keys: days, the metric names, ``gross_total_return``, ``total_costs`` (sum of daily costs, fractions of equity),
    ``annualisation`` and ``undefined`` (metric name -> reason for every NaN).
    """
    missing = [column for column in ("gross", "costs", "net", "turnover") if column not in daily.columns]
    if missing:
        raise UsageError(
            f"daily table lacks {missing}: pass SimulationResult.daily or what simulate_long_frames returned"
        )
    net = daily["net"].to_numpy(dtype=np.float64)
    table: dict[str, Any] = {"days": len(daily), "annualisation": float(annualisation)}
    undefined: dict[str, str] = {}
    for name, metric in _NET_METRICS.items():
        table[name] = _or_nan(metric, net, annualisation, name, undefined)
    turnover = daily["turnover"].to_numpy(dtype=np.float64)
    table["turnover"] = _or_nan(lambda t, days: float(t.mean()) * days, turnover, annualisation, "turnover", undefined)
    gross = daily["gross"].to_numpy(dtype=np.float64)
    table["gross_total_return"] = _or_nan(
        _gross_total, gross, annualisation, "gross_total_return", undefined, floor=False
    )
    table["total_costs"] = float(daily["costs"].sum())
    table["undefined"] = undefined
    return table


def _or_nan(
    metric: Callable[[Floats, float], float],
    values: npt.ArrayLike,
    annualisation: float,
    name: str = "",
    undefined: dict[str, str] | None = None,
    floor: bool = True,
) -> float:
    """Evaluate the metric; where it is undefined return NaN and note the reason under ``name``."""
    array = _checked(values, annualisation, floor)
    try:
        if array.size == 0:
            raise _UndefinedError("there is no day")
        result = metric(array, annualisation)
        if not math.isfinite(result):
            raise _UndefinedError("the figure exceeds the range of floating-point numbers")
    except _UndefinedError as reason:
        if undefined is not None:
            undefined[name] = str(reason)
        return math.nan
    return result


def _checked(values: npt.ArrayLike, annualisation: float, floor: bool) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise UsageError(f"a metric takes a one-dimensional array of daily values, not shape {array.shape}")
    if not (math.isfinite(annualisation) and annualisation > 0.0):
        raise UsageError(f"annualisation must be a positive number of days in a year, not {annualisation}")
    if not np.isfinite(array).all():
        raise UsageError("daily values hold NaN or infinity: repair the series, metrics never drop days silently")
    if floor and np.any(array < -1.0):
        raise UsageError(f"a daily return of {array.min()} is below -100 %: net returns of a simulation never are")
    return array


def _total_return(returns: Floats, _: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.prod(1.0 + returns)) - 1.0


def _gross_total(returns: Floats, annualisation: float) -> float:
    if np.any(returns < -1.0):
        raise _UndefinedError("a gross daily return is below -100 % (the book was ruined): it cannot be compounded")
    return _total_return(returns, annualisation)


def _cagr(returns: Floats, annualisation: float) -> float:
    if np.any(returns == -1.0):
        return -1.0
    exponent = annualisation / returns.size * math.fsum(np.log1p(returns).tolist())
    try:
        return math.expm1(exponent)
    except OverflowError:
        return math.inf


def _volatility(returns: Floats, annualisation: float) -> float:
    if returns.size < 2:
        raise _UndefinedError("a standard deviation needs at least two days")
    return float(returns.std(ddof=1)) * math.sqrt(annualisation)


def _sharpe(returns: Floats, annualisation: float) -> float:
    volatility = _volatility(returns, annualisation)
    if float(np.ptp(returns)) <= _SPREAD_OF_ROUNDING * float(np.abs(returns).max()):
        raise _UndefinedError("returns are constant: volatility is zero")
    return float(returns.mean()) * annualisation / volatility if volatility > 0.0 else math.inf


def _sortino(returns: Floats, annualisation: float) -> float:
    downside = math.sqrt(float(np.mean(np.square(np.minimum(returns, 0.0)))))
    if downside == 0.0:
        raise _UndefinedError("there is no losing day: downside deviation is zero")
    return float(returns.mean()) / downside * math.sqrt(annualisation)


def _calmar(returns: Floats, annualisation: float) -> float:
    drawdown = _max_drawdown(returns, annualisation)
    if drawdown == 0.0:
        raise _UndefinedError("there is no drawdown")
    return _cagr(returns, annualisation) / abs(drawdown)


def _max_drawdown(returns: Floats, _: float) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
        return float((value / np.maximum.accumulate(value) - 1.0).min())


def _value_at_risk(returns: Floats, _: float) -> float:
    return float(np.quantile(returns, TAIL))


def _conditional_value_at_risk(returns: Floats, _: float) -> float:
    worst = int((returns.size - 1) * TAIL) + 1
    return float(np.sort(returns)[:worst].mean())


def _hit_rate(returns: Floats, _: float) -> float:
    return float(np.mean(returns > 0.0))


_NET_METRICS: dict[str, Callable[[Floats, float], float]] = {
    "total_return": _total_return,
    "cagr": _cagr,
    "volatility": _volatility,
    "sharpe": _sharpe,
    "sortino": _sortino,
    "calmar": _calmar,
    "max_drawdown": _max_drawdown,
    "var_5": _value_at_risk,
    "cvar_5": _conditional_value_at_risk,
    "best_day": lambda r, _: float(r.max()),
    "worst_day": lambda r, _: float(r.min()),
    "hit_rate": _hit_rate,
}
