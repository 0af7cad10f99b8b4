"""Covariance of streams: Ledoit-Wolf, then recorded extra shrinkage until it is well conditioned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from quant_assets.errors import QuantError

Floats = npt.NDArray[np.float64]
FLAT_VARIANCE = 1e-20


@dataclass(frozen=True)
class Covariance:
    """Daily covariance (n x n, return squared per day) with what was done to it.

    ``shrinkage`` is Ledoit-Wolf's intensity, ``extra_shrinkage`` the rung of the ladder added towards the mean
    variance, ``condition`` the 2-norm condition number of ``matrix`` as used.
    """

    matrix: Floats
    shrinkage: float
    extra_shrinkage: float
    condition: float
    observations: int


def shrunk_covariance(streams: pd.DataFrame, condition_limit: float, ladder: Sequence[float]) -> Covariance:
    """Ledoit-Wolf covariance (2004, towards the scaled identity) of complete streams (days x atoms, no NaN).

    Climbs ``ladder`` until the condition number is within the limit. Raises QuantError for a NaN, for a stream that
    does not move, and when the last rung is not enough.
    """
    values = streams.to_numpy(dtype=np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        raise QuantError("covariance: streams are empty or hold NaN; select the joint window first")
    flat = [str(c) for c, v in zip(streams.columns, values.var(axis=0), strict=True) if v <= FLAT_VARIANCE]
    if flat:
        raise QuantError(
            f"covariance: no movement in {', '.join(flat)}; a price that stands still has no risk to weigh"
        )
    from sklearn.covariance import ledoit_wolf

    # Unit mean variance first: the estimator is scale-free, its arithmetic on 1e-4 numbers is not.
    scale = float(values.var(axis=0).mean())
    base, shrinkage = ledoit_wolf(values / np.sqrt(scale))
    for extra in ladder:
        matrix = (1.0 - extra) * base + extra * np.trace(base) / len(base) * np.eye(len(base))
        condition = condition_number(matrix)
        if condition <= condition_limit:
            return Covariance((matrix + matrix.T) / 2 * scale, float(shrinkage), float(extra), condition, len(values))
    raise QuantError(
        f"L3.SOLVER: condition number {condition:.3g} of {', '.join(map(str, streams.columns))} exceeds "
        f"{condition_limit:g} after extra shrinkage {ladder[-1]:g}; extend shrinkage_ladder or the look-back"
    )


def condition_number(matrix: Floats) -> float:
    """Ratio of extreme eigenvalues of a symmetric matrix; infinite when it is not positive definite."""
    eigenvalues = np.linalg.eigvalsh(matrix)
    return float(eigenvalues[-1] / eigenvalues[0]) if eigenvalues[0] > 0 else float("inf")
