"""Selection and weekly books on session calendars: windows of open days, the last session in place of Sunday."""

import numpy as np
import pandas as pd
import pytest

from quant_assets.errors import ContractViolation, EmptyResult
from quant_assets.market.calendars import last_open_days
from quant_assets.selection.inputs import returns_window, rows_of_day_before
from quant_assets.simulation.book import BookState
from quant_assets.simulation.config import Costs
from quant_assets.simulation.weekly import realise_week
from quant_assets.universe.config import Universe
from quant_assets.universe.figures import market_figures

WEEK = pd.Timestamp("2020-11-30")
SESSIONS = last_open_days("XNYS", WEEK.date(), 40)


def session_bars(days: pd.DatetimeIndex = SESSIONS) -> pd.DataFrame:
    close = 100.0 * 1.01 ** np.arange(len(days))
    frame = pd.DataFrame({"symbol": "N:KO/USD", "date": days, "close": close, "volume": 1e5, "quote_volume": np.nan})
    return frame.assign(life_start=days[0], adj_factor=1.0)


def test_the_window_holds_the_open_days_and_hides_no_missing_one():
    returns = session_bars()[["date", "symbol"]].assign(**{"return": 0.01})
    window = returns_window(returns.drop(index=7), ["N:KO/USD"], WEEK, SESSIONS)
    assert list(window.index) == list(SESSIONS) and window["N:KO/USD"].isna().sum() == 1
    with pytest.raises(ContractViolation, match=r"L3\.ASOF"):
        returns_window(returns, ["N:KO/USD"], WEEK, SESSIONS.append(pd.DatetimeIndex([WEEK])))


def test_the_last_session_stands_for_the_day_before_the_week():
    frame = pd.DataFrame({"date": [SESSIONS[-1]], "symbol": ["N:KO/USD"], "passed": [True]})
    assert rows_of_day_before(frame, WEEK, ["passed"], "candidates", SESSIONS[-1]).index.tolist() == ["N:KO/USD"]
    with pytest.raises(ContractViolation, match="last session, 2020-11-27"):
        rows_of_day_before(frame.assign(date=SESSIONS[-2]), WEEK, ["passed"], "candidates", SESSIONS[-1])


def test_weekends_and_holidays_are_no_gap_of_a_market():
    universe, bars = Universe(name="u", gap_window=30), session_bars()
    closed = pd.date_range(SESSIONS[0], SESSIONS[-1]).difference(SESSIONS)
    figures = market_figures(bars, universe, SESSIONS[-1:], closed)
    assert figures["gap_share"].iloc[0] == 0.0
    assert market_figures(bars, universe, SESSIONS[-1:])["gap_share"].iloc[0] > 0.3
    holey = market_figures(bars.drop(index=bars.index[-3]), universe, SESSIONS[-1:], closed)["gap_share"].iloc[0]
    assert holey == pytest.approx(1 / SESSIONS[SESSIONS[-1] - pd.Timedelta(days=30) < SESSIONS].size)


def test_a_book_trades_at_the_first_session_of_its_week_and_holds_over_closed_days():
    weights = pd.DataFrame({"symbol": ["N:KO/USD"], "weight": [1.0]})
    days = pd.DatetimeIndex(["2020-09-08", "2020-09-09", "2020-09-10", "2020-09-11"])
    returns = pd.DataFrame({"date": days, "symbol": "N:KO/USD", "return": 0.01})
    costs = Costs(fee=0.0, slippage=0.0, borrow=0.0, annualisation_days=252)
    week = realise_week(weights, returns, costs, BookState.start(), pd.Timestamp("2020-09-07"), days)
    assert week.daily["date"].tolist() == list(days) and set(week.contributions["event"]) == {""}
    assert week.result.closing.equity == pytest.approx(1.01**4)
    with pytest.raises(EmptyResult, match="no session"):
        realise_week(weights, returns, costs, None, pd.Timestamp("2020-09-07"), days[:0])
