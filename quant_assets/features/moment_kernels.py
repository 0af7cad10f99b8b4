"""Compiled window kernels: sums, moments, drawdown and linear dependence of the bars inside each window.

``skip`` leaves out the window's first bars: 1 for quantities that compare a bar with the one before it. A NaN inside a
window makes that window's value NaN, and no other's. Sums run over the window's bars from the oldest to the newest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quant_assets.features.lanes import LANES, add, kernel, run_of
from quant_assets.features.movement import FLAT

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray, IntArray


@kernel
def window_sums(values: FloatArray, start: IntArray, end: IntArray, skip: int, out: FloatArray) -> None:
    """Sum of the values of each window."""
    i = 0
    while i < len(end):
        m = run_of(start, end, i)
        total = out[i : i + m]
        total[:] = 0.0
        for j in range(start[i] + skip, end[i] + 1):
            add(total, values[j : j + m])
        i += m


@kernel
def variances(
    values: FloatArray, start: IntArray, end: IntArray, skip: int, mean: FloatArray, variance: FloatArray
) -> None:
    """Mean and variance (ddof 1) of each window, in two passes."""
    window_sums(values, start, end, skip, mean)
    i = 0
    while i < len(end):
        m = run_of(start, end, i)
        n = end[i] - start[i] + 1 - skip
        middle, total = mean[i : i + m], variance[i : i + m]
        for k in range(m):
            middle[k] = middle[k] / n if n > 0 else np.nan
            total[k] = 0.0
        for j in range(start[i] + skip, end[i] + 1):
            part = values[j : j + m]
            for k in range(m):
                total[k] += (part[k] - middle[k]) ** 2
        for k in range(m):
            total[k] = total[k] / (n - 1) if n > 1 else np.nan
        i += m


@kernel
def central_moments(
    values: FloatArray, start: IntArray, end: IntArray, skip: int, m2: FloatArray, m3: FloatArray, m4: FloatArray
) -> None:
    """Second, third and fourth central moment (divisor n) of each window; NaN where nothing moves."""
    mean = np.empty(LANES)
    i = 0
    while i < len(end):
        m = run_of(start, end, i)
        n = end[i] - start[i] + 1 - skip
        middle = mean[:m]
        middle[:] = 0.0
        for j in range(start[i] + skip, end[i] + 1):
            add(middle, values[j : j + m])
        a, b, c = m2[i : i + m], m3[i : i + m], m4[i : i + m]
        for k in range(m):
            middle[k] = middle[k] / n if n > 0 else np.nan
            a[k], b[k], c[k] = 0.0, 0.0, 0.0
        for j in range(start[i] + skip, end[i] + 1):
            part = values[j : j + m]
            for k in range(m):
                gap = part[k] - middle[k]
                square = gap * gap
                a[k] += square
                b[k] += square * gap
                c[k] += square * square
        for k in range(m):
            moving = n > 0 and a[k] > n * FLAT * middle[k] * middle[k]
            share = 1.0 / n if moving else np.nan
            a[k], b[k], c[k] = a[k] * share, b[k] * share, c[k] * share
        i += m


@kernel
def worst_falls(close: FloatArray, start: IntArray, end: IntArray, out: FloatArray) -> None:
    """Smallest close / highest close so far inside each window; NaN with a NaN close inside."""
    peak, check = np.empty(LANES), np.empty(LANES)
    i = 0
    while i < len(end):
        m = run_of(start, end, i)
        top, known, worst = peak[:m], check[:m], out[i : i + m]
        top[:] = close[start[i] : start[i] + m]
        known[:] = 0.0
        worst[:] = 1.0
        for j in range(start[i], end[i] + 1):
            part = close[j : j + m]
            for k in range(m):
                price = part[k]
                known[k] += price
                top[k] = price if price > top[k] else top[k]
                ratio = price / top[k]
                worst[k] = ratio if ratio < worst[k] else worst[k]
        for k in range(m):
            worst[k] = np.nan if np.isnan(known[k]) else worst[k]
        i += m


@kernel
def autocovariances(
    values: FloatArray, start: IntArray, end: IntArray, skip: int, lag: int, square: FloatArray, product: FloatArray
) -> None:
    """Sums of squared deviations from the window's mean and of deviations times those ``lag`` bars before.

    Both NaN where nothing moves or the window holds no pair.
    """
    mean = np.empty(LANES)
    i = 0
    while i < len(end):
        m = run_of(start, end, i)
        n = end[i] - start[i] + 1 - skip
        middle, a, b = mean[:m], square[i : i + m], product[i : i + m]
        middle[:], a[:], b[:] = 0.0, 0.0, 0.0
        for j in range(start[i] + skip, end[i] + 1):
            add(middle, values[j : j + m])
        for k in range(m):
            middle[k] = middle[k] / n if n > lag else np.nan
        for j in range(start[i] + skip, end[i] + 1):
            part = values[j : j + m]
            for k in range(m):
                a[k] += (part[k] - middle[k]) ** 2
        for j in range(start[i] + skip + lag, end[i] + 1):
            part, before = values[j : j + m], values[j - lag : j - lag + m]
            for k in range(m):
                b[k] += (part[k] - middle[k]) * (before[k] - middle[k])
        for k in range(m):
            if not a[k] > n * FLAT * middle[k] * middle[k]:
                a[k], b[k] = np.nan, np.nan
        i += m


@kernel
def reversion_slopes(level: FloatArray, start: IntArray, end: IntArray, out: FloatArray) -> None:
    """Least-squares slope, with intercept, of each bar's change on the level before it; NaN where nothing moves."""
    mean, spread = np.empty(LANES), np.empty(LANES)
    i = 0
    while i < len(end):
        m = run_of(start, end, i)
        n = end[i] - start[i]
        middle, square, product = mean[:m], spread[:m], out[i : i + m]
        middle[:], square[:], product[:] = 0.0, 0.0, 0.0
        for j in range(start[i], end[i]):
            add(middle, level[j : j + m])
        for k in range(m):
            middle[k] = middle[k] / n if n > 0 else np.nan
        for j in range(start[i], end[i]):
            before, after = level[j : j + m], level[j + 1 : j + 1 + m]
            for k in range(m):
                gap = before[k] - middle[k]
                square[k] += gap * gap
                product[k] += gap * (after[k] - before[k])
        for k in range(m):
            moving = n > 1 and square[k] > n * FLAT * (1.0 + middle[k] * middle[k])
            product[k] = product[k] / square[k] if moving else np.nan
        i += m


