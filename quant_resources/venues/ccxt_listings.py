"""Which markets of an exchange are meant, and how they are listed: from ccxt's list of markets to listing rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from quant_resources.venues.ccxt_client import ExchangeClient
from quant_resources.venues.config import CcxtVenueConfig
from quant_resources.venues.port import HALTED, LISTING_COLUMNS, TRADING

_DECIMAL_PLACES, _TICK_SIZE = 2, 4
"""ccxt's precision modes; the third (significant digits) gives no fixed tick."""


def wanted_pairs(config: CcxtVenueConfig, venue: str, markets: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return canonical symbol -> ccxt's symbol: the configured ones, or all of the kinds and quotes, sorted.

    Dated futures and coin-margined perpetuals are never meant; a market that no longer trades is.
    """
    if config.symbols is not None:
        return {canonical(venue, symbol): symbol.removeprefix(f"{venue}:") for symbol in config.symbols}
    meant = (pair for pair, market in markets.items() if _is_meant(config, market))
    return {canonical(venue, pair): pair for pair in sorted(meant)}


def canonical(venue: str, symbol: str) -> str:
    """Return `symbol` with the venue's prefix."""
    return symbol if symbol.startswith(f"{venue}:") else f"{venue}:{symbol}"


def _is_meant(config: CcxtVenueConfig, market: Mapping[str, Any]) -> bool:
    kind = "swap" if market["swap"] and market["linear"] else "spot" if market["spot"] else ""
    return kind in config.kinds and market["quote"] in config.quotes


def listing_row(exchange: ExchangeClient, symbol: str, market: Mapping[str, Any]) -> dict[str, Any]:
    """Return one listing row; a market that does not trade is HALTED (one it no longer shows has no row)."""
    precision, limits = market["precision"], market["limits"]
    return {
        "symbol": symbol,
        "base": market["base"],
        "quote": market["quote"],
        "kind": "swap" if market["swap"] else "spot",
        "status": TRADING if is_trading(market) else HALTED,
        "tick_size": _step(exchange, precision["price"]),
        "lot_size": _step(exchange, precision["amount"]),
        "min_notional": limits["cost"]["min"],
        "first_bar": pd.NaT,
        "last_bar": pd.NaT,
    }


def is_trading(market: Mapping[str, Any]) -> bool:
    """Whether the exchange says the market trades; ccxt calls some inactive that not every account may trade."""
    return (market.get("info") or {}).get("status") == "TRADING" or bool(market["active"])


def _step(exchange: ExchangeClient, precision: float | None) -> float:
    """Return the price or amount step from ccxt's precision, NaN where it has no fixed step."""
    if precision is None or exchange.precisionMode not in (_DECIMAL_PLACES, _TICK_SIZE):
        return float("nan")
    return float(precision) if exchange.precisionMode == _TICK_SIZE else 10.0 ** -float(precision)


def typed_listings(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the rows as a frame with the columns and types of listings."""
    frame = pd.DataFrame(rows, columns=list(LISTING_COLUMNS))
    types = dict.fromkeys(("symbol", "base", "quote", "kind", "status"), "str")
    types |= dict.fromkeys(("tick_size", "lot_size", "min_notional"), "float64")
    types |= dict.fromkeys(("first_bar", "last_bar"), "datetime64[us]")
    return frame.astype(types)
