"""What a base is: a coin, a stable coin, a currency, or a leveraged token.

Belongs here: the sets and the name patterns. They name kinds of assets, not performance: nothing here looks at prices.
"""

from __future__ import annotations

import re
from collections.abc import Collection


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


STABLE_BASES = _names(
    "USDT USDC USD BUSD FDUSD TUSD DAI PAX USDP UST USTC AEUR FUSD FUSDT USDS ZUSD USDM SUSD GUSD LUSD USDD FRAX PYUSD "
    "USDE EURI USDSB HUSD"
)
"""Coins that are meant to keep the price of a currency. UST stays one: what it was meant to be was known on the day."""

FIAT_BASES = _names(
    "USD EUR GBP AUD CAD NZD BIDR IDR IDRT TRY BRL MXN ZAR ARS COP CHF JPY RUB UAH NGN PLN RON CZK BKRW BVND"
)
"""Currencies, and tokens of banks that stand for them one to one."""

LEVERAGED_UNDERLYINGS = _names(
    "1INCH AAVE ADA ALGO ATOM AVAX BCH BNB BSV BTC DEFI DOGE DOT EOS ETC ETH FIL HT LINK LTC MATIC OKB SHIB SOL SUSHI "
    "SXP TOMO TRX UNI VET XAUT XLM XRP XTZ YFI ZEC"
)
"""Coins on which leveraged tokens have been issued, listed here themselves or not."""

_SUFFIX = re.compile(r"(?P<base>[A-Z0-9]+?)(UP|DOWN|BULL|BEAR|HALF|HEDGE|[2-5][LS])")
_BARE = frozenset({"BULL", "BEAR"})
_SHORTEST_LISTED = 3
"""A listed base shorter than this is no evidence: JUP is not J + UP."""


def is_stable(base: str) -> bool:
    """Whether the base is meant to keep the price of a currency."""
    return base in STABLE_BASES


def is_fiat(base: str) -> bool:
    """Whether the base is a currency or a bank token of one."""
    return base in FIAT_BASES


def is_leveraged(base: str, listed_bases: Collection[str] = ()) -> bool:
    """Whether the base is a leveraged token: a known underlying with UP, DOWN, BULL, BEAR, HALF, HEDGE or 3L, 3S.

    Known are the usual underlyings and `listed_bases`, those listed on the same day. SUPER, JUP, SYRUP are coins.
    """
    match = _SUFFIX.fullmatch(base)
    if base in _BARE:
        return True
    if match is None:
        return False
    underlying = match["base"]
    listed = len(underlying) >= _SHORTEST_LISTED and underlying in listed_bases
    return underlying in LEVERAGED_UNDERLYINGS or listed
