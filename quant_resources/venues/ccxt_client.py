"""The ccxt client behind the venue: built once, rate limited, retried with bounds, its errors told apart.

ccxt is imported inside the functions: loading the definitions must not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from quant_assets.errors import QuantError, UsageError
from quant_resources.venues.config import CcxtVenueConfig, api_credentials

Answer = TypeVar("Answer")


class ExchangeClient(Protocol):
    """The part of a ccxt exchange object that is used here; the names are ccxt's own."""

    markets: dict[str, dict[str, Any]]
    has: dict[str, Any]
    options: dict[str, Any]
    urls: dict[str, Any]
    precisionMode: int

    def load_markets(self) -> object:
        """Fill `markets`."""

    def fetch_time(self) -> int | float | str:
        """Return the server's time."""

    def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> list[list[Any]]:
        """Return common candles, oldest first."""

    def publicGetKlines(self, params: dict[str, Any]) -> list[list[Any]]:
        """Return Binance's raw klines, oldest first."""


@dataclass
class Attempts:
    """Counts the requests sent, retries included."""

    count: int = field(default=0)


def build_exchange(config: CcxtVenueConfig, with_swaps: bool) -> ExchangeClient:
    """Return a ccxt exchange object with its own rate limiter on; UsageError for an exchange ccxt does not have."""
    import ccxt

    if config.exchange not in ccxt.exchanges:
        raise UsageError(
            f"ccxt venue: unknown exchange {config.exchange!r}; one of ccxt {ccxt.__version__}'s ids is needed"
        )
    options: dict[str, Any] = {"enableRateLimit": True, "timeout": config.timeout_ms}
    if config.rate_limit_ms is not None:
        options["rateLimit"] = config.rate_limit_ms
    if credentials := api_credentials(config.exchange):
        options["apiKey"], options["secret"] = (secret.get_secret_value() for secret in credentials)
    exchange: ExchangeClient = getattr(ccxt, config.exchange)(options)
    if config.exchange == "binance":
        # By default this class also asks the derivative hosts and, with a key, the account's currencies.
        exchange.options["fetchMarkets"] = {"types": ["spot", "linear"] if with_swaps else ["spot"]}
        exchange.options["fetchCurrencies"] = False
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


def http_status(error: BaseException) -> int | None:
    """Return the HTTP status behind a ccxt error, None if there was none.

    The class of the error does not tell: for Binance 418 and 429 are the same class, and a 500 is whatever class the
    code in its body stands for. The HTTP error it was raised from keeps the status.
    """
    cause: BaseException | None = error
    while cause is not None:
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
        cause = cause.__cause__ or cause.__context__
    return None


def _is_worth_retrying(error: BaseException) -> bool:
    """Network faults, 5xx and 429 pass; a ban (418) and every refusal by the exchange do not."""
    import ccxt

    if not isinstance(error, ccxt.BaseError):
        return False
    status = http_status(error)
    return isinstance(error, ccxt.NetworkError) if status is None else status >= 500 or status == 429


def call(config: CcxtVenueConfig, attempts: Attempts, request: Callable[[], Answer]) -> Answer:
    """Return the answer of `request`, retried with exponential waits up to `max_attempts`; the last error is raised."""

    def counted() -> Answer:
        attempts.count += 1
        return request()

    retrying = Retrying(
        retry=retry_if_exception(_is_worth_retrying),
        stop=stop_after_attempt(config.max_attempts),
        wait=wait_exponential(multiplier=config.retry_wait_seconds, max=config.retry_wait_max_seconds),
        reraise=True,
    )
    return retrying(counted)


def describe(error: BaseException) -> str:
    """Return one line about an error for reports: its class and the beginning of its message."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:200] if lines else 'no message'}"


def venue_error(venue: str, what: str, error: BaseException) -> QuantError:
    """Return the typed error of a request without which nothing can go on."""
    return QuantError(
        f"venue {venue}: {what} failed after bounded retries ({describe(error)}); "
        "check network, base_url and the exchange's status page, then run again"
    )
