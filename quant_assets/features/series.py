"""Bars as ragged arrays: each life of each symbol is one contiguous run of its own bars, without calendar holes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.errors import EmptyResult, UsageError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
SmallInts = NDArray[np.int32]

PRICES = ("open", "high", "low", "close")
COLUMNS = ("symbol", "date", *PRICES, "volume", "quote_volume", "life_start", "adj_factor")
# Room for days of about 11,000 years on either side of 1970 in the combined key of symbol and day.
_DAY_SPAN = 1 << 23
# What copies or computes columns gives the interpreter lock back meanwhile.
THREADS = 2


@dataclass(frozen=True, eq=False)
class BarSeries:
    """Adjusted bars sorted by symbol and date; row ``i`` is one bar.

    ``symbols`` holds the distinct names, ``code[i]`` indexes it, ``day[i]`` counts days since 1970-01-01 and
    ``first[i]`` is the row of the first bar of the life that row ``i`` belongs to. Prices are price * adj_factor in
    quote currency, ``volume`` is volume / adj_factor in base units, ``quote_value`` is in quote currency (NaN unknown).
    ``life_start[i]`` is the first day of the life, loaded or not. ``given`` holds the row of each bar in the order in
    which they were given, if that was by day, then symbol.
    """

    symbols: tuple[str, ...]
    code: IntArray
    day: IntArray
    first: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    quote_value: FloatArray
    life_start: IntArray
    given: IntArray | None = None

    def __len__(self) -> int:
        return len(self.day)

    @cached_property
    def key(self) -> IntArray:
        """Symbol and day of each row in one strictly increasing number."""
        return self.code * _DAY_SPAN + self.day

    @cached_property
    def by_day(self) -> IntArray:
        """Rows ordered by day, then symbol."""
        return stable_order(self.day) if self.given is None else self.given

    @cached_property
    def last(self) -> IntArray:
        """Row of the last bar of each row's life."""
        starts = np.unique(self.first)
        ends = np.append(starts[1:], len(self)) - 1
        return ends[np.searchsorted(starts, self.first)]

    @cached_property
    def returns(self) -> FloatArray:
        """Simple close-to-close return from the symbol's previous bar of the same life; NaN on a life's first bar."""
        out = np.empty(len(self))
        np.divide(self.close[1:], self.close[:-1], out=out[1:])
        out[1:] -= 1.0
        out[self.first == np.arange(len(self))] = np.nan
        return out

    @cached_property
    def log_close(self) -> FloatArray:
        """Natural logarithm of the close; NaN where it is not positive."""
        from quant_assets.features.lanes import logarithms

        out = np.empty(len(self))
        logarithms(self.close, out)
        return out

    def part(self, low: int, high: int) -> BarSeries:
        """Rows ``low .. high - 1`` as a series, with views of the columns; ``low`` must be the first row of a life."""
        names = ("open", "high", "low", "close", "volume", "quote_value", "life_start")
        columns = {name: getattr(self, name)[low:high] for name in names}
        return BarSeries(self.symbols, self.code[low:high], self.day[low:high], self.first[low:high] - low, **columns)

    def rows_of(self, symbols: pd.Series, days: IntArray) -> IntArray:
        """Row of each (symbol, day); -1 where there is no such bar."""
        place, names = pd.factorize(symbols.array)
        # One more for an unknown name: place -1 of a missing symbol reads the last item.
        codes = np.append(pd.Index(self.symbols).get_indexer(pd.Index(names)), -1).astype(np.int64)[place]
        wanted = codes * _DAY_SPAN + days
        # Symbol after symbol each search begins where the one before ended.
        order = stable_order(codes)
        rows = np.empty(len(wanted), dtype=np.int64)
        rows[order] = np.minimum(np.searchsorted(self.key, wanted[order]), len(self) - 1)
        return np.where((codes >= 0) & (self.key[rows] == wanted), rows, -1)

    def rows_on(self, days: IntArray) -> IntArray:
        """Rows whose day is one of ``days``, in series order."""
        return np.flatnonzero(np.isin(self.day, days)).astype(np.int64)

    def start_of(self, rows: IntArray, window: int, span_days: int) -> IntArray:
        """First row that a window ending at each of ``rows`` may read.

        At most ``window`` bars, of the same life, of the last ``span_days`` calendar days (the row's day included).
        """
        from quant_assets.features.bar_kernels import window_starts

        start = np.empty(len(rows), dtype=np.int64)
        window_starts(np.ascontiguousarray(rows, dtype=np.int64), self.first, self.day, window, span_days, start)
        return start

    def anchor_of(self, rows: IntArray, block_days: int) -> IntArray:
        """First row of the recursion that ends at each of ``rows``: the first bar of the block of days before its own.

        Blocks of ``block_days`` calendar days are counted from 1970-01-01; a life that began later starts with itself.
        """
        from quant_assets.features.bar_kernels import memory_starts

        start = np.empty(len(rows), dtype=np.int64)
        memory_starts(np.ascontiguousarray(rows, dtype=np.int64), self.first, self.day, block_days, start)
        return start


