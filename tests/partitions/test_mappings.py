"""Look-backs: what Dagster's graph says a partition reads, and what it truly reads, and neither sees the future."""

from __future__ import annotations

import datetime as dt

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partitions import mappings
from partitions.days import daily
from partitions.mappings import Lookback
from partitions.weeks import decision_weeks, realised_weeks

START, END = dt.date(2023, 1, 1), dt.date(2023, 12, 31)  # a Sunday to a Sunday
FIRST_WEEK = dt.date(2023, 3, 6)
DAYS, DECISIONS, REALISED = daily(START, END), decision_weeks(FIRST_WEEK, END), realised_weeks(FIRST_WEEK, END)
DAY = dt.timedelta(days=1)
MONDAYS = [FIRST_WEEK + dt.timedelta(weeks=k) for k in range(len(DECISIONS.get_partition_keys()))]
ANY_MONDAY = st.integers(0, 1500).map(lambda k: dt.date(2005, 1, 3) + dt.timedelta(weeks=k))
FEWER = settings(max_examples=40, deadline=None)
ANY_DAY = st.dates(dt.date(2000, 1, 1), dt.date(2060, 1, 1))


def _graph_reads(lookback: Lookback, key: str, downstream, upstream) -> list[str]:
    """Upstream keys of one partition according to a graph of two assets with this mapping."""

    @dg.asset(partitions_def=upstream)
    def source(): ...

    @dg.asset(partitions_def=downstream, deps=[dg.AssetDep("source", partition_mapping=lookback.mapping)])
    def reader(): ...

    graph = dg.Definitions(assets=[source, reader]).resolve_asset_graph()
    mapping = graph.get_partition_mapping(dg.AssetKey("reader"), dg.AssetKey("source"))
    result = mapping.get_upstream_mapped_partitions_result_for_partitions(
        downstream.subset_with_partition_keys([key]), downstream, upstream
    )
    return sorted(result.partitions_subset.get_partition_keys())


def _week_lookbacks(days: int, weeks: int) -> dict[str, tuple[Lookback, int]]:
    """Every look-back of a decision, with the days after its Monday up to which a read partition lasts."""
    return {
        "days before the week": (mappings.days_before_week(days, START), 0),
        "the last day before the week": (mappings.last_day_before_week(), 0),
        "weeks before": (mappings.weeks_before(weeks, FIRST_WEEK), 6),
    }


# ---------------------------------------------------------------- no future


@settings(max_examples=150, deadline=None)
@given(monday=ANY_MONDAY, days=st.integers(1, 800), weeks=st.integers(1, 60))
def test_a_decision_reads_only_days_before_its_week(monday, days, weeks):
    for name, (lookback, lasts) in _week_lookbacks(days, weeks).items():
        keys = lookback.keys(monday.isoformat())
        last_days = [dt.date.fromisoformat(k) + dt.timedelta(days=lasts) for k in keys]
        assert all(d < monday for d in last_days), name


@pytest.mark.parametrize("monday", [m.isoformat() for m in MONDAYS[::9]])
@pytest.mark.parametrize("days", [1, 6, 7, 8, 30, 56, 60, 61, 400])
def test_the_graph_of_a_decision_reads_only_days_before_its_week(monday, days):
    assert all(k < monday for k in _graph_reads(mappings.days_before_week(days, START), monday, DECISIONS, DAYS))
    last = _graph_reads(mappings.last_day_before_week(), monday, DECISIONS, DAYS)
    assert all(k < monday for k in last)
    weeks = _graph_reads(mappings.weeks_before(days, FIRST_WEEK), monday, DECISIONS, REALISED)
    assert all(k < monday for k in weeks)


@FEWER
@given(day=ANY_DAY, days=st.integers(1, 800))
def test_a_day_reads_no_later_day(day, days):
    keys = mappings.trailing_days(days, dt.date(1990, 1, 1)).keys(day.isoformat())
    assert keys[-1] == day.isoformat() == max(keys)


# ---------------------------------------------------------------- exact windows


@FEWER
@given(day=ANY_DAY, days=st.integers(1, 500), first=ANY_DAY)
def test_trailing_days_are_exactly_the_last_days_not_before_the_start(day, days, first):
    expected = [day - k * DAY for k in range(days)]
    assert mappings.trailing_days(days, first).keys(day.isoformat()) == sorted(
        d.isoformat() for d in expected if d >= first
    )


@FEWER
@given(monday=ANY_MONDAY, days=st.integers(1, 500), first=ANY_DAY)
def test_days_before_a_week_are_exactly_the_last_days_not_before_the_start(monday, days, first):
    expected = [monday - k * DAY for k in range(1, days + 1)]
    assert mappings.days_before_week(days, first).keys(monday.isoformat()) == sorted(
        d.isoformat() for d in expected if d >= first
    )


