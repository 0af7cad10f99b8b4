"""The archive venue: an exchange's bulk files of daily bars, with its REST interface for the days not yet archived.

The archive keeps what was delisted, so listings derived from its bars are point in time for the configured symbols; it
cannot tell which symbols to configure. A symbol of which any file failed delivers no bar at all: a hole in the middle
would look like a halt. It stays listed on the days of the failed file, so that its absence is seen as missing coverage.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd

from quant_assets.errors import EmptyResult, QuantError
from quant_resources.venues.archive_client import ArchiveClient
from quant_resources.venues.archive_plan import ArchiveFile, Route, cheaper_route, planned_files
from quant_resources.venues.archive_symbol import SymbolRead, read_symbol, spans
from quant_resources.venues.archive_zip import NUMBERS, Klines
from quant_resources.venues.config import ArchiveVenueConfig
from quant_resources.venues.files_symbols import symbol_parts
from quant_resources.venues.listing_grid import NO_DAY, day_numbers, last_bar_grid, to_dates
from quant_resources.venues.port import (
    BAR_COLUMNS,
    HALTED,
    LISTING_COLUMNS,
    TRADING,
    BarsReceived,
    Clock,
    FetchReport,
    Resumable,
    Venue,
    closed_days_until,
    naive_utc,
    require_range,
    utc_now,
)

MAX_NAMED = 5
"""Symbols named in one note; the rest are counted."""


@dataclass
class _Collected:
    """Everything one call has learned so far."""

    frames: list[pd.DataFrame] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    failed_spans: list[tuple[str, date, date]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    attempts: int = 0
    unclosed: int = 0
    repeated: int = 0
    resumed: int = 0
    short: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def fail(self, symbol: str, reason: str, first: date, last: date) -> None:
        """Record why a symbol has no complete answer, and for which days."""
        self.failed[symbol] = f"{self.failed[symbol]}; {reason}" if symbol in self.failed else reason
        self.failed_spans.append((symbol, first, last))


class ArchiveVenue:
    """Venue over bulk files; `rest` (any venue with the same symbols) serves days that are not archived yet."""

    point_in_time_listings = True

    def __init__(self, config: ArchiveVenueConfig, rest: Venue | None = None, clock: Clock = utc_now) -> None:
        self.config = config
        self.name = config.venue_name
        self.data_kind: str = config.data_kind
        self._rest = rest
        self._clock = clock
        self._pairs = {f"{self.name}:{pair}": pair for pair in config.symbols}

    def bars(self, symbols: Sequence[str] | None, start: date, end: date) -> BarsReceived:
        """Return the closed daily bars of `symbols` (None: all configured) with what failed and why.

        A file the archive does not have means no bars (not listed yet, delisted, halted), not a failure. The attempts
        are those of the archive and of REST's bars. QuantError where every symbol failed.
        """
        require_range(self.name, start, end)
        wanted = list(self._pairs) if symbols is None else list(dict.fromkeys(map(self._canonical, symbols)))
        got = self._collect(wanted, start, end)
        if len(got.failed) == len(wanted):
            raise QuantError(f"venue {self.name}: all {len(wanted)} symbols failed: {_some(got.failed)}")
        frame = _joined([f[~f["symbol"].isin(list(got.failed))] for f in got.frames])
        report = FetchReport(
            len(wanted), got.attempts, got.failed, got.seconds, len(frame) + got.unclosed + got.repeated, got.unclosed,
            True, tuple(got.notes), got.repeated, self._short(got, frame), got.resumed,
        )  # fmt: skip
        return BarsReceived(frame, report)

    def release(self, start: date, end: date) -> None:
        """Let REST forget what it kept of an unfinished range; the cache of verified zips stays."""
        rest: object = self._rest
        if isinstance(rest, Resumable):
            rest.release(start, end)

    def listings(self, day: date) -> pd.DataFrame:
        """Return the configured markets listed on `day`, from bars up to `day`; trading rules are unknown (NaN)."""
        return self.listings_range(day, day)[list(LISTING_COLUMNS)]

    def listings_range(self, start: date, end: date) -> pd.DataFrame:
        """Return the listings of every day with a leading `date` column (EmptyResult if there is none).

        `first_bar` is unknown (NaT): it would take the whole history to tell. `last_bar` is the newest bar seen.
        """
        require_range(self.name, start, end)
        since = start - timedelta(days=self.config.listed_within_days)
        symbols = sorted(self._pairs)
        got = self._collect(symbols, since, end)
        bars = _joined(got.frames)[["symbol", "date"]]
        grid_days = day_numbers(pd.date_range(start, end, freq="D", unit="us"))
        last_bar = _last_days(symbols, bars, grid_days)
        present = pd.concat([bars, self._failed_days(got)], ignore_index=True)
        last_seen = _last_days(symbols, present, grid_days)
        age = grid_days[:, None] - np.where(last_seen == NO_DAY, grid_days[:, None] - 10**6, last_seen)
        day, column = np.nonzero(age <= self.config.listed_within_days)
        if not len(day):
            raise EmptyResult(
                f"venue {self.name}: none of the {len(symbols)} configured symbols has a bar in {since}..{end}; "
                "choose other dates or correct `symbols` of the archive venue in the profile"
            )
        halted = age[day, column] > self.config.trading_within_days
        return _listing_frame(symbols, grid_days[day], column, halted, last_bar[day, column])

    def _short(self, got: _Collected, frame: pd.DataFrame) -> dict[str, str]:
        """Return what is short, without the symbols that had stopped trading before: they have nothing to come."""
        newest = frame.groupby("symbol")["date"].max()
        lately = newest.index[newest >= frame["date"].max() - pd.Timedelta(days=self.config.trading_within_days)]
        return {symbol: why for symbol, why in sorted(got.short.items()) if symbol in lately}

    def _canonical(self, symbol: str) -> str:
        return symbol if symbol.startswith(f"{self.name}:") else f"{self.name}:{symbol}"

    def _pair(self, symbol: str) -> str:
        return symbol.removeprefix(f"{self.name}:")

    def _collect(self, symbols: Sequence[str], start: date, end: date) -> _Collected:
        """Read every symbol on its cheapest route; what REST cannot give on its route is read from files."""
        now = naive_utc(self._clock())
        today, last = now.date(), min(end, closed_days_until(now).date())
        got = _Collected()
        with closing(ArchiveClient(self.config)) as client:
            plans = {s: planned_files(self.config.market, self._pair(s), start, end, today) for s in symbols}
            known = self._rest_symbols(today, got)
            routes = {s: self._route(client, plans[s], s in known) for s in symbols}
            by_rest = [s for s in symbols if routes[s] is Route.REST]
            refused = self._ask_rest(got, by_rest, start, last, now) if by_rest else {}
            if refused:
                got.notes.append(f"REST failed for {len(refused)} symbols, read from files instead: {_some(refused)}")
            by_files = [s for s in symbols if routes[s] is not Route.REST or s in refused]
            pending = self._read_files(client, got, by_files, plans, routes, now, last)
            got.attempts += client.attempts
        self._read_tails(got, pending, known, now)
        got.notes = list(dict.fromkeys(got.notes))
        got.frames = [_within(frame, start, last) for frame in got.frames]
        return got

    def _rest_symbols(self, today: date, got: _Collected) -> set[str]:
        """Return the symbols REST lists today; a REST that cannot be reached is noted, and files serve alone."""
        if self._rest is None:
            return set()
        try:
            return set(self._rest.listings(today)["symbol"])
        except QuantError as error:
            got.notes.append(f"REST listings unavailable, files serve alone: {error}")
            return set()

    def _route(self, client: ArchiveClient, files: Sequence[ArchiveFile], in_rest: bool) -> Route:
        if self.config.route == "files":
            return Route.FILES
        cached = {f.path for f in files if client.cached(f)}
        return cheaper_route(files, cached, self.config.rest_page_size if in_rest else None)

    def _read_files(
        self,
        client: ArchiveClient,
        got: _Collected,
        symbols: Sequence[str],
        plans: Mapping[str, Sequence[ArchiveFile]],
        routes: Mapping[str, Route],
        now: pd.Timestamp,
        last: date,
    ) -> dict[str, list[date]]:
        """Read the symbols' files with `workers` threads; returns the days of each symbol left for REST."""

        def read(symbol: str) -> SymbolRead:
            files = [f for f in plans[symbol] if f.monthly or routes[symbol] is not Route.MONTHS]
            market = self.config.market if routes[symbol] is not Route.MONTHS else None
            return read_symbol(client, self._pair(symbol), files, now.date(), last, days_of=market)

        with ThreadPoolExecutor(max_workers=self.config.workers) as pool:
            results = dict(zip(symbols, pool.map(read, symbols), strict=True))
        pending: dict[str, list[date]] = {}
        holes: dict[str, str] = {}
        for symbol, result in results.items():
            got.seconds[symbol] = got.seconds.get(symbol, 0.0) + result.seconds
            got.frames += [self._frame(symbol, result.klines, now)] if result.klines else []
            for file, reason in result.faults.items():
                got.fail(symbol, reason, file.first, min(file.last, last))
            left = [f.first for f in plans[symbol] if not f.monthly and routes[symbol] is Route.MONTHS]
            if days := [*result.pending, *left]:
                pending[symbol] = days
            if result.holes:
                holes[symbol] = f"{result.holes[0]} .. {result.holes[-1]}"
        if holes:
            got.notes.append(f"files absent between existing ones (halt or hole), {len(holes)} symbols: {_some(holes)}")
        return pending

    def _read_tails(
        self, got: _Collected, pending: Mapping[str, Sequence[date]], known: set[str], now: pd.Timestamp
    ) -> None:
        """Ask REST for days that are not archived yet; days that nobody can tell are noted."""
        groups: dict[tuple[date, date], list[str]] = {}
        untold: dict[str, str] = {}
        for symbol, days in pending.items():
            for span in spans(days):
                if symbol in known:
                    groups.setdefault(span, []).append(symbol)
                else:
                    untold[symbol] = f"{span[0]}..{span[1]}"
        for (first, last), symbols in groups.items():
            for symbol, reason in self._ask_rest(got, symbols, first, last, now).items():
                got.fail(symbol, f"REST {first}..{last}: {reason}", first, last)
        if untold:
            why = "no REST is configured" if self._rest is None else "REST does not list them"
            got.notes.append(f"days not archived yet, and {why}: {len(untold)} symbols: {_some(untold)}")
            got.short |= {symbol: f"{days} not archived yet, and {why}" for symbol, days in untold.items()}

    def _ask_rest(
        self, got: _Collected, symbols: Sequence[str], start: date, end: date, now: pd.Timestamp
    ) -> dict[str, str]:
        """Add REST's bars of these symbols; returns the symbols that failed, with the reason."""
        assert self._rest is not None  # symbols are known to REST only where there is one
        began = time.perf_counter()
        try:
            answer = self._rest.bars(symbols, start, end)
        except QuantError as error:
            got.attempts += 1
            return dict.fromkeys(symbols, str(error))
        got.attempts += answer.report.attempts
        got.unclosed += answer.report.rows_unclosed
        got.repeated += answer.report.rows_repeated
        got.resumed += answer.report.resumed
        got.short |= answer.report.short
        got.notes += [f"REST: {note}" for note in answer.report.notes]
        told = answer.report.seconds or dict.fromkeys(symbols, (time.perf_counter() - began) / len(symbols))
        for symbol, seconds in told.items():
            got.seconds[symbol] = got.seconds.get(symbol, 0.0) + seconds
        got.frames.append(answer.frame[~answer.frame["symbol"].isin(list(answer.report.failed))])
        return dict(answer.report.failed)

    def _frame(self, symbol: str, klines: Sequence[Klines], now: pd.Timestamp) -> pd.DataFrame:
        """Return the rows of a symbol's files with symbol, source and the moment of reading."""
        frame = pd.DataFrame(np.concatenate([k.numbers for k in klines]), columns=list(NUMBERS))
        frame["date"] = np.concatenate([k.times for k in klines])
        for name, text in (("symbol", symbol), ("source", f"archive:{self.name}")):
            frame[name] = pd.Series(text, index=frame.index, dtype="str")
        frame["ingested_at"] = pd.Series(now, index=frame.index, dtype="datetime64[us]")
        return frame[list(BAR_COLUMNS)]

    @staticmethod
    def _failed_days(got: _Collected) -> pd.DataFrame:
        """Return symbol and day of what failed: a market whose file exists was there."""
        parts = [
            pd.DataFrame({"date": pd.date_range(first, last, freq="D", unit="us")}).assign(symbol=symbol)
            for symbol, first, last in got.failed_spans
        ]
        empty = pd.DataFrame({"date": pd.Series(dtype="datetime64[us]"), "symbol": pd.Series(dtype="str")})
        return pd.concat([empty, *parts], ignore_index=True)


