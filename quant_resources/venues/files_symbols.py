"""Names of the user's files as symbols: completed where something is missing, never corrected, never a path."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class SymbolParts:
    """Base, quote and kind read from a symbol; a name without '/' is all base and has no quote."""

    base: str
    quote: str
    kind: str


def complete_symbol(raw: str, venue_name: str, default_quote: str | None) -> str:
    """Return `raw` with the venue and, for a plain ticker, the default quote; nothing else is changed.

    A name that is not canonical afterwards stays as it is: L0.SYMBOL refuses it and shows it as the user wrote it.
    """
    head, separator, tail = raw.partition(":")
    has_venue = bool(separator) and "/" not in head
    venue, pair = (head, tail) if has_venue else (venue_name, raw)
    if default_quote is not None and pair and "/" not in pair:
        pair = f"{pair}/{default_quote}"
    return f"{venue}:{pair}"


def complete_symbols(raw: pd.Series, venue_name: str, default_quote: str | None) -> pd.Series:
    """Return `complete_symbol` of every row, computed once per distinct name."""
    codes, names = pd.factorize(raw)
    completed = pd.array([complete_symbol(str(n), venue_name, default_quote) for n in names], dtype="str")
    return pd.Series(completed.take(codes), index=raw.index, name=raw.name)


def symbol_parts(symbol: str) -> SymbolParts:
    """Return base, quote and kind ('swap' where a settlement currency is named, else 'spot') of a completed symbol."""
    pair = symbol.partition(":")[2]
    base, _, rest = pair.partition("/")
    quote, settled, _ = rest.partition(":")
    return SymbolParts(base, quote, "swap" if settled else "spot")
