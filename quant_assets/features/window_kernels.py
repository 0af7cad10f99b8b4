"""Compiled windows of a whole panel: sums, extremes and spreads of the last ``length`` bars of each row.

Rows are ragged: ``first[i]`` is the row where the life of row ``i`` begins, and a window never reaches before it (the
output is NaN until the life holds ``length`` bars). Sums, extremes and spreads are built by doubling: windows of 1, 2,
4, 8 ... bars, each from two halves, and the wanted length from those. So every value is computed from its own window
in one fixed order: nothing is carried from bar to bar, rounding does not drift, a NaN leaves with its bar, and a value
does not depend on what else is computed with it. The inner loops run over rows and compile to vector instructions.
Belongs here: arithmetic on arrays. Does not belong here: filters (``scan_kernels``), recursions
(``recursive_kernels``), names of indicators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quant_assets.features.compiled import kernel
from quant_assets.features.elementwise_kernels import add, copy, increase

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray, IntArray

ROWS = 1024  # rows computed together: the work space of one block stays in the processor's nearest cache
# Spread of a window of equal prices that is nothing but rounding, as a share of their mean.
FLAT = 1e-14


@kernel
def _negate(items: FloatArray, into: FloatArray) -> None:
    for j in range(len(into)):
        into[j] = -items[j]


@kernel
def _keep_greater(left: FloatArray, right: FloatArray, out: FloatArray) -> None:
    """Greater of two, NaN where either is NaN."""
    for j in range(len(out)):
        a, b = left[j], right[j]
        out[j] = a if (a > b) | (a != a) else b


@kernel
def _sum(values: FloatArray, length: int, now: FloatArray, then: FloatArray, out: FloatArray) -> None:
    """Sum of the ``length`` items up to each item; items before the ``length``-th are incomplete."""
    n = len(values)
    copy(values, now[:n])
    width, done = 1, 0
    while True:
        if length & width:
            if done == 0:
                copy(now, out)
            elif done < n:
                increase(out[done:], now)
            done += width
        if 2 * width > length or width >= n:
            break
        copy(now, then[:width])
        add(now[width:n], now, then[width:n])
        now, then = then, now
        width *= 2


@kernel
def _greatest(values: FloatArray, length: int, now: FloatArray, then: FloatArray, out: FloatArray) -> None:
    """Greatest of the ``length`` items up to each item; items before the ``length``-th are incomplete."""
    n = len(values)
    copy(values, now[:n])
    width = 1
    while 2 * width <= length and width < n:
        copy(now, then[:width])
        _keep_greater(now[width:n], now, then[width:n])
        now, then = then, now
        width *= 2
    rest = min(length - width, n)
    copy(now, out[:rest])
    _keep_greater(now[rest:n], now, out[rest:])


@kernel
def _finish(items: FloatArray, first: IntArray, row: int, length: int, divisor: float, out: FloatArray) -> None:
    """Divided items of the rows from ``row`` on whose life holds ``length`` bars; NaN of the others."""
    for j in range(len(out)):
        out[j] = items[j] / divisor if row + j - first[j] >= length - 1 else np.nan


@kernel
def window_mean(values: FloatArray, first: IntArray, length: int, out: FloatArray) -> None:
    """Mean of the last ``length`` values of each row."""
    total = len(values)
    size = ROWS + length
    now, then, sums = np.empty(size), np.empty(size), np.empty(size)
    for low in range(0, total, ROWS):
        high = min(low + ROWS, total)
        base = max(low - length + 1, 0)
        _sum(values[base:high], length, now, then, sums[: high - base])
        _finish(sums[low - base :], first[low:high], low, length, float(length), out[low:high])


@kernel
def window_extremes(
    high: FloatArray, low: FloatArray, first: IntArray, length: int, top: FloatArray, bottom: FloatArray
) -> None:
    """Greatest ``high`` and least ``low`` of the last ``length`` bars of each row."""
    total = len(high)
    size = ROWS + length
    now, then, extreme, negative = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    for start in range(0, total, ROWS):
        end = min(start + ROWS, total)
        base = max(start - length + 1, 0)
        n = end - base
        _greatest(high[base:end], length, now, then, extreme[:n])
        _finish(extreme[start - base :], first[start:end], start, length, 1.0, top[start:end])
        _negate(low[base:], negative[:n])
        _greatest(negative[:n], length, now, then, extreme[:n])
        _finish(extreme[start - base :], first[start:end], start, length, -1.0, bottom[start:end])


@kernel
def _merge_spread(
    sums: FloatArray, old: FloatArray, squares: FloatArray, older: FloatArray, ratio: float, share: float
) -> None:
    """Add an older window to a newer one: ``squares`` are about the windows' own means (Chan, Golub & LeVeque 1983).

    ``ratio`` is older / newer length, ``share`` is newer / (older * both).
    """
    for j in range(len(sums)):
        gap = ratio * sums[j] - old[j]
        squares[j] += older[j] + gap * gap * share
        sums[j] += old[j]


@kernel
def _double(now: FloatArray, then: FloatArray, out: FloatArray, share: float, squares: FloatArray) -> None:
    """Sum of two neighbouring windows, and what their different means add to the squares about the common mean."""
    for j in range(len(out)):
        gap = now[j] - then[j]
        out[j] = now[j] + then[j]
        squares[j] = gap * gap * share


@kernel
def _increase_by_two(into: FloatArray, one: FloatArray, two: FloatArray) -> None:
    for j in range(len(into)):
        into[j] += one[j] + two[j]


@kernel
def _spread(values: FloatArray, length: int, work: FloatArray, sums: FloatArray, squares: FloatArray) -> None:
    """Sum, and sum of squares about the mean, of the ``length`` items up to each item."""
    n = len(values)
    now, then, now_squares, then_squares = work[0], work[1], work[2], work[3]
    copy(values, now[:n])
    now_squares[:n] = 0.0
    width, done = 1, 0
    while True:
        if length & width:
            if done == 0:
                copy(now, sums)
                copy(now_squares, squares)
            elif done < n:
                share = done / (width * (done + width))
                _merge_spread(sums[done:], now, squares[done:], now_squares, width / done, share)
            done += width
        if 2 * width > length or width >= n:
            break
        copy(now, then[:width])
        copy(now_squares, then_squares[:width])
        _double(now[width:n], now, then[width:n], 0.5 / width, then_squares[width:n])
        _increase_by_two(then_squares[width:n], now_squares[width:], now_squares)
        now, then, now_squares, then_squares = then, now, then_squares, now_squares
        width *= 2


@kernel
def _root(means: FloatArray, squares: FloatArray, degrees: int, out: FloatArray) -> None:
    """Standard deviation from squares about the mean; zero where it is nothing but the rounding of equal values."""
    for j in range(len(out)):
        spread = np.sqrt(squares[j] / degrees)
        out[j] = 0.0 if (spread <= FLAT * abs(means[j])) & (means[j] == means[j]) else spread + 0.0 * means[j]


@kernel
def _deviate_block(
    values: FloatArray,
    first: IntArray,
    low: int,
    length: int,
    degrees: int,
    work: FloatArray,
    mean: FloatArray,
    deviation: FloatArray,
) -> None:
    """Mean and standard deviation of the windows that end at the rows from ``low`` on, as many as ``mean`` holds."""
    high, base = low + len(mean), max(low - length + 1, 0)
    sums, squares = work[4][: high - base], work[5][: high - base]
    _spread(values[base:high], length, work, sums, squares)
    _finish(sums[low - base :], first[low:high], low, length, float(length), mean)
    _root(mean, squares[low - base :], degrees, deviation)


@kernel
def window_deviation(
    values: FloatArray, first: IntArray, length: int, ddof: int, mean: FloatArray, deviation: FloatArray
) -> None:
    """Mean and standard deviation of the last ``length`` values; exactly zero where all are equal."""
    total, work = len(values), np.empty((6, ROWS + length))
    for low in range(0, total, ROWS):
        high = min(low + ROWS, total)
        _deviate_block(values, first, low, length, length - ddof, work, mean[low:high], deviation[low:high])


@kernel
def _surround(centre: FloatArray, width: FloatArray, multiplier: float, upper: FloatArray, lower: FloatArray) -> None:
    for j in range(len(centre)):
        reach = multiplier * width[j]
        upper[j], lower[j] = centre[j] + reach, centre[j] - reach


@kernel
def deviation_bands(
    values: FloatArray,
    first: IntArray,
    length: int,
    multiplier: float,
    middle: FloatArray,
    upper: FloatArray,
    lower: FloatArray,
) -> None:
    """Mean of the last ``length`` values, and ``multiplier`` standard deviations (ddof 0) above and below it."""
    total, work, widths = len(values), np.empty((6, ROWS + length)), np.empty(ROWS)
    for low in range(0, total, ROWS):
        high = min(low + ROWS, total)
        centre, width = middle[low:high], widths[: high - low]
        _deviate_block(values, first, low, length, length, work, centre, width)
        _surround(centre, width, multiplier, upper[low:high], lower[low:high])


@kernel
def _deviate(items: FloatArray, centre: FloatArray, into: FloatArray) -> None:
    for j in range(len(into)):
        into[j] += abs(items[j] - centre[j])


@kernel
def _place_by_deviation(items: FloatArray, mean: FloatArray, deviation: FloatArray, scale: float) -> None:
    """Distance of items from ``mean`` over the scaled deviation, left in ``mean``; NaN without any deviation."""
    for j in range(len(mean)):
        place = (items[j] - mean[j]) / (scale * deviation[j])
        mean[j] = place if deviation[j] * scale > FLAT * abs(mean[j]) else np.nan


@kernel
def commodity_channel(values: FloatArray, first: IntArray, length: int, scale: float, out: FloatArray) -> None:
    """Distance from the window's mean over ``scale`` mean absolute deviations; NaN where nothing deviates."""
    total = len(values)
    size = ROWS + length
    now, then, sums, spreads = np.empty(size), np.empty(size), np.empty(size), np.empty(ROWS)
    for low in range(0, total, ROWS):
        high = min(low + ROWS, total)
        base = max(low - length + 1, 0)
        _sum(values[base:high], length, now, then, sums[: high - base])
        mean, spread = out[low:high], spreads[: high - low]
        _finish(sums[low - base :], first[low:high], low, length, float(length), mean)
        spread[:] = 0.0
        for k in range(min(length, high)):
            skip = max(k - low, 0)
            _deviate(values[low + skip - k :], mean[skip:], spread[skip:])
        _place_by_deviation(values[low:], mean, spread, scale / length)


