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

TIE = 1e-10  # a price within this relative distance of a line is on the line (rounding of flat prices)


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


@_kernel
def window_mean(values: FloatArray, start: IntArray, end: IntArray, out: FloatArray) -> None:
    """Simple mean of each window."""
    for i in range(len(end)):
        total = 0.0
        for j in range(start[i], end[i] + 1):
            total += values[j]
        out[i] = total / (end[i] - start[i] + 1)


@_kernel
def weighted_mean(values: FloatArray, weights: FloatArray, start: IntArray, end: IntArray, out: FloatArray) -> None:
    """Sum of value * weight / sum of weight of each window; NaN where the weights sum to nothing or are unknown."""
    for i in range(len(end)):
        total = 0.0
        weight = 0.0
        for j in range(start[i], end[i] + 1):
            total += values[j] * weights[j]
            weight += weights[j]
        out[i] = total / weight if weight > 0.0 else np.nan


@_kernel
def extremes(
    high: FloatArray, low: FloatArray, start: IntArray, end: IntArray, top: FloatArray, bottom: FloatArray
) -> None:
    """Highest high and lowest low of each window."""
    for i in range(len(end)):
        highest = high[start[i]]
        lowest = low[start[i]]
        for j in range(start[i] + 1, end[i] + 1):
            highest = max(highest, high[j])
            lowest = min(lowest, low[j])
        top[i] = highest
        bottom[i] = lowest


@_kernel
def relative_strength(close: FloatArray, start: IntArray, end: IntArray, length: int, out: FloatArray) -> None:
    """Wilder's RSI whose averages are seeded with the simple mean of the window's first ``length`` changes."""
    share = 1.0 / length
    for i in range(len(end)):
        up = 0.0
        down = 0.0
        for j in range(start[i] + 1, start[i] + length + 1):
            change = close[j] - close[j - 1]
            up += max(change, 0.0) * share
            down += max(-change, 0.0) * share
        for j in range(start[i] + length + 1, end[i] + 1):
            change = close[j] - close[j - 1]
            up += (max(change, 0.0) - up) * share
            down += (max(-change, 0.0) - down) * share
        if down > 0.0:
            out[i] = 100.0 - 100.0 / (1.0 + up / down)
        else:
            out[i] = 100.0 if up > 0.0 else np.nan


@_kernel
def directional_movement(
    reach: FloatArray,
    rise: FloatArray,
    fall: FloatArray,
    start: IntArray,
    end: IntArray,
    di_length: int,
    adx_length: int,
    adx: FloatArray,
    plus: FloatArray,
    minus: FloatArray,
) -> None:
    """ADX, +DI and -DI of each window from each bar's true range, +DM and -DM against the bar before it.

    Movement begins at the window's second bar; averages start with their simple mean. While the mean range is zero the
    last known indicators stand.
    """
    share, adx_share = 1.0 / di_length, 1.0 / adx_length
    for i in range(len(end)):
        mean_range, mean_up, mean_down = 0.0, 0.0, 0.0
        for j in range(start[i] + 1, start[i] + di_length):
            mean_range += reach[j] * share
            mean_up += rise[j] * share
            mean_down += fall[j] * share
        known_range, known_up, known_down = 0.0, 0.0, 0.0
        strength, index = 0.0, 0.0
        count = 0
        for j in range(start[i] + di_length, end[i] + 1):
            if j == start[i] + di_length:
                mean_range += reach[j] * share
                mean_up += rise[j] * share
                mean_down += fall[j] * share
            else:
                mean_range += (reach[j] - mean_range) * share
                mean_up += (rise[j] - mean_up) * share
                mean_down += (fall[j] - mean_down) * share
            if mean_range > 0.0:
                known_range, known_up, known_down = mean_range, mean_up, mean_down
                both = mean_up + mean_down
                index = abs(mean_up - mean_down) / both if both > 0.0 else 0.0
            if known_range > 0.0:
                count += 1
                strength += index * adx_share if count <= adx_length else (index - strength) * adx_share
        plus[i] = 100.0 * (known_up / known_range) if known_range > 0.0 else np.nan
        minus[i] = 100.0 * (known_down / known_range) if known_range > 0.0 else np.nan
        adx[i] = 100.0 * strength if count >= adx_length else np.nan


