"""How holdings end against their will: halts, delistings, new lives of a ticker, and ruin."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from quant_assets.errors import UsageError
from quant_assets.simulation.book import BookState
from quant_assets.simulation.config import Costs
from quant_assets.simulation.rules import pnl_rule

from .books import COSTLY, FREE, events, one_target, return_rows, run_days

FEE = Costs(fee=0.01, slippage=0.0, annualisation_days=365.0)
NAN = float("nan")


def test_a_halt_carries_the_holding_at_its_last_price_and_the_gap_return_counts() -> None:
    returns = return_rows("2024-01-01", A=[0.1, None, None, 0.5], B=[0.0] * 4)
    result = run_days(one_target("2024-01-01", A=0.5), returns, "2024-01-01", 4)
    assert events(result, "A") == {"2024-01-02": "halted", "2024-01-03": "halted"}
    assert result.daily["gross"].iloc[1] == 0.0 and result.daily["turnover"].iloc[1] == 0.0
    assert result.closing.equity == pytest.approx(0.5 + 0.5 * 1.1 * 1.5, abs=1e-15)


@pytest.mark.parametrize("absent", [None, NAN])
@pytest.mark.parametrize("weight", [0.5, -0.5])
def test_a_delisted_holding_is_cash_at_its_last_bar_with_costs(absent: float | None, weight: float) -> None:
    returns = return_rows("2024-01-01", A=[0.1, -0.9, absent, absent], B=[0.0] * 4)
    result = run_days(one_target("2024-01-01", A=weight), returns, "2024-01-01", 4, FEE)
    assert events(result, "A") == {"2024-01-02": "realised_at_last_bar"}
    entry, exit_value = 0.01 * 0.5, weight * 1.1 * 0.1
    assert result.closing.equity == pytest.approx(1 - weight - entry + exit_value - 0.01 * abs(exit_value), abs=1e-15)
    assert dict(result.closing.positions) == {} and result.closing.cash == pytest.approx(result.closing.equity)
    assert (result.daily["net"].iloc[2:] == 0.0).all()
    assert pnl_rule(result)[0].passed


def test_the_crash_of_a_delisted_coin_stays_in_the_returns_of_its_holder() -> None:
    crash = return_rows("2022-05-09", A=[-0.5, -0.7, -0.94, -0.999, None, None, None], B=[0.0] * 7)
    result = run_days(one_target("2022-05-09", A=1.0), crash, "2022-05-09", 7)
    assert result.closing.equity == pytest.approx(0.5 * 0.3 * 0.06 * 0.001, rel=1e-12)


@pytest.mark.parametrize("flag", ["first", "resumed"])
def test_a_new_life_of_a_ticker_is_never_inherited(flag: str) -> None:
    returns = return_rows("2024-01-01", A=[0.1, None, NAN, 5.0, 5.0], B=[0.0] * 5)
    returns["flag"] = [flag if np.isnan(value) else "" for value in returns["return"]]
    result = run_days(one_target("2024-01-01", A=0.5), returns, "2024-01-01", 5)
    assert events(result, "A") == {"2024-01-01": "realised_at_last_bar"}
    assert result.closing.equity == pytest.approx(1.05, abs=1e-15)


def test_a_holding_whose_market_ended_before_the_window_is_realised_on_its_first_day() -> None:
    opening = BookState(equity=1.0, cash=0.6, positions={"SYN:A/USDT": 0.4})
    targets = one_target("2024-01-03", B=0.5)
    result = run_days(targets, return_rows("2024-01-01", B=[0.0] * 4), "2024-01-01", 4, FEE, opening)
    assert events(result, "A") == {"2024-01-01": "realised_at_last_bar"}
    first = result.daily.iloc[0]
    assert first["gross"] == 0.0 and first["turnover"] == 0.4 and first["costs"] == pytest.approx(0.004, abs=1e-15)
    assert first["cash"] == first["equity"] == pytest.approx(0.996, abs=1e-15)
    assert pnl_rule(result, opening)[0].passed


def test_an_order_without_a_market_stays_in_cash_at_no_cost_and_says_so() -> None:
    targets = one_target("2024-01-01", A=0.5, B=0.5)
    result = run_days(targets, return_rows("2024-01-01", B=[0.1, 0.1]), "2024-01-01", 2, FEE)
    assert events(result, "A") == {"2024-01-01": "realised_at_last_bar"}
    row = result.contributions.set_index("symbol").loc["SYN:A/USDT"]
    assert row["start_weight"] == 0.0 and row["cost"] == 0.0 and row["traded"] == 0.0
    assert result.daily["turnover"].iloc[0] == 0.5


def test_a_total_loss_of_a_long_position_is_not_ruin_of_the_book() -> None:
    returns = return_rows("2024-01-01", A=[-1.0, 0.3], B=[0.0, 0.0])
    result = run_days(one_target("2024-01-01", A=0.6), returns, "2024-01-01", 2)
    assert result.closing.status == "active" and result.closing.equity == pytest.approx(0.4, abs=1e-15)
    assert dict(result.closing.positions) == {}


def test_one_coin_up_tenfold_ruins_a_short_book_that_day() -> None:
    returns = return_rows("2024-01-01", A=[0.0, 9.0, -0.5, -0.5], B=[0.01] * 4)
    result = run_days(one_target("2024-01-01", A=-0.5, B=-0.5), returns, "2024-01-01", 4, FEE)
    daily = result.daily
    assert daily["status"].tolist() == ["active", "ruined", "ruined", "ruined"]
    assert daily["net"].iloc[1] == -1.0 and (daily["equity"] >= 0.0).all() and daily["equity"].iloc[1] == 0.0
    ruin = daily.iloc[1]
    assert ruin["gross"] < -4.0 and ruin["shortfall"] > 3.0, "the loss is shown as it was, not clipped"
    assert ruin["net"] == pytest.approx(ruin["gross"] - ruin["costs"] + ruin["shortfall"], abs=1e-14)
    assert events(result, "A") == events(result, "B") == {"2024-01-02": "closed_by_ruin"}
    flat = daily.iloc[2:][["gross", "costs", "net", "turnover", "equity", "cash", "gross_exposure", "shortfall"]]
    assert (flat == 0.0).all().all()
    assert result.closing == BookState(0.0, 0.0, {}, "ruined", datetime.date(2024, 1, 2))
    assert pnl_rule(result)[0].passed


def test_the_weeks_after_ruin_start_from_it_knowingly() -> None:
    returns = return_rows("2024-01-01", A=[9.9] + [0.1] * 13)
    ruined = run_days(one_target("2024-01-01", A=-1.0), returns, "2024-01-01", 7).closing
    stored = BookState.from_dict(ruined.to_dict())
    after = run_days(one_target("2024-01-08", A=0.5), returns, "2024-01-08", 7, COSTLY, stored)
    assert (after.daily["status"] == "ruined").all() and (after.daily["net"] == 0.0).all()
    assert after.contributions.empty and after.closing == ruined
    assert pnl_rule(after, stored)[0].passed


def test_costs_alone_can_ruin_a_book() -> None:
    steep = Costs(fee=0.9, slippage=0.0, annualisation_days=365.0)
    result = run_days(one_target("2024-01-01", A=1.5), return_rows("2024-01-01", A=[0.0, 0.0]), "2024-01-01", 2, steep)
    assert result.daily["net"].tolist() == [-1.0, 0.0] and result.daily["status"].tolist() == ["ruined", "ruined"]
    assert pnl_rule(result)[0].passed


def test_a_loss_of_exactly_everything_is_ruin_without_shortfall() -> None:
    result = run_days(one_target("2024-01-01", A=-1.0), return_rows("2024-01-01", A=[1.0]), "2024-01-01", 1, FREE)
    assert result.closing.status == "ruined" and result.daily["shortfall"].iloc[0] == 0.0


def test_a_state_survives_json_exactly_and_a_damaged_one_is_refused() -> None:
    state = BookState(equity=1.1, cash=0.1 + 0.2, positions={"SYN:B/USDT": 0.9, "SYN:A/USDT": -0.1})
    import json

    assert BookState.from_dict(json.loads(json.dumps(state.to_dict()))) == state
    assert list(state.positions) == ["SYN:A/USDT", "SYN:B/USDT"]
    good = state.to_dict()
    for damage in ({"cash": 5.0}, {"equity": NAN}, {"status": "fine"}, {"status": "ruined"}, {"equity": -1.0}):
        with pytest.raises(UsageError):
            BookState.from_dict({**good, **damage})
    with pytest.raises(UsageError, match="entries"):
        BookState.from_dict({"equity": 1.0})


def test_realisation_waits_for_the_end_of_the_holding_window_not_of_all_days() -> None:
    """A coin that halts over a rebalance is closed at its last bar: the window may not look past the rebalance."""
    targets = pd.concat([one_target("2024-01-01", A=0.5), one_target("2024-01-04", B=0.5)])
    returns = return_rows("2024-01-01", A=[0.1, None, None, None, 0.5], B=[0.0] * 5)
    result = run_days(targets, returns, "2024-01-01", 5)
    assert events(result, "A") == {"2024-01-01": "realised_at_last_bar"}