def day_numbers(dates: pd.Series | pd.DatetimeIndex | list[pd.Timestamp]) -> IntArray:
    """Days since 1970-01-01 of timezone-naive midnights; a time of day or a timezone is a UsageError."""
    index = pd.DatetimeIndex(dates)
    ticks = index.asi8
    a_day = np.timedelta64(1, "D") // np.timedelta64(1, index.unit)
    days = ticks // a_day
    # No whole number of days is the number that stands for a missing date.
    if index.tz is not None or (days * a_day != ticks).any():
        raise UsageError(
            "dates must be timezone-naive UTC midnights without gaps (NaT); normalise them before computing features"
        )
    return days


def midnights(days: IntArray) -> NDArray[np.datetime64]:
    """Timezone-naive midnights of days since 1970-01-01, in microseconds; the other way round than ``day_numbers``."""
    return (days * np.int64(86_400_000_000)).view("datetime64[us]")


def stable_order(numbers: IntArray) -> IntArray:
    """Order that sorts whole numbers, equal ones as they stand; in linear time where they span less than 16 bits."""
    if not len(numbers):
        return np.empty(0, dtype=np.int64)
    least = numbers.min()
    narrow = numbers.max() - least < 1 << 16
    return np.argsort((numbers - least).astype(np.uint16) if narrow else numbers, kind="stable").astype(np.int64)


def symbol_codes(symbols: pd.Series) -> tuple[IntArray, tuple[str, ...]]:
    """Of each row the place of its symbol among the distinct ones, and those in ascending order.

    -1 where a symbol is missing or empty. Categories of which there is no row are left out.
    """
    known: pd.Index
    if isinstance(symbols.dtype, pd.CategoricalDtype):
        codes, known = symbols.cat.codes.to_numpy(), symbols.cat.categories
    else:
        codes, found = pd.factorize(symbols.array)
        known = pd.Index(found)
    counts = np.bincount(codes + 1, minlength=len(known) + 1)[1:].tolist()
    names = [str(name) for name in known]
    distinct = sorted({name for name, count in zip(names, counts, strict=True) if count and name})
    # One more for a missing symbol: its code, -1, reads the last item.
    place = np.append(pd.Index(distinct, dtype="str").get_indexer(pd.Index(names, dtype="str")), -1).astype(np.int64)
    return place[codes], tuple(distinct)


def build_series(bars: pd.DataFrame) -> BarSeries:
    """Ragged series of canonical ``bars`` (columns ``COLUMNS``; others are ignored), any row order.

    Raises UsageError for missing columns, a repeated (symbol, date) or lives that overlap; EmptyResult without rows.
    """
    missing = [c for c in COLUMNS if c not in bars.columns]
    if missing:
        raise UsageError(f"bars lack the columns {missing}; pass rows of the ohlcv table with all of {list(COLUMNS)}")
    if bars.empty:
        raise EmptyResult("no bars: the features have nothing to read; materialize ohlcv for the look-back first")
    code, names = symbol_codes(bars["symbol"])
    if unnamed := int((code < 0).sum()):
        raise UsageError(f"{unnamed} bars have no symbol; quarantine them (L0.SYMBOL) first")
    day = day_numbers(bars["date"])
    row = _rows_in_order(code, day)
    by_day = _ascends(day, code)

    def in_order(values: NDArray[Any]) -> NDArray[Any]:
        out = np.empty_like(values)
        out[row] = values
        return out

    numbers = (bars[name].to_numpy(np.float64) for name in (*PRICES, "volume", "quote_volume", "adj_factor"))
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        columns = pool.map(in_order, (*numbers, code, day, day_numbers(bars["life_start"])))
        opened, high, low, close, volume, value, factor, code, day, life = columns
    for prices in (opened, high, low, close):
        prices *= factor
    volume /= factor
    first = _first_rows(names, code, day, life)
    return BarSeries(names, code, day, first, opened, high, low, close, volume, value, life, row if by_day else None)


def _rows_in_order(code: IntArray, day: IntArray) -> IntArray:
    """Row of each bar when they stand by symbol, then day."""
    if _ascends(code, day):
        return np.arange(len(code))
    # Stored bars come day by day: then the symbols alone decide.
    order = stable_order(code if (day[1:] >= day[:-1]).all() else code * _DAY_SPAN + day)
    rows = np.empty_like(order)
    rows[order] = np.arange(len(order))
    return rows


def _ascends(major: IntArray, minor: IntArray) -> bool:
    """Whether pairs of numbers stand in ascending order."""
    rises, ties = major[1:] > major[:-1], major[1:] == major[:-1]
    return bool((rises | (ties & (minor[1:] > minor[:-1]))).all())


def _first_rows(symbols: tuple[str, ...], code: IntArray, day: IntArray, life: IntArray) -> IntArray:
    """Row of the first bar of each row's life; refuses repeated bars and overlapping lives."""
    same = code[1:] == code[:-1]
    for problem, where in (
        ("two bars on", same & (day[1:] == day[:-1])),
        ("overlapping lives around", same & (life[1:] < life[:-1])),
    ):
        if where.any():
            row = int(np.flatnonzero(where)[0]) + 1
            date = np.datetime64(int(day[row]), "D")
            raise UsageError(f"{symbols[code[row]]} has {problem} {date}; quarantine them (L0.KEY, L1.IDENTITY) first")
    new = np.ones(len(code), dtype=bool)
    new[1:] = ~same | (life[1:] != life[:-1])
    starts = np.flatnonzero(new).astype(np.int64)
    return np.repeat(starts, np.diff(starts, append=len(code)))
