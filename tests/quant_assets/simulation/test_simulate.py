"""The reference loop: arithmetic by hand, drift against a closed form, direction, and splitting into weeks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quant_assets.simulation.book import CONTRIBUTION_COLUMNS, DAILY_COLUMNS, BookState
from quant_assets.simulation.config import Costs
from quant_assets.simulation.drift import buy_and_hold_returns, exit_weights
from quant_assets.simulation.rules import pnl_rule
from quant_assets.simulation.simulate import simulate

from .books import COSTLY, FREE, Market, days_from, long_frame, names, one_target, return_rows, run_days


def test_two_days_by_hand_with_a_long_a_short_fees_and_borrow() -> None:
    costs = Costs(fee=0.01, slippage=0.01, borrow=3.65, annualisation_days=365.0)
    returns = return_rows("2024-01-01", A=[0.10, 0.0], B=[0.20, -0.5])
    result = run_days(one_target("2024-01-01", A=0.5, B=-0.4), returns, "2024-01-01", 2, costs)
    first, second = result.daily.iloc[0], result.daily.iloc[1]
    assert first["turnover"] == pytest.approx(0.9, abs=1e-15)
    assert first["gross"] == pytest.approx(0.05 - 0.08, abs=1e-15)
    assert first["costs"] == pytest.approx(0.02 * 0.9 + 0.01 * 0.4, abs=1e-15)
    assert first["equity"] == pytest.approx(1.0 - 0.03 - 0.022, abs=1e-15)
    assert first["cash"] == pytest.approx(1.0 - 0.1 - 0.022, abs=1e-15)
    equity = 0.948
    assert second["turnover"] == 0.0
    assert second["gross"] == pytest.approx((0.48 * 0.5) / equity, abs=1e-15)
    assert second["costs"] == pytest.approx(0.01 * 0.48 / equity, abs=1e-15)
    assert result.closing.positions == pytest.approx({"SYN:A/USDT": 0.55, "SYN:B/USDT": -0.24}, abs=1e-15)


def test_a_rebalance_trades_the_difference_to_the_drifted_book_and_closes_absent_symbols() -> None:
    targets = pd.concat([one_target("2024-01-01", A=0.5, B=0.3), one_target("2024-01-02", A=0.5)])
    returns = return_rows("2024-01-01", A=[1.0, 0.0], B=[0.0, 0.0])
    result = run_days(targets, returns, "2024-01-01", 2, Costs(fee=0.01, slippage=0.0, annualisation_days=365.0))
    equity = 1.0 + 0.5 - 0.008
    traded = abs(0.5 * equity - 1.0) + 0.3
    assert result.daily["turnover"].iloc[1] == pytest.approx(traded / equity, abs=1e-15)
    assert result.daily["costs"].iloc[1] == pytest.approx(0.01 * traded / equity, abs=1e-15)
    closed = result.contributions.set_index("symbol").loc["SYN:B/USDT"].iloc[1]
    assert closed["start_weight"] == 0.0 and closed["closing_weight"] == 0.0 and closed["cost"] > 0.0


def test_the_tables_have_the_documented_columns() -> None:
    result = Market(2, 3, 0).run(costs=COSTLY)
    assert tuple(result.daily.columns) == DAILY_COLUMNS
    assert tuple(result.contributions.columns) == CONTRIBUTION_COLUMNS
    assert str(result.daily["date"].dtype) == "datetime64[us]" and str(result.contributions["symbol"].dtype) == "str"
    assert result.contributions.equals(result.contributions.sort_values(["date", "symbol"], ignore_index=True))


def test_net_is_exactly_gross_less_costs_and_equity_compounds_it() -> None:
    daily = Market(30, 12, 1).run(costs=COSTLY).daily
    assert (daily["net"] == daily["gross"] - daily["costs"]).all()
    before = np.concatenate([[1.0], daily["equity"].to_numpy()[:-1]])
    assert (daily["equity"] == before * (1.0 + daily["net"])).all()


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_weekly_windows_equal_the_closed_form_drift(side: float) -> None:
    market = Market(40, 10, 2)
    weights = side * np.abs(market.weights)
    expected = np.concatenate(
        [buy_and_hold_returns(weights[k], market.simple[7 * k : 7 * k + 7]) for k in range(len(weights))]
    )
    assert np.abs(market.run(weights).daily["net"].to_numpy() - expected).max() <= 1e-12


def test_weekly_windows_of_a_long_short_book_with_costs_equal_the_closed_form() -> None:
    market, costs = Market(40, 10, 3), Costs(fee=0.001, slippage=0.0005, annualisation_days=365.0)
    held, expected = np.zeros(10), []
    for k, weights in enumerate(market.weights):
        window = market.simple[7 * k : 7 * k + 7]
        entry = costs.trade_rate * float(np.abs(weights - held).sum())
        expected.append(buy_and_hold_returns(weights, window, entry))
        held = exit_weights(weights, window, entry)
    assert np.abs(market.run(costs=costs).daily["net"].to_numpy() - np.concatenate(expected)).max() <= 1e-12


def test_daily_rebalanced_long_and_short_books_have_exactly_opposite_gross_returns() -> None:
    market = Market(20, 15, 4, every=1)
    long, short = market.run(costs=COSTLY).daily, market.run(-market.weights, COSTLY).daily
    assert len(long) == 140 and (long["status"] == "active").all() and (short["status"] == "active").all()
    assert np.abs(long["gross"] + short["gross"]).max() <= 1e-12


@settings(max_examples=60, deadline=None)
@given(
    weights=hnp.arrays(np.float64, (2, 4), elements=st.floats(-2.0, 2.0).map(lambda x: round(x, 3))),
    simple=hnp.arrays(np.float64, (14, 4), elements=st.floats(-1.0, 12.0).map(lambda x: round(x, 3))),
    missing=hnp.arrays(np.bool_, (14, 4)),
)
def test_no_holding_ever_flips_its_sign_and_the_identities_hold(
    weights: np.ndarray, simple: np.ndarray, missing: np.ndarray
) -> None:
    """Whatever the market does: rallies of 1,200 %, total losses, halts, delistings, leverage of eight."""
    missing[0, 0] = False
    days, symbols = days_from("2024-01-01", 14), names(4)
    returns = long_frame(days, symbols, simple, "return")[~missing.ravel()]
    targets = long_frame(days[::7], symbols, weights, "weight")
    result = simulate(targets, returns, COSTLY, BookState.start(), days) if weights.any() else None
    if result is None:
        return
    rows = result.contributions
    assert (rows["start_weight"] * rows["closing_weight"] >= 0.0).all()
    assert (result.daily["equity"] >= 0.0).all() and (result.daily["net"] >= -1.0).all()
    verdict = pnl_rule(result)[0]
    assert verdict.passed, verdict


@settings(max_examples=20, deadline=None)
@given(cuts=st.sets(st.integers(1, 55), max_size=6), seed=st.integers(0, 5))
def test_splitting_the_span_anywhere_leaves_every_bit_unchanged(cuts: set[int], seed: int) -> None:
    market = Market(8, 5, seed)
    whole = market.run(costs=COSTLY)
    targets, returns = market.targets(), market.returns
    state, pieces = None, []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), 56], strict=True):
        days = market.days[start:end]
        part = targets[targets["date"].isin(days)]
        piece = simulate(part, returns[returns["date"].isin(days)], COSTLY, state, days)
        state = BookState.from_dict(piece.closing.to_dict())
        pieces.append(piece.daily)
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), whole.daily, check_exact=True)
    assert state == whole.closing


def test_week_by_week_equals_one_call_even_with_halts_delistings_and_new_lives() -> None:
    market = Market(30, 8, 6)
    rng = np.random.default_rng(7)
    returns = market.returns
    returns.loc[rng.random(len(returns)) < 0.02, "return"] = np.nan
    returns = returns[rng.random(len(returns)) > 0.15]
    whole = simulate(market.targets(), returns, COSTLY, None, market.days)
    seen = set(whole.contributions["event"])
    assert {"halted", "realised_at_last_bar"} <= seen
    state, targets, daily, rows = None, market.targets(), [], []
    for week in range(30):
        days = market.days[7 * week : 7 * week + 7]
        piece = simulate(targets[targets["date"] == days[0]], returns[returns["date"].isin(days)], COSTLY, state, days)
        state = piece.closing
        daily.append(piece.daily)
        rows.append(piece.contributions)
    pd.testing.assert_frame_equal(pd.concat(daily, ignore_index=True), whole.daily, check_exact=True)
    pd.testing.assert_frame_equal(pd.concat(rows, ignore_index=True), whole.contributions, check_exact=True)


def test_the_order_of_rows_and_symbols_changes_nothing() -> None:
    market = Market(12, 9, 8)
    plain = market.run(costs=COSTLY)
    shuffled = simulate(
        market.targets().sample(frac=1.0, random_state=1),
        market.returns.sample(frac=1.0, random_state=2),
        COSTLY,
        None,
        market.days,
    )
    pd.testing.assert_frame_equal(shuffled.daily, plain.daily, check_exact=True)
    pd.testing.assert_frame_equal(shuffled.contributions, plain.contributions, check_exact=True)


def test_renaming_symbols_changes_no_total() -> None:
    market = Market(12, 9, 8)
    renamed = dict(zip(market.symbols, reversed(market.symbols), strict=True))
    swap = lambda frame: frame.assign(symbol=frame["symbol"].map(renamed).astype("str"))  # noqa: E731
    other = simulate(swap(market.targets()), swap(market.returns), COSTLY, None, market.days)
    pd.testing.assert_frame_equal(other.daily, market.run(costs=COSTLY).daily, check_exact=True)


def test_returns_of_other_symbols_and_days_are_ignored() -> None:
    market = Market(4, 3, 9)
    later = market.returns.assign(date=lambda f: f["date"] + pd.Timedelta(days=28))
    strangers = market.returns.assign(symbol="SYN:STRANGER/USDT").drop_duplicates(["date"])
    extra = pd.concat([market.returns, later, strangers])
    noisy = simulate(market.targets(), extra, COSTLY, None, market.days)
    pd.testing.assert_frame_equal(noisy.daily, market.run(costs=COSTLY).daily, check_exact=True)


def test_an_opening_book_without_targets_is_simply_held() -> None:
    opening = BookState(equity=2.0, cash=1.5, positions={"SYN:A/USDT": 0.5})
    none = one_target("2024-01-01", A=0.0).iloc[:0]
    result = run_days(none, return_rows("2024-01-01", A=[0.1, 0.1]), "2024-01-01", 2, COSTLY, opening)
    assert result.closing.equity == pytest.approx(1.5 + 0.5 * 1.21, abs=1e-15)
    assert result.daily["turnover"].sum() == 0.0 and pnl_rule(result, opening)[0].passed


def test_free_costs_leave_gross_equal_to_net() -> None:
    daily = Market(5, 4, 11).run(costs=FREE).daily
    assert (daily["costs"] == 0.0).all() and (daily["net"] == daily["gross"]).all()
