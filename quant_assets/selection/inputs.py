"""What a selection may read: rows of the day before the week, returns strictly before it, nothing later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np
import pandas as pd

from quant_assets.errors import ContractViolation, EmptyResult, UsageError
from quant_assets.universe.direction import Direction

Week = pd.Timestamp | dt.date | str


def monday(week: Week) -> pd.Timestamp:
    """The week's Monday as a naive midnight; raises UsageError for any other day."""
    stamp = pd.Timestamp(week)
    if stamp.tzinfo is not None or stamp != stamp.normalize() or stamp.day_of_week != 0:
        raise UsageError(
            f"week {week!r} is not a Monday at 00:00 without time zone: give the key of a weekly partition"
        )
    return stamp


def require_direction(direction: Direction) -> Direction:
    """The direction itself; raises UsageError for anything that is not the typed enum (a string is not an intent)."""
    if not isinstance(direction, Direction):
        raise UsageError(f"direction {direction!r} is not a Direction: pass Direction.LONG or Direction.SHORT")
    return direction


def require_columns(frame: pd.DataFrame, columns: Iterable[str], what: str) -> None:
    """Raise UsageError naming each absent column and what the frame offers instead."""
    absent = [c for c in columns if c not in frame.columns]
    if absent:
        offered = ", ".join(map(str, frame.columns))
        raise UsageError(
            f"{what}: no column {', '.join(absent)}; the frame has {offered}. Correct the profile or input"
        )


def require_unique(frame: pd.DataFrame, keys: list[str], what: str) -> None:
    """Raise ContractViolation naming the first repeated key."""
    repeated = frame.duplicated(keys)
    if repeated.any():
        first = frame.loc[repeated, keys].iloc[0].to_dict()
        raise ContractViolation(f"{what}: {int(repeated.sum())} repeated keys, first {first}")


def rows_of_day_before(
    frame: pd.DataFrame, week: pd.Timestamp, columns: Iterable[str], what: str, day: pd.Timestamp | None = None
) -> pd.DataFrame:
    """The frame indexed by symbol, sorted; every row must be of ``day``, the last open day before W (default: W-1).

    Raises EmptyResult without rows, UsageError for an absent column, ContractViolation for a row of any other day
    (a later one would be look-ahead, an earlier one is stale) and for a symbol given twice.
    """
    require_columns(frame, ["date", "symbol", *columns], what)
    day_before = week - pd.Timedelta(days=1) if day is None else day
    if frame.empty:
        raise EmptyResult(f"{what}: no rows for {day_before:%F}; materialize that day first")
    dates = pd.to_datetime(frame["date"])
    if not (dates.to_numpy() == day_before.to_datetime64()).all():
        _refuse_other_days(dates, week, day_before, what)
    if not frame["symbol"].is_unique:
        require_unique(frame, ["symbol"], what)
    indexed = frame.set_index("symbol")
    return indexed if indexed.index.is_monotonic_increasing else indexed.sort_index()


def _refuse_other_days(dates: pd.Series, week: pd.Timestamp, day_before: pd.Timestamp, what: str) -> None:
    """Raise ContractViolation naming what is wrong with dates that are not all the day before the week."""
    if dates.isna().any():
        raise ContractViolation(f"{what}: a row has no date")
    refuse_future(dates, week, what)
    other = dates[dates != day_before]
    told = "the day before it" if day_before == week - pd.Timedelta(days=1) else f"the last session, {day_before:%F},"
    raise ContractViolation(f"{what}: row of {other.min():%F}, but week {week:%F} decides on {told} only")


def refuse_future(dates: pd.Series, week: pd.Timestamp, what: str) -> None:
    """Raise ContractViolation naming the newest date when it is not strictly before the week."""
    if len(dates) and dates.max() >= week:
        raise ContractViolation(
            f"L3.ASOF: {what} hold {dates.max():%F}, which is not before week {week:%F}; read with as_of={week:%F}"
        )


def lookback_days(week: pd.Timestamp, days: int | pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The calendar days W-days .. W-1, or the given open days themselves; all before W."""
    if isinstance(days, pd.DatetimeIndex):
        refuse_future(days.to_series(), week, "the look-back")
        return days.rename("date")
    return pd.date_range(week - pd.Timedelta(days=days), week - pd.Timedelta(days=1), freq="D", name="date")


def returns_window(
    returns: pd.DataFrame, symbols: Iterable[str], week: pd.Timestamp, days: int | pd.DatetimeIndex
) -> pd.DataFrame:
    """Returns of ``lookback_days``: days x symbols (both sorted), NaN where there is no return.

    ``returns`` is the long frame (symbol, date, return). Raises ContractViolation for a date >= W, a repeated key or
    an infinite return. Days without any row are in the index: absence is never hidden by a shorter window.
    """
    require_columns(returns, ["date", "symbol", "return"], "returns")
    dates = pd.to_datetime(returns["date"])
    refuse_future(dates, week, "returns")
    wanted = pd.Index(sorted(set(symbols)), name="symbol", dtype="str")
    index = lookback_days(week, days)
    day, column = index.get_indexer(pd.Index(dates)), wanted.get_indexer(pd.Index(returns["symbol"]))
    inside = np.flatnonzero((day >= 0) & (column >= 0))
    cell = day[inside] * len(wanted) + column[inside]
    if np.bincount(cell, minlength=1).max() > 1:
        require_unique(returns.iloc[inside], ["date", "symbol"], "returns")
    values = np.full(len(wanted) * len(index), np.nan)
    values[cell] = returns["return"].to_numpy(dtype=float)[inside]
    wide = values.reshape(len(index), len(wanted))
    infinite = wanted[np.isinf(wide).any(axis=0)]
    if len(infinite):
        raise ContractViolation(f"L1.RANGE: infinite return of {', '.join(infinite)} before week {week:%F}")
    return pd.DataFrame(wide, index=index, columns=wanted, copy=False)