@kernel
def _place_in_range(source: FloatArray, top: FloatArray, least: FloatArray, out: FloatArray) -> None:
    """100 * (source - low) / (top - low), ``least`` the negative of low; NaN where they are equal but for rounding."""
    for j in range(len(out)):
        reach = top[j] + least[j]
        place = 100.0 * (source[j] + least[j]) / reach
        out[j] = place if reach > FLAT * abs(top[j]) else np.nan


@kernel
def stochastic(
    source: FloatArray, high: FloatArray, low: FloatArray, first: IntArray, length: int, out: FloatArray
) -> None:
    """Place of ``source`` between the window's least ``low`` (0) and greatest ``high`` (100); NaN without a range."""
    total = len(source)
    size = ROWS + length
    work = np.empty((5, size))
    now, then, negative, top, least = work[0], work[1], work[2], work[3], work[4]
    for start in range(0, total, ROWS):
        end = min(start + ROWS, total)
        base = max(start - length + 1, 0)
        n, skip = end - base, start - base
        _negate(low[base:], negative[:n])
        _greatest(high[base:end], length, now, then, top[:n])
        _greatest(negative[:n], length, now, then, least[:n])
        _place_in_range(source[start:], top[skip:], least[skip:], now[: end - start])
        _finish(now, first[start:end], start, length, 1.0, out[start:end])


