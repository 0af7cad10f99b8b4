"""Compiled window kernels: Haar wavelet energies and periodograms of the newest values of each window.

Both transforms are built level by level from sums and differences of values a fixed distance apart, for all windows of
a run together; each window's numbers come from its own values by the same operations as alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from quant_assets.features.compiled import kernel
from quant_assets.features.elementwise_kernels import add
from quant_assets.features.lanes import longest, run_of

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray, IntArray

RUN = 1024  # windows of a run whose blocks are transformed at once
SPECTRA = 256  # windows of a run whose spectra are: each holds hundreds of coefficients
SQRT_2 = math.sqrt(2.0)
TWO_OVER_LN_2 = 2.0 / math.log(2.0)
EXPONENT_BASE = 2.0**52 + 1023.0  # what the shifted exponent stands on


@kernel
def _add_squared_gaps(one: FloatArray, two: FloatArray, into: FloatArray) -> None:
    for k in range(len(into)):
        into[k] += (one[k] - two[k]) ** 2


@kernel
def _add_share(energy: FloatArray, share: float, into: FloatArray) -> None:
    for k in range(len(into)):
        into[k] += share * energy[k]


@kernel
def _block_energies(values: FloatArray, levels: int, work: FloatArray, detail: FloatArray) -> int:
    """Detail energy of the block of 2**levels values that begins at each place, as many as ``detail`` holds.

    ``work`` has three rows; returns the one that holds the sums of the blocks.
    """
    now, places = 0, len(values)
    work[0, :places] = values
    energy = work[2][: len(detail)]
    detail[:] = 0.0
    step = 1
    for _ in range(levels):
        sums = work[now]
        energy[:] = 0.0
        for b in range(0, 1 << levels, 2 * step):
            _add_squared_gaps(sums[b:], sums[b + step :], energy)
        _add_share(energy, 1.0 / (2 * step), detail)
        places -= step
        add(sums, sums[step:], work[1 - now][:places])
        now = 1 - now
        step *= 2
    return now


@kernel
def _add_blocks(detail: FloatArray, sums: FloatArray, share: float, fine: FloatArray, coarse: FloatArray) -> None:
    for k in range(len(fine)):
        fine[k] += detail[k]
        coarse[k] += sums[k] * sums[k] * share


@kernel
def haar_shares(
    values: FloatArray, start: IntArray, end: IntArray, skip: int, levels: int, out: FloatArray
) -> None:  # fmt: skip
    """Detail energy / all energy of the Haar transform with ``levels`` levels; NaN without energy or a whole block.

    Blocks of 2**levels values end at the newest bar; what is left over is the oldest.
    """
    room = longest(start, end) + RUN
    work, detail, coarse = np.empty((3, room)), np.empty(room), np.empty(RUN)
    block = 1 << levels
    i = 0
    while i < len(end):
        m = run_of(start, end, i, RUN)
        blocks = (end[i] - start[i] + 1 - skip) // block
        fine, rest = out[i : i + m], coarse[:m]
        fine[:], rest[:] = 0.0, 0.0
        if blocks > 0:
            part = values[end[i] + 1 - blocks * block : end[i] + m]
            held = _block_energies(part, levels, work, detail[: len(part) - block + 1])
            for b in range(0, blocks * block, block):
                _add_blocks(detail[b:], work[held][b:], 1.0 / block, fine, rest)
        for k in range(m):
            total = fine[k] + rest[k]
            fine[k] = fine[k] / total if total > 0.0 else np.nan
        i += m


@kernel
def _transform(values: FloatArray, m: int, size: int, real: FloatArray, imaginary: FloatArray) -> int:
    """Fourier coefficients 0 .. size/2 of ``values[k : k + size]`` for k < m, by decimation in time.

    ``real`` and ``imaginary`` hold two levels (2, size/2 + 1, room). Level with ``points`` points: coefficients of the
    values ``k, k + stride, k + 2 stride, ...``; the next level joins those of ``k`` and ``k + stride/2``. Only half of
    the coefficients are kept, the others are their conjugates. Returns which of the two levels holds the result.
    """
    now = 0
    real[0, 0, : m + size - 1] = values[: m + size - 1]
    imaginary[0, 0, : m + size - 1] = 0.0
    points = 1
    while points < size:
        stride = size // (2 * points)
        places = m + stride - 1
        for f in range(points // 2 + 1):
            angle = -math.pi * f / points
            c, s = math.cos(angle), math.sin(angle)
            even_re, even_im = real[now, f, :places], imaginary[now, f, :places]
            odd_re, odd_im = real[now, f, stride : stride + places], imaginary[now, f, stride : stride + places]
            low_re, low_im = real[1 - now, f], imaginary[1 - now, f]
            high_re, high_im = real[1 - now, points - f], imaginary[1 - now, points - f]
            for k in range(places):
                turned_re = odd_re[k] * c - odd_im[k] * s
                turned_im = odd_re[k] * s + odd_im[k] * c
                low_re[k], low_im[k] = even_re[k] + turned_re, even_im[k] + turned_im
                high_re[k], high_im[k] = even_re[k] - turned_re, turned_im - even_im[k]
        now = 1 - now
        points *= 2
    return now


@kernel
def _add_series(power: FloatArray, parts: FloatArray, exponents: FloatArray, total: FloatArray) -> None:
    """Add power * (e + log2(m)) to each total, from m and 2**52 + 1023 + e."""
    for k in range(len(power)):
        x = (parts[k] - SQRT_2) / (parts[k] + SQRT_2)
        y = x * x
        series = 1.0 / 13.0 + y * (1.0 / 15.0 + y * (1.0 / 17.0))
        series = 1.0 / 7.0 + y * (1.0 / 9.0 + y * (1.0 / 11.0 + y * series))
        series = 1.0 + y * (1.0 / 3.0 + y * (1.0 / 5.0 + y * series))
        total[k] += power[k] * (exponents[k] - EXPONENT_BASE + 0.5 + TWO_OVER_LN_2 * x * series)


@kernel
def _add_weighted_logs(power: FloatArray, mantissa: IntArray, exponent: IntArray, total: FloatArray) -> None:
    """Add power * log2(power) to each total; to the last digits, and several at a time, which math.log2 cannot.

    A positive double is 2**e * m with m in [1, 2): log2(m) = 1/2 + 2 / ln 2 * artanh((m - sqrt 2) / (m + sqrt 2)),
    whose series ends below 1e-16 at the 17th power. The exponent's bits become a number as the low bits of 2**52.
    """
    size = len(power)
    bits = power.view(np.int64)
    for k in range(size):
        mantissa[k] = (bits[k] & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000
        exponent[k] = (bits[k] >> 52) | 0x4330000000000000
    _add_series(power, mantissa.view(np.float64), exponent.view(np.float64), total)


@kernel
def spectral_entropies(values: FloatArray, start: IntArray, end: IntArray, size: int, out: FloatArray) -> None:
    """Shannon entropy in bits of the one-sided periodogram of the newest ``size`` values (a power of two).

    The zero frequency (the mean) is left out. NaN where the window is shorter, nothing moves or a value is NaN.
    """
    half = size // 2
    real, imaginary = np.empty((2, half + 1, SPECTRA + size)), np.empty((2, half + 1, SPECTRA + size))
    total, weighted, power = np.empty(SPECTRA), np.empty(SPECTRA), np.empty(SPECTRA)
    mantissa, exponent = np.empty(SPECTRA, dtype=np.int64), np.empty(SPECTRA, dtype=np.int64)
    i = 0
    while i < len(end):
        m = run_of(start, end, i, SPECTRA)
        if end[i] - start[i] + 1 < size:
            out[i : i + m] = np.nan
            i += m
            continue
        now = _transform(values[end[i] + 1 - size : end[i] + m], m, size, real, imaginary)
        total[:m], weighted[:m] = 0.0, 0.0
        for f in range(1, half + 1):
            sides = 2.0 if f < half else 1.0
            re, im = real[now, f], imaginary[now, f]
            for k in range(m):
                power[k] = sides * (re[k] * re[k] + im[k] * im[k])
                total[k] += power[k]
            _add_weighted_logs(power[:m], mantissa[:m], exponent[:m], weighted[:m])
        for k in range(m):
            mean = real[now, 0, k]
            moving = total[k] > 1e-20 * mean * mean
            out[i + k] = math.log2(total[k]) - weighted[k] / total[k] if moving else np.nan
        i += m
