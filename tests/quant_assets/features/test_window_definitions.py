"""The panel kernels compute exactly what the readable definitions of one window say, at every length of window."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quant_assets.errors import UsageError
from quant_assets.features import complexity, dependence, liquidity, rolling, tails, volatility
from tests.quant_assets.features.window_panel import compare, panel, windows

YEAR = 365.0


def returns(bars):
    return bars.close[1:] / bars.close[:-1] - 1.0


def value(bars):
    return liquidity.traded_value(bars.close, bars.volume, bars.quote_value)


def hurst_or_nan(close, horizon):
    return dependence.hurst_variance_ratio(close, horizon), dependence.variance_ratio(close, horizon)


def three_bars_or_nan(bars):
    prices = (bars.open, bars.high, bars.low, bars.close)
    return (volatility.yang_zhang_volatility(*prices, YEAR) if len(bars) > 2 else math.nan,)


def enough_patterns(bars, order, delay):
    found = len(bars) - 1 - (order - 1) * delay
    bits = complexity.permutation_entropy(returns(bars), order, delay)
    return (bits / math.log2(math.factorial(order)), bits) if found >= 5 * math.factorial(order) else (math.nan,) * 2


def unit_root(bars, lags):
    if len(bars) < 2 * lags + 4:
        return math.nan, math.nan
    statistic = dependence.dickey_fuller_statistic(bars.close, lags)
    return float(dependence.unit_root_probability(np.array([statistic]))[0]), statistic


def spectral(bars, size):
    if len(bars) <= size:
        return math.nan, math.nan
    bits = complexity.spectral_entropy(returns(bars)[-size:])
    return bits / math.log2(size // 2), bits


def costs(bars):
    known = len(bars) > 2
    return (liquidity.execution_cost_index(returns(bars), value(bars), 1e6, YEAR) if known else math.nan,)


DEFINITIONS = {
    "parkinson": (
        rolling.parkinson,
        lambda b: (volatility.parkinson_volatility(b.high, b.low, YEAR),),
        {"annualisation": YEAR},
    ),
    "yang_zhang": (rolling.yang_zhang, three_bars_or_nan, {"annualisation": YEAR}),
    "downside": (
        rolling.downside,
        lambda b: (volatility.downside_deviation(returns(b), YEAR),),
        {"annualisation": YEAR},
    ),
    "shape": (rolling.shape, lambda b: (tails.skewness(returns(b)), tails.excess_kurtosis(returns(b))), {}),
    "tail": (
        rolling.tail,
        lambda b: (tails.tail_mean(returns(b), 0.05), -tails.tail_mean(-returns(b), 0.05)),
        {"share": 0.05},
    ),
    "drawdown": (rolling.drawdown, lambda b: (tails.max_drawdown(b.close),), {}),
    "antifragility": (
        rolling.antifragility,
        lambda b: (tails.antifragility_score(returns(b), 100.0),),
        {"share": 0.05, "full_history": 100.0},
    ),
    "autocorrelation": (
        rolling.autocorrelation,
        lambda b: (dependence.autocorrelation(returns(b), 2), dependence.autocorrelation(np.abs(returns(b)), 2)),
        {"lag": 2},
    ),
    "half_life": (rolling.half_life, lambda b: (dependence.half_life(b.close),), {}),
    "variance_ratio": (rolling.hurst_variance_ratio, lambda b: hurst_or_nan(b.close, 8), {"horizon": 8}),
    "unit_root_0": (rolling.unit_root, lambda b: unit_root(b, 0), {"lags": 0}),
    "unit_root_3": (rolling.unit_root, lambda b: unit_root(b, 3), {"lags": 3}),
    "entropy_3": (rolling.permutation_entropy, lambda b: enough_patterns(b, 3, 1), {"order": 3}),
    "entropy_4": (rolling.permutation_entropy, lambda b: enough_patterns(b, 4, 2), {"order": 4, "delay": 2}),
    "rescaled_range": (rolling.hurst_rescaled_range, lambda b: (complexity.hurst_rescaled_range(returns(b)),), {}),
    "haar": (rolling.haar_detail, lambda b: (complexity.haar_detail_share(returns(b), 3),), {"levels": 3}),
    "spectral": (rolling.spectral_entropy, lambda b: spectral(b, 64), {"size": 64}),
    "value_traded": (rolling.value_traded, lambda b: (liquidity.average_value(value(b)),), {}),
    "amihud": (rolling.amihud, lambda b: (liquidity.amihud_illiquidity(returns(b), value(b)[1:]),), {}),
    "execution_cost": (rolling.execution_cost, costs, {"order_value": 1e6, "annualisation": YEAR}),
    "volume_score": (rolling.volume_score, lambda b: (liquidity.volume_score(b.volume),), {}),
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_kernel_computes_its_definition_at_every_length_of_window(name):
    function, definition, parameters = DEFINITIONS[name]

    compare(function, definition, parameters)


def test_values_lie_in_the_stated_ranges():
    series = panel()
    start, end = windows(series, least=130)
    ranges = {
        "drawdown": (-1.0, 0.0),
        "antifragility": (0.0, 2.0),
        "half_life": (0.0, 150.0),
        "unit_root_0": (0.0, 1.0),
        "entropy_3": (0.0, 1.0),
        "haar": (0.0, 1.0),
        "spectral": (0.0, 1.0),
        "autocorrelation": (-1.0, 1.0),
    }
    for name, (low, high) in ranges.items():
        function, _, parameters = DEFINITIONS[name]
        first = function(series, start, end, parameters)[0]
        assert np.isfinite(first).all() and (first >= low).all() and (first <= high).all(), name


def test_an_entropy_of_order_five_on_120_bars_is_refused_and_undefined():
    with pytest.raises(UsageError, match="needs order >= 2, delay >= 1 and 604 values, not 120"):
        complexity.check_order(5, 1, 120)
    series = panel()
    share, _ = rolling.permutation_entropy(series, *windows(series, 121, 121), {"order": 5})

    assert len(share) and np.isnan(share).all()


@pytest.mark.parametrize(
    ("function", "parameters", "message"),
    [
        (rolling.spectral_entropy, {"size": 100}, "power of two"),
        (rolling.hurst_variance_ratio, {"horizon": 1}, "too short"),
        (rolling.tail, {"share": 0.0}, "must lie in"),
    ],
)
def test_parameters_without_meaning_are_refused(function, parameters, message):
    with pytest.raises(UsageError, match=message):
        function(panel(), *windows(panel()), parameters)


def test_age_and_survival_count_from_the_listing_not_from_the_loaded_history():
    series = panel()
    life_start = series.day[series.first] - 1000
    start, end = windows(series, 90, 90)
    age = rolling.listing_age(series.day, life_start, end)
    score = rolling.survival(series, life_start, start, end, 1.0, 90)

    assert age.min() == 1000 + 90
    np.testing.assert_allclose(score, 1.0 / (1.0 + (365.0 / age) ** 2), rtol=1e-12)
    assert liquidity.survival_score(1090.0, 45, 90.0, 1.0) == pytest.approx(score[0] / 2)


def test_a_young_symbol_is_complete_when_no_bar_of_its_life_is_missing():
    series = panel()
    start, end = windows(series, 90, 1)
    score = rolling.survival(series, series.day[series.first], start, end, 1.0, 90)
    young = np.flatnonzero(end - start == 9)[0]

    assert score[young] == pytest.approx(1.0 / (1.0 + 36.5**2))
