"""Point-in-time arithmetic shared by venues that derive listings from the days on which bars exist."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DayNumbers = NDArray[np.int64]
NO_DAY = np.iinfo(np.int64).min
"""Stands for "no bar yet" among day numbers; older than any day, so it never looks recent."""


def day_numbers(dates: pd.Series | pd.DatetimeIndex) -> DayNumbers:
    """Return days since 1970-01-01 of midnights."""
    return np.asarray(dates).astype("datetime64[D]").astype(np.int64)


def to_dates(days: DayNumbers) -> NDArray[np.datetime64]:
    """Return day numbers as datetime64[us] midnights; `NO_DAY` becomes NaT."""
    known = np.where(days == NO_DAY, 0, days).astype("datetime64[D]").astype("datetime64[us]")
    return np.where(days == NO_DAY, np.datetime64("NaT", "us"), known)


def last_bar_grid(codes: NDArray[np.intp], days: DayNumbers, symbols: int, start: int, end: int) -> DayNumbers:
    """Return the last bar day at or before each day `start`..`end` (rows) of each symbol (columns), or `NO_DAY`.

    `codes` and `days` list the bars in any order. Row k looks at bars up to day start + k only.
    """
    grid = np.full((end - start + 1, symbols), NO_DAY, dtype=np.int64)
    before = days <= start
    np.maximum.at(grid[0], codes[before], days[before])
    inside = (days > start) & (days <= end)
    grid[days[inside] - start, codes[inside]] = days[inside]
    return np.maximum.accumulate(grid, axis=0)


def first_bar_days(codes: NDArray[np.intp], days: DayNumbers, symbols: int) -> DayNumbers:
    """Return the first bar day of each symbol. To be shown only on days at or after it."""
    first = np.full(symbols, np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(first, codes, days)
    return first