@FEWER
@given(monday=ANY_MONDAY, weeks=st.integers(1, 60), first=ANY_MONDAY)
def test_weeks_before_and_through_are_exact_and_clipped_at_the_first(monday, weeks, first):
    before = mappings.weeks_before(weeks, first).keys(monday.isoformat())
    expected = [monday - dt.timedelta(weeks=k) for k in range(1, weeks + 1)]
    assert before == sorted(m.isoformat() for m in expected if m >= first)
    assert mappings.weeks_through(weeks, first).keys(monday.isoformat()) == [*before, monday.isoformat()]


@FEWER
@given(monday=ANY_MONDAY, days_before=st.integers(0, 30))
def test_a_realised_week_reads_its_seven_days_and_those_before_that_it_asks_for(monday, days_before):
    keys = mappings.days_of_week(days_before).keys(monday.isoformat())
    assert keys == [(monday + k * DAY).isoformat() for k in range(-days_before, 7)]


@FEWER
@given(day=ANY_DAY)
def test_the_same_partition_reads_itself(day):
    assert mappings.same_partition().keys(day.isoformat()) == [day.isoformat()]


@FEWER
@given(monday=ANY_MONDAY)
def test_the_last_day_before_a_week_is_its_sunday(monday):
    (sunday,) = mappings.last_day_before_week().keys(monday.isoformat())
    assert dt.date.fromisoformat(sunday) == monday - DAY
    assert dt.date.fromisoformat(sunday).weekday() == 6


# ---------------------------------------------------------------- the graph and the reader agree


@pytest.mark.parametrize("key", ["2023-01-01", "2023-01-05", "2023-03-01", "2023-12-31"])
@pytest.mark.parametrize("days", [1, 2, 8, 30, 60])
def test_a_window_of_days_is_the_same_in_the_graph(key, days):
    lookback = mappings.trailing_days(days, START)
    assert _graph_reads(lookback, key, DAYS, DAYS) == lookback.keys(key)


@pytest.mark.parametrize("monday", ["2023-03-06", "2023-06-12", "2024-01-01"])
@pytest.mark.parametrize("days", [7, 14, 28, 56])
def test_a_window_of_whole_weeks_before_a_decision_is_the_same_in_the_graph(monday, days):
    lookback = mappings.days_before_week(days, START)
    assert _graph_reads(lookback, monday, DECISIONS, DAYS) == lookback.keys(monday)


@pytest.mark.parametrize("days", [1, 3, 10, 20, 55])
def test_a_broken_window_is_rounded_up_to_weeks_in_the_graph(days):
    monday, lookback = "2023-06-12", mappings.days_before_week(days, START)
    graph = _graph_reads(lookback, monday, DECISIONS, DAYS)
    assert graph[-len(lookback.keys(monday)) :] == lookback.keys(monday)
    assert len(graph) == -(-days // 7) * 7


@pytest.mark.parametrize("days", [61, 90, 400])
def test_a_long_window_has_a_short_edge_in_the_graph(days):
    """A longer mapping would switch Dagster's data versions off (from 100 partitions on)."""
    daily_edge = _graph_reads(mappings.trailing_days(days, START), "2023-10-01", DAYS, DAYS)
    assert daily_edge == ["2023-10-01"]
    weekly = mappings.days_before_week(days, START)
    weekly_edge = _graph_reads(weekly, "2023-10-02", DECISIONS, DAYS)
    assert weekly_edge == weekly.keys("2023-10-02")[-56:]


@pytest.mark.parametrize("monday", ["2023-03-06", "2023-03-13", "2023-05-01", "2024-01-01"])
@pytest.mark.parametrize("weeks", [1, 2, 8])
def test_windows_of_weeks_are_the_same_in_the_graph_even_at_the_start(monday, weeks):
    before = mappings.weeks_before(weeks, FIRST_WEEK)
    assert _graph_reads(before, monday, DECISIONS, REALISED) == before.keys(monday)
    through = mappings.weeks_through(weeks, FIRST_WEEK)
    assert _graph_reads(through, monday, DECISIONS, DECISIONS) == through.keys(monday)


@pytest.mark.parametrize("monday", ["2023-03-06", "2023-07-03", "2023-12-25"])
def test_a_realised_week_reads_its_seven_days_in_the_graph_too(monday):
    lookback = mappings.days_of_week()
    keys = _graph_reads(lookback, monday, REALISED, DAYS)
    assert keys == lookback.keys(monday)
    assert len(keys) == 7
    assert set(lookback.keys(monday)) < set(_graph_reads(mappings.days_of_week(3), monday, REALISED, DAYS))


def test_the_first_day_of_a_profile_reads_what_there_is():
    assert _graph_reads(mappings.trailing_days(30, START), START.isoformat(), DAYS, DAYS) == [START.isoformat()]
    assert mappings.trailing_days(30, START).keys(START.isoformat()) == [START.isoformat()]


def test_the_last_decision_of_a_finite_profile_reads_up_to_its_last_day():
    last = DECISIONS.get_partition_keys()[-1]
    assert last == "2024-01-01"
    assert _graph_reads(mappings.days_before_week(14, START), last, DECISIONS, DAYS)[-1] == END.isoformat()
