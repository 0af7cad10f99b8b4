"""Days whose bars are the bars of the day before under a new date: stale, whatever their dates say.

One market may repeat its open, high, low, close and volume by chance once in a while; most of a market's bars never do.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from quant_assets.market.table import BarTable, Bools, Floats, Ints, day_numbers, order_by_code

COMPARED = ("open", "high", "low", "close", "volume")
REPEATED_SHARE = 0.5
"""A day is stale when more than this share of its bars that follow another bar repeat it."""
FEWEST = 3
"""Fewer markets than this prove nothing about a day."""


def repeated_days(table: BarTable, history: pd.DataFrame, earlier_quarantine: pd.DataFrame) -> Bools:
    """Return which days repeat the bars received before them, market by market, dirt included.

    Only bars with range and volume count: a market that stands still may well look the same (L1.STALL).
    """
    last = _last_seen(table, history, earlier_quarantine)
    before = _places_before(table)

    def seen(name: str) -> Floats:
        return np.concatenate([last[:, COMPARED.index(name)], table.numbers[name]])

    moves = (table.numbers["high"] > table.numbers["low"]) & (table.numbers["volume"] > 0)
    comparable = moves & (before >= 0) & ~np.isnan(seen("open")[before])
    same = np.flatnonzero(comparable)
    for name in COMPARED:
        same = same[table.numbers[name][same] == seen(name)[before[same]]]
    compared = table.per_day(comparable)
    repeats = np.bincount(table.position[same], minlength=len(compared))
    return np.asarray((compared >= FEWEST) & (repeats > REPEATED_SHARE * compared), dtype=bool)


def _last_seen(table: BarTable, *frames: pd.DataFrame) -> Floats:
    """Return the values of the newest earlier bar of each name, NaN where there is none."""
    last = np.full((len(table.names), len(COMPARED)), np.nan)
    parts = [f[["symbol", "date", *COMPARED]] for f in frames if len(f)]
    if not parts:
        return last
    rows = pd.concat(parts, ignore_index=True)
    code = pd.Index(table.names).get_indexer(pd.Index(rows["symbol"]))
    rows = rows.assign(code=code, day=day_numbers(rows["date"]))[code >= 0]
    rows = rows.sort_values("day", kind="stable").drop_duplicates("code", keep="last")
    last[rows["code"].to_numpy()] = rows[list(COMPARED)].to_numpy(dtype=np.float64)
    return last


def _places_before(table: BarTable) -> Ints:
    """Return where the bar before each row stands: among the names' last seen bars, or after these among the rows.

    -1 where the row before is of the same day.
    """
    order = order_by_code(table.codes)
    codes, days = table.codes[order], table.day[order]
    first = np.diff(codes, prepend=-1) != 0
    places = np.where(first, codes, len(table.names) + np.roll(order, 1))
    places[~first & (np.diff(days, prepend=0) == 0)] = -1
    before = np.empty_like(places)
    before[order] = places
    return before
