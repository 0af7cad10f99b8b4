"""Indicators without a published table here: closed forms, definitions and edge cases."""

from __future__ import annotations

import numpy as np
import pytest

from quant_assets.errors import UsageError
from quant_assets.features import statistics
from quant_assets.features.moving_averages import sma
from quant_assets.features.oscillators import rsi
from quant_assets.features.ratings import ichimoku_vote, line_vote, moving_average_votes, recommend_ma
from quant_assets.features.trend import adx_di, atr, ichimoku, true_range


def market(n: int = 300, seed: int = 3) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, n)))
    high, low = close * (1 + rng.uniform(0, 0.03, n)), close * (1 - rng.uniform(0, 0.03, n))
    return high, low, close, rng.lognormal(5, 1, n)


def wilder(values: list[float], n: int) -> list[float]:
    """Wilder's average in his own form: ((n - 1) * previous + new) / n."""
    out = [sum(values[:n]) / n]
    for v in values[n:]:
        out.append((out[-1] * (n - 1) + v) / n)
    return out


def test_atr_starts_with_the_first_bars_own_range() -> None:
    high, low, close, _ = market(60)
    ranges = [high[0] - low[0]]
    ranges += [max(high[i], close[i - 1]) - min(low[i], close[i - 1]) for i in range(1, 60)]
    np.testing.assert_allclose(true_range(high, low, close), ranges, rtol=1e-12)
    result = atr(high, low, close, 14)
    assert np.isnan(result[:13]).all()
    np.testing.assert_allclose(result[13:], wilder(ranges, 14), rtol=1e-12)


def test_directional_index_follows_wilders_definition_bar_by_bar() -> None:
    high, low, close, _ = market(200)
    up, down, reach = [], [], []
    for i in range(1, 200):
        rise, fall = high[i] - high[i - 1], low[i - 1] - low[i]
        up.append(rise if rise > max(fall, 0) else 0.0)
        down.append(fall if fall > max(rise, 0) else 0.0)
        reach.append(max(high[i], close[i - 1]) - min(low[i], close[i - 1]))
    ranges = wilder(reach, 10)
    plus = [100 * a / r for a, r in zip(wilder(up, 10), ranges, strict=True)]
    minus = [100 * a / r for a, r in zip(wilder(down, 10), ranges, strict=True)]
    strength = wilder([100 * abs(p - m) / (p + m) for p, m in zip(plus, minus, strict=True)], 7)
    adx, dmp, dmn = adx_di(high, low, close, di_length=10, adx_length=7)
    assert [int(np.isnan(x).sum()) for x in (adx, dmp, dmn)] == [16, 10, 10]
    np.testing.assert_allclose(dmp[10:], plus, rtol=1e-10)
    np.testing.assert_allclose(dmn[10:], minus, rtol=1e-10)
    np.testing.assert_allclose(adx[16:], strength, rtol=1e-10)


def test_a_steady_climb_has_the_strongest_trend_and_no_downward_movement() -> None:
    close = np.arange(1.0, 101.0)
    adx, dmp, dmn = adx_di(close + 0.5, close - 0.5, close)
    assert adx[-1] == pytest.approx(100.0) and dmn[-1] == 0.0
    assert dmp[-1] == pytest.approx(100 * 1.0 / 1.5)
    assert rsi(close)[-1] == 100.0


def test_flat_prices_have_no_rsi_no_direction_no_efficiency_and_no_stability() -> None:
    flat = np.full(300, 0.1)
    assert np.isnan(rsi(flat)).all()
    assert np.isnan(adx_di(flat, flat, flat)).all()
    assert np.isnan(statistics.efficiency(flat, 20)).all()
    assert np.isnan(statistics.stability(flat, 20, 365.0)).all()
    assert statistics.realised_volatility(flat, 20, 365.0)[-1] == 0.0


def test_return_statistics_against_their_definitions() -> None:
    close = np.array([100.0, 110.0, 99.0, 108.9, 98.01])
    r = [0.1, -0.1, 0.1, -0.1]
    assert statistics.momentum(close, 3, 365.0)[-1] == pytest.approx(365 * sum(r[1:]) / 3)
    assert statistics.realised_volatility(close, 4, 365.0)[-1] == pytest.approx(np.sqrt(365 * 4 * 0.01 / 3))
    assert statistics.stability(close, 4, 365.0)[-1] == pytest.approx(1 / np.sqrt(365 * 4 * 0.01 / 3))
    assert statistics.efficiency(close, 3)[-1] == pytest.approx(0.1 / 0.3)
    assert np.isnan(statistics.momentum(close, 4, 365.0)[:4]).all()


def test_an_average_of_flat_prices_votes_neutral_in_spite_of_rounding() -> None:
    flat = np.full(250, 0.1)
    assert (moving_average_votes(flat, flat, flat, np.ones(250))[-1] == 0.0).all()


def test_votes_are_the_side_of_the_line() -> None:
    price, line = np.array([2.0, 1.0, 1.0, 1.0]), np.array([1.0, 2.0, 1.0, np.nan])
    np.testing.assert_array_equal(line_vote(price, line), [1.0, -1.0, 0.0, np.nan])


def test_rating_of_a_straight_climb_buys_on_every_average_that_lags() -> None:
    # Hull 9 has no lag on a straight line, so the price is on it; Ichimoku sees no cross: two neutral votes.
    close = np.linspace(1.0, 300.0, 300)
    rating = recommend_ma(close, close, close, np.ones(300))
    assert np.isnan(rating[:199]).all()
    assert rating[-1] == pytest.approx(13 / 15)
    falling = close[::-1].copy()
    assert recommend_ma(falling, falling, falling, np.ones(300))[-1] == pytest.approx(-13 / 15)


def test_ichimoku_votes_on_a_cross_of_the_conversion_line_between_cloud_and_base() -> None:
    n = 0
    for seed in range(40):
        high, low, close, _ = market(300, seed)
        votes = ichimoku_vote(high, low, close)
        conversion, base, one, two = ichimoku(high, low, displacement=0)
        for i in range(52, 300):
            now, before = close[i], close[i - 1]
            up = one[i] > two[i] and one[i] < now < base[i] and before < conversion[i] < now
            down = two[i] > one[i] and base[i] < now < two[i] and before > conversion[i] > now
            assert votes[i] == int(up) - int(down)
            n += int(up or down)
    assert n > 0


def test_a_missing_line_leaves_the_rating_undefined_instead_of_damping_it() -> None:
    high, low, close, volume = market(260)
    assert np.isnan(recommend_ma(high, low, close, np.zeros(260))).all()
    assert np.isfinite(recommend_ma(high, low, close, volume)[199:]).all()


def test_impossible_lengths_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        sma(np.ones(5), 0)