@kernel
def variance_ratios(level: FloatArray, start: IntArray, end: IntArray, horizon: int, out: FloatArray) -> None:
    """Lo and MacKinlay's VR(q) of the changes of ``level`` from overlapping q-bar changes, without small-sample bias.

    NaN where nothing moves or the window is not longer than the horizon.
    """
    drift, short, long = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    q = horizon
    i = 0
    while i < len(end):
        m = run_of(start, end, i)
        n = end[i] - start[i]
        slope, one, many = drift[:m], short[:m], long[:m]
        first, last = level[start[i] : start[i] + m], level[end[i] : end[i] + m]
        for k in range(m):
            slope[k] = (last[k] - first[k]) / n if n > q else np.nan
            one[k], many[k] = 0.0, 0.0
        for j in range(start[i] + 1, end[i] + 1):
            now, before = level[j : j + m], level[j - 1 : j - 1 + m]
            for k in range(m):
                one[k] += (now[k] - before[k] - slope[k]) ** 2
        for j in range(start[i] + q, end[i] + 1):
            now, before = level[j : j + m], level[j - q : j - q + m]
            for k in range(m):
                many[k] += (now[k] - before[k] - q * slope[k]) ** 2
        scale = (n - 1) / (q * (n - q + 1) * (1.0 - q / n)) if n > q else np.nan
        for k in range(m):
            moving = one[k] > n * FLAT * (slope[k] * slope[k] + FLAT)
            out[i + k] = many[k] * scale / one[k] if moving else np.nan
        i += m
