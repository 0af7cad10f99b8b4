"""Compiled windows that each row scans for itself, of a whole panel: for what halves of windows cannot be added up to.

Rows are ragged as in ``window_kernels``. Belongs here: arithmetic on arrays whose cost grows with the window. Does not
belong here: sums, extremes and spreads (``window_kernels``), recursions, names of indicators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quant_assets.features.compiled import kernel

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray, IntArray

ROWS = 1024  # rows computed together, so that they stay in the processor's nearest cache
# Spread of a window of equal values that is nothing but rounding, as a share of their mean.
FLAT = 1e-14


@kernel
def _weigh(items: FloatArray, weight: float, into: FloatArray) -> None:
    for j in range(len(into)):
        into[j] += weight * items[j]


@kernel
def _forget_young(first: IntArray, row: int, length: int, out: FloatArray) -> None:
    """NaN for the rows from ``row`` on whose life does not hold ``length`` bars."""
    for j in range(len(out)):
        out[j] = out[j] if row + j - first[j] >= length - 1 else np.nan


@kernel
def window_filter(values: FloatArray, first: IntArray, weights: FloatArray, out: FloatArray) -> None:
    """Sum of weight * value over the last bars of each row; ``weights[0]`` weighs the newest."""
    total, length = len(values), len(weights)
    for low in range(0, total, ROWS):
        high = min(low + ROWS, total)
        part = out[low:high]
        part[:] = 0.0
        for k in range(min(length, high)):
            skip = max(k - low, 0)
            _weigh(values[low + skip - k :], weights[k], part[skip:])
        _forget_young(first[low:high], low, length, part)


@kernel
def ages_of_extremes(values: FloatArray, first: IntArray, length: int, oldest: FloatArray, lowest: FloatArray) -> None:
    """Bars since the greatest and since the least of the last ``length`` values (the oldest of equals)."""
    for i in range(len(values)):
        oldest[i] = lowest[i] = np.nan
        if i - first[i] < length - 1:
            continue
        top, bottom, top_age, bottom_age = values[i], values[i], 0, 0
        known = values[i] == values[i]
        for k in range(1, length):
            item = values[i - k]
            known &= item == item
            if item >= top:
                top, top_age = item, k
            if item <= bottom:
                bottom, bottom_age = item, k
        if known:
            oldest[i], lowest[i] = top_age, bottom_age


@kernel
def window_correlation(left: FloatArray, right: FloatArray, first: IntArray, length: int, out: FloatArray) -> None:
    """Pearson correlation of the last ``length`` pairs of each row; NaN where either side does not move."""
    for i in range(len(left)):
        out[i] = np.nan
        if i - first[i] < length - 1:
            continue
        a, b = 0.0, 0.0
        for k in range(length):
            a += left[i - k]
            b += right[i - k]
        a, b = a / length, b / length
        both, square_a, square_b = 0.0, 0.0, 0.0
        for k in range(length):
            x, y = left[i - k] - a, right[i - k] - b
            both += x * y
            square_a += x * x
            square_b += y * y
        noise = length * FLAT * FLAT
        if square_a > noise * a * a and square_b > noise * b * b:
            out[i] = both / np.sqrt(square_a * square_b)
