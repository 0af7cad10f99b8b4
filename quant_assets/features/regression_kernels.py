"""Compiled window kernel: the augmented Dickey-Fuller regression of each window."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from quant_assets.features.compiled import kernel

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray, IntArray

PIVOT = 1e-12  # share of a regressor's own variation that must be left after the others explain theirs


@kernel
def _products(level: FloatArray, first: int, last: int, lags: int, row: FloatArray, gram: FloatArray) -> None:
    """Sums of products of: 1, level before (from the first), ``lags`` changes before, the change."""
    size = lags + 3
    gram[:] = 0.0
    for t in range(first + lags + 1, last + 1):
        row[0], row[1] = 1.0, level[t - 1] - level[first]
        for k in range(1, lags + 1):
            row[k + 1] = level[t - k] - level[t - k - 1]
        row[size - 1] = level[t] - level[t - 1]
        for a in range(size):
            for b in range(a, size):
                gram[a, b] += row[a] * row[b]


@kernel
def _eliminate(gram: FloatArray, done: FloatArray, pivot: int) -> None:
    """Take the part that ``pivot`` explains out of every variable that is not ``done`` yet."""
    size = len(gram)
    done[pivot] = 1.0
    for a in range(size):
        if done[a] == 0.0:
            share = gram[min(a, pivot), max(a, pivot)] / gram[pivot, pivot]
            for b in range(a, size):
                if done[b] == 0.0:
                    gram[a, b] -= share * gram[min(b, pivot), max(b, pivot)]


@kernel
def _statistic(gram: FloatArray, own: FloatArray, done: FloatArray, freedom: int) -> float:
    """t statistic of the level's coefficient: the constant and the lagged changes are taken out of level and change.

    NaN where a variable is explained by those before it, but for rounding.
    """
    last = len(gram) - 1
    done[:] = 0.0
    for k in range(last + 1):
        own[k] = gram[k, k]
    _eliminate(gram, done, 0)
    if not gram[last, last] > PIVOT * own[last]:
        return np.nan
    for pivot in range(2, last):
        if not gram[pivot, pivot] > PIVOT * own[pivot]:
            return np.nan
        _eliminate(gram, done, pivot)
    if not gram[1, 1] > PIVOT * own[1]:
        return np.nan
    slope = gram[1, last] / gram[1, 1]
    left = gram[last, last] - slope * gram[1, last]
    return slope / math.sqrt(left / freedom / gram[1, 1]) if left > 0.0 else np.nan


@kernel
def dickey_fuller(level: FloatArray, start: IntArray, end: IntArray, lags: int, out: FloatArray) -> None:
    """t statistic of the unit root of ``level`` in each window: regression with a constant and ``lags`` changes.

    NaN where the regressors are collinear (a constant level) or the window leaves no degree of freedom.
    """
    size = lags + 3
    row, own, done, gram = np.empty(size), np.empty(size), np.empty(size), np.empty((size, size))
    for i in range(len(end)):
        freedom = end[i] - start[i] - 2 * lags - 2
        out[i] = np.nan
        if freedom > 0:
            _products(level, start[i], end[i], lags, row, gram)
            out[i] = _statistic(gram, own, done, freedom)
