"""Look-backs: which partitions of an input a partition reads, for Dagster's graph and for the reader alike.

A window of at most 60 days is a true mapping, so the graph itself withholds what a missing day touches. A longer one
multiplies backfills and switches Dagster's data versions off (from 100 partitions on): the graph then carries the
short edge, and the full window is held by the contract gate and the manifest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dagster as dg

from partitions.days import day_keys

MAX_MAPPED_DAYS = 60
MAX_MAPPED_WEEKS = 8
LastOpenDays = Callable[[dt.date, int], Sequence[dt.date]]
"""Gives the last n open days strictly before a day, rising: what a session calendar knows."""


@dataclass(frozen=True)
class Lookback:
    """How one asset reads another: the graph's mapping, and the exact keys that a partition needs."""

    mapping: dg.PartitionMapping
    keys: Callable[[str], list[str]]


def same_partition() -> Lookback:
    """The partition with the same key."""
    return Lookback(dg.IdentityPartitionMapping(), lambda key: [key])


def trailing_days(days: int, first: dt.date) -> Lookback:
    """The day itself and the ``days - 1`` days before it, not before ``first`` (the start of the input)."""

    def keys(key: str) -> list[str]:
        last = dt.date.fromisoformat(key)
        return day_keys(max(first, last - dt.timedelta(days=days - 1)), last)

    if days > MAX_MAPPED_DAYS:
        return Lookback(dg.IdentityPartitionMapping(), keys)
    return Lookback(_window(-(days - 1), 0), keys)


def days_before_week(days: int, first: dt.date, last_open: LastOpenDays | None = None) -> Lookback:
    """The ``days`` days before Monday W, never W itself; not before ``first``.

    With ``last_open`` they are open days, and the closed days between them are read too (they are empty).
    """

    def keys(key: str) -> list[str]:
        monday = dt.date.fromisoformat(key)
        begin = monday - dt.timedelta(days=days) if last_open is None else _as_date(last_open(monday, days)[0])
        return day_keys(max(first, begin), monday - dt.timedelta(days=1))

    weeks = -(-days // 7) if last_open is None else -(-days // 4) + 1
    return Lookback(_window(-min(MAX_MAPPED_WEEKS, weeks), -1), keys)


def last_day_before_week(last_open: LastOpenDays | None = None) -> Lookback:
    """The one day before Monday W (the last open one): the newest cross-section that a decision for W may see."""

    def keys(key: str) -> list[str]:
        monday = dt.date.fromisoformat(key)
        before = monday - dt.timedelta(days=1) if last_open is None else _as_date(last_open(monday, 1)[0])
        return [before.isoformat()]

    return Lookback(_window(-1 if last_open is None else -2, -1), keys)


def days_of_week(days_before: int = 0) -> Lookback:
    """The seven days of week W, preceded by ``days_before`` days: what realising W's returns needs."""

    def keys(key: str) -> list[str]:
        monday = dt.date.fromisoformat(key)
        return day_keys(monday - dt.timedelta(days=days_before), monday + dt.timedelta(days=6))

    weeks_touched = (days_before + 6) // 7
    return Lookback(_window(-weeks_touched, 0), keys)


def weeks_before(weeks: int, first: dt.date) -> Lookback:
    """The ``weeks`` weeks before W, not before ``first``."""

    def keys(key: str) -> list[str]:
        monday = dt.date.fromisoformat(key)
        mondays = [monday - dt.timedelta(weeks=k) for k in range(weeks, 0, -1)]
        return [m.isoformat() for m in mondays if m >= first]

    return Lookback(_window(-min(weeks, MAX_MAPPED_WEEKS), -1), keys)


def weeks_through(weeks: int, first: dt.date) -> Lookback:
    """Week W itself and the ``weeks`` weeks before it, not before ``first``."""
    before = weeks_before(weeks, first)
    return Lookback(_window(-min(weeks, MAX_MAPPED_WEEKS), 0), lambda key: [*before.keys(key), key])


def _as_date(day: dt.date) -> dt.date:
    return day.date() if isinstance(day, dt.datetime) else day


def _window(start_offset: int, end_offset: int) -> dg.TimeWindowPartitionMapping:
    return dg.TimeWindowPartitionMapping(
        start_offset=start_offset, end_offset=end_offset, allow_nonexistent_upstream_partitions=True
    )
