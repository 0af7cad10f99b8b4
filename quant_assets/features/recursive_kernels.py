"""Compiled recursions of a whole panel: each life of each symbol starts anew at the row ``first[i]`` names.

An average starts with the simple mean of its first known values. A bar whose input is unknown (NaN) has an unknown
output and leaves the state as it was, as in Pine. Belongs here: arithmetic on arrays, bar after bar. Does not belong
here: windows (``window_kernels``), names of indicators, configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quant_assets.features.compiled import kernel

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray, IntArray

# Two price moves closer than this share of the price are equal: rounding must not decide a directional movement.
EQUAL_MOVES = 1e-12


@kernel
def exponential(values: FloatArray, first: IntArray, length: int, alpha: float, out: FloatArray) -> None:
    """Recursive average with weight ``alpha``, seeded with the mean of its first ``length`` known values."""
    known, state = 0, 0.0
    for i in range(len(values)):
        if first[i] == i:
            known, state = 0, 0.0
        item = values[i]
        if item != item:
            out[i] = np.nan
        elif known >= length:
            state += alpha * (item - state)
            out[i] = state
        else:
            known += 1
            state += item
            if known == length:
                state /= length
            out[i] = state if known == length else np.nan


@kernel
def average_range(
    high: FloatArray, low: FloatArray, close: FloatArray, first: IntArray, length: int, out: FloatArray
) -> None:
    """Wilder's average of the true range, which is high - low on a life's first bar."""
    share = 1.0 / length
    known, state, before = 0, 0.0, 0.0
    for i in range(len(high)):
        span = high[i] - low[i]
        if first[i] == i:
            known, state = 0, 0.0
        else:
            # 0 * before keeps an unknown close unknown: max() forgets a NaN on its right
            span = max(span, max(abs(high[i] - before), abs(low[i] - before))) + 0.0 * before
        before = close[i]
        if span != span:
            out[i] = np.nan
        elif known >= length:
            state += (span - state) * share
            out[i] = state
        else:
            known += 1
            state += span
            if known == length:
                state /= length
            out[i] = state if known == length else np.nan


@kernel
def convergence(
    values: FloatArray,
    first: IntArray,
    fast: int,
    slow: int,
    signal: int,
    line: FloatArray,
    trigger: FloatArray,
    gap_to_trigger: FloatArray,
) -> None:
    """Difference of two exponential averages, its own exponential average, and the distance of the two."""
    fast_alpha, slow_alpha, alpha = 2.0 / (fast + 1), 2.0 / (slow + 1), 2.0 / (signal + 1)
    lines, known, quick, late, state = 0, 0, 0.0, 0.0, 0.0
    warm = max(fast, slow)
    for i in range(len(values)):
        if first[i] == i:
            lines, known, quick, late, state = 0, 0, 0.0, 0.0, 0.0
        item = values[i]
        if lines >= signal and item == item:
            quick += fast_alpha * (item - quick)
            late += slow_alpha * (item - late)
            gap = quick - late
            state += alpha * (gap - state)
            line[i], trigger[i], gap_to_trigger[i] = gap, state, gap - state
            continue
        line[i] = trigger[i] = gap_to_trigger[i] = np.nan
        if item != item:
            continue
        known += 1
        if known > fast:
            quick += fast_alpha * (item - quick)
        else:
            quick = (quick + item) / fast if known == fast else quick + item
        if known > slow:
            late += slow_alpha * (item - late)
        else:
            late = (late + item) / slow if known == slow else late + item
        if known < warm:
            continue
        gap = quick - late
        line[i] = gap
        lines += 1
        state += gap
        if lines == signal:
            state /= signal
            trigger[i] = state
            gap_to_trigger[i] = gap - state


@kernel
def relative_strength(values: FloatArray, first: IntArray, length: int, out: FloatArray) -> None:
    """100 - 100 / (1 + mean gain / mean loss) with Wilder's averages; 100 without losses, NaN without any move."""
    share = 1.0 / length
    known, before, up, down = -1, 0.0, 0.0, 0.0
    for i in range(len(values)):
        if first[i] == i:
            known, up, down = -1, 0.0, 0.0
        item = values[i]
        out[i] = np.nan
        if item != item:
            continue
        known += 1
        change = item - before if known > 0 else 0.0
        before = item
        gain, loss = max(change, 0.0), max(-change, 0.0)
        if known > length:
            up += (gain - up) * share
            down += (loss - down) * share
        else:
            up += gain
            down += loss
            if known == length:
                up, down = up / length, down / length
        if known >= length:
            if down > 0.0:
                out[i] = 100.0 - 100.0 / (1.0 + up / down)
            elif up > 0.0:
                out[i] = 100.0


