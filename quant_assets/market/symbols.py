"""Canonical market names: `VENUE:BASE/QUOTE[:SETTLE]`.

Belongs here: the pattern, parsing, and turning a venue's own name into the canonical one.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import pandas as pd

from quant_assets.errors import UsageError

_CANONICAL = re.compile(r"([A-Z0-9]{1,20}):([A-Z0-9]{1,20})/([A-Z0-9]{1,10})(?::([A-Z0-9]{1,10}))?")
_PAIR = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,10}(:[A-Z0-9]{1,10})?")
_TICKER = re.compile(r"[A-Z0-9]{1,20}")


class MarketName(NamedTuple):
    """The parts of a canonical symbol; `settle` is None for spot."""

    venue: str
    base: str
    quote: str
    settle: str | None


def is_canonical(symbol: object) -> bool:
    """Whether `symbol` is a string of the canonical pattern, and nothing before or after it."""
    return isinstance(symbol, str) and _CANONICAL.fullmatch(symbol) is not None


def parse_symbol(symbol: str) -> MarketName:
    """Return venue, base, quote and settle of a canonical symbol; anything else is a UsageError."""
    match = _CANONICAL.fullmatch(symbol) if isinstance(symbol, str) else None
    if match is None:
        raise UsageError(f"symbol {_shown(symbol)} is not VENUE:BASE/QUOTE[:SETTLE] in capitals and digits; rename it")
    return MarketName(*match.groups())


def qualify(symbol: str, venue: str, default_quote: str | None = None) -> str:
    """Return the canonical name of `symbol` as `venue` calls it.

    `BASE/QUOTE[:SETTLE]` gets the venue's prefix; a plain ticker also gets `default_quote`, and is refused without
    one; a canonical name is returned as it is. Raises UsageError for any other name.
    """
    if is_canonical(symbol):
        return symbol
    name = symbol if isinstance(symbol, str) else ""
    if _PAIR.fullmatch(name):
        candidate = f"{venue}:{name}"
    elif _TICKER.fullmatch(name):
        if default_quote is None:
            raise UsageError(f"symbol {_shown(symbol)} names no quote; write BASE/QUOTE or give a default quote")
        candidate = f"{venue}:{name}/{default_quote}"
    else:
        candidate = ""
    if not is_canonical(candidate):
        raise UsageError(
            f"symbol {_shown(symbol)} of venue {_shown(venue)} cannot be named VENUE:BASE/QUOTE[:SETTLE] in capitals "
            "and digits; rename or remove it"
        )
    return candidate


def clean_text(value: object) -> str:
    """Return a value as text that can be stored: '' for a missing one, '?' for a lone surrogate."""
    missing = value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
    text = value if isinstance(value, str) else ("" if missing else str(value))
    return text.encode("utf-8", "replace").decode("utf-8")


def _shown(text: object) -> str:
    """Return `text` quoted and cut, so that a hostile name cannot flood a message or forge one."""
    shown = ascii(text)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
