"""Closed sessions as explicit, recorded, empty partitions: what every daily asset's body does with them.

Belongs here: telling open from closed partition keys, and the verdict, purpose and facts of a closed one.
Does not belong here: the calendars themselves (``market/calendars.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import partial

import pandas as pd

from partitions.mappings import LastOpenDays
from quant_assets.contracts.verdict import Verdict, error_rule
from quant_assets.declaration import Batch
from quant_assets.market.calendars import ALWAYS_OPEN, CLOSED_PURPOSE, closed_days, last_open_days

CLOSED_RULE = "SESSION.CLOSED"


def closed_among(calendar: str, keys: Sequence[str]) -> pd.DatetimeIndex:
    """The closed days from the first to the last of these partition keys (ISO days); none for ``24/7``."""
    if calendar == ALWAYS_OPEN or not keys:
        return pd.DatetimeIndex([], dtype="datetime64[us]")
    return closed_days(calendar, dt.date.fromisoformat(min(keys)), dt.date.fromisoformat(max(keys)))


def open_keys(calendar: str, keys: Sequence[str]) -> list[str]:
    """The partition keys (ISO days) on which the market is open, in their order."""
    closed = set(closed_among(calendar, keys).strftime("%Y-%m-%d"))
    return [key for key in keys if key not in closed]


def last_open(calendar: str) -> LastOpenDays | None:
    """How a look-back counts open days; None where every day is open."""
    return None if calendar == ALWAYS_OPEN else partial(_last_open, calendar)


def window_days(calendar: str, week: str, count: int) -> pd.DatetimeIndex | None:
    """The last ``count`` open days before a Monday; None where every day is open."""
    return None if calendar == ALWAYS_OPEN else last_open_days(calendar, dt.date.fromisoformat(week), count)


def record_closed(batch: Batch, calendar: str, keys: Sequence[str], levels: Sequence[str]) -> Batch:
    """Add the closed ones of ``keys`` to a batch: empty on purpose, with a verdict for each level that has none yet.

    A row dated on a closed day breaks ``SESSION.CLOSED`` and withholds the partition.
    """
    closed = closed_among(calendar, keys).strftime("%Y-%m-%d")
    rows = batch.frame["date"].dt.strftime("%Y-%m-%d").value_counts() if len(batch.frame) and len(closed) else {}
    for day in closed:
        if day not in keys:
            continue
        count = int(rows.get(day, 0))
        told = f"{calendar} is closed; {count} rows are dated this day" if count else f"{calendar} is closed"
        rule = error_rule(CLOSED_RULE, checked=1, breaches=int(count > 0), message=told)
        batch.verdicts.setdefault(day, tuple(Verdict(level, (rule,)) for level in levels))
        batch.empty[day] = f"{CLOSED_PURPOSE} ({calendar})"
        batch.facts[day] = {**batch.facts.get(day, {}), "symbols": count, "session": "closed"}
    return batch


def _last_open(calendar: str, before: dt.date, count: int) -> list[dt.date]:
    return [day.date() for day in last_open_days(calendar, before, count)]
