"""Received bars as typed arrays, sorted by day and symbol: what every bar rule looks at.

Belongs here: reading a venue's frame without losing or repairing a row. Does not belong here: any judgement of values,
apart from noting what does not have the agreed shape.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.errors import UsageError
from quant_assets.market.schema import NUMBER_COLUMNS, RECEIVED_COLUMNS, column_type, to_utc
from quant_assets.market.symbols import clean_text, is_canonical

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Reasons = dict[int, str]
"""Why a row breaks a rule, by row; rows that do not break it are absent."""
MICROS_PER_DAY = 86_400_000_000


@dataclass(frozen=True)
class Calendar:
    """The days to judge, and an ordinal for any day that counts open days only.

    With no closed days the ordinal is the day number itself; a missing day is then a calendar day.
    """

    days: Ints
    closed: Ints

    @classmethod
    def of(
        cls, days: Collection[date] | pd.DatetimeIndex, closed_days: Collection[date] | pd.DatetimeIndex
    ) -> Calendar:
        """Return the calendar of these UTC days; UsageError when there is none."""
        calendar = cls(day_numbers(to_index(days)), day_numbers(to_index(closed_days)))
        if not len(calendar.days):
            raise UsageError("no days to judge were given; name at least one UTC day")
        return calendar

    def ordinal(self, days: Ints) -> Ints:
        """Return the number of open days up to and including each day (of a fixed origin)."""
        if not len(self.closed):
            return days
        return np.asarray(days - np.searchsorted(self.closed, days, side="right"), dtype=np.int64)

    def positions(self, days: Ints) -> Ints:
        """Return where each day stands (or would stand) among the days to judge."""
        if len(self.days) == self.days[-1] - self.days[0] + 1:
            return np.asarray(np.clip(days - self.days[0], 0, len(self.days)), dtype=np.int64)
        return np.searchsorted(self.days, days).astype(np.int64)

    @cached_property
    def is_closed(self) -> Bools:
        """Whether each of the days to judge is a closed one."""
        return np.isin(self.days, self.closed)

    @cached_property
    def stamps(self) -> list[pd.Timestamp]:
        """The days to judge as naive midnights."""
        return list(pd.DatetimeIndex(to_stamps(self.days)))


@dataclass(frozen=True)
class BarTable:
    """Received rows sorted by (day, symbol). Row arrays share one length; `codes` index `names` in name order.

    `day` is the day number, `position` the index of that day in the calendar; `shape_breach` holds rows whose values
    are of the wrong kind, with `shape_reason`; `frame_breach` is what is wrong with the frame as a whole, or ''.
    """

    calendar: Calendar
    frame: pd.DataFrame
    names: NDArray[np.object_]
    canonical: Bools
    codes: Ints
    day: Ints
    position: Ints
    numbers: Mapping[str, Floats]
    shape_breach: Bools
    shape_reason: Reasons
    frame_breach: str

    def __len__(self) -> int:
        return len(self.day)

    @property
    def row_canonical(self) -> Bools:
        """Whether each row's symbol has the canonical pattern."""
        return self.canonical[self.codes] if len(self) else np.zeros(0, dtype=bool)

    def per_day(self, mask: Bools | None = None) -> Ints:
        """Return how many rows (of `mask`) each day of the calendar has."""
        if mask is not None and not mask.any():
            return np.zeros(len(self.calendar.days), dtype=np.int64)
        chosen = self.position if mask is None else self.position[mask]
        return np.bincount(chosen, minlength=len(self.calendar.days)).astype(np.int64)

    def rows_of_day(self, position: int) -> slice:
        """Return the rows of one day of the calendar."""
        low, high = np.searchsorted(self.position, [position, position + 1])
        return slice(int(low), int(high))


def day_numbers(stamps: pd.Series | pd.DatetimeIndex) -> Ints:
    """Return days since 1970-01-01 of naive times, floored."""
    return np.asarray(stamps).astype("datetime64[us]").astype(np.int64) // MICROS_PER_DAY


def to_index(days: Collection[date] | pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return days as an index of naive midnights in microseconds, sorted, each once."""
    index = days if isinstance(days, pd.DatetimeIndex) else pd.DatetimeIndex(list(days))
    return index.unique().sort_values().as_unit("us")


def order_by_code(codes: Ints) -> Ints:
    """Return the stable order by code: rows that are in time order stay so within each code."""
    small = codes.astype(np.uint16) if len(codes) and codes.max() < 1 << 16 else codes  # 16 bits: linear-time sort
    return np.argsort(small, kind="stable")


def to_stamps(days: Ints) -> NDArray[np.datetime64]:
    """Return day numbers as datetime64[us] midnights."""
    return (np.asarray(days, dtype=np.int64) * MICROS_PER_DAY).view("datetime64[us]")


def read_bars(received: pd.DataFrame, calendar: Calendar) -> BarTable:
    """Return the received rows as a table. UsageError for a row that belongs to none of the calendar's days."""
    frame, breach = _columns(received)
    stamps = to_utc(frame["date"]) if len(frame) else frame["date"].astype("datetime64[us]")
    day = day_numbers(stamps)
    position = calendar.positions(day)
    inside = (position < len(calendar.days)) & stamps.notna().to_numpy(dtype=bool)
    inside[inside] = calendar.days[position[inside]] == day[inside]
    if not inside.all():
        _refuse_outside(frame[~inside], stamps[~inside], calendar)
    codes, names = _encode(frame["symbol"])
    key = position * max(len(names), 1) + codes
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key, kind="stable")
        frame, stamps, codes, day, position = (
            frame.iloc[order], stamps.iloc[order], codes[order], day[order], position[order]
        )  # fmt: skip
    frame = frame.reset_index(drop=True)
    numbers, shape, reason = _numbers(frame, stamps)
    frame = frame.assign(symbol=_texts(names, codes), date=to_stamps(day))
    canonical = np.fromiter((is_canonical(name) for name in names), dtype=bool, count=len(names))
    return BarTable(
        calendar, _typed(frame, numbers), names, canonical, codes, day, position, numbers, shape, reason, breach
    )