@kernel
def directional(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    first: IntArray,
    di_length: int,
    adx_length: int,
    adx: FloatArray,
    plus: FloatArray,
    minus: FloatArray,
) -> None:
    """ADX, +DI and -DI; movement and range begin at a life's second bar."""
    share, adx_share = 1.0 / di_length, 1.0 / adx_length
    known, strengths, reach, up, down, strength = 0, 0, 0.0, 0.0, 0.0, 0.0
    positive, negative = np.nan, np.nan
    for i in range(len(high)):
        adx[i] = plus[i] = minus[i] = np.nan
        if first[i] == i:
            known, strengths, reach, up, down, strength = 0, 0, 0.0, 0.0, 0.0, 0.0
            positive, negative = np.nan, np.nan
            continue
        before = close[i - 1]
        span = max(high[i] - low[i], max(abs(high[i] - before), abs(low[i] - before)))
        rise, fall = high[i] - high[i - 1], low[i - 1] - low[i]
        known_parts = span + rise + fall + before
        if known_parts != known_parts:
            continue
        tie = EQUAL_MOVES * abs(high[i])
        moved_up = rise if rise - fall > tie and rise > tie else 0.0
        moved_down = fall if fall - rise > tie and fall > tie else 0.0
        known += 1
        if known > di_length:
            reach += (span - reach) * share
            up += (moved_up - up) * share
            down += (moved_down - down) * share
        else:
            reach, up, down = reach + span, up + moved_up, down + moved_down
            if known < di_length:
                continue
            reach, up, down = reach / di_length, up / di_length, down / di_length
        if reach > 0.0:
            positive, negative = 100.0 * up / reach, 100.0 * down / reach
        if positive != positive:
            continue
        plus[i], minus[i] = positive, negative
        both = positive + negative
        index = abs(positive - negative) / both if both > 0.0 else 0.0
        strengths += 1
        if strengths > adx_length:
            strength += (index - strength) * adx_share
        else:
            strength = (strength + index) / adx_length if strengths == adx_length else strength + index
        if strengths >= adx_length:
            adx[i] = 100.0 * strength


@kernel
def supertrend(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    reach: FloatArray,
    first: IntArray,
    factor: float,
    line: FloatArray,
    direction: FloatArray,
) -> None:
    """Band that follows the trend, and its direction: 1 in a downtrend (the upper band), -1 in an uptrend."""
    upper, lower, trend, started = 0.0, 0.0, 0.0, False
    for i in range(len(high)):
        if first[i] == i:
            upper, lower, started = 0.0, 0.0, False
        line[i] = direction[i] = np.nan
        if reach[i] != reach[i]:
            continue
        centre = (high[i] + low[i]) / 2.0
        top, bottom = centre + factor * reach[i], centre - factor * reach[i]
        before = close[i - 1] if i > first[i] else np.nan
        on_upper = started and trend == upper
        upper = top if not started or top < upper or before > upper else upper
        # The band below a first bar is never negative: Pine compares it with an unknown band taken as zero.
        lower = bottom if bottom > lower or before < lower else lower
        passed = close[i] > upper if on_upper else close[i] >= lower
        down = not started or not passed
        started = True
        trend = upper if down else lower
        line[i], direction[i] = trend, 1.0 if down else -1.0


@kernel
def parabolic_stop(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    first: IntArray,
    start: float,
    increment: float,
    maximum: float,
    limit_first: bool,
    out: FloatArray,
) -> None:
    """Stop and reverse; the second bar's close against the first decides the first direction.

    The stop never enters the range of the two bars before it. ``limit_first`` applies that before the bar is tested
    for a reversal (Wilder's book) and starts a reversed trend at the old extreme alone; otherwise after it (Pine).
    """
    long, stop, extreme, speed = True, 0.0, 0.0, start
    for i in range(len(high)):
        out[i] = np.nan
        if i == first[i]:
            continue
        turned = i == first[i] + 1
        if turned:
            long = close[i] > close[i - 1]
            extreme, stop = (high[i], low[i - 1]) if long else (low[i], high[i - 1])
            speed = start
        stop += speed * (extreme - stop)
        oldest = max(i - 2, first[i])
        floor, ceiling = min(low[i - 1], low[oldest]), max(high[i - 1], high[oldest])
        if limit_first:
            stop = min(stop, floor) if long else max(stop, ceiling)
        if (stop > low[i]) if long else (stop < high[i]):
            beyond = max(high[i], extreme) if long else min(low[i], extreme)
            stop = extreme if limit_first else beyond
            long, turned = not long, True
            extreme, speed = high[i] if long else low[i], start
        if not turned and (high[i] > extreme if long else low[i] < extreme):
            extreme = high[i] if long else low[i]
            speed = min(speed + increment, maximum)
        if not limit_first:
            stop = min(stop, floor) if long else max(stop, ceiling)
        out[i] = stop


@kernel
def volume_indices(
    close: FloatArray, volume: FloatArray, first: IntArray, balance: FloatArray, negative: FloatArray
) -> None:
    """On-balance volume (NaN on a life's first bar) and the negative volume index (1 there)."""
    total, index = 0.0, 1.0
    for i in range(len(close)):
        if first[i] == i:
            total, index = 0.0, 1.0
            balance[i], negative[i] = np.nan, 1.0
            continue
        change = close[i] - close[i - 1]
        moved = change + volume[i]
        if moved != moved:
            balance[i] = negative[i] = np.nan
            continue
        total += np.sign(change) * volume[i]
        if volume[i] < volume[i - 1] and close[i - 1] != 0.0:
            index += change / close[i - 1] * index
        balance[i], negative[i] = total, index
