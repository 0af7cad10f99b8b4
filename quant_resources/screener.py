"""The opt-in screener: one request to a public scanner, and what it answered as a typed snapshot of this moment.

A scanner tells today's values only. Nothing here can ask for a past day, and nothing may read a snapshot as the past.
Belongs here: the request, its retries, and the reading of the answer. Does not belong here: any comparison.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from pydantic import Field, field_validator

from quant_assets.config import ConfigBlock
from quant_assets.errors import ContractViolation, EmptyResult, QuantError, UsageError
from quant_resources.venues.config import VENUE_NAME_PATTERN
from quant_resources.venues.port import Clock, naive_utc, utc_now

FIELDS = {
    "value_traded": "Value.Traded",
    "close": "close",
    "daily_range": "Volatility.D",
    "adx": "ADX",
    "rsi": "RSI",
    "recommend_ma": "Recommend.MA",
    "recommend_other": "Recommend.Other",
    "recommend_all": "Recommend.All",
}
"""Column of the snapshot -> field of the scanner."""
NAMES = ("exchange", "type", "base_currency", "currency")
SNAPSHOT_COLUMNS = ("symbol", "ticker", *FIELDS, "taken_at")
_TICKER = re.compile(r"[A-Z0-9]{1,20}:[A-Z0-9.]{1,30}")
_PART = re.compile(r"[A-Z0-9]{1,20}")
EXTRA = "the screener needs an optional package: pip install 'quant-assets[tradingview]'"


class ScreenerConfig(ConfigBlock):
    """An opt-in snapshot of a public screener, taken once a day for that day, and compared with our own ratings.

    Never an input of a selection. Needs the extra `tradingview`; no account and no key.
    """

    kind: Literal["tradingview"] = "tradingview"
    """The one kind there is."""
    exchange: str = Field(default="BINANCE", pattern=VENUE_NAME_PATTERN)
    """Exchange as the screener calls it; also the venue part of the symbols."""
    market: str = Field(default="crypto", pattern=r"^[a-z]{2,20}$")
    """Market of the scanner."""
    types: tuple[Literal["spot", "swap"], ...] = Field(default=("spot",), min_length=1)
    """Kinds of markets asked for."""
    limit: int = Field(default=500, ge=1, le=5000)
    """So many markets, those with the highest value traded."""
    base_url: str = Field(default="https://scanner.tradingview.com", pattern=r"^https?://[^/?#\s]+/?$")
    """Address of the scanner."""
    timeout_seconds: float = Field(default=20.0, gt=0.0, le=300.0)
    """Longest wait for one answer."""
    max_attempts: int = Field(default=4, ge=1, le=20)
    """Requests before giving up on a scanner that is busy or away."""
    retry_wait_seconds: float = Field(default=1.0, ge=0.0, le=60.0)
    """First wait between two requests; it doubles."""
    max_rating_error: float = Field(default=0.10, gt=0.0, le=2.0)
    """L2.PARITY: largest mean absolute difference of a rating."""
    min_sign_agreement: float = Field(default=0.90, ge=0.0, le=1.0)
    """L2.PARITY: smallest share of markets whose ratings have the same sign, where neither is zero."""

    @field_validator("types")
    @classmethod
    def _each_once(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(types)) != len(types):
            raise ValueError("types must name spot, swap or both, each once")
        return types


@dataclass(frozen=True)
class Snapshot:
    """What the scanner answered at one moment.

    `frame`: one row per market (`SNAPSHOT_COLUMNS`; unknown numbers are NaN). `total`: markets that the scanner says
    match. `rejected`: ticker -> why its row could not be taken over.
    """

    frame: pd.DataFrame
    total: int
    taken_at: pd.Timestamp
    rejected: dict[str, str]


class Screener:
    """Client of the scanner; `clock` tells the time, injected so that a test can stand still."""

    def __init__(self, config: ScreenerConfig, clock: Clock = utc_now) -> None:
        self.config = config
        self._clock = clock

    def today(self) -> str:
        """The running UTC day (ISO), the only one that a snapshot can be of."""
        return self._now().strftime("%Y-%m-%d")

    def snapshot(self) -> Snapshot:
        """Ask once and read the answer.

        Raises UsageError without the optional package, QuantError where no answer comes, ContractViolation where the
        answer is malformed, EmptyResult where no market is in it.
        """
        answer = self._ask(scan_request(self.config))
        return read_answer(answer, self.config, self._now())

    def _now(self) -> pd.Timestamp:
        return naive_utc(self._clock())

    def _ask(self, body: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever JSON the scanner sends
        try:
            from tradingview_screener.query import Query
        except ImportError as error:
            raise UsageError(EXTRA) from error
        import requests
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

        query: Any = Query()
        query.query = body
        query.url = f"{self.config.base_url.rstrip('/')}/{self.config.market}/scan"
        attempts = Retrying(
            stop=stop_after_attempt(self.config.max_attempts),
            wait=wait_exponential(self.config.retry_wait_seconds, max=60.0),
            retry=retry_if_exception(_passing),
            reraise=True,
        )
        try:
            # Redirects are not followed: the address that was configured is the address that is asked.
            options = {"timeout": self.config.timeout_seconds, "allow_redirects": False}
            return attempts(query.get_scanner_data_raw, **options)
        except requests.exceptions.JSONDecodeError as error:
            raise ContractViolation(f"screener {query.url}: the answer is not JSON; nothing was stored") from error
        except requests.RequestException as error:
            told = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise QuantError(
                f"screener {query.url}: no answer after at most {self.config.max_attempts} requests: {told}; "
                "try again today, a later day cannot make up for it"
            ) from error


def scan_request(config: ScreenerConfig) -> dict[str, Any]:
    """Return the JSON body of the scanner's request: columns, filter, order and range."""
    return {
        "markets": [config.market],
        "symbols": {"query": {"types": []}, "tickers": []},
        "options": {"lang": "en"},
        "columns": [*NAMES, *FIELDS.values()],
        "filter": [
            {"left": "exchange", "operation": "equal", "right": config.exchange},
            {"left": "type", "operation": "in_range", "right": list(config.types)},
        ],
        "sort": {"sortBy": FIELDS["value_traded"], "sortOrder": "desc"},
        "range": [0, config.limit],
    }