@_kernel
def _vote(price: float, line: float) -> float:
    """+1 for a price above the line, -1 below, 0 on it (within TIE); NaN without a line."""
    gap = price - line
    if np.isnan(gap):
        return np.nan
    if abs(gap) <= TIE * abs(price):
        return 0.0
    return 1.0 if gap > 0.0 else -1.0


@_kernel
def _linear_mean(values: FloatArray, last: int, length: int) -> float:
    """Linearly weighted mean of the ``length`` values up to ``last``; the newest weighs most."""
    total = 0.0
    for k in range(length):
        total += values[last - k] * (length - k)
    return total * 2.0 / (length * (length + 1))


@_kernel
def _middle(high: FloatArray, low: FloatArray, last: int, length: int) -> float:
    """Middle of the highest high and the lowest low of the ``length`` bars up to ``last``."""
    highest, lowest = high[last], low[last]
    for k in range(1, length):
        highest = max(highest, high[last - k])
        lowest = min(lowest, low[last - k])
    middle: float = (highest + lowest) / 2.0
    return middle


@_kernel
def _cloud_vote(high: FloatArray, low: FloatArray, close: FloatArray, e: int) -> float:
    """Ichimoku vote (see ``ratings.ichimoku_vote``)."""
    conversion = _middle(high, low, e, 9)
    base = _middle(high, low, e, 26)
    lead_1 = (conversion + base) / 2.0
    lead_2 = _middle(high, low, e, 52)
    now, before = close[e], close[e - 1]
    if lead_1 > lead_2 and now > lead_1 and now < base and before < conversion and now > conversion:
        return 1.0
    if lead_2 > lead_1 and now < lead_2 and now > base and before > conversion and now < conversion:
        return -1.0
    return 0.0


@_kernel
def _volume_line(close: FloatArray, volume: FloatArray, e: int, length: int) -> float:
    """Volume-weighted mean close of the ``length`` bars up to ``e``."""
    value, weight = 0.0, 0.0
    for k in range(length):
        value += close[e - k] * volume[e - k]
        weight += volume[e - k]
    return value / weight if weight > 0.0 else np.nan


@_kernel
def moving_average_rating(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    end: IntArray,
    ema_weights: FloatArray,
    out: FloatArray,
) -> None:
    """Mean of the fifteen moving-average votes at each ``end``.

    ``ema_weights`` (window, 6): the weight of each bar of the window, oldest first, in the exponential averages of
    10, 20, 30, 50, 100 and 200 bars, so that all rows of one call have windows of the same length.
    """
    n = len(ema_weights)
    for i in range(len(end)):
        e = end[i]
        price = close[e]
        a, b, c, d, f, g = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(n):
            x = close[e - n + 1 + k]
            a += ema_weights[k, 0] * x
            b += ema_weights[k, 1] * x
            c += ema_weights[k, 2] * x
            d += ema_weights[k, 3] * x
            f += ema_weights[k, 4] * x
            g += ema_weights[k, 5] * x
        votes = (
            _vote(price, a) + _vote(price, b) + _vote(price, c) + _vote(price, d) + _vote(price, f) + _vote(price, g)
        )
        total = 0.0
        k = 0
        for length in (10, 20, 30, 50, 100, 200):
            while k < length:
                total += close[e - k]
                k += 1
            votes += _vote(price, total / length)
        hull = 0.0
        for k in range(3):
            hull += (2.0 * _linear_mean(close, e - k, 4) - _linear_mean(close, e - k, 9)) * (3 - k)
        votes += _vote(price, hull / 6.0)
        votes += _vote(price, _volume_line(close, volume, e, 20))
        out[i] = (votes + _cloud_vote(high, low, close, e)) / 15.0
