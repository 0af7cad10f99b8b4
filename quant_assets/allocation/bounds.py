"""The set of admissible weights: [0, cap] each, summing to the invested share; and the projection onto it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quant_assets.errors import QuantError

Floats = npt.NDArray[np.float64]
FORCED_SLACK = 1e-6
NOISE_LIMIT = 1e-6


def is_forced(count: int, cap: float, invested: float) -> bool:
    """True when the cap leaves at most one portfolio: n x cap <= invested + 1e-6."""
    return count * cap <= invested + FORCED_SLACK


def project(weights: Floats, cap: float, invested: float) -> Floats:
    """Nearest point (Euclidean) of {0 <= w <= cap, sum w = invested}.

    The solution is clip(w - tau, 0, cap); tau is found exactly among the breakpoints of the piecewise linear sum.
    """
    knots = np.unique(np.concatenate([weights, weights - cap]))
    sums = np.clip(weights[None, :] - knots[:, None], 0.0, cap).sum(axis=1)
    at = int(np.searchsorted(-sums, -invested, side="left"))
    if at == 0 or at == len(knots):
        tau = knots[min(at, len(knots) - 1)]
    else:
        rise = sums[at - 1] - sums[at]
        tau = knots[at - 1] + (knots[at] - knots[at - 1]) * (sums[at - 1] - invested) / rise
    projected: Floats = np.clip(weights - tau, 0.0, cap)
    return projected


def clean(weights: Floats, cap: float, invested: float) -> tuple[Floats, float]:
    """Weights without solver noise, and the largest correction made.

    Raises QuantError for NaN and for corrections above 1e-6: that is no noise but a wrong solution.
    """
    if not np.isfinite(weights).all():
        raise QuantError("L3.SOLVER: the engine returned NaN or infinite weights")
    projected = project(weights, cap, invested)
    correction = float(np.abs(projected - weights).max())
    if correction > NOISE_LIMIT:
        raise QuantError(
            f"L3.SOLVER: weights miss their bounds by {correction:.2e} (> {NOISE_LIMIT:g}): not solver noise"
        )
    return projected, correction
