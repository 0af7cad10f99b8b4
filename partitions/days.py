"""Daily partitions: key D is the UTC day [D 00:00, D+1 00:00), known at D+1 00:00."""

from __future__ import annotations

import datetime as dt
from functools import cache

import dagster as dg

ONE_DAY = dt.timedelta(days=1)


def daily(start: dt.date, end: dt.date | None) -> dg.DailyPartitionsDefinition:
    """Days from ``start`` to ``end`` (inclusive), or to the last closed UTC day where ``end`` is None."""
    end_exclusive = None if end is None else (end + ONE_DAY).isoformat()
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), end_date=end_exclusive, timezone="UTC")


def day_keys(first: dt.date, last: dt.date) -> list[str]:
    """ISO keys of all days from ``first`` to ``last``, both included; empty where ``last`` precedes ``first``."""
    return list(map(_iso, range(first.toordinal(), last.toordinal() + 1)))


@cache
def _iso(number: int) -> str:
    """ISO day of a proleptic Gregorian ordinal; written out once, because every partition names its whole look-back."""
    return dt.date.fromordinal(number).isoformat()
