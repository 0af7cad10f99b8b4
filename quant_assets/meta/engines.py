"""Stream weights of a meta-portfolio: the allocation room's engines, held between a lower and an upper bound.

Belongs here: what a lower bound adds to those engines. Covariance and hierarchical risk parity are the allocation
room's own; no engine ever stands in for another.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from quant_assets.allocation.config import AllocationConfig
from quant_assets.allocation.covariance import shrunk_covariance
from quant_assets.allocation.hrp import hrp_weights
from quant_assets.errors import QuantError, UsageError

Floats = npt.NDArray[np.float64]
FORCED_TOLERANCE = 1e-6
CLOSED_FORM = "closed_form"
OPTIMAL = "optimal"


def bounds_are_forced(count: int, min_weight: float, max_weight: float) -> bool:
    """True when the bounds leave ``count`` weights only one possible allocation, equal weight."""
    return bool(
        count * max_weight <= 1.0 + FORCED_TOLERANCE
        or count * min_weight >= 1.0 - FORCED_TOLERANCE
        or max_weight - min_weight <= FORCED_TOLERANCE
    )


def stream_weights(engine: str, returns: pd.DataFrame, min_weight: float, max_weight: float) -> tuple[pd.Series, str]:
    """Long-only weights of streams that sum to 1, each in [min_weight, max_weight], and the solver's status.

    ``returns``: days x members, daily net returns, no NaN. ``engine``: ``equal_weight``; ``min_variance``, argmin
    w'Sw within the bounds by Clarabel; ``hrp``, hierarchical risk parity and then the nearest point within the
    bounds. S is the Ledoit-Wolf covariance with recorded extra shrinkage. The status is ``optimal`` for a solve and
    ``closed_form`` otherwise, also when the bounds leave only equal weight.

    Raises:
        UsageError: an unknown engine. QuantError: a stream that does not move, an ill-conditioned covariance, or an
            engine that does not converge.
    """
    count = returns.shape[1]
    if engine == "equal_weight" or bounds_are_forced(count, min_weight, max_weight):
        return pd.Series(1.0 / count, index=returns.columns), CLOSED_FORM
    names = sorted(map(str, returns.columns))
    defaults = AllocationConfig()
    covariance = shrunk_covariance(returns[names], defaults.condition_limit, defaults.shrinkage_ladder).matrix
    if engine == "hrp":
        free = hrp_weights(covariance, names, 1.0, 1.0, defaults.hrp)
        return pd.Series(nearest_within_bounds(free, min_weight, max_weight), index=names), CLOSED_FORM
    if engine == "min_variance":
        return pd.Series(bounded_min_variance(covariance, min_weight, max_weight), index=names), OPTIMAL
    raise UsageError(f"unknown meta engine {engine!r}; use hrp, min_variance or equal_weight")


def bounded_min_variance(covariance: Floats, min_weight: float, max_weight: float) -> Floats:
    """argmin w'Sw subject to min_weight <= w <= max_weight and sum(w) = 1, by Clarabel.

    Raises:
        QuantError: unless the solver's status is ``optimal``.
    """
    import cvxpy as cp

    count = len(covariance)
    root = np.linalg.cholesky(covariance / np.trace(covariance) * count).T
    weights = cp.Variable(count)
    limits = [cp.sum(weights) == 1, weights >= min_weight, weights <= max_weight]  # type: ignore[attr-defined]  # cvxpy re-exports it dynamically
    problem = cp.Problem(cp.Minimize(cp.sum_squares(root @ weights)), limits)  # type: ignore[attr-defined]  # as above
    try:
        problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)  # type: ignore[no-untyped-call]  # cvxpy
    except cp.SolverError as error:
        raise QuantError(f"L3.SOLVER: Clarabel failed on {count} members: {error}") from error
    if problem.status != OPTIMAL or weights.value is None:
        raise QuantError(f"L3.SOLVER: Clarabel ended {problem.status} on {count} members; widen the bounds")
    return nearest_within_bounds(np.asarray(weights.value, dtype=np.float64), min_weight, max_weight)


def nearest_within_bounds(weights: Floats, min_weight: float, max_weight: float) -> Floats:
    """Euclidean projection on {w : min_weight <= w <= max_weight, sum(w) = 1}: clip(weights - shift) for one shift.

    The sum of the clipped weights falls with the shift, piecewise linearly between the points where a weight meets a
    bound; the piece that contains 1 is found by bisection over those points and solved exactly.
    """
    breaks = np.unique(np.concatenate([weights - min_weight, weights - max_weight]))
    sums = np.array([np.clip(weights - b, min_weight, max_weight).sum() for b in breaks])
    piece = int(np.clip(np.searchsorted(-sums, -1.0), 1, len(breaks) - 1))
    (low, high), (at_low, at_high) = breaks[piece - 1 : piece + 1], sums[piece - 1 : piece + 1]
    share = (at_low - 1.0) / (at_low - at_high) if at_low > at_high else 0.0
    projected = np.clip(weights - (low + share * (high - low)), min_weight, max_weight)
    return np.asarray(projected, dtype=np.float64)
