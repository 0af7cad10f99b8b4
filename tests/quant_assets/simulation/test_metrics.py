"""Metrics against closed forms, against empyrical where the definitions agree, and on degenerate input.

Where definitions differ from empyrical: CAGR and Calmar agree only while the series is not ruined, and Sharpe and
Sortino of series without spread or without a loss are NaN here where empyrical returns infinity.
"""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.errors import UsageError
from quant_assets.simulation import metrics

YEAR = 365.0
ANNUALISED = (metrics.cagr, metrics.annualised_volatility, metrics.sharpe, metrics.sortino, metrics.calmar)
PLAIN = (
    metrics.total_return,
    metrics.max_drawdown,
    metrics.value_at_risk,
    metrics.conditional_value_at_risk,
    metrics.best_day,
    metrics.worst_day,
    metrics.hit_rate,
)


def table(net: list[float]) -> dict[str, object]:
    daily = pd.DataFrame({"gross": net, "costs": 0.0, "net": net, "turnover": 0.1})
    return metrics.performance_table(daily, YEAR)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("year", [252.0, 365.0])
def test_agreement_with_empyrical(seed: int, year: float) -> None:
    rng = np.random.default_rng(seed)
    r = np.clip(rng.standard_t(3, 300 + 37 * seed) * 0.03 + 0.001, -0.9, 3.0)
    pairs = [
        (metrics.total_return(r), empyrical.cum_returns_final(r)),
        (metrics.cagr(r, annualisation=year), empyrical.cagr(r, annualization=year)),
        (metrics.annualised_volatility(r, annualisation=year), empyrical.annual_volatility(r, annualization=year)),
        (metrics.sharpe(r, annualisation=year), empyrical.sharpe_ratio(r, annualization=year)),
        (metrics.sortino(r, annualisation=year), empyrical.sortino_ratio(r, annualization=year)),
        (metrics.calmar(r, annualisation=year), empyrical.calmar_ratio(r, annualization=year)),
        (metrics.max_drawdown(r), empyrical.max_drawdown(r)),
        (metrics.value_at_risk(r), empyrical.value_at_risk(r, 0.05)),
        (metrics.conditional_value_at_risk(r), empyrical.conditional_value_at_risk(r, 0.05)),
    ]
    for ours, theirs in pairs:
        assert ours == pytest.approx(theirs, rel=1e-10)


def test_closed_forms() -> None:
    up_down = np.array([0.1, -0.1] * 50)
    assert metrics.total_return(up_down) == pytest.approx(0.99**50 - 1, rel=1e-13)
    assert metrics.cagr(up_down, annualisation=100.0) == pytest.approx(0.99**50 - 1, rel=1e-13)
    spread = 0.1 * math.sqrt(100 / 99)
    assert metrics.annualised_volatility(up_down, annualisation=YEAR) == pytest.approx(spread * math.sqrt(YEAR))
    assert metrics.sharpe(up_down + 0.01, annualisation=YEAR) == pytest.approx(0.01 / spread * math.sqrt(YEAR))
    assert metrics.sortino([0.2, -0.1], annualisation=4.0) == pytest.approx(0.05 / math.sqrt(0.005) * 2)
    assert metrics.max_drawdown([0.5, -0.5, 0.2, -0.5]) == pytest.approx(0.5 * 1.2 * 0.5 - 1)
    assert metrics.max_drawdown([-0.3, 0.1]) == pytest.approx(-0.3), "the starting value counts as a peak"
    assert metrics.calmar([0.5, -0.5], annualisation=2.0) == pytest.approx(-0.25 / 0.5)
    losses = -np.arange(101) / 1000
    assert metrics.value_at_risk(losses) == pytest.approx(-0.095)
    assert metrics.conditional_value_at_risk(losses) == pytest.approx(
        -np.mean([0.1, 0.099, 0.098, 0.097, 0.096, 0.095])
    )
    assert metrics.hit_rate([0.1, 0.0, -0.1, 0.2]) == 0.5
    assert metrics.best_day([0.1, -0.4]) == 0.1 and metrics.worst_day([0.1, -0.4]) == -0.4
    assert metrics.annualised_turnover([0.7, 0, 0, 0, 0, 0, 0], annualisation=YEAR) == pytest.approx(36.5)


