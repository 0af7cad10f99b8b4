"""Compiled window kernels: the value at each requested row from exactly the bars ``start[i] .. end[i]``.

Each output is computed by itself, in one fixed order of operations (no running sums, no fast-math), so that a value
does not depend, not even in its last bit, on which other rows, days or symbols are computed with it.
Belongs here: arithmetic on arrays. Does not belong here: feature ids, configuration, data frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

    from quant_assets.features.series import FloatArray, IntArray


def _kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on first call, keep the machine code on disk, release the interpreter lock while running."""
    compiled: Callable[..., Any] = njit(cache=True, nogil=True)(function)
    return compiled


@_kernel
def return_moments(
    returns: FloatArray, start: IntArray, end: IntArray, mean: FloatArray, deviation: FloatArray
) -> None:
    """Mean and standard deviation (ddof 1) of the returns inside each window; the first bar has none inside it."""
    for i in range(len(end)):
        n = end[i] - start[i]
        total = 0.0
        for j in range(start[i] + 1, end[i] + 1):
            total += returns[j]
        mean[i] = total / n
        square = 0.0
        for j in range(start[i] + 1, end[i] + 1):
            square += (returns[j] - mean[i]) ** 2
        deviation[i] = np.sqrt(square / (n - 1))


@_kernel
def efficiency_ratio(returns: FloatArray, start: IntArray, end: IntArray, out: FloatArray) -> None:
    """|sum of returns| / sum of |returns| inside each window; NaN where nothing moved."""
    for i in range(len(end)):
        net = 0.0
        path = 0.0
        for j in range(start[i] + 1, end[i] + 1):
            net += returns[j]
            path += abs(returns[j])
        out[i] = abs(net) / path if path > 1e-12 else np.nan
