"""Weekly partitions: a decision is there at its Monday 00:00 UTC, a realised week when its seven days have closed."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partitions.weeks import decision_weeks, monday_on_or_before, realised_weeks

UTC = dt.UTC
DAY, WEEK = dt.timedelta(days=1), dt.timedelta(days=7)
DATES = st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1))
FIRST = dt.date(2024, 1, 1)  # a Monday


@given(day=DATES)
def test_every_day_lies_in_the_week_that_its_monday_begins(day):
    monday = monday_on_or_before(day)
    assert monday.weekday() == 0
    assert monday <= day < monday + WEEK


@settings(max_examples=60, deadline=None)
@given(last=st.dates(FIRST + 2 * WEEK, dt.date(2025, 12, 31)))
def test_decisions_go_as_far_as_there_are_days_before_their_monday(last):
    """Brute force over the calendar: week W can be decided when the day before W has bars."""
    mondays = [FIRST + k * WEEK for k in range(200)]
    assert decision_weeks(FIRST, last).get_partition_keys() == [m.isoformat() for m in mondays if m - DAY <= last]


@settings(max_examples=60, deadline=None)
@given(last=st.dates(FIRST + 2 * WEEK, dt.date(2025, 12, 31)))
def test_realised_weeks_have_bars_on_all_seven_days(last):
    mondays = [FIRST + k * WEEK for k in range(200)]
    assert realised_weeks(FIRST, last).get_partition_keys() == [m.isoformat() for m in mondays if m + 6 * DAY <= last]


@settings(max_examples=60, deadline=None)
@given(last=st.dates(FIRST + 2 * WEEK, dt.date(2025, 12, 31)))
def test_every_realised_week_was_decided_and_at_most_one_decision_waits(last):
    decided = decision_weeks(FIRST, last).get_partition_keys()
    realised = realised_weeks(FIRST, last).get_partition_keys()
    assert decided[: len(realised)] == realised
    assert len(decided) - len(realised) == 1


@pytest.mark.parametrize(
    ("now", "decided", "realised"),
    [
        pytest.param("2024-03-03T23:59:59", "2024-02-26", "2024-02-19", id="Sunday, a second before midnight"),
        pytest.param("2024-03-04T00:00:00", "2024-03-04", "2024-02-26", id="Monday midnight"),
        pytest.param("2024-03-07T12:00:00", "2024-03-04", "2024-02-26", id="Thursday"),
    ],
)
@pytest.mark.parametrize("last_day", [None, dt.date(2030, 1, 1)], ids=["no end", "an end far away"])
def test_without_an_end_a_week_is_decided_at_its_monday_and_realised_a_week_later(now, decided, realised, last_day):
    moment = dt.datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert decision_weeks(FIRST, last_day).get_partition_keys(current_time=moment)[-1] == decided
    assert realised_weeks(FIRST, last_day).get_partition_keys(current_time=moment)[-1] == realised


def test_a_profile_that_ended_yesterday_still_decides_the_week_that_begins_today():
    now = dt.datetime(2024, 3, 4, 6, 0, tzinfo=UTC)
    sunday = dt.date(2024, 3, 3)
    assert decision_weeks(FIRST, sunday).get_partition_keys(current_time=now)[-1] == "2024-03-04"
    assert realised_weeks(FIRST, sunday).get_partition_keys(current_time=now)[-1] == "2024-02-26"


def test_all_weeks_begin_on_mondays_at_utc_midnight():
    for definition in (decision_weeks(FIRST, dt.date(2024, 12, 31)), realised_weeks(FIRST, dt.date(2024, 12, 31))):
        windows = [definition.time_window_for_partition_key(k) for k in definition.get_partition_keys()]
        assert {(w.start.weekday(), w.start.hour, (w.end - w.start).days) for w in windows} == {(0, 0, 7)}
        assert windows[0].start.date() == FIRST
