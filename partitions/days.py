"""Daily partitions: key D is the UTC day [D 00:00, D+1 00:00), known at D+1 00:00."""

from __future__ import annotations

import datetime as dt
from functools import cache

import dagster as dg

ONE_DAY = dt.timedelta(days=1)
_STRETCH = 4_096


def daily(start: dt.date, end: dt.date | None) -> dg.DailyPartitionsDefinition:
    """Days from ``start`` to ``end`` (inclusive), or to the last closed UTC day where ``end`` is None."""
    end_exclusive = None if end is None else (end + ONE_DAY).isoformat()
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), end_date=end_exclusive, timezone="UTC")


def day_keys(first: dt.date, last: dt.date) -> list[str]:
    """ISO keys of all days from ``first`` to ``last``, both included; empty where ``last`` precedes ``first``."""
    low, high = first.toordinal() - 1, last.toordinal()
    keys: list[str] = []
    for number in range(low // _STRETCH, -(-high // _STRETCH)):
        keys += _stretch(number)[max(low - number * _STRETCH, 0) : high - number * _STRETCH]
    return keys


@cache
def _stretch(number: int) -> list[str]:
    """ISO days of a stretch of the calendar; written out once, because every partition names its whole look-back."""
    last = min((number + 1) * _STRETCH, dt.date.max.toordinal())
    return [dt.date.fromordinal(day).isoformat() for day in range(number * _STRETCH + 1, last + 1)]
