"""On real bars: the twin of a weekly-held book, and crashes that stay in the returns of their holders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quant_assets.simulation.drift import buy_and_hold_returns
from quant_assets.simulation.rules import pnl_rule
from quant_assets.simulation.simulate import simulate

from .books import COSTLY, FREE

Frame = pd.DataFrame
START, END = "2021-01-04", "2023-12-24"
COINS = 15


@pytest.fixture(scope="module")
def closes(shared_folder: Path) -> Frame:
    bars = pd.read_parquet(shared_folder / "data" / "binance_spot_daily.parquet", columns=["symbol", "date", "close"])
    bars["date"] = pd.to_datetime(bars["date"]).astype("datetime64[us]")
    return bars.pivot(index="date", columns="symbol", values="close").loc["2020-12-20":END]


def long(wide: Frame, column: str) -> Frame:
    frame = wide.rename_axis(index="date", columns="symbol").stack().dropna().rename(column).reset_index()
    return frame.astype({"symbol": "str"})


@pytest.fixture(scope="module")
def liquid_book(closes: Frame) -> tuple[Frame, Frame, pd.DatetimeIndex]:
    """Fifteen coins with a bar every day, equally weighted each Monday."""
    complete = closes.dropna(axis=1)
    coins = [c for c in complete.columns if not c.split("/")[0].endswith(("UP", "DOWN", "USD", "EUR", "USDC", "GBP"))]
    simple = complete[sorted(coins)[:COINS]].pct_change().loc[START:]
    assert simple.shape[1] == COINS and simple.notna().all().all()
    mondays = simple.index[::7]
    targets = Frame(1.0 / COINS, index=mondays, columns=simple.columns)
    return targets, simple, pd.DatetimeIndex(simple.index)


def test_the_short_twin_of_a_weekly_book_is_almost_its_mirror(
    liquid_book: tuple[Frame, Frame, pd.DatetimeIndex],
) -> None:
    targets, simple, days = liquid_book
    returns = long(simple, "return")
    long_book = simulate(long(targets, "weight"), returns, FREE, None, days).daily["net"]
    short_book = simulate(long(-targets, "weight"), returns, FREE, None, days).daily["net"]
    twin = float(np.corrcoef(long_book, short_book)[0, 1])
    print(f"twin correlation of the weekly-held book, long against short: {twin:.4f}")
    assert -1.0 < twin < -0.95, f"twin correlation of long and short is {twin:.4f}, expected about -0.98"


def test_weekly_windows_on_real_bars_equal_the_closed_form(
    liquid_book: tuple[Frame, Frame, pd.DatetimeIndex],
) -> None:
    targets, simple, days = liquid_book
    net = simulate(long(-targets, "weight"), long(simple, "return"), FREE, None, days).daily["net"].to_numpy()
    values = simple.to_numpy()
    expected = [buy_and_hold_returns(np.full(COINS, -1.0 / COINS), values[k : k + 7]) for k in range(0, len(values), 7)]
    assert np.abs(net - np.concatenate(expected)).max() <= 1e-12


def test_daily_rebalanced_twins_on_real_bars_are_exactly_opposite(
    liquid_book: tuple[Frame, Frame, pd.DatetimeIndex],
) -> None:
    _, simple, days = liquid_book
    daily = Frame(1.0 / COINS, index=days, columns=simple.columns)
    returns = long(simple, "return")
    up = simulate(long(daily, "weight"), returns, COSTLY, None, days).daily["gross"]
    down = simulate(long(-daily, "weight"), returns, COSTLY, None, days).daily["gross"]
    assert len(up) > 1000 and np.abs(up + down).max() <= 1e-12


def test_the_whole_market_obeys_every_identity_through_halts_and_delistings(closes: Frame) -> None:
    """All listed pairs, equal weights from the bars of the day before, each Monday: nothing is cleaned for us."""
    simple = closes.pct_change(fill_method=None).loc[START:]
    mondays = simple.index[::7]
    listed = closes.notna().shift(1).loc[mondays]
    targets = listed.astype(float).div(listed.sum(axis=1), axis=0).where(listed)
    result = simulate(long(targets, "weight"), long(simple, "return"), COSTLY, None, pd.DatetimeIndex(simple.index))
    assert {"halted", "realised_at_last_bar"} & set(result.contributions["event"])
    rule = pnl_rule(result)[0]
    assert rule.passed, rule.message


def test_the_luna_crash_stays_with_its_holder_and_the_new_coin_does_not_pay_it_back(closes: Frame) -> None:
    days = pd.date_range("2022-05-09", "2022-06-12", freq="D", unit="us")
    simple = closes.pct_change(fill_method=None)[["LUNA/USDT"]].reindex(days)
    targets = Frame({"date": days[:1], "symbol": pd.array(["LUNA/USDT"], dtype="str"), "weight": [1.0]})
    new_life = Frame(
        {"date": [pd.Timestamp("2022-05-31")], "symbol": ["LUNA/USDT"], "return": [np.nan], "flag": "first"}
    )
    returns = pd.concat([long(simple, "return").assign(flag=""), new_life.astype({"date": "datetime64[us]"})])
    result = simulate(targets, returns.astype({"symbol": "str"}), FREE, None, days)
    rows = result.contributions
    assert [str(day)[:10] for day in rows.loc[rows["event"] == "realised_at_last_bar", "date"]] == ["2022-05-13"]
    last, before = closes["LUNA/USDT"].loc["2022-05-13"], closes["LUNA/USDT"].loc["2022-05-08"]
    assert result.closing.equity == pytest.approx(last / before, rel=1e-9) and result.closing.equity < 1e-5
    assert dict(result.closing.positions) == {} and (result.daily["status"] == "active").all()