@kernel
def _increase_by_share(part: FloatArray, whole: FloatArray, weight: float, into: FloatArray) -> None:
    for j in range(len(into)):
        share = weight * part[j] / whole[j]
        into[j] += share if whole[j] > 0.0 else np.nan


@kernel
def add_share(
    part: FloatArray, whole: FloatArray, first: IntArray, length: int, weight: float, out: FloatArray
) -> None:
    """Add weight * sum of part / sum of whole of the last ``length`` bars; NaN where the whole is nothing."""
    total = len(part)
    size = ROWS + length
    now, then, parts, wholes = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    for low in range(0, total, ROWS):
        high = min(low + ROWS, total)
        base = max(low - length + 1, 0)
        n, skip = high - base, low - base
        _sum(part[base:high], length, now, then, parts[:n])
        _sum(whole[base:high], length, now, then, wholes[:n])
        _finish(wholes[skip:], first[low:high], low, length, 1.0, now[: high - low])
        _increase_by_share(parts[skip:], now, weight, out[low:high])


@kernel
def _press(
    high: FloatArray, low: FloatArray, close: FloatArray, before: FloatArray, pressure: FloatArray, reach: FloatArray
) -> None:
    """Close above, and reach from, the lower of the low and the previous close."""
    for j in range(len(pressure)):
        # 0 * before keeps an unknown close unknown: min() and max() forget a NaN on their right
        bottom, top = min(low[j], before[j]) + 0.0 * before[j], max(high[j], before[j])
        pressure[j] = close[j] - bottom
        reach[j] = top - bottom


