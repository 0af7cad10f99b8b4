"""The partitions of what can only be seen now: today's UTC day, and no day before the definitions were made."""

from __future__ import annotations

import datetime as dt

import dagster as dg

from partitions.mappings import Lookback


def from_today(today: dt.date) -> dg.DailyPartitionsDefinition:
    """Days from ``today`` on, the running one included: a past day does not exist and cannot be asked for."""
    return dg.DailyPartitionsDefinition(start_date=today.isoformat(), end_offset=1, timezone="UTC")


def day_before() -> Lookback:
    """The day before D: the newest closed day at any moment of D."""

    def keys(key: str) -> list[str]:
        return [(dt.date.fromisoformat(key) - dt.timedelta(days=1)).isoformat()]

    mapping = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True)
    return Lookback(mapping, keys)