def test_nothing_is_clipped() -> None:
    assert metrics.sharpe([0.5, 0.51, 0.49] * 20, annualisation=YEAR) > 500
    assert metrics.best_day([30.0, -0.1]) == 30.0
    assert metrics.annualised_volatility([30.0, -0.9], annualisation=YEAR) > 400


def test_an_empty_series_is_nan_everywhere_with_the_reason() -> None:
    assert all(math.isnan(metric([], annualisation=YEAR)) for metric in ANNUALISED)
    assert all(math.isnan(metric([])) for metric in PLAIN)
    assert math.isnan(metrics.annualised_turnover([], annualisation=YEAR))
    assert table([])["undefined"]["sharpe"] == "there is no day"  # type: ignore[index]


def test_one_day_has_a_return_but_no_volatility() -> None:
    result = table([0.02])
    assert result["total_return"] == pytest.approx(0.02) and math.isnan(result["volatility"])  # type: ignore[arg-type]
    assert set(result["undefined"]) == {"volatility", "sharpe", "sortino", "calmar"}  # type: ignore[call-overload]


@pytest.mark.parametrize("value", [0.0, 0.01, 0.1 + 0.2 - 0.3 + 0.001])
def test_constant_returns_have_no_sharpe_ratio(value: float) -> None:
    result = table([value] * 50)
    assert math.isnan(result["sharpe"]) and "constant" in result["undefined"]["sharpe"]  # type: ignore[arg-type,index]


def test_ruin_is_minus_one_and_stays_finite() -> None:
    ruined = [0.01, -1.0, 0.0, 0.0]
    result = table(ruined)
    assert result["total_return"] == result["cagr"] == result["max_drawdown"] == result["worst_day"] == -1.0
    assert result["calmar"] == -1.0 and result["undefined"] == {}


def test_an_annual_figure_beyond_floats_is_nan_with_the_reason() -> None:
    result = table([20.0, 20.0])
    assert math.isnan(result["cagr"]) and "range" in result["undefined"]["cagr"]  # type: ignore[arg-type,index]


def test_a_gross_loss_beyond_everything_is_not_compounded() -> None:
    daily = pd.DataFrame({"gross": [0.1, -4.0], "costs": 0.0, "net": [0.1, -1.0], "turnover": 0.0})
    result = metrics.performance_table(daily, YEAR)
    assert math.isnan(result["gross_total_return"]) and "ruined" in result["undefined"]["gross_total_return"]


@pytest.mark.parametrize("bad", [[0.1, math.nan], [math.inf], [-1.01], [[0.1, 0.2]]])
def test_impossible_series_are_refused(bad: list[float]) -> None:
    for metric in PLAIN:
        with pytest.raises(UsageError):
            metric(bad)
    for annual in ANNUALISED:
        with pytest.raises(UsageError):
            annual(bad, annualisation=YEAR)


@pytest.mark.parametrize("year", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_year_is_refused(year: float) -> None:
    with pytest.raises(UsageError, match="annualisation"):
        metrics.sharpe([0.1, 0.2], annualisation=year)


def test_the_table_names_a_missing_column() -> None:
    with pytest.raises(UsageError, match="turnover"):
        metrics.performance_table(pd.DataFrame({"gross": [0.1], "costs": [0.0], "net": [0.1]}), YEAR)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1.0, 10.0), max_size=40))
def test_no_metric_is_ever_infinite_and_every_nan_has_a_reason(returns: list[float]) -> None:
    result = table(returns)
    reasons = result.pop("undefined")
    for name, value in result.items():
        assert not math.isinf(value), name  # type: ignore[arg-type]
        assert math.isnan(value) == (name in reasons) or name == "total_costs", name  # type: ignore[arg-type,operator]
