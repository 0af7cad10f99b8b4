"""What the judgement of bars promises: conservation, no look-ahead, ranges equal days, clean data raise nothing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.errors import UsageError
from quant_assets.market.config import MarketRules, Redenomination
from quant_assets.market.health_rules import L1_BAR_RULES
from quant_assets.market.raw_rules import L0_RULES
from quant_assets.market.schema import OHLCV_COLUMNS, QUARANTINE_COLUMNS
from tests.quant_assets.market.synthetic import (
    FIRST,
    assert_same,
    broken,
    judge,
    judge_daily,
    listed_from,
    seen_recently,
    synthetic_bars,
)

EVENTS = (
    "jump",
    "jump_back",
    "halt",
    "reuse",
    "redenominate",
    "crash",
    "stall",
    "spike",
    "bad",
    "late",
    "thin_day",
    "twice",
)


def eventful(seed: int, chosen: list[tuple[str, int, int]], days: int = 40) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Synthetic bars with events (kind, symbol, day) on them, and what was expected each day."""
    bars = synthetic_bars(symbols=6, days=days, seed=seed)
    clean = seen_recently(bars, bars["date"].max())
    for kind, which, day in chosen:
        mine = bars["symbol"] == f"SYNTH:C{which:03d}/USDT"
        at, after = bars["date"] == FIRST + pd.Timedelta(days=day), bars["date"] >= FIRST + pd.Timedelta(days=day)
        prices = ["open", "high", "low", "close"]
        if kind in ("jump", "jump_back", "redenominate", "reuse"):
            factor = {"reuse": 37.0, "redenominate": 0.01}.get(kind, 50.0)
            moved = mine & (at if kind == "jump_back" else after)
            bars.loc[moved, prices] *= factor
            bars.loc[moved, "volume"] /= factor
        if kind in ("halt", "reuse", "redenominate"):
            gone = (bars["date"] < FIRST + pd.Timedelta(days=day)) & (
                bars["date"] >= FIRST + pd.Timedelta(days=day - 3)
            )
            bars = bars[~(mine & gone)]
        elif kind == "crash":
            bars.loc[mine & at, ["low", "close"]] *= 0.02
            bars.loc[mine & after & ~at, prices] *= 0.02
            bars.loc[mine & after, "quote_volume"] = np.nan
        elif kind == "stall":
            still = mine & after & (bars["date"] < FIRST + pd.Timedelta(days=day + 6))
            bars.loc[still, prices] = 100.0
            bars.loc[still, "quote_volume"] = np.nan
        elif kind == "spike":
            bars.loc[mine & at, ["volume", "quote_volume"]] *= 4000.0
        elif kind == "bad":
            bars.loc[mine & at, "close"] = np.nan
        elif kind == "late":
            bars.loc[mine & at, "ingested_at"] = FIRST
        elif kind == "thin_day":
            bars = bars[~(at & (bars["symbol"] > "SYNTH:C002/USDT"))]
        elif kind == "twice":
            bars = pd.concat([bars, bars[mine & at]], ignore_index=True)
    return bars.reset_index(drop=True), clean


event_lists = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 5), st.integers(5, 38)), max_size=6)


@given(seed=st.integers(0, 50), chosen=event_lists, cuts=st.lists(st.integers(1, 39), max_size=5))
@settings(max_examples=15, deadline=None)
def test_a_range_judged_at_once_equals_its_days_judged_in_any_pieces(seed, chosen, cuts):
    bars, expected = eventful(seed, chosen)
    rules = MarketRules(bad_ohlc_free_rows=1, stall_window=10, volume_window=15, volume_min_bars=8, gap_window=12)
    whole = judge(bars, expected, rules=rules, days=pd.date_range(FIRST, periods=40))
    pieces = judge_daily(bars, expected, cuts, history_days=16, rules=rules)
    assert_same(whole, pieces)


@given(seed=st.integers(0, 50), chosen=event_lists, cut=st.integers(5, 35))
@settings(max_examples=20, deadline=None)
def test_nothing_of_a_day_depends_on_later_bars(seed, chosen, cut):
    bars, expected = eventful(seed, chosen)
    end = FIRST + pd.Timedelta(days=cut)
    altered = bars.copy()
    altered.loc[altered["date"] > end, ["open", "high", "low", "close"]] *= 3.7
    full = judge(altered, expected, days=pd.date_range(FIRST, periods=40))
    cut_off = judge(bars[bars["date"] <= end], expected, days=pd.date_range(FIRST, end))
    for name in ("accepted", "quarantined", "health"):
        frame = getattr(full, name)
        pd.testing.assert_frame_equal(frame[frame["date"] <= end].reset_index(drop=True), getattr(cut_off, name))
    assert {d: v for d, v in full.verdicts.items() if d <= end} == cut_off.verdicts


