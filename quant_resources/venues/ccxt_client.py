"""The ccxt clients behind the venue: one for each worker, all of the same markets and below the same transport.

ccxt is imported inside the functions: loading the definitions must not pay for it.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from quant_assets.errors import UsageError
from quant_resources.venues.ccxt_klines import MalformedRows
from quant_resources.venues.ccxt_transport import Transport
from quant_resources.venues.config import CcxtVenueConfig, api_credentials


class ExchangeClient(Protocol):
    """The part of a ccxt exchange object that is used here; the names are ccxt's own."""

    markets: dict[str, dict[str, Any]]
    has: dict[str, Any]
    options: dict[str, Any]
    urls: dict[str, Any]
    commonCurrencies: dict[str, str]
    precisionMode: int

    def load_markets(self) -> object:
        """Fill `markets`."""

    def set_markets_from_exchange(self, source: ExchangeClient) -> object:
        """Take over the markets another client of the same exchange has loaded."""

    def fetch_time(self) -> int | float | str:
        """Return the server's time."""

    def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> list[list[Any]]:
        """Return common candles, oldest first."""

    def publicGetKlines(self, params: dict[str, Any]) -> list[list[Any]]:
        """Return Binance's raw spot klines, oldest first."""

    def fapiPublicGetKlines(self, params: dict[str, Any]) -> list[list[Any]]:
        """Return Binance's raw klines of a USDT-margined perpetual, oldest first."""


def build_exchange(config: CcxtVenueConfig) -> ExchangeClient:
    """Return a ccxt exchange object, its own limiter off; UsageError for an exchange ccxt does not have."""
    import ccxt

    if config.exchange not in ccxt.exchanges:
        raise UsageError(
            f"ccxt venue: unknown exchange {config.exchange!r}; one of ccxt {ccxt.__version__}'s ids is needed"
        )
    options: dict[str, Any] = {"enableRateLimit": False, "timeout": config.timeout_ms}
    if credentials := api_credentials(config.exchange):
        options["apiKey"], options["secret"] = (secret.get_secret_value() for secret in credentials)
    exchange: ExchangeClient = getattr(ccxt, config.exchange)(options)
    if config.exchange == "binance":
        # By default this class also asks the coin-margined host and, with a key, the account's currencies.
        interfaces = {"spot": "spot", "swap": "linear"}
        exchange.options["fetchMarkets"] = {"types": [interfaces[kind] for kind in config.kinds_needed]}
        exchange.options["fetchCurrencies"] = False
        # A base is called what this exchange calls it: its archive knows no other name.
        exchange.commonCurrencies = {}
    if config.base_url is not None:
        exchange.urls["api"] = _redirected(exchange.urls["api"], config.base_url)
    return exchange


def _redirected(urls: object, base_url: str) -> object:
    """Return ccxt's address tree with every host replaced, so that no request leaves for the real exchange."""
    if isinstance(urls, dict):
        return {key: _redirected(value, base_url) for key, value in urls.items()}
    if not isinstance(urls, str):
        return urls
    target = urlsplit(base_url)
    return urlunsplit((target.scheme, target.netloc, urlsplit(urls).path, "", ""))


def _load_markets(client: ExchangeClient) -> None:
    client.load_markets()
    if not client.markets:
        raise MalformedRows("the exchange's list of markets is empty")


class ClientPool:
    """Clients that share one list of markets; a client is used by one worker at a time, its connection stays open."""

    def __init__(self, config: CcxtVenueConfig) -> None:
        self._config = config
        self._idle: queue.SimpleQueue[ExchangeClient] = queue.SimpleQueue()
        self._first: ExchangeClient | None = None

    def first(self, transport: Transport) -> ExchangeClient:
        """Return the client that knows the markets, loading them at the first call; ccxt's errors are raised."""
        if self._first is None:
            client = build_exchange(self._config)
            transport.attach(client)
            transport.patiently(lambda: _load_markets(client))
            self._first = client
        transport.attach(self._first)
        return self._first

    @contextmanager
    def lent(self, transport: Transport) -> Iterator[ExchangeClient]:
        """Lend an idle client, or a new one; call `first` before."""
        assert self._first is not None, "the markets are loaded before workers start"
        try:
            client = self._idle.get_nowait()
        except queue.Empty:
            client = build_exchange(self._config)
            client.set_markets_from_exchange(self._first)
        transport.attach(client)
        try:
            yield client
        finally:
            self._idle.put(client)
