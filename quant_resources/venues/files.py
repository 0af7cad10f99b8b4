"""The files venue: the user's own bars from Parquet or CSV, with point-in-time listings derived from the bars."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from quant_assets.errors import EmptyResult
from quant_resources.venues.config import FilesVenueConfig
from quant_resources.venues.files_format import find_files, read_files
from quant_resources.venues.files_symbols import complete_symbols, symbol_parts
from quant_resources.venues.listing_grid import NO_DAY, day_numbers, first_bar_days, last_bar_grid, to_dates
from quant_resources.venues.port import (
    BAR_COLUMNS,
    HALTED,
    LISTING_COLUMNS,
    TRADING,
    BarsReceived,
    Clock,
    FetchReport,
    closed_days_until,
    naive_utc,
    require_range,
    utc_now,
)
from quant_resources.venues.splits import SPLIT_COLUMNS, read_splits, unadjusted_splits

Signature = tuple[tuple[Path, int, int], ...]


@dataclass(frozen=True)
class _Reading:
    """One read of the files: all rows, the moment of reading, how long it took, and its symbols."""

    rows: pd.DataFrame
    moment: pd.Timestamp
    seconds: float
    signature: Signature

    @cached_property
    def closed(self) -> pd.Series:
        """True for bars that were over when the file was read."""
        return self.rows["date"] <= closed_days_until(self.moment)

    @cached_property
    def symbols(self) -> pd.Index:
        """Distinct symbols, sorted."""
        names: pd.Index = pd.Index(sorted(self.rows["symbol"].unique()), dtype="str")
        return names

    @cached_property
    def span(self) -> str:
        """First and last date of the rows, for messages."""
        return f"{self.rows['date'].min().date()}..{self.rows['date'].max().date()}"


class FilesVenue:
    """Venue over a file or folder of long bars. Files are read again as soon as one of them changes."""

    point_in_time_listings = True

    def __init__(self, config: FilesVenueConfig, clock: Clock = utc_now) -> None:
        self.config = config
        self.name = config.venue_name
        self.data_kind: str = config.data_kind
        self._clock = clock
        self._last: _Reading | None = None

    def bars(self, symbols: Sequence[str] | None, start: date, end: date) -> BarsReceived:
        """Return the closed rows of `start`..`end` as they are in the files, dirt included.

        Raises UsageError or EmptyResult when the files cannot be used or hold nothing at all in or around the range;
        a range inside their span without a row gives an empty frame (a closed session).
        """
        require_range(self.name, start, end)
        reading = self._read()
        dates = reading.rows["date"]
        inside = (dates >= pd.Timestamp(start)) & (dates <= pd.Timestamp(end))
        if not inside.any() and (dates.max() < pd.Timestamp(start) or dates.min() > pd.Timestamp(end)):
            raise self._outside("bars", start, end, reading)
        failed: dict[str, str] = {}
        if symbols is not None:
            inside &= reading.rows["symbol"].isin(list(symbols))
            failed = {s: f"not in {self.config.path}" for s in sorted(set(symbols) - set(reading.symbols))}
        closed = inside & reading.closed
        frame = reading.rows[closed].sort_values(["date", "symbol"], kind="stable", ignore_index=True)
        frame["source"] = pd.array([self.name], dtype="str").take(np.zeros(len(frame), dtype=np.intp))
        frame["ingested_at"] = pd.Series(reading.moment, index=frame.index, dtype="datetime64[us]")
        requested = len(reading.symbols) if symbols is None else len(symbols)
        unclosed = int(inside.sum()) - len(frame)
        notes = (f"{unclosed} rows withheld: their UTC day was not over at {reading.moment}",) if unclosed else ()
        report = FetchReport(requested, len(reading.signature), failed, {"read": reading.seconds},
                             int(inside.sum()), unclosed, True, notes)  # fmt: skip
        return BarsReceived(frame[list(BAR_COLUMNS)], report)

    def splits(self, until: date) -> pd.DataFrame:
        """Return the splits up to `until` that raw prices do not contain: symbol, date, factor; none without a column.

        Raises UsageError for a split of which the files do not say whether prices contain it, or say it wrongly.
        """
        rows = read_splits(find_files(self.config.path))
        if rows.empty:
            return pd.DataFrame(columns=list(SPLIT_COLUMNS))
        rows["symbol"] = complete_symbols(rows["symbol"], self.name, self.config.default_quote)
        return unadjusted_splits(rows, until, f"bars {self.config.path}")

    def listings(self, day: date) -> pd.DataFrame:
        """Return the markets listed on `day`, derived from bars up to `day` only; trading rules are unknown."""
        return self.listings_range(day, day)[list(LISTING_COLUMNS)]

    def listings_range(self, start: date, end: date) -> pd.DataFrame:
        """Return the listings of every day from `start` to `end` with a leading `date` column (EmptyResult if none)."""
        require_range(self.name, start, end)
        reading = self._read()
        codes = reading.symbols.get_indexer(pd.Index(reading.rows["symbol"]))[reading.closed]
        days = day_numbers(reading.rows["date"][reading.closed])
        grid_days = day_numbers(pd.date_range(start, end, freq="D", unit="us"))
        last = last_bar_grid(codes, days, len(reading.symbols), int(grid_days[0]), int(grid_days[-1]))
        # The age of "no bar yet" would overflow; it is taken from the day itself and then refused.
        seen = last != NO_DAY
        age = np.where(seen, grid_days[:, None] - np.where(seen, last, 0), np.iinfo(np.int64).max)
        day, column = np.nonzero(age <= self.config.listed_within_days)
        if not len(day):
            raise self._outside("listed markets", start, end, reading)
        first = first_bar_days(codes, days, len(reading.symbols))[column]
        halted = age[day, column] > self.config.trading_within_days
        return self._listing_frame(reading.symbols, grid_days[day], column, halted, first, last[day, column])

    def _listing_frame(
        self,
        symbols: pd.Index,
        day: np.ndarray,
        column: np.ndarray,
        halted: np.ndarray,
        first: np.ndarray,
        last: np.ndarray,
    ) -> pd.DataFrame:
        parts = [symbol_parts(symbol) for symbol in symbols]
        names = {
            "symbol": list(symbols),
            "base": [part.base for part in parts],
            "quote": [part.quote for part in parts],
            "kind": [part.kind for part in parts],
        }
        frame = pd.DataFrame({"date": to_dates(day)})
        for name, values in names.items():
            frame[name] = pd.array(values, dtype="str").take(column)
        frame["status"] = pd.array([TRADING, HALTED], dtype="str").take(halted.astype(np.intp))
        frame[["tick_size", "lot_size", "min_notional"]] = float("nan")
        frame["first_bar"], frame["last_bar"] = to_dates(first), to_dates(last)
        return frame

    def _read(self) -> _Reading:
        """Return the rows; the last reading is kept while no file changed and every row in it was closed."""
        files = find_files(self.config.path)
        signature = tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in files)
        if self._last is None or self._last.signature != signature or not self._last.closed.all():
            began, moment = time.perf_counter(), naive_utc(self._clock())
            rows = read_files(files)
            rows["symbol"] = complete_symbols(rows["symbol"], self.name, self.config.default_quote)
            self._last = _Reading(rows, moment, time.perf_counter() - began, signature)
        return self._last

    def _outside(self, what: str, start: date, end: date, reading: _Reading) -> EmptyResult:
        return EmptyResult(
            f"venue {self.name}: no {what} in {start}..{end}; {self.config.path} holds {reading.span}; "
            "choose dates inside it or add files"
        )