@given(seed=st.integers(0, 50), chosen=event_lists)
@settings(max_examples=20, deadline=None)
def test_every_received_row_is_accepted_or_quarantined_and_a_withheld_day_accepts_none(seed, chosen):
    bars, expected = eventful(seed, chosen)
    result = judge(bars, expected, days=pd.date_range(FIRST, periods=40))
    received = bars.groupby("date").size().reindex(pd.date_range(FIRST, periods=40), fill_value=0)
    kept = result.accepted.groupby("date").size().reindex(received.index, fill_value=0)
    dropped = result.quarantined.groupby("date").size().reindex(received.index, fill_value=0)
    assert (kept + dropped == received).all()
    assert not result.accepted["date"].isin(result.withheld_days).any()
    assert (result.quarantined["rule"] != "").all() and (result.quarantined["reason"] != "").all()
    key = ["date", "symbol"]
    assert not result.accepted.duplicated(key).any()
    assert result.accepted[key].equals(result.accepted.sort_values(key, ignore_index=True)[key])


def test_every_rule_appears_in_every_verdict_and_the_frames_have_their_columns():
    bars = synthetic_bars(days=5)
    result = judge(bars)
    assert list(result.accepted.columns) == list(OHLCV_COLUMNS)
    assert list(result.quarantined.columns) == list(QUARANTINE_COLUMNS)
    assert list(result.health.columns) == ["date", "symbol", "rule", "state", "reason"]
    for raw, health in result.verdicts.values():
        assert tuple(r.rule for r in raw.results) == L0_RULES
        assert tuple(r.rule for r in health.results) == L1_BAR_RULES


def test_two_hundred_clean_synthetic_partitions_raise_nothing():
    for seed in range(4):
        bars = synthetic_bars(symbols=15, days=50, seed=seed)
        result = judge(bars)
        assert broken(result) == set()
        assert result.quarantined.empty and result.health.empty and len(result.accepted) == len(bars)


def test_rows_may_come_in_any_order():
    bars = synthetic_bars(days=30)
    assert_same(judge(bars), judge(bars.sample(frac=1.0, random_state=3)))


def test_a_history_that_reaches_into_the_range_is_refused():
    bars = synthetic_bars(days=10)
    stored = judge(bars).accepted
    with pytest.raises(UsageError, match="reaches into the days to judge"):
        judge(bars, history=stored)


def test_a_row_outside_the_days_is_refused():
    bars = synthetic_bars(days=10)
    with pytest.raises(UsageError, match="outside the days to judge"):
        judge(bars, days=pd.date_range(FIRST, periods=9))


def test_a_map_that_contradicts_stored_bars_asks_for_a_new_materialization():
    bars = synthetic_bars(days=20)
    early = bars[bars["date"] < FIRST + pd.Timedelta(days=10)]
    late = bars[bars["date"] >= FIRST + pd.Timedelta(days=10)]
    entry = Redenomination(symbol="SYNTH:C001/USDT", date=(FIRST + pd.Timedelta(days=5)).date(), factor=1000.0)
    with pytest.raises(UsageError, match="materialize ohlcv again"):
        judge(late, history=judge(early).accepted, redenominations=[entry])


def test_a_day_withheld_for_thin_coverage_leaves_no_trace_in_the_days_after():
    bars = synthetic_bars(symbols=10, days=30)
    hurt = FIRST + pd.Timedelta(days=20)
    spoiled = bars.copy()
    spoiled.loc[spoiled["date"] == hurt, ["open", "high", "low", "close"]] *= 0.5
    spoiled["quote_volume"] = bars["quote_volume"] = np.nan
    spoiled = spoiled[(spoiled["date"] != hurt) | (spoiled["symbol"] < "SYNTH:C005/USDT")]
    result = judge(spoiled, listed_from(bars))
    assert result.withheld_days == [hurt]
    quarantined = result.quarantined
    assert set(quarantined["rule"]) == {"L0.COVERAGE"} and len(quarantined) == 5
    unharmed = judge(bars[bars["date"] != hurt], listed_from(bars), days=pd.date_range(FIRST, periods=30)).accepted
    pd.testing.assert_frame_equal(result.accepted, unharmed)


def test_weekends_of_a_session_calendar_are_neither_gaps_nor_halts():
    bars = synthetic_bars(days=60)
    days = pd.date_range(FIRST, periods=60)
    closed = days[days.day_of_week >= 5]
    result = judge(bars[~bars["date"].isin(closed)], days=days, closed_days=closed)
    assert broken(result) == set()
    stray = judge(bars[~bars["date"].isin(closed[1:])], days=days, closed_days=closed)
    assert stray.withheld_days == [closed[0]]
    assert set(stray.quarantined["rule"]) == {"L1.FRESH"}
