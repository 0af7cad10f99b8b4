"""Which files hold a range, and which route needs the fewest requests."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_resources.venues.archive_plan import (
    Route,
    cheaper_route,
    daily_file,
    may_still_appear,
    monthly_file,
    planned_files,
    rest_requests,
)

TODAY = date(2025, 3, 6)


def test_paths_are_the_archives_own():
    month = monthly_file("spot", "BTC/USDT", date(2023, 1, 17))
    assert month.path == "data/spot/monthly/klines/BTCUSDT/1d/BTCUSDT-1d-2023-01.zip"
    assert (month.first, month.last, month.monthly) == (date(2023, 1, 1), date(2023, 1, 31), True)
    day = daily_file("um", "BTC/USDT:USDT", date(2023, 1, 5))
    assert day.path == "data/futures/um/daily/klines/BTCUSDT/1d/BTCUSDT-1d-2023-01-05.zip"
    assert (day.name, day.monthly) == ("BTCUSDT-1d-2023-01-05.zip", False)


@settings(max_examples=30, deadline=None)
@given(st.dates(date(2019, 1, 1), TODAY), st.integers(0, 2_000), st.integers(0, 400))
def test_planned_files_cover_every_closed_day_once_and_no_day_that_is_not_over(start, length, ago):
    today, end = TODAY - timedelta(days=ago), start + timedelta(days=length)
    files = planned_files("spot", "BTC/USDT", start, end, today)
    covered = [f.first + timedelta(days=k) for f in files for k in range((f.last - f.first).days + 1)]
    wanted = [start + timedelta(days=k) for k in range(length + 1) if start + timedelta(days=k) < today]
    assert len(covered) == len(set(covered)) and covered == sorted(covered)
    assert set(wanted) <= set(covered) and all(day < today for day in covered)


def test_only_recent_files_may_still_appear():
    assert may_still_appear(monthly_file("spot", "A/B", date(2025, 2, 1)), TODAY)
    assert not may_still_appear(monthly_file("spot", "A/B", date(2025, 1, 1)), TODAY)
    assert may_still_appear(daily_file("spot", "A/B", date(2025, 3, 3)), TODAY)
    assert not may_still_appear(daily_file("spot", "A/B", date(2025, 3, 2)), TODAY)


def _plan(start, end):
    return planned_files("spot", "BTC/USDT", start, end, TODAY)


@pytest.mark.parametrize(
    ("start", "end", "cached", "page", "expected"),
    [
        # Without REST there is no choice.
        (date(2020, 1, 1), date(2025, 3, 5), False, None, Route.FILES),
        # 62 months are 124 requests, REST needs two pages.
        (date(2020, 1, 1), date(2025, 3, 5), False, 1_000, Route.REST),
        # Months at hand cost nothing: one page for the running month beats ten requests for its days, and two pages.
        (date(2020, 1, 1), date(2025, 3, 5), True, 1_000, Route.MONTHS),
        # All at hand, no running month.
        (date(2020, 1, 1), date(2025, 2, 28), True, 1_000, Route.FILES),
        # One month is two requests, three pages of ten days are more.
        (date(2025, 1, 1), date(2025, 1, 31), False, 10, Route.FILES),
        # A tie: two requests either way.
        (date(2025, 1, 1), date(2025, 1, 31), False, 16, Route.FILES),
    ],
)
def test_the_route_with_the_fewest_requests_is_taken(start, end, cached, page, expected):
    files = _plan(start, end)
    at_hand = {f.path for f in files if f.monthly} if cached else set()
    assert cheaper_route(files, at_hand, page) is expected


@settings(max_examples=40, deadline=None)
@given(st.dates(date(2020, 1, 1), date(2025, 3, 5)), st.integers(0, 1_900), st.integers(1, 1_000), st.data())
def test_no_route_is_cheaper_than_the_chosen_one(start, length, page, data):
    files = _plan(start, min(start + timedelta(days=length), date(2025, 3, 5)))
    cached = {f.path for f in files if data.draw(st.booleans())} if len(files) < 12 else set()
    asked = [f for f in files if f.path not in cached]
    days = [f for f in files if not f.monthly]
    costs = {
        Route.REST: rest_requests(files[0].first, files[-1].last, page),
        Route.MONTHS: 2 * sum(f.monthly for f in asked)
        + (rest_requests(days[0].first, days[-1].last, page) if days else 0),
        Route.FILES: 2 * len(asked),
    }
    assert costs[cheaper_route(files, cached, page)] == min(costs.values())