def _columns(received: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the frame with exactly the received columns, and what was wrong with its columns."""
    if not {"symbol", "date"} <= set(received.columns):
        raise UsageError(f"received bars need the columns symbol and date; found {list(map(str, received.columns))}")
    missing = [name for name in RECEIVED_COLUMNS if name not in received.columns]
    extra = [str(name) for name in received.columns if name not in RECEIVED_COLUMNS]
    notes = [
        f"{kind} column(s) {', '.join(names)}" for kind, names in (("missing", missing), ("unexpected", extra)) if names
    ]
    if received.columns.has_duplicates:
        received, notes = received.loc[:, ~received.columns.duplicated()], [*notes, "a column occurs twice"]
    frame = received.reindex(columns=list(RECEIVED_COLUMNS)) if missing or extra else received[list(RECEIVED_COLUMNS)]
    if len(frame) and not pd.api.types.is_datetime64_dtype(frame["date"].dtype):
        notes.append(f"date is of type {frame['date'].dtype}, not naive datetime64")
    return frame, "; ".join(notes)


def _refuse_outside(frame: pd.DataFrame, stamps: pd.Series, calendar: Calendar) -> None:
    first, last = calendar.stamps[0].date(), calendar.stamps[-1].date()
    raise UsageError(
        f"{len(frame)} received row(s) have a date outside the days to judge ({first} .. {last}), "
        f"for example {ascii(str(frame['symbol'].iloc[0]))[:60]} at {stamps.iloc[0]}; ask the venue for that range only"
    )


def _encode(symbols: pd.Series) -> tuple[Ints, NDArray[np.object_]]:
    """Return codes in name order, and the names; a missing or non-text name becomes its text."""
    raw, uniques = pd.factorize(symbols, use_na_sentinel=False)
    texts = np.array([clean_text(name) for name in uniques], dtype=object)
    names, ranks = np.unique(texts, return_inverse=True) if len(texts) else (texts, np.zeros(0, dtype=np.int64))
    return ranks.astype(np.int64)[raw] if len(raw) else np.zeros(0, dtype=np.int64), names


def _texts(names: NDArray[np.object_], codes: Ints) -> pd.Series:
    """Return the name of each code as a string column."""
    return pd.Series(names, dtype="str").take(codes).reset_index(drop=True)


def _numbers(frame: pd.DataFrame, stamps: pd.Series) -> tuple[dict[str, Floats], Bools, Reasons]:
    """Return float columns and the rows that are not of the agreed kind, with the first reason of each."""
    micros = stamps.to_numpy().astype("datetime64[us]").astype(np.int64)
    breach = micros % MICROS_PER_DAY != 0
    rows = np.flatnonzero(breach).tolist()
    reason = {
        row: f"{stamp} is inside a day, not a UTC midnight" for row, stamp in zip(rows, stamps[breach], strict=True)
    }
    numbers: dict[str, Floats] = {}
    for name in NUMBER_COLUMNS:
        values, wrong = _as_floats(frame[name])
        numbers[name] = values
        for row in np.flatnonzero(wrong & ~breach).tolist():
            reason[row] = f"{name} is {ascii(frame[name].iloc[row])[:40]}, not a number"
        breach |= wrong
    return numbers, breach, reason


def _as_floats(values: pd.Series) -> tuple[Floats, Bools]:
    kind = values.dtype
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
        return values.to_numpy(dtype=np.float64, na_value=np.nan), np.zeros(len(values), dtype=bool)
    proper = np.fromiter((_is_number(v) for v in values), dtype=bool, count=len(values))
    absent = values.isna().to_numpy(dtype=bool)
    floats = np.full(len(values), np.nan)
    floats[proper] = values[proper].astype("float64").to_numpy()
    return floats, ~(proper | absent)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, (bool, np.bool_))


def _typed(frame: pd.DataFrame, numbers: Mapping[str, Floats]) -> pd.DataFrame:
    fetched = frame["ingested_at"]
    if not pd.api.types.is_datetime64_dtype(fetched.dtype):
        fetched = to_utc(fetched) if len(fetched) else fetched.astype("datetime64[us]")
    source = frame["source"] if frame["source"].dtype == "str" else frame["source"].map(clean_text).astype("str")
    typed = frame.assign(**numbers, source=source, ingested_at=fetched.astype("datetime64[us]"))
    return typed.astype({"date": column_type("date")})
