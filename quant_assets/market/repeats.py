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
    values = np.column_stack([table.numbers[name] for name in COMPARED]) if len(table) else np.zeros((0, len(COMPARED)))
    order = order_by_code(table.codes)
    before = _previous(table, order, values, _last_seen(table, history, earlier_quarantine))
    with np.errstate(invalid="ignore"):
        moves = (values[:, 1] > values[:, 2]) & (values[:, 4] > 0)
    comparable = moves & ~np.isnan(before[:, 0])
    same = comparable & (values == before).all(axis=1)
    compared, repeats = table.per_day(comparable), table.per_day(same)
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


def _previous(table: BarTable, order: Ints, values: Floats, last: Floats) -> Floats:
    """Return the bar before each row; NaN where there is none, or where the row before is of the same day."""
    before = np.full_like(values, np.nan)
    if not len(order):
        return before
    codes, days = table.codes[order], table.day[order]
    shifted = np.roll(values[order], 1, axis=0)
    first = np.diff(codes, prepend=-1) != 0
    shifted[first] = last[codes[first]]
    shifted[~first & (np.diff(days, prepend=days[0]) == 0)] = np.nan
    before[order] = shifted
    return before