def read_answer(answer: object, config: ScreenerConfig, taken_at: pd.Timestamp) -> Snapshot:
    """Return the snapshot in an answer; rows that name no market of ours are left out and told.

    Raises ContractViolation where the answer has not the scanner's shape, EmptyResult where no row is left.
    """
    rows = answer.get("data") if isinstance(answer, dict) else None
    total = answer.get("totalCount") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not isinstance(total, int):
        raise ContractViolation("screener: the answer has no `totalCount` and `data`; nothing was stored")
    taken: list[dict[str, Any]] = []
    rejected: dict[str, str] = {}
    for row in rows:
        record, fault = _record(row, config)
        if record is None:
            rejected[ascii(row.get("s") if isinstance(row, dict) else row)[:60]] = fault
        else:
            taken.append(record)
    if not taken:
        raise EmptyResult(f"screener: none of {len(rows)} rows is a market of {config.exchange}: {_first(rejected)}")
    frame = pd.DataFrame(taken).assign(taken_at=taken_at)[list(SNAPSHOT_COLUMNS)]
    return Snapshot(frame.sort_values("symbol", ignore_index=True), total, taken_at, rejected)


def _record(row: object, config: ScreenerConfig) -> tuple[dict[str, Any] | None, str]:
    ticker, values = (row.get("s"), row.get("d")) if isinstance(row, dict) else (None, None)
    if not isinstance(values, list) or len(values) != len(NAMES) + len(FIELDS):
        return None, f"the row has not the {len(NAMES) + len(FIELDS)} values that were asked for"
    if not isinstance(ticker, str) or _TICKER.fullmatch(ticker) is None:
        return None, "the ticker is not EXCHANGE:NAME in capitals and digits"
    exchange, kind, base, quote = values[: len(NAMES)]
    if exchange != config.exchange or kind not in config.types:
        return None, f"exchange {exchange!r:.40} and type {kind!r:.40} were not asked for"
    if not all(isinstance(part, str) and _PART.fullmatch(part) for part in (base, quote)):
        return None, "base or quote is not in capitals and digits"
    numbers = values[len(NAMES) :]
    if not all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in numbers):
        return None, "a value is not a number"
    settle = "" if kind == "spot" else f":{base if quote == 'USD' else quote}"
    figures = {name: float("nan") if v is None else float(v) for name, v in zip(FIELDS, numbers, strict=True)}
    return {"symbol": f"{exchange}:{base}/{quote}{settle}", "ticker": ticker, **figures}, ""


def _first(rejected: dict[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in list(rejected.items())[:3]) or "the answer is empty"


def _passing(error: BaseException) -> bool:
    """Whether asking again may help: the scanner was away, slow, busy or at fault itself."""
    import requests

    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return True
    response = getattr(error, "response", None)
    return isinstance(error, requests.HTTPError) and (
        response is None or response.status_code in {429, *range(500, 600)}
    )
