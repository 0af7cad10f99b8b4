"""Contributions add up, baselines look only back, and the Sharpe ratio's error is Lo's."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from quant_assets.errors import EmptyResult, UsageError
from quant_assets.reports import attribution as at
from quant_assets.reports.significance import difference_estimate, sharpe_estimate
from tests.quant_assets.reports.demo import demo_report

REPORT = demo_report()


def frame(dates: pd.DatetimeIndex, net: list[float] | np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"date": dates, "net": net})


def test_contributions_of_members_and_residual_add_to_the_net_return() -> None:
    parts = at.sleeve_contributions(REPORT.weights, REPORT.members, REPORT.daily)
    assert np.allclose(parts.sum(axis=1), REPORT.daily["net"], rtol=0, atol=1e-15)
    table = at.attribution_table(parts, REPORT.weights)
    assert table["risk_share"].sum() == pytest.approx(1.0, abs=1e-12)
    assert table["return_sum"].sum() == pytest.approx(REPORT.daily["net"].sum(), abs=1e-12)


def test_a_bought_and_held_week_leaves_no_residual() -> None:
    days = pd.date_range("2024-01-01", periods=7)
    a, b = np.array([0.1, -0.05, 0, 0.02, 0.3, -0.2, 0.01]), np.array([-0.1, 0.05, 0.01, 0, -0.3, 0.2, 0.1])
    value = 0.3 * np.cumprod(1 + a) + 0.7 * np.cumprod(1 + b)
    net = value / np.concatenate([[1.0], value[:-1]]) - 1.0
    weights = pd.DataFrame({"week": days[0], "member": ["a", "b"], "weight": [0.3, 0.7]})
    parts = at.sleeve_contributions(weights, {"a": frame(days, a), "b": frame(days, b)}, frame(days, net))
    assert np.abs(parts[at.RESIDUAL]).max() < 1e-15
    assert parts["a"].iloc[1] == pytest.approx(0.3 * 1.1 / (0.3 * 1.1 + 0.7 * 0.9) * -0.05)


def test_a_funded_member_without_a_return_is_an_error_and_a_ruined_one_is_not() -> None:
    days = pd.date_range("2024-01-01", periods=7)
    members = {"a": frame(days, np.full(7, 0.01)), "b": frame(days[:3], np.full(3, 0.01))}
    weights = pd.DataFrame({"week": days[0], "member": ["a", "b"], "weight": [0.5, 0.5]})
    with pytest.raises(UsageError, match=r"b has capital but no return on 2024-01-04"):
        at.sleeve_contributions(weights, members, members["a"])
    parts = at.sleeve_contributions(weights.assign(weight=[1.0, 0.0]), members, members["a"])
    assert parts["b"].tolist() == [0.0] * 7 and parts["a"].tolist() == pytest.approx([0.01] * 7)


def test_one_over_n_is_the_mean_on_common_dates() -> None:
    days = pd.date_range("2024-01-01", periods=4)
    out = at.one_over_n({"a": frame(days, [0.1, 0.2, 0.3, 0.4]), "b": frame(days[1:], [0.0, -0.1, 0.2])})
    assert out["net"].tolist() == pytest.approx([0.1, 0.1, 0.3]) and out["date"].iloc[0] == days[1]


def test_inverse_volatility_is_known_before_its_week() -> None:
    rng = np.random.default_rng(3)
    days = pd.date_range("2024-01-01", periods=140)
    members = {"a": frame(days, rng.normal(0, 0.01, 140)), "b": frame(days, rng.normal(0, 0.03, 140))}
    out = at.inverse_volatility(members, lookback_days=70, min_days=56).set_index("date")["net"]
    assert out.index[0] == pd.Timestamp("2024-02-26") and out.index[0].day_of_week == 0
    week = pd.Timestamp("2024-04-29")
    past = {
        m: f.set_index("date")["net"].loc[week - pd.Timedelta(days=70) : week - pd.Timedelta(days=1)]
        for m, f in members.items()
    }
    inverse = {m: 1.0 / p.std() for m, p in past.items()}
    share = inverse["a"] / sum(inverse.values())
    sunday = week + pd.Timedelta(days=6)
    a, b = (members[m].set_index("date")["net"][sunday] for m in ("a", "b"))
    assert out[sunday] == pytest.approx(share * a + (1 - share) * b, abs=1e-15)
    changed = {m: f.assign(net=f["net"].where(f["date"] < week, f["net"] * 9)) for m, f in members.items()}
    again = at.inverse_volatility(changed, lookback_days=70, min_days=56).set_index("date")["net"]
    pd.testing.assert_series_equal(again.loc[: week - pd.Timedelta(days=1)], out.loc[: week - pd.Timedelta(days=1)])
    assert again[sunday] == pytest.approx(9 * out[sunday])


def test_buy_and_hold_of_an_unknown_symbol_is_an_error() -> None:
    returns = pd.DataFrame(
        {"symbol": ["A", "A"], "date": pd.date_range("2024-01-01", periods=2), "return": [math.nan, 0.1]}
    )
    assert at.buy_and_hold(returns, "A")["net"].tolist() == [0.1]
    with pytest.raises(EmptyResult, match="B has no return"):
        at.buy_and_hold(returns, "B")


def test_the_universe_baseline_averages_over_the_symbols_of_each_day() -> None:
    days = pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02"])
    returns = pd.DataFrame({"symbol": ["A", "B", "A"], "date": days, "return": [0.1, 0.3, -0.1]})
    assert at.equal_weight_universe(returns)["net"].tolist() == pytest.approx([0.2, -0.1])


def test_costs_a_year_are_mean_daily_costs_times_the_days_of_a_year() -> None:
    table = at.cost_table({"Portfolio": REPORT.daily, "stated nothing": REPORT.daily[["date", "net"]]}, 365)
    assert table["stream"].tolist() == ["Portfolio"]
    row = table.iloc[0]
    assert row["costs_year"] == pytest.approx(REPORT.daily["costs"].mean() * 365)
    assert row["gross_year"] - row["costs_year"] == pytest.approx(row["net_year"])


def test_rolling_sharpe_of_the_last_window() -> None:
    net = REPORT.daily.set_index("date")["net"]
    last = net.iloc[-90:]
    assert at.rolling_sharpe(net, 90, 365).iloc[-1] == pytest.approx(last.mean() / last.std() * math.sqrt(365))


def test_the_standard_error_of_the_sharpe_ratio_matches_a_simulation() -> None:
    rng = np.random.default_rng(11)
    draws = rng.normal(0.002, 0.02, (4000, 500))
    spread = (draws.mean(axis=1) / draws.std(axis=1, ddof=1)).std() * math.sqrt(365)
    stated = sharpe_estimate(pd.Series(draws[0]), 365).standard_error
    assert stated == pytest.approx(spread, rel=0.05)
    assert not sharpe_estimate(pd.Series(draws[0][:60]), 365).significant
    assert sharpe_estimate(pd.Series(np.tile([0.01, 0.02], 100)), 365).significant


def test_returns_that_never_vary_have_no_sharpe_ratio() -> None:
    own = sharpe_estimate(pd.Series(np.zeros(30)), 365)
    assert math.isnan(own.sharpe) and math.isnan(own.t) and not own.significant
    same = pd.Series(np.arange(5.0), pd.date_range("2024-01-01", periods=5))
    assert math.isnan(difference_estimate(same, same, 365).t)
