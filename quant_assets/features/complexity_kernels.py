"""Compiled window kernels: ordinal patterns and rescaled ranges.

Ordinal patterns are counted in whole numbers, so the counts may follow the window bar by bar and stay exact. A rescaled
range belongs to its own segment of bars alone; windows that hold the same segment share the work, not the rounding.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from quant_assets.features.compiled import kernel
from quant_assets.features.complexity import SMALLEST_SEGMENT
from quant_assets.features.lanes import LANES, longest, run_of
from quant_assets.features.movement import FLAT

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray, IntArray


RUN = 1024  # windows taken together: neighbours share all but their first and last segments


@kernel
def _add_smaller(later: FloatArray, own: FloatArray, code: IntArray) -> None:
    for i in range(len(code)):
        code[i] += 1 if later[i] < own[i] else 0


@kernel
def _begin_digit(own: FloatArray, base: int, code: IntArray, known: FloatArray) -> None:
    for i in range(len(code)):
        code[i] *= base
        known[i] += own[i]


@kernel
def ordinal_patterns(values: FloatArray, order: int, delay: int, out: IntArray) -> None:
    """Number of the ordinal pattern that ends at each row, 0 .. order! - 1; -1 where a value of it is NaN or absent.

    The number is the Lehmer code: equal values rank by order of appearance, the older one as the smaller.
    """
    reach = min((order - 1) * delay, len(values))
    out[:reach] = -1
    code, known = out[reach:], np.zeros(len(values) - reach)
    code[:] = 0
    for a in range(order):
        own = values[a * delay :]
        _begin_digit(own, order - a, code, known)
        for b in range(a + 1, order):
            _add_smaller(values[b * delay :], own, code)
    for i in range(len(code)):
        code[i] = -1 if np.isnan(known[i]) else code[i]


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
    most = longest(start, end)
    term = np.zeros(most + 1)
    for c in range(2, most + 1):
        term[c] = c * math.log2(float(c))
    counts = np.zeros(states, dtype=np.int64)
    first, last, seen, before, whole = 0, -1, 0, 0, 0.0
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
        if n != before:
            before, whole = n, math.log2(float(n))
        out[i] = max(whole - total / n, 0.0)


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
def _cumulate(values: FloatArray, mean: FloatArray, now: FloatArray, square: FloatArray, top: FloatArray,
              bottom: FloatArray) -> None:  # fmt: skip
    """Take four more values of each segment into its cumulated deviation, square sum, top and bottom."""
    second, third, fourth = values[1:], values[2:], values[3:]
    for k in range(len(now)):
        a, b, c, d = values[k] - mean[k], second[k] - mean[k], third[k] - mean[k], fourth[k] - mean[k]
        one = now[k] + a
        two = one + b
        three = two + c
        four = three + d
        now[k] = four
        square[k] = square[k] + a * a + b * b + c * c + d * d
        top[k] = max(four, max(three, max(two, max(one, top[k]))))
        bottom[k] = min(four, min(three, min(two, min(one, bottom[k]))))


@kernel
def _ranges(values: FloatArray, n: int, mean: FloatArray, lanes: FloatArray, out: FloatArray) -> None:
    """R/S of the segments ``values[k : k + n]``, one for each place of ``out``; NaN without movement, inf with a NaN.

    ``n`` is a multiple of four; ``lanes`` (4, LANES) is work space.
    """
    _segment_means(values, n, len(out), mean)
    for first in range(0, len(out), LANES):
        m = min(LANES, len(out) - first)
        middle = mean[first : first + m]
        lanes[:] = 0.0
        now, square, top, bottom = lanes[0][:m], lanes[1][:m], lanes[2][:m], lanes[3][:m]
        for j in range(first, first + n, 4):
            _cumulate(values[j:], middle, now, square, top, bottom)
        for k in range(m):
            moving = square[k] > n * FLAT * middle[k] * middle[k]
            still = (
                np.inf if np.isnan(square[k]) else np.nan
            )  # an unknown value must not pass for one that stands still
            out[first + k] = (top[k] - bottom[k]) / math.sqrt(square[k] / n) if moving else still


@kernel
def _mean_ranges(ranges: FloatArray, n: int, segments: int, total: FloatArray, count: FloatArray) -> None:
    """Mean of the defined R/S of the segments that begin at each place, ``n`` further, ...; NaN without any."""
    total[:], count[:] = 0.0, 0.0
    for s in range(segments):
        part = ranges[s * n :]
        for k in range(len(total)):
            defined = part[k] == part[k]
            total[k] += part[k] if defined else 0.0
            count[k] += 1.0 if defined else 0.0
    for k in range(len(total)):
        total[k] /= count[k]


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
def _slopes(lengths: IntArray, heights: FloatArray, out: FloatArray) -> None:
    """Least-squares slope of each column of ``heights`` on the logarithms of ``lengths``."""
    count, centre, square = len(lengths), 0.0, 0.0
    for s in range(count):
        centre += math.log(float(lengths[s])) / count
    out[:] = 0.0
    for s in range(count):
        square += (math.log(float(lengths[s])) - centre) ** 2
    for k in range(len(out)):
        mean = 0.0
        for s in range(count):
            mean += heights[s, k] / count
        for s in range(count):
            heights[s, k] -= mean
    for s in range(count):
        gap = math.log(float(lengths[s])) - centre
        for k in range(len(out)):
            out[k] += gap * heights[s, k]
    for k in range(len(out)):
        out[k] /= square


@kernel
def rescaled_range_slopes(
    values: FloatArray, start: IntArray, end: IntArray, skip: int, log_expected: FloatArray, out: FloatArray
) -> None:
    """Slope of log mean(R/S) - ``log_expected`` on log n, for the segment lengths of the window's size.

    Segments do not overlap and end at the window's newest bar; what is left over is the oldest. NaN where the window
    has fewer than two segment lengths, or some length without a moving segment, or a NaN in
    one.
    """
    room = longest(start, end) + RUN
    mean, ranges, lanes, count = np.empty(room), np.empty(room), np.empty((4, LANES)), np.empty(RUN)
    lengths = np.empty(64, dtype=np.int64)
    heights = np.empty((64, RUN))
    i = 0
    while i < len(end):
        m = run_of(start, end, i, RUN)
        bars = end[i] - start[i] + 1 - skip
        sizes = segment_lengths(bars, lengths)
        for s in range(sizes):
            n = lengths[s]
            segments = bars // n
            base = end[i] + 1 - segments * n
            if m < n:
                for k in range(segments):
                    _ranges(values[base + k * n : end[i] + m], n, mean, lanes, ranges[k * n : k * n + m])
            else:
                _ranges(values[base : end[i] + m], n, mean, lanes, ranges[: (segments - 1) * n + m])
            _mean_ranges(ranges, n, segments, heights[s][:m], count[:m])
            for k in range(m):
                heights[s, k] = math.log(heights[s, k]) - log_expected[n]
        if sizes > 1:
            _slopes(lengths[:sizes], heights, out[i : i + m])
        else:
            out[i : i + m] = np.nan
        i += m
