"""The ccxt venue: closed daily bars and today's listings of a configured list of symbols of a live exchange.

An exchange tells only what is listed now (`point_in_time_listings` is False): its answer is the truth for the newest
day, and for any earlier day a survivors' list with unknown first and last bars.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from quant_assets.errors import EmptyResult, QuantError, UsageError
from quant_resources.venues.ccxt_client import Attempts, ExchangeClient, build_exchange, call, describe, venue_error
from quant_resources.venues.ccxt_klines import (
    DAY_MS,
    Bar,
    UnusableBars,
    bar_of_candle,
    bar_of_kline,
    epoch_to_ms,
    fetch_pages,
)
from quant_resources.venues.config import CcxtVenueConfig
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
)

_PRICE_COLUMNS = ("open", "high", "low", "close", "volume", "quote_volume", "trades")
_DECIMAL_PLACES, _TICK_SIZE = 2, 4
"""ccxt's precision modes; the third (significant digits) gives no fixed tick."""


class CcxtVenue:
    """Venue over one exchange; without a clock the server's own time decides which bars are closed."""

    data_kind = "real"
    point_in_time_listings = False

    def __init__(self, config: CcxtVenueConfig, clock: Clock | None = None) -> None:
        self.config = config
        self.name = config.exchange.upper()
        self._clock = clock
        self._pairs = {self._canonical(symbol): symbol.removeprefix(f"{self.name}:") for symbol in config.symbols}
        self._loaded: ExchangeClient | None = None

    def bars(self, symbols: Sequence[str] | None, start: date, end: date) -> BarsReceived:
        """Return the closed daily bars of `symbols` (None: all configured) with what failed and why.

        QuantError when the exchange cannot be reached at all or every symbol failed; one failing symbol is reported.
        """
        require_range(self.name, start, end)
        wanted = list(self._pairs) if symbols is None else [self._canonical(symbol) for symbol in symbols]
        attempts, failed, seconds = Attempts(), dict[str, str](), dict[str, float]()
        exchange, now = self._exchange(attempts), self._now(attempts)
        frames, received, unclosed = [], 0, 0
        for symbol in wanted:
            began = time.perf_counter()
            try:
                bars = self._symbol_bars(exchange, attempts, symbol, start, end)
            except (UnusableBars, self._ccxt_error()) as error:
                failed[symbol] = describe(error)
            else:
                closed = [bar for bar in bars if bar.open_ms // DAY_MS <= _day_number(closed_days_until(now))]
                received, unclosed = received + len(bars), unclosed + len(bars) - len(closed)
                frames.append(_frame(symbol, closed, self.name, now))
            seconds[symbol] = time.perf_counter() - began
        if failed and not frames:
            raise QuantError(
                f"venue {self.name}: all {len(failed)} symbols failed, e.g. {_first(failed)}; run again later"
            )
        notes = ("listings of past days are today's survivors, not point in time",)
        report = FetchReport(len(wanted), attempts.count, failed, seconds, received, unclosed, False, notes)
        return BarsReceived(_sorted(frames), report)

    def listings(self, day: date) -> pd.DataFrame:
        """Return the configured markets as listed now; see `is_point_in_time` for whether that is true of `day`."""
        attempts = Attempts()
        exchange, now = self._exchange(attempts), self._now(attempts)
        if pd.Timestamp(day) > now.normalize():
            raise UsageError(
                f"venue {self.name}: {day} has not begun (it is {now} UTC); ask for {now.date()} or earlier"
            )
        listed = {symbol: pair for symbol, pair in sorted(self._pairs.items()) if pair in exchange.markets}
        rows = [_listing(exchange, symbol, exchange.markets[pair]) for symbol, pair in listed.items()]
        if not rows:
            raise EmptyResult(
                f"venue {self.name}: none of the {len(self._pairs)} configured symbols is listed "
                f"(e.g. {next(iter(self._pairs.values()))}); correct `symbols` of the ccxt venue in the profile"
            )
        return _typed_listings(rows)

    def listings_range(self, start: date, end: date) -> pd.DataFrame:
        """Return the present listings for every day of `start`..`end`; only the newest is point in time."""
        require_range(self.name, start, end)
        snapshot = self.listings(end)
        days = pd.DataFrame({"date": pd.date_range(start, end, freq="D", unit="us")})
        return days.merge(snapshot, how="cross")

    def is_point_in_time(self, day: date) -> bool:
        """Whether `listings(day)` is what was listed on `day`: True for the last closed UTC day and for today only."""
        now = self._now(Attempts())
        return closed_days_until(now) <= pd.Timestamp(day) <= now.normalize()

    def _canonical(self, symbol: str) -> str:
        return symbol if symbol.startswith(f"{self.name}:") else f"{self.name}:{symbol}"

    def _exchange(self, attempts: Attempts) -> ExchangeClient:
        """Return the client with its markets loaded, once per venue object."""
        if self._loaded is None:
            exchange = build_exchange(self.config, any(":" in pair for pair in self._pairs.values()))
            try:
                call(self.config, attempts, exchange.load_markets)
            except self._ccxt_error() as error:
                raise venue_error(self.name, "loading the markets", error) from error
            self._loaded = exchange
        return self._loaded

    def _now(self, attempts: Attempts) -> pd.Timestamp:
        """Return the injected clock's or the server's time, UTC naive."""
        if self._clock is not None:
            return naive_utc(self._clock())
        exchange = self._exchange(attempts)
        if not exchange.has["fetchTime"]:
            raise UsageError(f"venue {self.name}: the exchange tells no server time; build the venue with a clock")
        try:
            server_ms = epoch_to_ms(float(call(self.config, attempts, exchange.fetch_time)))
        except (UnusableBars, self._ccxt_error()) as error:
            raise venue_error(self.name, "reading the server time", error) from error
        return naive_utc(datetime.fromtimestamp(server_ms / 1000, tz=UTC))

    def _symbol_bars(
        self, exchange: ExchangeClient, attempts: Attempts, symbol: str, start: date, end: date
    ) -> list[Bar]:
        pair = self._pairs.get(symbol, symbol.removeprefix(f"{self.name}:"))
        if pair not in exchange.markets:
            raise UnusableBars(f"{pair} is not listed at {self.name}")
        market = exchange.markets[pair]
        last_ms = _day_number(pd.Timestamp(end)) * DAY_MS
        raw_klines = self.config.exchange == "binance" and market["spot"]

        def page(cursor: int) -> list[Bar]:
            if raw_klines:
                params = {"symbol": market["id"], "interval": "1d", "startTime": cursor, "endTime": last_ms,
                          "limit": self.config.page_size}  # fmt: skip
                rows = call(self.config, attempts, lambda: exchange.publicGetKlines(params))
                return [bar_of_kline(row) for row in rows]
            candles = call(
                self.config,
                attempts,
                lambda: exchange.fetch_ohlcv(pair, "1d", since=cursor, limit=self.config.page_size),
            )
            return [bar_of_candle(row) for row in candles]

        return fetch_pages(page, _day_number(pd.Timestamp(start)) * DAY_MS, last_ms)

    @staticmethod
    def _ccxt_error() -> type[Exception]:
        """ccxt's base error, fetched late so that importing this module stays cheap."""
        import ccxt

        base: type[Exception] = ccxt.BaseError
        return base


def _day_number(day: pd.Timestamp) -> int:
    return (day.normalize() - pd.Timestamp(0)).days


def _first(failed: dict[str, str]) -> str:
    symbol, reason = next(iter(failed.items()))
    return f"{symbol}: {reason}"


def _frame(symbol: str, bars: list[Bar], venue: str, now: pd.Timestamp) -> pd.DataFrame:
    frame = pd.DataFrame({name: [getattr(bar, name) for bar in bars] for name in _PRICE_COLUMNS}, dtype="float64")
    opens = pd.Series([bar.open_ms for bar in bars], dtype="int64")
    frame["date"] = pd.to_datetime(opens, unit="ms").astype("datetime64[us]")
    frame["symbol"] = pd.Series(symbol, index=frame.index, dtype="str")
    frame["source"] = pd.Series(f"ccxt:{venue}", index=frame.index, dtype="str")
    frame["ingested_at"] = pd.Series(now, index=frame.index, dtype="datetime64[us]")
    return frame[list(BAR_COLUMNS)]


def _sorted(frames: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True).sort_values(["date", "symbol"], kind="stable", ignore_index=True)


def _listing(exchange: ExchangeClient, symbol: str, market: dict[str, Any]) -> dict[str, Any]:
    """Return one listing row; a market the exchange calls inactive is HALTED (a delisted one is not in its list)."""
    precision, limits = market["precision"], market["limits"]
    return {
        "symbol": symbol,
        "base": market["base"],
        "quote": market["quote"],
        "kind": "swap" if market["swap"] else "spot",
        "status": TRADING if market["active"] else HALTED,
        "tick_size": _step(exchange, precision["price"]),
        "lot_size": _step(exchange, precision["amount"]),
        "min_notional": limits["cost"]["min"],
        "first_bar": pd.NaT,
        "last_bar": pd.NaT,
    }


def _step(exchange: ExchangeClient, precision: float | None) -> float:
    """Return the price or amount step from ccxt's precision, NaN where it has no fixed step."""
    if precision is None or exchange.precisionMode not in (_DECIMAL_PLACES, _TICK_SIZE):
        return float("nan")
    return float(precision) if exchange.precisionMode == _TICK_SIZE else 10.0 ** -float(precision)


def _typed_listings(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(LISTING_COLUMNS))
    types = dict.fromkeys(("symbol", "base", "quote", "kind", "status"), "str")
    types |= dict.fromkeys(("tick_size", "lot_size", "min_notional"), "float64")
    types |= dict.fromkeys(("first_bar", "last_bar"), "datetime64[us]")
    return frame.astype(types)