def _within(frame: pd.DataFrame, start: date, last: date) -> pd.DataFrame:
    return frame[(frame["date"] >= pd.Timestamp(start)) & (frame["date"] <= pd.Timestamp(last))]


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return all rows sorted by date and symbol; typed and empty where there is none."""
    times = ("date", "ingested_at")
    texts = ("symbol", "source")
    types = {c: "datetime64[us]" if c in times else "str" if c in texts else "float64" for c in BAR_COLUMNS}
    rows = [frame for frame in frames if len(frame)]
    if not rows:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})
    joined = pd.concat(rows, ignore_index=True)
    return joined.sort_values(["date", "symbol"], kind="stable", ignore_index=True)


def _last_days(symbols: Sequence[str], seen: pd.DataFrame, grid: np.ndarray) -> np.ndarray:
    """Return the newest day at or before each grid day (rows) on which each symbol (columns) was seen."""
    codes = pd.Index(symbols).get_indexer(pd.Index(seen["symbol"]))
    return last_bar_grid(codes, day_numbers(seen["date"]), len(symbols), int(grid[0]), int(grid[-1]))


def _listing_frame(
    symbols: Sequence[str], day: np.ndarray, column: np.ndarray, halted: np.ndarray, last_bar: np.ndarray
) -> pd.DataFrame:
    parts = [symbol_parts(symbol) for symbol in symbols]
    names = {"symbol": list(symbols), "base": [p.base for p in parts], "quote": [p.quote for p in parts],
             "kind": [p.kind for p in parts]}  # fmt: skip
    frame = pd.DataFrame({"date": to_dates(day)})
    for name, values in names.items():
        frame[name] = pd.array(values, dtype="str").take(column)
    frame["status"] = pd.array([TRADING, HALTED], dtype="str").take(halted.astype(np.intp))
    frame[["tick_size", "lot_size", "min_notional"]] = float("nan")
    frame["first_bar"] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us]")
    frame["last_bar"] = to_dates(last_bar)
    return frame


def _some(reasons: Mapping[str, str]) -> str:
    """Return the first few symbols with their reasons."""
    shown = ", ".join(f"{symbol}: {reason}" for symbol, reason in sorted(reasons.items())[:MAX_NAMED])
    return shown + (f" and {len(reasons) - MAX_NAMED} more" if len(reasons) > MAX_NAMED else "")
