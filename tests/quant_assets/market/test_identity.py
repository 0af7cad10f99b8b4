"""Jumps, crashes, re-denominations and re-used tickers."""

import datetime as dt

import pandas as pd
import pytest

from quant_assets.errors import UsageError
from quant_assets.market.config import IdentityMap, Redenomination
from quant_assets.market.toxicity import toxic_as_of
from tests.quant_assets.market.synthetic import FIRST, RULES, judge, synthetic_bars

SYMBOL = "SYNTH:X/USDT"


def path(*bars: tuple[int, float, float, float, float], value: float = 1e6) -> pd.DataFrame:
    """Bars (day, open, high, low, close) of one symbol with a constant value traded."""
    frame = pd.DataFrame(bars, columns=["day", "open", "high", "low", "close"])
    dates = (FIRST + pd.to_timedelta(frame.pop("day"), unit="D")).astype("datetime64[us]")
    frame = frame.assign(symbol=SYMBOL, date=dates, volume=value / frame["close"], quote_volume=float("nan"))
    return frame.assign(trades=float("nan"), source="synthetic", ingested_at=dates + pd.Timedelta(days=1))


def steady(day: int, level: float) -> tuple[int, float, float, float, float]:
    return (day, level, level * 1.02, level * 0.98, level * 1.01)


def day(number: int) -> pd.Timestamp:
    return FIRST + pd.Timedelta(days=number)


def states(result) -> list[tuple[int, str, str]]:
    picked = result.health[result.health["rule"] != "L1.GAP"]
    return [((r.date - FIRST).days, r.rule, r.state) for r in picked.itertuples()]


def test_a_crash_that_was_traded_is_data():
    result = judge(path(steady(0, 100), steady(1, 100), (2, 100, 101, 0.2, 0.5), steady(3, 0.5)))
    assert len(result.accepted) == 4 and states(result) == []


def test_a_rise_that_was_traded_is_data():
    result = judge(path(steady(0, 1), (1, 1.0, 40.0, 0.9, 30.0), steady(2, 30)))
    assert len(result.accepted) == 3 and states(result) == []


def test_a_jump_that_comes_back_is_quarantined_and_the_old_life_goes_on():
    result = judge(path(steady(0, 100), steady(1, 100), steady(2, 9000), steady(3, 101)))
    assert result.quarantined["date"].tolist() == [day(2)]
    assert states(result) == [(2, "L1.RETURN_CAP", "toxic")]
    assert set(result.accepted["life_start"]) == {FIRST}


def test_a_jump_whose_level_holds_starts_a_new_life_on_the_next_bar_and_stays_toxic():
    result = judge(path(steady(0, 100), steady(1, 100), steady(2, 9000), steady(3, 9050), steady(4, 9000)))
    assert result.quarantined["date"].tolist() == [day(2)]
    assert states(result) == [(2, "L1.RETURN_CAP", "toxic"), (3, "L1.RETURN_CAP", "new_identity")]
    assert result.accepted["life_start"].tolist() == [FIRST, FIRST, day(3), day(3)]
    asked = pd.DatetimeIndex([day(1), day(2), day(91), day(92)])
    assert toxic_as_of(result.health, asked, RULES)["date"].tolist() == [day(2), day(91)]


def test_a_jump_without_volume_was_not_traded():
    bars = path(steady(0, 100), (1, 100, 9000, 99, 8000), steady(2, 100))
    bars.loc[1, "volume"] = 0.0
    assert judge(bars).quarantined["rule"].tolist() == ["L1.RETURN_CAP"]


def test_a_redenomination_is_withheld_until_mapped_and_history_does_not_change():
    bars = path(steady(0, 100), steady(1, 100), steady(5, 0.1), steady(6, 0.12), steady(7, 0.13))
    unmapped = judge(bars)
    assert unmapped.quarantined["rule"].tolist() == ["L1.REDENOMINATION"] * 3
    assert [s[2] for s in states(unmapped)] == ["redenominated"] * 3
    entry = Redenomination(symbol=SYMBOL, date=day(5).date(), factor=1000.0)
    mapped = judge(bars, redenominations=[entry])
    assert mapped.quarantined.empty and states(mapped) == []
    assert mapped.accepted["adj_factor"].tolist() == [1.0, 1.0, 1000.0, 1000.0, 1000.0]
    assert set(mapped.accepted["life_start"]) == {FIRST}
    pd.testing.assert_frame_equal(mapped.accepted.iloc[:2], unmapped.accepted)


def test_a_wrong_factor_does_not_let_a_jump_in():
    bars = path(steady(0, 100), steady(1, 100), steady(5, 0.1))
    entry = Redenomination(symbol=SYMBOL, date=day(5).date(), factor=10.0)
    assert judge(bars, redenominations=[entry]).quarantined["rule"].tolist() == ["L1.RETURN_CAP"]


def test_a_power_of_ten_with_another_flow_is_another_asset():
    bars = path(steady(0, 100), steady(1, 100), steady(5, 0.1))
    bars.loc[2, "volume"] *= 1e4
    assert states(judge(bars)) == [(5, "L1.IDENTITY", "new_identity")]


def test_a_single_odd_bar_after_a_halt_does_not_withhold_its_symbol_for_ever():
    result = judge(path(steady(0, 100), steady(5, 0.1), steady(6, 101), steady(7, 102)))
    assert result.accepted["date"].tolist() == [day(0), day(6), day(7)]


@pytest.mark.parametrize("ratio", [37.4, 6.0, 0.15, 0.03])
def test_a_ticker_that_returns_at_an_unrelated_price_is_a_new_asset(ratio):
    result = judge(path(steady(0, 100), steady(1, 100), steady(9, 100 * ratio)))
    assert states(result) == [(9, "L1.IDENTITY", "new_identity")]
    assert result.accepted["life_start"].tolist() == [FIRST, FIRST, day(9)]


def test_a_halt_with_a_related_price_keeps_the_life():
    result = judge(path(steady(0, 100), steady(1, 100), steady(9, 60)))
    assert states(result) == [] and set(result.accepted["life_start"]) == {FIRST}
    assert {r.state for r in result.health.itertuples()} == {"no_trading", "gap"}


def test_a_person_may_declare_the_same_asset_or_another():
    bars = path(steady(0, 100), steady(1, 100), steady(9, 3740), steady(10, 3740))
    same = judge(bars, identities=[IdentityMap(symbol=SYMBOL, date=day(9).date())])
    assert set(same.accepted["life_start"]) == {FIRST} and states(same) == []
    other = judge(bars, identities=[IdentityMap(symbol=SYMBOL, date=day(10).date(), same_asset=False)])
    assert other.accepted["life_start"].tolist() == [FIRST, FIRST, day(9), day(10)]


def test_declaring_twice_is_refused():
    entry = Redenomination(symbol=SYMBOL, date=dt.date(2023, 1, 5), factor=10.0)
    with pytest.raises(UsageError, match="mapped twice"):
        judge(synthetic_bars(days=3), redenominations=[entry, entry])
