"""Compiled window kernels on sorted windows: tails, medians, median absolute deviations.

A sorted window is kept while consecutive windows overlap: the oldest value goes out, the newest comes in. Sorting moves
values and computes nothing, so the result is that of a window sorted afresh, to the last bit. Values that are not
finite are left out of the sorted window and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quant_assets.features.compiled import kernel
from quant_assets.features.lanes import longest
from quant_assets.features.search_kernels import first_from

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray, IntArray

SPARE = 12  # sorted values kept beyond those a tail needs, so that few windows are sorted anew


@kernel
def _insert(ordered: FloatArray, count: int, value: float) -> int:
    """Put ``value`` in its place; the new count. A value that is not finite changes nothing."""
    if not np.isfinite(value):
        return count
    place = first_from(ordered, value, 0, count)
    for k in range(count, place, -1):
        ordered[k] = ordered[k - 1]
    ordered[place] = value
    return count + 1


@kernel
def _remove(ordered: FloatArray, count: int, value: float) -> int:
    """Take one ``value`` out; the new count."""
    if not np.isfinite(value):
        return count
    for k in range(first_from(ordered, value, 0, count), count - 1):
        ordered[k] = ordered[k + 1]
    return count - 1


@kernel
def _exchange(ordered: FloatArray, count: int, old: float, new: float) -> None:
    """Take ``old`` out and put ``new`` in; both finite."""
    gone, place = first_from(ordered, old, 0, count), first_from(ordered, new, 0, count)
    if place > gone:
        for k in range(gone, place - 1):
            ordered[k] = ordered[k + 1]
        ordered[place - 1] = new
    else:
        for k in range(gone, place, -1):
            ordered[k] = ordered[k - 1]
        ordered[place] = new


@kernel
def _move(
    values: FloatArray, ordered: FloatArray, count: int, before_first: int, before_last: int, first: int, last: int
) -> int:
    """Sorted finite values of rows ``first .. last``, made from those of ``before_first .. before_last``; the count."""
    if not (before_first <= first <= before_last <= last):
        count, before_first, before_last = 0, first, first - 1
    if count > 0 and first == before_first + 1 and last == before_last + 1:
        old, new = values[before_first], values[last]
        if np.isfinite(old) and np.isfinite(new):
            _exchange(ordered, count, old, new)
            return count
    for j in range(before_first, first):
        count = _remove(ordered, count, values[j])
    for j in range(before_last + 1, last + 1):
        count = _insert(ordered, count, values[j])
    return count


@kernel
def _lowest(values: FloatArray, sign: float, ordered: FloatArray) -> int:
    """The least of ``sign`` * values in order, as many as ``ordered`` has room for; how many."""
    count, room = 0, len(ordered) - 1
    for j in range(len(values)):
        value = sign * values[j]
        if count < room or value < ordered[count - 1]:
            count = min(_insert(ordered, count, value), room)
    return count


@kernel
def _follow(ordered: FloatArray, count: int, old: float, new: float) -> int:
    """The least values after ``old`` left the window and ``new`` came; how many are left: one fewer, or one more."""
    if old <= ordered[count - 1]:
        count = _remove(ordered, count, old)
    if count > 0 and new < ordered[count - 1]:
        count = min(_insert(ordered, count, new), len(ordered) - 1)
    return count


@kernel
def _mean_of_first(ordered: FloatArray, weight: float) -> float:
    """Mean of the first ``weight`` values, the last one counted in part."""
    whole = int(weight + 1e-9)
    rest = max(weight - whole, 0.0)
    total = 0.0
    for k in range(whole):
        total += ordered[k]
    if rest > 1e-9:
        total += rest * ordered[whole]
    return total / weight


@kernel
def tail_means(
    values: FloatArray, start: IntArray, end: IntArray, skip: int, share: float, lower: FloatArray, upper: FloatArray
) -> None:
    """Mean of the lowest and of the highest ``share`` of each window, the last value counted in part.

    NaN where a value of the window is not finite. Only the ends of the sorted window are kept, with some values to
    spare: most bars neither enter nor leave them.
    """
    needed = int(share * longest(start, end)) + 1
    low, high = np.empty(needed + SPARE), np.empty(needed + SPARE)
    first, last, lows, highs, bad = 0, -1, 0, 0, 0
    for i in range(len(end)):
        a, b = start[i] + skip, end[i]
        n = b - a + 1
        if n < 1:
            lower[i], upper[i] = np.nan, np.nan
            continue
        next_one = a == first + 1 and b == last + 1 and bad == 0 and np.isfinite(values[b])
        if next_one:
            old, new = values[first], values[b]
            lows, highs = _follow(low, lows, old, new), _follow(high, highs, -old, -new)
        first, last = a, b
        if not next_one or min(lows, highs) < min(needed, n):
            bad = 0
            for j in range(a, b + 1):
                bad += 0 if np.isfinite(values[j]) else 1
            lows, highs = _lowest(values[a : b + 1], 1.0, low), _lowest(values[a : b + 1], -1.0, high)
        lower[i] = _mean_of_first(low, share * n) if bad == 0 else np.nan
        upper[i] = -_mean_of_first(high, share * n) if bad == 0 else np.nan


@kernel
def _median(ordered: FloatArray, count: int) -> float:
    middle: float = 0.5 * (ordered[(count - 1) // 2] + ordered[count // 2])
    return middle


@kernel
def _median_deviation(ordered: FloatArray, count: int, middle: float) -> float:
    """Median of |value - middle| of sorted values.

    Deviations grow outwards on both sides of ``middle``; of the ``wanted`` smallest, ``low`` lie to the left.
    """
    right = first_from(ordered, middle, 0, count)
    wanted = count // 2 + 1
    low, high = max(0, wanted - (count - right)), min(wanted, right)
    while low < high:
        taken = (low + high) // 2
        if middle - ordered[right - 1 - taken] < ordered[right + wanted - 1 - taken] - middle:
            low = taken + 1
        else:
            high = taken
    left_last = middle - ordered[right - low] if low > 0 else -1.0
    right_last = ordered[right + wanted - 1 - low] - middle if wanted > low else -1.0
    largest = max(left_last, right_last)
    if count % 2:
        return largest
    if left_last >= right_last:
        low, left_last = low - 1, middle - ordered[right - low + 1] if low > 1 else -1.0
    else:
        right_last = ordered[right + wanted - 2 - low] - middle if wanted - low > 1 else -1.0
    return 0.5 * (largest + max(left_last, right_last))


@kernel
def robust_scores(values: FloatArray, start: IntArray, end: IntArray, scale: float, out: FloatArray) -> None:
    """(newest value - median) / (scale * median absolute deviation) of the finite values of each window.

    NaN where the newest value is not finite, fewer than half of the window's are, or the deviation is zero.
    """
    ordered = np.empty(longest(start, end) + 1)
    first, last, count = 0, -1, 0
    for i in range(len(end)):
        count = _move(values, ordered, count, first, last, start[i], end[i])
        first, last = start[i], end[i]
        newest = values[end[i]]
        out[i] = np.nan
        if np.isfinite(newest) and 2 * count >= last - first + 1:
            middle = _median(ordered, count)
            spread = _median_deviation(ordered, count, middle)
            if spread > 0.0:
                out[i] = (newest - middle) / (scale * spread)
