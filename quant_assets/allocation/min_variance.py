"""Minimum variance under a cap, and two independent measures of how far a solution is from the optimum."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from quant_assets.errors import QuantError

Floats = npt.NDArray[np.float64]
_PROBLEMS = threading.local()
"""Compiled problems by size, one set for each thread: cvxpy parameters are state and must not be shared."""


def min_variance(covariance: Floats, cap: float, invested: float = 1.0) -> tuple[Floats, str]:
    """argmin w' S w subject to 0 <= w <= cap and sum(w) = invested, by Clarabel; returns weights and solver status.

    ``covariance`` (n x n, positive definite) is divided by its mean variance first: on raw daily figures (1e-4) the
    solver's absolute tolerances would stop early. Raises QuantError unless the status is ``optimal``.
    """
    problem, weights, root, limit = _compiled(len(covariance))
    try:
        root.value = np.linalg.cholesky(covariance).T / np.sqrt(np.trace(covariance) / len(covariance))
    except np.linalg.LinAlgError as error:
        raise QuantError("L3.SOLVER: the covariance is not positive definite; shrink it first") from error
    limit.value = cap / invested
    from cvxpy import CLARABEL, SolverError

    try:
        # A warm start would keep scalings of earlier weeks: the same week must give the same bits in any order.
        problem.solve(solver=CLARABEL, warm_start=False, tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)
    except SolverError as error:
        raise QuantError(f"L3.SOLVER: Clarabel failed on {len(covariance)} atoms: {error}") from error
    status = str(problem.status)
    if status != "optimal" or weights.value is None:
        raise QuantError(f"L3.SOLVER: Clarabel ended {status} on {len(covariance)} atoms, cap {cap:g}")
    return np.asarray(weights.value, dtype=np.float64) * invested, status


def _compiled(count: int) -> tuple[Any, Any, Any, Any]:
    """(problem, weights, root, limit) for ``count`` atoms, compiled once for each thread: 3 ms a solve, not 10."""
    cache: dict[int, tuple[Any, Any, Any, Any]] = _PROBLEMS.__dict__.setdefault("by_size", {})
    if count not in cache:
        import cvxpy as cp

        weights, root, limit = cp.Variable(count), cp.Parameter((count, count)), cp.Parameter(nonneg=True)
        total = cp.sum(weights)  # type: ignore[attr-defined]  # cvxpy re-exports it dynamically
        variance = cp.sum_squares(root @ weights)  # type: ignore[attr-defined]  # as above
        problem = cp.Problem(cp.Minimize(variance), [total == 1, weights >= 0, weights <= limit])
        cache[count] = (problem, weights, root, limit)
    return cache[count]


def duality_gap(weights: Floats, covariance: Floats, cap: float, invested: float = 1.0) -> float:
    """Upper bound on the relative excess of w' S w over the optimum: a certificate that needs no second solver.

    For convex f and feasible w, f(w) - f* <= grad f(w)'(w - s) with s minimising the gradient over the feasible set
    (Jaggi 2013); here s fills the smallest gradients up to the cap. Relative to w' S w.
    """
    gradient = 2.0 * covariance @ weights
    vertex, left = np.zeros_like(weights), invested
    for index in np.argsort(gradient, kind="stable"):
        vertex[index] = min(cap, left)
        left -= vertex[index]
    variance = float(weights @ covariance @ weights)
    return max(float(gradient @ (weights - vertex)), 0.0) / variance


def objective_gap(weights: Floats, covariance: Floats, cap: float, invested: float = 1.0) -> float:
    """Relative excess of w' S w over an independent solve (SciPy SLSQP from equal weights).

    Negative when the independent solve is the worse one. Raises QuantError when SLSQP does not converge.
    """
    from scipy.optimize import minimize

    count = len(weights)
    scaled = covariance / np.trace(covariance) * count
    found = minimize(
        lambda w: float(w @ scaled @ w),
        np.full(count, invested / count),
        jac=lambda w: 2.0 * scaled @ w,
        bounds=[(0.0, cap)] * count,
        constraints=[{"type": "eq", "fun": lambda w: w.sum() - invested, "jac": lambda w: np.ones(count)}],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    if not found.success:
        raise QuantError(f"L3.SOLVER: the independent solve did not converge: {found.message}")
    optimum = float(found.x @ scaled @ found.x)
    return float(weights @ scaled @ weights) / optimum - 1.0
