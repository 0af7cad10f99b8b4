"""Compiled window kernels: ordinal patterns and rescaled ranges.

Ordinal patterns are counted in whole numbers, so the counts may follow the window bar by bar and stay exact. A rescaled
range belongs to its own segment of bars alone; windows that hold the same segment share the work, not the rounding.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from quant_assets.features.complexity import SMALLEST_SEGMENT
from quant_assets.features.lanes import LANES, kernel, run_of
from quant_assets.features.movement import FLAT

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray, IntArray


@kernel
def ordinal_patterns(values: FloatArray, order: int, delay: int, out: IntArray) -> None:
    """Number of the ordinal pattern that ends at each row, 0 .. order! - 1; -1 where a value of it is NaN or absent.

    The number is the Lehmer code: equal values rank by order of appearance, the older one as the smaller.
    """
    reach = (order - 1) * delay
    for i in range(len(values)):
        code = -1
        if i >= reach:
            code = 0
            for a in range(order):
                x = values[i - reach + a * delay]
                if np.isnan(x):
                    code = -1
                    break
                smaller = 0
                for b in range(a + 1, order):
                    if values[i - reach + b * delay] < x:
                        smaller += 1
                code = code * (order - a) + smaller
        out[i] = code


@kernel
def _count(patterns: IntArray, first: int, last: int, change: int, counts: IntArray) -> int:
    """Add ``change`` to the count of each pattern at rows ``first .. last``; the number of patterns seen."""
    seen = 0
    for j in range(first, last + 1):
        if patterns[j] >= 0:
            counts[patterns[j]] += change
            seen += 1
    return seen


@kernel
def pattern_entropies(
    patterns: IntArray, start: IntArray, end: IntArray, skip: int, states: int, least: int, out: FloatArray
) -> None:
    """Shannon entropy in bits of the patterns at rows ``start + skip .. end``.

    NaN where a pattern is undefined or there are fewer than ``least``. The entropy is summed over the counts in the
    order of the pattern numbers: log2(n) - (sum of c log2 c) / n.
    """
    longest = 1
    for i in range(len(end)):
        longest = max(longest, end[i] - start[i] + 1)
    term = np.zeros(longest + 1)
    for c in range(2, longest + 1):
        term[c] = c * math.log2(float(c))
    counts = np.zeros(states, dtype=np.int64)
    first, last, seen = 0, -1, 0
    for i in range(len(end)):
        a, b = start[i] + skip, end[i]
        n = b - a + 1
        if n < 1:
            out[i] = np.nan
            continue
        if first <= a <= last <= b:
            seen -= _count(patterns, first, a - 1, -1, counts)
            seen += _count(patterns, last + 1, b, 1, counts)
        else:
            counts[:] = 0
            seen = _count(patterns, a, b, 1, counts)
        first, last = a, b
        if seen < n or n < least:
            out[i] = np.nan
            continue
        total = 0.0
        for s in range(states):
            total += term[counts[s]]
        out[i] = max(math.log2(float(n)) - total / n, 0.0)


@kernel
def _segment_means(values: FloatArray, n: int, places: int, sums: FloatArray) -> None:
    """Mean of the ``n`` (a power of two) values that begin at each place, added up in pairs of neighbours."""
    size = places + n - 1
    sums[:size] = values[:size]
    step = 1
    while step < n:
        size -= step
        for k in range(size):
            sums[k] = sums[k] + sums[k + step]
        step *= 2
    for k in range(places):
        sums[k] /= n


@kernel
def _ranges(values: FloatArray, n: int, mean: FloatArray, lanes: FloatArray, out: FloatArray) -> None:
    """R/S of the segments ``values[k : k + n]``, one for each place of ``out``; NaN without movement, inf with a NaN.

    ``lanes`` (4 * LANES) holds the cumulated deviation, its square sum, its top and its bottom.
    """
    _segment_means(values, n, len(out), mean)
    for first in range(0, len(out), LANES):
        m = min(LANES, len(out) - first)
        middle = mean[first : first + m]
        lanes[:] = 0.0
        for j in range(n):
            part = values[first + j : first + j + m]
            for k in range(m):
                gap = part[k] - middle[k]
                now = lanes[k] + gap
                lanes[k] = now
                lanes[LANES + k] += gap * gap
                lanes[2 * LANES + k] = max(now, lanes[2 * LANES + k])
                lanes[3 * LANES + k] = min(now, lanes[3 * LANES + k])
        for k in range(m):
            square = lanes[LANES + k]
            span = lanes[2 * LANES + k] - lanes[3 * LANES + k]
            moving = square > n * FLAT * middle[k] * middle[k]
            still = np.inf if np.isnan(square) else np.nan  # an unknown value must not pass for one that stands still
            out[first + k] = span / math.sqrt(square / n) if moving else still


@kernel
def _mean_range(ranges: FloatArray, first: int, n: int, segments: int) -> float:
    """Mean of the defined R/S of the segments that begin at ``first``, ``first + n``, ...; NaN without any."""
    total, count = 0.0, 0
    for s in range(segments):
        if not np.isnan(ranges[first + s * n]):
            total += ranges[first + s * n]
            count += 1
    return total / count if count else np.nan


@kernel
def segment_lengths(bars: int, out: IntArray) -> int:
    """Lengths of ``complexity.segment_lengths``, and how many."""
    count, n = 0, SMALLEST_SEGMENT
    while 4 * n * n <= bars:
        n *= 2
    while 2 * n <= bars:
        out[count] = n
        count += 1
        n *= 2
    return count


@kernel
def _slope(lengths: IntArray, heights: FloatArray, count: int) -> float:
    """Least-squares slope of ``heights`` on the logarithms of ``lengths``."""
    x_mean, y_mean = 0.0, 0.0
    for s in range(count):
        x_mean += math.log(float(lengths[s])) / count
        y_mean += heights[s] / count
    product, square = 0.0, 0.0
    for s in range(count):
        gap = math.log(float(lengths[s])) - x_mean
        product += gap * (heights[s] - y_mean)
        square += gap * gap
    slope: float = product / square
    return slope


@kernel
def rescaled_range_slopes(
    values: FloatArray, start: IntArray, end: IntArray, skip: int, log_expected: FloatArray, out: FloatArray
) -> None:
    """Slope of log mean(R/S) - ``log_expected`` on log n, for the segment lengths of the window's size.

    Segments do not overlap and end at the window's newest bar; what is left over is the oldest. NaN where the window
    has fewer than two segment lengths, or some length without a moving segment, or a NaN in
    one.
    """
    longest = 1
    for i in range(len(end)):
        longest = max(longest, end[i] - start[i] + 1)
    room = longest + LANES
    mean, ranges, lanes = np.empty(room), np.empty(room), np.empty(4 * LANES)
    lengths = np.empty(64, dtype=np.int64)
    heights = np.empty((64, LANES))
    i = 0
    while i < len(end):
        m = run_of(start, end, i)
        bars = end[i] - start[i] + 1 - skip
        count = segment_lengths(bars, lengths)
        for s in range(count):
            n = lengths[s]
            segments = bars // n
            base = end[i] + 1 - segments * n
            if m < n:
                for k in range(segments):
                    _ranges(values[base + k * n : end[i] + m], n, mean, lanes, ranges[k * n : k * n + m])
            else:
                _ranges(values[base : end[i] + m], n, mean, lanes, ranges[: (segments - 1) * n + m])
            for k in range(m):
                heights[s, k] = math.log(_mean_range(ranges, k, n, segments)) - log_expected[n]
        for k in range(m):
            out[i + k] = _slope(lengths, heights[:, k], count) if count > 1 else np.nan
        i += m
