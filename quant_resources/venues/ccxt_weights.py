"""What a request to Binance weighs, and the page size that costs least; other exchanges count every request as one."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

SPOT_PAGE = 1_000
SWAP_PAGE = 499
"""Largest page of weight 2: 249 bars for each unit of weight; 1,500 bars weigh 10, which is 150 for each."""
SWAP_SMALL_PAGE = 99
"""Largest page of weight 1."""
_SPOT = {"/exchangeInfo": 20, "/klines": 2, "/time": 1}
_SWAP_STEPS = ((SWAP_SMALL_PAGE, 1), (SWAP_PAGE, 2), (1_000, 5))


def binance_pool(url: str) -> str | None:
    """Return which of the exchange's counters a request belongs to: 'spot', 'swap', None for another interface."""
    path = urlsplit(url).path
    return "spot" if path.startswith("/api/") else "swap" if path.startswith("/fapi/") else None


def binance_weight(url: str) -> int:
    """Return the documented weight of a public request of bars, markets or time."""
    parts = urlsplit(url)
    if parts.path.startswith("/api/"):
        return next((weight for end, weight in _SPOT.items() if parts.path.endswith(end)), 1)
    if not parts.path.endswith("/klines"):
        return 1
    return swap_kline_weight(int(dict(parse_qsl(parts.query)).get("limit", "500")))


def swap_kline_weight(limit: int) -> int:
    """Return the weight of a page of `limit` bars of a perpetual."""
    return next((weight for largest, weight in _SWAP_STEPS if limit <= largest), 10)


def swap_page(days: int) -> int:
    """Return the page size with which `days` bars of a perpetual cost least weight in the fewest requests."""
    return max(1, days) if days <= SWAP_SMALL_PAGE else SWAP_PAGE
