"""One symbol's complete answer, and many of them by workers side by side; finished ones are staged at once.

Belongs here: asking, staging, what failed and why. Does not belong here: which symbols, and what a frame looks like.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from quant_assets.errors import QuantError
from quant_resources.venues.ccxt_client import ClientPool, ExchangeClient
from quant_resources.venues.ccxt_klines import (
    DAY_MS,
    BarBlock,
    MalformedRows,
    UnusableBars,
    block_of_candles,
    block_of_klines,
)
from quant_resources.venues.ccxt_listings import is_trading
from quant_resources.venues.ccxt_pages import Fetch, Newest, Patience, Walked, walk_pages
from quant_resources.venues.ccxt_transport import Transport, describe
from quant_resources.venues.ccxt_weights import SPOT_PAGE, swap_page
from quant_resources.venues.config import CcxtVenueConfig
from quant_resources.venues.staging import StagedAnswer, StagedRange, Staging

Progress = Callable[[int, int], None]
"""Called with the number of finished and of all symbols."""
EMPTY_BELIEVED = 3
"""Empty answers in a row that end the walk where the exchange cannot be asked for its newest bar."""


@dataclass(frozen=True)
class Span:
    """The closed days to fetch, the last closed day, and the moment of reading (UTC)."""

    start: date
    end: date
    closed: date
    now: pd.Timestamp


@dataclass
class Fetched:
    """What all symbols of a fetch gave."""

    answers: dict[str, StagedAnswer] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    received: int = 0
    repeated: int = 0
    unclosed: int = 0
    resumed: int = 0


class SymbolFetch:
    """Fetches symbols over one span through one transport; `staging` None keeps nothing."""

    def __init__(
        self, config: CcxtVenueConfig, pool: ClientPool, transport: Transport, span: Span, staging: Staging | None
    ) -> None:
        self._config, self._pool, self._transport = config, pool, transport
        self._span, self._staging = span, staging
        self._range = StagedRange(config.exchange, config.base_url or "", span.start, span.end)
        self._lock = threading.Lock()

    def all(self, pairs: Mapping[str, str], progress: Progress | None = None) -> Fetched:
        """Return the answers of canonical symbol -> ccxt's symbol; an exception other than a failed symbol ends all."""
        fetched = Fetched()
        executor = ThreadPoolExecutor(self._config.workers, thread_name_prefix="ccxt")
        try:
            futures = [executor.submit(self._one, symbol, pair, fetched) for symbol, pair in pairs.items()]
            for number, future in enumerate(as_completed(futures), start=1):
                future.result()
                if progress is not None:
                    progress(number, len(futures))
        except BaseException:
            self._transport.stop("the fetch was interrupted")
            raise
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
        return fetched

    def _one(self, symbol: str, pair: str, fetched: Fetched) -> None:
        import ccxt

        began = time.perf_counter()
        staged = self._staging.read(self._range, symbol, self._span.now) if self._staging else None
        if staged is not None:
            with self._lock:
                fetched.answers[symbol] = staged
                fetched.received += len(staged.block)
                fetched.resumed += 1
                fetched.seconds[symbol] = time.perf_counter() - began
            return
        try:
            walked, remark = self._asked(pair)
        except (QuantError, ccxt.BaseError) as error:
            with self._lock:
                fetched.failed[symbol] = describe(error)
                fetched.seconds[symbol] = time.perf_counter() - began
            return
        answer = StagedAnswer(walked.block, self._span.now, remark)
        # An answer that ends early may only be late: the next attempt shall ask again.
        if self._staging is not None and not remark:
            self._staging.write(self._range, symbol, answer)
        with self._lock:
            fetched.answers[symbol] = answer
            fetched.received += walked.received
            fetched.repeated += walked.repeated
            fetched.unclosed += walked.unclosed
            fetched.seconds[symbol] = time.perf_counter() - began

    def _asked(self, pair: str) -> tuple[Walked, str]:
        with self._pool.lent(self._transport) as client:
            market = client.markets.get(pair)
            if market is None:
                raise UnusableBars(f"{pair} is not listed at {self._config.exchange.upper()}")
            first, last, closed = (_day_ms(day) for day in (self._span.start, self._span.end, self._span.closed))
            active = is_trading(market)
            patience = Patience(EMPTY_BELIEVED, self._config.max_attempts)
            fetch, newest = self._readers(client, pair, market, last)
            walked = walk_pages(fetch, first, last, closed, patience, newest)
        if walked.reached or not active:
            return walked, ""
        last_bar = (
            pd.Timestamp(int(walked.block.open_ms[-1]), unit="ms").date() if len(walked.block) else "no bar at all"
        )
        return walked, f"trades, yet its last bar is {last_bar}"

    def _readers(
        self, client: ExchangeClient, pair: str, market: Mapping[str, Any], last_ms: int
    ) -> tuple[Fetch, Newest | None]:
        """Return what reads one page of a market from an open time on, and its newest bar where that can be asked."""
        page_size, patiently = self._config.page_size, self._transport.patiently

        def klines(limit: int, **since: int) -> BarBlock:
            params = {"symbol": market["id"], "interval": "1d", **since, "endTime": last_ms, "limit": limit}
            ask = client.publicGetKlines if market["spot"] else client.fapiPublicGetKlines
            return patiently(lambda: block_of_klines(ask(params)))

        def raw(cursor: int) -> BarBlock:
            days = (last_ms - cursor) // DAY_MS + 1
            return klines(min(page_size, SPOT_PAGE if market["spot"] else swap_page(days)), startTime=cursor)

        def candles(cursor: int) -> BarBlock:
            try:
                return block_of_candles(client.fetch_ohlcv(pair, "1d", since=cursor, limit=page_size))
            except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
                raise MalformedRows(f"ccxt could not read the candles: {error!r}") from error

        if self._config.exchange == "binance":
            return raw, lambda: klines(1)
        return lambda cursor: patiently(lambda: candles(cursor)), None


def _day_ms(day: date) -> int:
    return (pd.Timestamp(day) - pd.Timestamp(0)).days * DAY_MS
