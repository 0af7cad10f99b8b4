"""Complexity and memory against published values, processes of known exponent, and other people's libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quant_assets.features import complexity, dependence, rolling
from tests.quant_assets.features.other_libraries import part_of
from tests.quant_assets.features.window_panel import panel, windows

BANDT_POMPE = np.array([4.0, 7.0, 9.0, 10.0, 6.0, 11.0, 3.0])


def fractional_noise(n: int, hurst: float, rng: np.random.Generator) -> np.ndarray:
    """Exact fractional Gaussian noise by circulant embedding (Davies & Harte 1987); its sum is fractional motion."""
    k = np.arange(n + 1, dtype=float)
    covariance = 0.5 * (abs(k - 1) ** (2 * hurst) - 2 * k ** (2 * hurst) + (k + 1) ** (2 * hurst))
    circle = np.concatenate([covariance, covariance[-2:0:-1]])
    weights = np.fft.fft(circle).real
    assert weights.min() > -1e-9
    m = len(circle)
    noise = rng.normal(size=m) + 1j * rng.normal(size=m)
    return np.fft.fft(np.sqrt(np.maximum(weights, 0.0) / m) * noise).real[:n]


def corrected_and_plain(draws: list[np.ndarray]) -> tuple[float, float]:
    return tuple(
        float(np.mean([complexity.hurst_rescaled_range(x, corrected=c) for x in draws])) for c in (True, False)
    )


@pytest.mark.parametrize(("order", "bits"), [(2, 0.918), (3, 1.522)])
def test_permutation_entropy_of_the_series_of_bandt_and_pompe(order, bits):
    assert complexity.permutation_entropy(BANDT_POMPE, order) == pytest.approx(bits, abs=5e-4)


def test_equal_values_rank_by_order_of_appearance():
    assert complexity.permutation_entropy(np.array([1.0, 1.0, 1.0, 1.0]), 3) == 0.0
    ascending_and_tied = np.array([1.0, 1.0, 2.0, 2.0, 3.0])
    assert complexity.permutation_entropy(ascending_and_tied, 3) == 0.0


def test_expected_rescaled_range_of_the_smallest_and_of_simulated_segments():
    assert complexity.expected_rescaled_range(2) == pytest.approx(1.0)
    rng = np.random.default_rng(3)
    simulated = complexity.rescaled_ranges(rng.normal(size=(20_000, 16))).mean()
    assert complexity.expected_rescaled_range(16) == pytest.approx(simulated, abs=0.01)


def test_hurst_of_the_published_series_of_exponent_072(shared_folder):
    series = np.load(shared_folder / "oracles" / "nolds" / "brown72.npy")

    assert complexity.hurst_rescaled_range(series) == pytest.approx(0.72, abs=0.05)


@pytest.mark.parametrize(("length", "plain_bias"), [(120, 0.05), (252, 0.05)])
def test_independent_noise_has_half_in_the_mean_and_more_without_correction(length, plain_bias):
    rng = np.random.default_rng(11)
    corrected, plain = corrected_and_plain([rng.normal(size=length) for _ in range(200)])

    assert corrected == pytest.approx(0.5, abs=0.03)
    assert plain > 0.5 + plain_bias


@pytest.mark.parametrize("hurst", [0.3, 0.7])
def test_fractional_motion_of_known_exponent(hurst):
    rng = np.random.default_rng(5)
    draws = [fractional_noise(2048, hurst, rng) for _ in range(40)]
    by_range, _ = corrected_and_plain(draws)
    by_ratio = np.mean([dependence.hurst_variance_ratio(np.exp(0.01 * np.cumsum(x)), 8) for x in draws])

    assert by_range == pytest.approx(hurst, abs=0.06)  # the correction draws persistence towards one half
    assert by_ratio == pytest.approx(hurst, abs=0.03)


def test_white_noise_has_the_detail_share_and_the_flat_spectrum_of_theory():
    rng = np.random.default_rng(8)
    draws = [rng.normal(size=128) for _ in range(300)]

    assert np.mean([complexity.haar_detail_share(x, 3) for x in draws]) == pytest.approx(7 / 8, abs=0.01)
    # An exponential periodogram loses (1 - Euler's constant) / ln 2 = 0.61 bits on average.
    entropy = np.mean([complexity.spectral_entropy(x) for x in draws])
    assert entropy == pytest.approx(6.0 - (1 - np.euler_gamma) / math.log(2), abs=0.03)


def test_half_life_of_a_known_process_and_its_limits():
    rng = np.random.default_rng(4)
    level = np.zeros(20_000)
    for t in range(1, len(level)):
        level[t] = 0.9 * level[t - 1] + rng.normal(0, 0.01)

    assert dependence.half_life(np.exp(level)) == pytest.approx(math.log(2) / -math.log(0.9), rel=0.1)
    assert dependence.half_life(np.exp(np.arange(50) ** 2 * 1e-3)) == 50.0
    assert dependence.half_life(np.exp(0.1 * (-1.0) ** np.arange(50))) == 0.0
    assert math.isnan(dependence.half_life(np.full(50, 3.0)))


def test_unit_root_probabilities_recorded_from_statsmodels():
    """statsmodels 0.15.0: adfuller(log price, maxlag=2, autolag=None, regression="c") and mackinnonp(t, "c")."""
    recorded = {
        -25.0: 0.0,
        -4.0: 0.0014105112530392603,
        -2.86: 0.05020109988200309,
        -1.61: 0.4779756525941893,
        0.5: 0.9848730963065522,
        3.0: 1.0,
    }
    got = dependence.unit_root_probability(np.array(list(recorded)))
    np.testing.assert_allclose(got, list(recorded.values()), rtol=1e-10, atol=1e-15)

    level = 0.01 * np.cumsum(np.sin(np.arange(100.0) ** 1.5))
    assert dependence.dickey_fuller_statistic(np.exp(level), 2) == pytest.approx(-1.146345518005504, rel=1e-9)


@pytest.fixture(scope="module")
def thousand():
    """1,000 random windows of 128 returns of the synthetic panel, and the returns."""
    series = panel()
    start, end = windows(series, 129, 129)
    chosen = np.random.default_rng(6).choice(len(end), 1000, replace=len(end) < 1000)
    return series, start[chosen], end[chosen]


@pytest.mark.parametrize("order", [3, 4])
def test_permutation_entropy_agrees_with_antropy_on_1000_windows(thousand, order):
    series, start, end = thousand
    antropy = part_of("antropy", "entropy")
    share, bits = rolling.permutation_entropy(series, start, end, {"order": order})
    parts = [series.returns[a + 1 : b + 1] for a, b in zip(start, end, strict=True)]

    np.testing.assert_allclose(bits, [antropy.perm_entropy(x, order) for x in parts], rtol=1e-10)
    np.testing.assert_allclose(share, [antropy.perm_entropy(x, order, normalize=True) for x in parts], rtol=1e-10)


def test_spectral_entropy_agrees_with_antropy_on_1000_windows(thousand):
    series, start, end = thousand
    antropy = part_of("antropy", "entropy")
    _, bits = rolling.spectral_entropy(series, start, end, {"size": 128})
    parts = [series.returns[a + 1 : b + 1] for a, b in zip(start, end, strict=True)]

    np.testing.assert_allclose(bits, [antropy.spectral_entropy(x, 1.0, "fft") for x in parts], rtol=1e-9)


def test_rescaled_range_agrees_with_nolds_on_1000_windows(thousand):
    """The same definition: segments of 8 .. 64 from the newest bar back, so reversed, and ddof 0."""
    series, start, end = thousand
    nolds = part_of("nolds", "measures")
    (got,) = rolling.hurst_rescaled_range(series, start, end, {})
    lengths = complexity.segment_lengths(128)
    assert lengths == [8, 16, 32, 64]
    assert complexity.segment_lengths(1024) == [32, 64, 128, 256, 512]
    # nolds multiplies the expectation by Peters' (n - 0.5) / n; its slope is the whole difference.
    factor = np.polyfit(np.log(lengths), np.log([(n - 0.5) / n for n in lengths]), 1)[0]
    theirs = [
        nolds.hurst_rs(series.returns[a + 1 : b + 1][::-1], nvals=lengths, fit="poly", unbiased=False)
        for a, b in zip(start, end, strict=True)
    ]

    np.testing.assert_allclose(got, np.array(theirs) + factor, rtol=1e-9)
