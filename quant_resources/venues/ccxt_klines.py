"""Daily bars of one symbol from a ccxt exchange: paging, units of time, shape of the rows.

For Binance spot the raw kline is read, because ccxt's common candle drops quote volume and trades.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

DAY_MS = 86_400_000
# An epoch of 1990..2100 is about 1e9..4e9 in seconds; each finer unit is a thousand times larger.
_MS_RANGE = (6e11, 5e12)


@dataclass(frozen=True)
class Bar:
    """One daily bar; `open_ms` is its first millisecond, NaN where the exchange does not tell."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    trades: float


class UnusableBars(Exception):
    """The exchange answered, but not with daily UTC bars; the message is the reason for the fetch report."""


def epoch_to_ms(value: float) -> int:
    """Return an epoch in seconds, milli-, micro- or nanoseconds as milliseconds, judged by its size."""
    for factor in (1_000.0, 1.0, 1e-3, 1e-6):
        if _MS_RANGE[0] <= value * factor < _MS_RANGE[1]:
            return round(value * factor) if factor >= 1 else int(value) // round(1 / factor)
    raise UnusableBars(f"open time {value!r} is no epoch of 1990..2100 in any unit")


def bar_of_kline(row: list[Any]) -> Bar:
    """Return a Binance kline [open time, o, h, l, c, volume, close time, quote volume, trades, ...] as a bar."""
    if len(row) < 9:
        raise UnusableBars(f"kline has {len(row)} fields, expected at least 9: {row!r}")
    opened, high, low, close, volume, quote_volume, trades = (_number(row[k]) for k in (1, 2, 3, 4, 5, 7, 8))
    return Bar(_open_ms(row[0]), opened, high, low, close, volume, quote_volume, trades)


def bar_of_candle(row: list[Any]) -> Bar:
    """Return ccxt's common candle [time, o, h, l, c, volume] as a bar; quote volume and trades are unknown (NaN)."""
    if len(row) < 6:
        raise UnusableBars(f"candle has {len(row)} fields, expected 6: {row!r}")
    opened, high, low, close, volume = (_number(row[k]) for k in range(1, 6))
    return Bar(_open_ms(row[0]), opened, high, low, close, volume, float("nan"), float("nan"))


def _open_ms(value: object) -> int:
    return epoch_to_ms(_number(value))


def _number(value: object) -> float:
    """Return a float; null is NaN (for the contracts to find), anything else that is no number is refused."""
    if value is None:
        return float("nan")
    try:
        return float(str(value))
    except ValueError as error:
        raise UnusableBars(f"{value!r} is no number") from error


def fetch_pages(fetch: Callable[[int], list[Bar]], start_ms: int, last_ms: int) -> list[Bar]:
    """Return the bars that open at `start_ms`..`last_ms`, page after page.

    `fetch(cursor)` returns bars from `cursor` on, oldest first; the walk ends at an empty page or behind `last_ms`
    and does not trust a page's length, because exchanges cap pages as they like. Raises UnusableBars when bars do not
    open at 00:00 UTC or when the exchange ignores the cursor.
    """
    bars: list[Bar] = []
    cursor = start_ms
    while cursor <= last_ms:
        page = fetch(cursor)
        if not page:
            break
        _require_utc_days(page)
        newest = max(bar.open_ms for bar in page)
        if newest < cursor:
            raise UnusableBars(
                f"asked for bars from {cursor}, got bars up to {newest}: the exchange ignores the start time"
            )
        bars.extend(bar for bar in page if cursor <= bar.open_ms <= last_ms)
        cursor = newest + DAY_MS
    return bars


def _require_utc_days(page: list[Bar]) -> None:
    for bar in page:
        if bar.open_ms % DAY_MS:
            raise UnusableBars(f"a daily bar opens at {bar.open_ms} ms, which is not 00:00 UTC")
