"""Weekly partitions: key W is a Monday; decisions of W use days before W, returns of W are realised on W..W+6."""

from __future__ import annotations

import datetime as dt

import dagster as dg

from partitions.days import ONE_DAY

ONE_WEEK = dt.timedelta(days=7)
_MONDAY_MIDNIGHT = "0 0 * * 1"


def monday_on_or_before(day: dt.date) -> dt.date:
    """The Monday of the week of ``day``."""
    return day - dt.timedelta(days=day.weekday())


def decision_weeks(first: dt.date, last_day: dt.date | None) -> dg.TimeWindowPartitionsDefinition:
    """Weeks whose weights can be decided: a week is there at its Monday 00:00, when its inputs are complete.

    ``last_day`` is the last day with bars, None for a profile that goes on; the last decision week is the one that
    begins on the day after it at the latest.
    """
    end = None if last_day is None else monday_on_or_before(last_day + ONE_DAY) + ONE_WEEK
    return _weekly(first, end, end_offset=1)


def realised_weeks(first: dt.date, last_day: dt.date | None) -> dg.TimeWindowPartitionsDefinition:
    """Weeks whose seven days have all closed."""
    if last_day is None:
        return _weekly(first, None, end_offset=0)
    return _weekly(first, monday_on_or_before(last_day + ONE_DAY), end_offset=0)


def _weekly(first: dt.date, end: dt.date | None, end_offset: int) -> dg.TimeWindowPartitionsDefinition:
    return dg.TimeWindowPartitionsDefinition(
        start=first.isoformat(),
        end=None if end is None else end.isoformat(),
        fmt="%Y-%m-%d",
        cron_schedule=_MONDAY_MIDNIGHT,
        timezone="UTC",
        end_offset=end_offset,
    )
