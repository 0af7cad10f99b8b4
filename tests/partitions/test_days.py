"""Daily partitions: from the start, to the end or to the last closed day."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitions.days import daily, day_keys

UTC = dt.UTC
DATES = st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1))


def test_the_end_is_a_partition_too():
    assert daily(dt.date(2024, 2, 27), dt.date(2024, 3, 1)).get_partition_keys() == [
        "2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01",
    ]  # fmt: skip


def test_a_profile_of_one_day_has_one_partition():
    assert daily(dt.date(2024, 2, 29), dt.date(2024, 2, 29)).get_partition_keys() == ["2024-02-29"]


@pytest.mark.parametrize(
    ("now", "last"),
    [
        pytest.param(dt.datetime(2024, 3, 1, 23, 59, 59, tzinfo=UTC), "2024-02-29", id="the day is not over"),
        pytest.param(dt.datetime(2024, 3, 2, 0, 0, 0, tzinfo=UTC), "2024-03-01", id="the day has just closed"),
        pytest.param(dt.datetime(2024, 3, 2, 1, 0, tzinfo=dt.timezone(dt.timedelta(hours=2))), "2024-02-29",
                     id="the day is over elsewhere, not in UTC"),
    ],
)  # fmt: skip
def test_without_an_end_the_last_partition_is_the_last_closed_utc_day(now, last):
    assert daily(dt.date(2024, 2, 1), None).get_partition_keys(current_time=now)[-1] == last


def test_a_day_begins_and_ends_at_utc_midnight_even_where_clocks_change():
    window = daily(dt.date(2024, 1, 1), None).time_window_for_partition_key("2024-03-31")
    assert window.start.isoformat() == "2024-03-31T00:00:00+00:00"
    assert window.end.isoformat() == "2024-04-01T00:00:00+00:00"


@given(first=DATES, days=st.integers(0, 400))
def test_keys_are_all_days_in_order_and_nothing_else(first, days):
    keys = day_keys(first, first + dt.timedelta(days=days))
    assert len(keys) == days + 1 == len(set(keys))
    assert keys == sorted(keys)
    assert (keys[0], keys[-1]) == (first.isoformat(), (first + dt.timedelta(days=days)).isoformat())


@pytest.mark.parametrize("last", [dt.date(1, 1, 3), dt.date(11, 3, 20), dt.date(2003, 1, 1), dt.date.max])
def test_every_day_of_the_calendar_has_its_key(last):
    days = [dt.date.fromordinal(number) for number in range(max(last.toordinal() - 5_000, 1), last.toordinal() + 1)]
    assert day_keys(days[0], last) == [day.isoformat() for day in days]


@given(first=DATES, days=st.integers(1, 400))
def test_a_range_that_ends_before_it_begins_is_empty(first, days):
    assert day_keys(first, first - dt.timedelta(days=days)) == []
