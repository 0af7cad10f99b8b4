"""Every request of every worker goes through here: paced by weight, retried with bounds, refusals obeyed by all.

It sits below ccxt's own methods (in place of a client's `fetch`), so that markets, time and bars are treated alike.
ccxt is imported inside the functions: loading the definitions must not pay for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from quant_assets.errors import QuantError
from quant_resources.venues.ccxt_klines import MalformedAnswer, MalformedRows
from quant_resources.venues.ccxt_weights import binance_pool, binance_weight
from quant_resources.venues.config import CcxtVenueConfig
from quant_resources.venues.pacing import PacingStopped, WeightBudget, shared_budget

Answer = TypeVar("Answer")
RawFetch = Callable[..., Any]
BAN, TOO_MANY = 418, 429
DEFAULT_PAUSES = {BAN: 120.0, TOO_MANY: 60.0}
"""Seconds to wait where the exchange does not say: its shortest ban, and the rest of its minute."""
USED_WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"


def http_answer(error: BaseException) -> tuple[int | None, Mapping[str, str]]:
    """Return the HTTP status and headers behind a ccxt error, None and nothing if there was no answer.

    The class of the error does not tell: for Binance 418 and 429 are the same class, and a 500 is whatever class the
    code in its body stands for. The HTTP error it was raised from keeps the answer.
    """
    cause: BaseException | None = error
    while cause is not None:
        response = getattr(cause, "response", None)
        status = getattr(response, "status_code", None)
        if isinstance(status, int):
            return status, response.headers  # type: ignore[union-attr]  # an answer that has a status has headers
        cause = cause.__cause__ or cause.__context__
    return None, {}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a Retry-After header asks for, None without one or where it is a date."""
    try:
        return max(0.0, float(headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


def is_transient(error: BaseException) -> bool:
    """Whether asking again may help: no or a cut answer, 5xx, 429, 418; never another refusal by the exchange."""
    import ccxt
    import requests

    if isinstance(error, MalformedAnswer):
        return True
    if not isinstance(error, ccxt.BaseError):
        return False
    status, _ = http_answer(error)
    if status is not None:
        return status >= 500 or status in DEFAULT_PAUSES
    cause = error.__cause__
    broken_line = isinstance(cause, requests.RequestException) and not isinstance(cause, requests.exceptions.SSLError)
    return isinstance(error, ccxt.NetworkError) or broken_line


class Transport:
    """What the workers of one fetch share: counts, the pause all of them keep, and the reason to stop asking at all.

    It stops for good when a pause longer than `max_pause_seconds` is ordered, or after `give_up_after` requests in a
    row failed in all their attempts: a dead exchange then costs one bounded time, not that of every symbol.
    """

    def __init__(self, config: CcxtVenueConfig) -> None:
        self.config = config
        self.attempts = 0
        self.waits: list[str] = []
        self.stopped: str | None = None
        self._failures_in_row = 0
        self._lock = threading.Lock()

    def attach(self, client: Any) -> None:  # noqa: ANN401  # a ccxt exchange object
        """Put this transport between `client` and the network."""
        raw = type(client).fetch.__get__(client)

        def fetch(url: str, method: str = "GET", headers: object = None, body: object = None) -> Any:  # noqa: ANN401
            return self._persistently(lambda: self._once(client, raw, url, method, headers, body))

        client.fetch = fetch

    def budget(self, url: str, usual_distance_ms: float) -> tuple[WeightBudget, int]:
        """Return the bucket a request draws from and its weight; without known weights requests keep their distance."""
        config, address = self.config, urlsplit(url).netloc
        pool = binance_pool(url) if config.exchange == "binance" else None
        if pool is None:
            distance = max(1.0, usual_distance_ms if config.rate_limit_ms is None else config.rate_limit_ms)
            return shared_budget(address, max(1, int(60_000 / distance)), distance / 1_000), 1
        limits = {"spot": config.spot_weight_per_minute, "swap": config.swap_weight_per_minute}
        capacity = int(limits[pool] * config.weight_share)
        return shared_budget(f"{address} {pool}", capacity, (config.rate_limit_ms or 0) / 1_000), binance_weight(url)

    def stop(self, reason: str) -> None:
        """Let no further request go; every worker that waits or asks gets `reason`."""
        self.stopped = self.stopped or reason

    def patiently(self, request: Callable[[], Answer]) -> Answer:
        """Return the answer of `request`, asked again while its rows are malformed; raises MalformedRows."""
        answer: Answer = self._retrying(lambda error: isinstance(error, MalformedRows))(request)
        return answer

    def _retrying(self, worth: Callable[[BaseException], bool]) -> Retrying:
        config = self.config
        backoff = wait_random_exponential(multiplier=config.retry_wait_seconds, max=config.retry_wait_max_seconds)
        return Retrying(
            retry=retry_if_exception(lambda error: self.stopped is None and worth(error)),
            stop=stop_after_attempt(config.max_attempts),
            wait=lambda state: _wait(state, backoff),
            reraise=True,
        )

    def _persistently(self, request: Callable[[], Any]) -> Any:  # noqa: ANN401
        try:
            answer = self._retrying(is_transient)(request)
        except PacingStopped:
            raise
        except Exception as error:
            if is_transient(error):
                self._count_failure(error)
            raise
        self._failures_in_row = 0
        return answer

    def _once(self, client: Any, raw: RawFetch, url: str, *rest: object) -> Any:  # noqa: ANN401
        import ccxt

        budget, weight = self.budget(url, client.rateLimit)
        with budget.spending(weight, lambda: self.stopped):
            with self._lock:
                self.attempts += 1
            client.last_response_headers = None
            try:
                answer = raw(url, *rest)
            except ccxt.BaseError as error:
                self._obey(error, budget)
                raise
            finally:
                _reconcile(budget, client.last_response_headers)
        if isinstance(answer, str | bytes):
            raise MalformedAnswer(f"{urlsplit(url).path} answered with something that is not JSON: {answer[:60]!r}")
        return answer

    def _obey(self, error: BaseException, budget: WeightBudget) -> None:
        """Pause all workers when the exchange says so; stop altogether when that would take too long."""
        status, headers = http_answer(error)
        if status not in DEFAULT_PAUSES:
            return
        told = retry_after(headers)
        seconds = DEFAULT_PAUSES[status] if told is None else told
        what = f"{status}, wait {seconds:g} s"
        with self._lock:
            if what not in self.waits:
                self.waits.append(what)
        if seconds > self.config.max_pause_seconds:
            self.stop(
                f"the exchange refuses requests ({what}), longer than max_pause_seconds "
                f"{self.config.max_pause_seconds:g}; run again after that"
            )
        budget.pause(seconds)

    def _count_failure(self, error: BaseException) -> None:
        with self._lock:
            self._failures_in_row += 1
            if self._failures_in_row >= self.config.give_up_after:
                self.stop(f"{self._failures_in_row} requests in a row failed in every attempt, last: {describe(error)}")


def _wait(state: RetryCallState, backoff: Callable[[RetryCallState], float]) -> float:
    """Seconds before the next attempt: the ordered ones are waited for in the bucket, by all workers together."""
    error = state.outcome.exception() if state.outcome else None
    status, headers = http_answer(error) if error else (None, {})
    if status in DEFAULT_PAUSES:
        return 0.0
    return max(backoff(state), retry_after(headers) or 0.0)


def _reconcile(budget: WeightBudget, headers: Mapping[str, str] | None) -> None:
    used = (headers or {}).get(USED_WEIGHT_HEADER, "")
    if used.isdigit():
        budget.reconcile(int(used))


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
