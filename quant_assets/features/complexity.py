"""Complexity of one window of values, from its definitions: ordinal patterns, rescaled range, wavelet, spectrum.

Arrays are one-dimensional, oldest first; returns, unless said otherwise. These readable forms define what the panel
kernels compute.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from quant_assets.errors import UsageError
from quant_assets.features.movement import FLAT
from quant_assets.features.series import FloatArray

PATTERNS_PER_STATE = 5  # ordinal patterns wanted for each of the order! possible ones
SMALLEST_SEGMENT = 8


def permutation_entropy(values: FloatArray, order: int = 3, delay: int = 1) -> float:
    """Shannon entropy in bits of the ordinal patterns of ``order`` values, ``delay`` apart, in [0, log2(order!)].

    Equal values rank by order of appearance. NaN without a pattern. Bandt & Pompe (2002), Permutation entropy: a
    natural complexity measure for time series, Phys. Rev. Lett. 88, 174102.
    """
    reach = (order - 1) * delay
    if len(values) <= reach or np.isnan(values).any():
        return math.nan
    embedded = np.column_stack([values[k * delay : len(values) - reach + k * delay] for k in range(order)])
    _, counts = np.unique(np.argsort(embedded, axis=1, kind="stable"), axis=0, return_counts=True)
    share = counts / counts.sum()
    return max(float(-np.sum(share * np.log2(share))), 0.0)


def required_patterns(order: int) -> int:
    """Patterns below which the entropy of ``order`` is mostly sampling error: five for each possible one.

    Riedl, Mueller & Wessel (2013), Practical considerations of permutation entropy, Eur. Phys. J. Special Topics 222.
    """
    return PATTERNS_PER_STATE * math.factorial(order)


def check_order(order: int, delay: int, values: int) -> None:
    """Refuse an entropy that ``values`` values cannot carry; UsageError says how many it takes (order 5: 604)."""
    needed = required_patterns(order) + (order - 1) * delay
    if order < 2 or delay < 1 or values < needed:
        raise UsageError(
            f"permutation entropy of order {order} and delay {delay} needs order >= 2, delay >= 1 and {needed} values, "
            f"not {values}; use a longer window or a lower order"
        )


def expected_rescaled_range(n: int) -> float:
    """Expected R/S of ``n`` independent normal values.

    gamma((n - 1) / 2) / (sqrt(pi) gamma(n / 2)) * sum over i < n of sqrt((n - i) / i). Anis & Lloyd (1976), The
    expected value of the adjusted rescaled Hurst range of independent normal summands, Biometrika 63(1).
    """
    i = np.arange(1, n)
    front = math.exp(math.lgamma((n - 1) / 2.0) - math.lgamma(n / 2.0)) / math.sqrt(math.pi)
    return float(front * np.sum(np.sqrt((n - i) / i)))


@functools.lru_cache(maxsize=16)
def _log_expected(longest: int) -> tuple[float, ...]:
    lengths = {SMALLEST_SEGMENT << k for k in range(64)}
    return tuple(math.log(expected_rescaled_range(n)) if n in lengths else math.nan for n in range(longest + 1))


def log_expected_ranges(bars: int) -> FloatArray:
    """Log of the expected R/S by segment length, 0 .. bars / 2; NaN for lengths that no window is cut into."""
    return np.array(_log_expected(max(bars // 2, 1)))


def segment_lengths(bars: int) -> list[int]:
    """Powers of two from about sqrt(bars), at least 8, up to half of ``bars``: 8, 16, 32 of 120; 32 .. 512 of 1,024."""
    n = SMALLEST_SEGMENT
    while 4 * n * n <= bars:
        n *= 2
    lengths = []
    while 2 * n <= bars:
        lengths.append(n)
        n *= 2
    return lengths


def rescaled_ranges(segments: FloatArray) -> FloatArray:
    """Range of the cumulated deviations from the mean / standard deviation (ddof 0) of each row of ``segments`` (k, n).

    NaN for a segment without movement. Hurst (1951), Long-term storage capacity of reservoirs, Trans. ASCE 116.
    """
    mean = segments.mean(axis=1)
    gap = segments - mean[:, None]
    path = np.cumsum(gap, axis=1)
    span = np.maximum(path.max(axis=1), 0.0) - np.minimum(path.min(axis=1), 0.0)
    variance = np.mean(gap**2, axis=1)
    out: FloatArray = span / np.sqrt(np.where(variance > FLAT * mean**2, variance, np.nan))
    return out


def hurst_rescaled_range(returns: FloatArray, *, corrected: bool = True) -> float:
    """0.5 + slope of log(mean R/S / expected R/S) on log n; without correction the slope of log(mean R/S) itself.

    Segments of n returns (``segment_lengths``) lie side by side, the last ending at the newest return. NaN below 32
    returns or where no segment of some length moves. The correction by the expected value of independent returns
    follows Peters (1994), Fractal Market Analysis, ch. 5: uncorrected, independent returns give 0.6 on 120 bars. What
    the correction leaves: persistence is drawn towards one half. Exponents 0.3 / 0.5 / 0.7 give on average 0.36 / 0.49
    / 0.62 on 120 returns (standard deviation 0.09) and 0.33 / 0.50 / 0.67 on 2,048 (0.05).
    """
    lengths = segment_lengths(len(returns))
    if len(lengths) < 2:
        return math.nan
    heights = []
    for n in lengths:
        ranges = rescaled_ranges(returns[len(returns) % n :].reshape(-1, n))
        if np.isnan(ranges).all():
            return math.nan
        heights.append(math.log(np.nanmean(ranges)))
    if not corrected:
        return float(np.polyfit(np.log(lengths), heights, 1)[0])
    expected = np.log([expected_rescaled_range(n) for n in lengths])
    return 0.5 + float(np.polyfit(np.log(lengths), heights - expected, 1)[0])


def haar_detail_share(returns: FloatArray, levels: int = 3) -> float:
    """Share of the energy (sum of squares) in the detail coefficients of a Haar wavelet transform, in [0, 1].

    Blocks of 2**levels returns end at the newest one. White noise gives 1 - 2**-levels. NaN without a whole block or
    without energy. Mallat (1989), A theory for multiresolution signal decomposition, IEEE PAMI 11(7).
    """
    block = 1 << levels
    coarse = returns[len(returns) % block :]
    detail = 0.0
    for _ in range(levels):
        detail += float(np.sum((coarse[0::2] - coarse[1::2]) ** 2)) / 2.0
        coarse = (coarse[0::2] + coarse[1::2]) / math.sqrt(2.0)
    energy = detail + float(np.sum(coarse**2))
    return detail / energy if energy > 0.0 else math.nan


def spectral_entropy(values: FloatArray) -> float:
    """Shannon entropy in bits of the one-sided periodogram without its zero frequency, in [0, log2(n / 2)], n even.

    NaN without movement. Inouye et al. (1991), Quantification of EEG irregularity by use of the entropy of the power
    spectrum, Electroencephalogr. Clin. Neurophysiol. 79(3).
    """
    coefficients = np.fft.rfft(values)
    power = 2.0 * np.abs(coefficients[1:]) ** 2
    power[-1] /= 2.0
    if not power.sum() > 1e-20 * abs(coefficients[0]) ** 2:
        return math.nan
    share = power[power > 0.0] / power.sum()
    return float(-np.sum(share * np.log2(share)))
