"""Closed-form value of a book that is bought once and held: the independent reference for the simulation's drift.

``V_t = cash + sum_i w_i prod_{s<=t} (1 + r_is)``: no day-by-day weights, so an error in drifting cannot hide here.
Belongs here: closed forms over complete returns. Does not belong here: halts, delistings, ruin (simulate has them).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quant_assets.errors import UsageError

Floats = npt.NDArray[np.float64]


def buy_and_hold_value(weights: npt.ArrayLike, returns: npt.ArrayLike, entry_cost: float = 0.0) -> Floats:
    """Value (T,) at each day's end of 1.0 invested in signed ``weights`` (N,) and held over ``returns`` (T, N).

    ``entry_cost`` is the fraction of the opening value that the trades at the start took from cash. The value may
    become negative: a closed form knows no ruin. Raises ``UsageError`` for wrong shapes or values that are not finite.
    """
    held = np.asarray(weights, dtype=np.float64)
    simple = np.asarray(returns, dtype=np.float64)
    if held.ndim != 1 or simple.ndim != 2 or simple.shape[1] != held.size:
        raise UsageError(f"weights {held.shape} and returns {simple.shape} do not fit: expected (N,) and (T, N)")
    if not (np.isfinite(held).all() and np.isfinite(simple).all() and np.isfinite(entry_cost)):
        raise UsageError("a closed form needs finite weights and returns: leave out symbols with missing returns")
    cash = 1.0 - held.sum() - entry_cost
    growth = np.cumprod(1.0 + simple, axis=0)
    value: Floats = cash + growth @ held
    return value


def buy_and_hold_returns(weights: npt.ArrayLike, returns: npt.ArrayLike, entry_cost: float = 0.0) -> Floats:
    """Daily returns (T,) of ``buy_and_hold_value``; the first day includes the entry cost.

    Raises ``UsageError`` when the value reaches zero before the last day, where a return is no longer defined.
    """
    value = np.concatenate([[1.0], buy_and_hold_value(weights, returns, entry_cost)])
    if np.any(value[:-1] <= 0.0):
        raise UsageError(f"the held book is worth nothing after day {int(np.argmax(value <= 0.0))}: use simulate")
    daily: Floats = value[1:] / value[:-1] - 1.0
    return daily


def exit_weights(weights: npt.ArrayLike, returns: npt.ArrayLike, entry_cost: float = 0.0) -> Floats:
    """Weights (N,) at the end of the last day, as fractions of the value then."""
    value = buy_and_hold_value(weights, returns, entry_cost)
    grown = np.asarray(weights, dtype=np.float64) * np.prod(1.0 + np.asarray(returns, dtype=np.float64), axis=0)
    drifted: Floats = grown / value[-1]
    return drifted
