"""Compiled window kernels: sums, spreads, central moments and worst falls of the bars inside each window.

A window is put together from halves: windows of 1, 2, 4, 8 ... bars, each from two neighbours, and the wanted length
from those. What halves hold about their own means is merged without ever subtracting large numbers (Chan, Golub &
LeVeque 1983; Pebay 2008). The order of operations depends on the length of the window alone, so a value does not
depend on what is computed with it; a NaN inside a window makes that window's value NaN, and no other's.
``skip`` leaves out the window's first bars: 1 for quantities that compare a bar with the one before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quant_assets.features.compiled import kernel
from quant_assets.features.elementwise_kernels import add, copy, increase
from quant_assets.features.lanes import longest, run_of

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray, IntArray

RUN = 1024  # windows of a run put together at once: their work space stays in the processor's nearer caches


@kernel
def _sums(values: FloatArray, length: int, now: FloatArray, then: FloatArray, out: FloatArray) -> None:
    """Sum of the ``length`` items from each item on, for as many items as ``out`` holds."""
    room = len(out) + length - 1
    copy(values, now[:room])
    width, done = 1, 0
    while True:
        if length & width:
            if done == 0:
                copy(now, out)
            else:
                increase(out, now[done:])
            done += width
        if 2 * width > length:
            break
        room -= width
        add(now, now[width:], then[:room])
        now, then = then, now
        width *= 2


@kernel
def window_sums(values: FloatArray, start: IntArray, end: IntArray, skip: int, out: FloatArray) -> None:
    """Sum of the values of each window."""
    work = np.empty((2, longest(start, end) + RUN))
    i = 0
    while i < len(end):
        m = run_of(start, end, i, RUN)
        n = end[i] - start[i] + 1 - skip
        if n > 0:
            _sums(values[start[i] + skip :], n, work[0], work[1], out[i : i + m])
        else:
            out[i : i + m] = 0.0
        i += m


@kernel
def _merge_two(
    old: FloatArray, older: FloatArray, new: FloatArray, newer: FloatArray, n: int, m: int,
    mean: FloatArray, squares: FloatArray,
) -> None:  # fmt: skip
    """Mean and squares about it of ``n`` items (``old`` mean, ``older`` squares) and the ``m`` items after them."""
    share, weight = m / (n + m), n * m / (n + m)
    for j in range(len(mean)):
        gap = new[j] - old[j]
        squares[j] = older[j] + newer[j] + gap * gap * weight
        mean[j] = old[j] + gap * share


@kernel
def _spreads(values: FloatArray, length: int, work: FloatArray, mean: FloatArray, squares: FloatArray) -> None:
    """Mean, and sum of squares about it, of the ``length`` items from each item on."""
    room = len(mean) + length - 1
    now, then, now_squares, then_squares = work[0], work[1], work[2], work[3]
    held, held_squares = work[4][: len(mean)], work[5][: len(mean)]
    copy(values, now[:room])
    now_squares[:room] = 0.0
    width, done = 1, 0
    while True:
        if length & width:
            if done == 0:
                copy(now, mean)
                copy(now_squares, squares)
            else:
                copy(mean, held)
                copy(squares, held_squares)
                _merge_two(held, held_squares, now[done:], now_squares[done:], done, width, mean, squares)
            done += width
        if 2 * width > length:
            break
        room -= width
        _merge_two(
            now, now_squares, now[width:], now_squares[width:], width, width, then[:room], then_squares[:room]
        )  # fmt: skip
        now, then, now_squares, then_squares = then, now, then_squares, now_squares
        width *= 2


@kernel
def window_spreads(
    values: FloatArray, start: IntArray, end: IntArray, skip: int, mean: FloatArray, squares: FloatArray
) -> None:
    """Mean of each window and the sum of squares about it; NaN and 0 of a window without values."""
    work = np.empty((6, longest(start, end) + RUN))
    i = 0
    while i < len(end):
        m = run_of(start, end, i, RUN)
        n = end[i] - start[i] + 1 - skip
        if n > 0:
            _spreads(values[start[i] + skip :], n, work, mean[i : i + m], squares[i : i + m])
        else:
            mean[i : i + m], squares[i : i + m] = np.nan, 0.0
        i += m


@kernel
def _merge_four(old: FloatArray, new: FloatArray, shift: int, n: int, m: int, out: FloatArray, places: int) -> None:
    """Moments of ``n`` items and of the ``m`` items after them: rows mean, sums of 2nd, 3rd and 4th powers about it."""
    both = float(n + m)
    a, b = n / both, m / both
    c2 = a * m
    c3, c4 = c2 * (a - b), c2 * (a * a - a * b + b * b)
    mean, second, third, fourth = old[0], old[1], old[2], old[3]
    mean_2, second_2, third_2, fourth_2 = new[0][shift:], new[1][shift:], new[2][shift:], new[3][shift:]
    out_1, out_2, out_3, out_4 = out[0], out[1], out[2], out[3]
    for j in range(places):
        gap = mean_2[j] - mean[j]
        p, q, s, t = second[j], second_2[j], third[j], third_2[j]
        square = gap * gap
        out_1[j] = mean[j] + gap * b
        out_2[j] = p + q + square * c2
        out_3[j] = s + t + gap * (square * c3 + 3.0 * (a * q - b * p))
        out_4[j] = (
            fourth[j]
            + fourth_2[j]
            + square * (square * c4 + 6.0 * (a * a * q + b * b * p))
            + 4.0 * gap * (a * t - b * s)
        )


@kernel
def _moments(values: FloatArray, length: int, work: FloatArray, places: int) -> int:
    """Moments of the ``length`` items from each item on; returns which of the four works holds them."""
    room = places + length - 1
    now, then, held, free = 0, 1, 2, 3
    copy(values, work[now, 0, :room])
    work[now, 1:, :room] = 0.0
    width, done = 1, 0
    while True:
        if length & width:
            if done == 0:
                work[held, :, :places] = work[now, :, :places]
            else:
                _merge_four(work[held], work[now], done, done, width, work[free], places)
                held, free = free, held
            done += width
        if 2 * width > length:
            break
        room -= width
        _merge_four(work[now], work[now], width, width, width, work[then], room)
        now, then = then, now
        width *= 2
    return held


@kernel
def central_moments(
    values: FloatArray, start: IntArray, end: IntArray, skip: int, flat: float,
    m2: FloatArray, m3: FloatArray, m4: FloatArray,
) -> None:  # fmt: skip
    """Second, third and fourth central moment (divisor n) of each window; NaN where nothing moves (``flat``)."""
    work = np.empty((4, 4, longest(start, end) + RUN))
    i = 0
    while i < len(end):
        m = run_of(start, end, i, RUN)
        n = end[i] - start[i] + 1 - skip
        held = _moments(values[start[i] + skip :], n, work, m) if n > 0 else 0
        mean, second, third, fourth = work[held, 0], work[held, 1], work[held, 2], work[held, 3]
        for k in range(m):
            moving = n > 0 and second[k] > n * flat * mean[k] * mean[k]
            share = 1.0 / n if moving else np.nan
            m2[i + k], m3[i + k], m4[i + k] = second[k] * share, third[k] * share, fourth[k] * share
        i += m


@kernel
def _join_falls(
    top: FloatArray, bottom: FloatArray, worst: FloatArray,
    top_2: FloatArray, bottom_2: FloatArray, worst_2: FloatArray,
    out_top: FloatArray, out_bottom: FloatArray, out_worst: FloatArray,
) -> None:  # fmt: skip
    """Highest, lowest and worst of a stretch and the one after it: the worst fall may begin in one, end in the other.

    A NaN stays in the highest: it is the greater of two, or NaN where either is.
    """
    for j in range(len(out_top)):
        fall, low = bottom_2[j] / top[j], worst[j] if worst[j] < worst_2[j] else worst_2[j]
        out_worst[j] = fall if fall < low else low
        out_bottom[j] = bottom[j] if bottom[j] < bottom_2[j] else bottom_2[j]
        out_top[j] = top[j] if (top[j] > top_2[j]) | (top[j] != top[j]) else top_2[j]


@kernel
def _falls(close: FloatArray, length: int, work: FloatArray, places: int) -> int:
    """Rows highest, lowest and worst of the ``length`` items from each on; returns which work holds them."""
    room = places + length - 1
    now, then, held, free = 0, 1, 2, 3
    copy(close, work[now, 0, :room])
    copy(close, work[now, 1, :room])
    work[now, 2, :room] = 1.0
    width, done = 1, 0
    while True:
        p, q, r = work[now], work[held], work[free]
        if length & width:
            if done == 0:
                work[held, :, :places] = work[now, :, :places]
            else:
                _join_falls(
                    q[0], q[1], q[2], p[0][done:], p[1][done:], p[2][done:], r[0][:places], r[1][:places], r[2][:places]
                )
                held, free = free, held
            done += width
        if 2 * width > length:
            break
        room -= width
        t = work[then]
        _join_falls(
            p[0], p[1], p[2], p[0][width:], p[1][width:], p[2][width:], t[0][:room], t[1][:room], t[2][:room]
        )  # fmt: skip
        now, then = then, now
        width *= 2
    return held


@kernel
def worst_falls(close: FloatArray, start: IntArray, end: IntArray, out: FloatArray) -> None:
    """Smallest close / highest close so far inside each window; NaN with a NaN close inside."""
    work = np.empty((4, 3, longest(start, end) + RUN))
    i = 0
    while i < len(end):
        m = run_of(start, end, i, RUN)
        held = _falls(close[start[i] :], end[i] - start[i] + 1, work, m)
        top, worst = work[held, 0], work[held, 2]
        for k in range(m):
            out[i + k] = worst[k] if top[k] == top[k] else np.nan
        i += m