@kernel
def _extend(sums: FloatArray, length: int, wanted: int, out: FloatArray) -> None:
    """Sums of ``wanted`` items, a multiple of ``length``, from sums of ``length`` items."""
    copy(sums, out)
    for done in range(length, min(wanted, len(out)), length):
        increase(out[done:], sums)


@kernel
def ultimate(
    high: FloatArray, low: FloatArray, close: FloatArray, first: IntArray, lengths: IntArray, out: FloatArray
) -> None:
    """100 / 7 of 4, 2 and 1 times buying pressure over true range of three window lengths, the third the longest."""
    total, longest = len(high), lengths.max()
    size = ROWS + longest
    now, then, pressure, reach = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    pressed, reached, shorter = np.empty((2, size)), np.empty((2, size)), 0
    for low_row in range(1, total, ROWS):
        high_row = min(low_row + ROWS, total)
        base = max(low_row - longest + 1, 1)
        n, skip = high_row - base, low_row - base
        _press(high[base:], low[base:], close[base:], close[base - 1 :], pressure[:n], reach[:n])
        sums = out[low_row:high_row]
        sums[:] = 0.0
        for k in range(3):
            into, other = k % 2, (k + 1) % 2
            if k > 0 and lengths[k] % shorter == 0:
                _extend(pressed[other], shorter, lengths[k], pressed[into][:n])
                _extend(reached[other], shorter, lengths[k], reached[into][:n])
            else:
                _sum(pressure[:n], lengths[k], now, then, pressed[into][:n])
                _sum(reach[:n], lengths[k], now, then, reached[into][:n])
            shorter = lengths[k]
            _increase_by_share(pressed[into][skip:], reached[into][skip:], 100.0 * 2.0 ** (2 - k) / 7.0, sums)
        _finish(sums, first[low_row:high_row], low_row, longest + 1, 1.0, sums)
    out[:1] = np.nan
