"""Typed configuration of a universe: which markets may be held, by figures known on the day."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum

from pydantic import Field, field_validator

from quant_assets.config import ConfigBlock
from quant_assets.universe.direction import Direction


class Intent(StrEnum):
    """What a universe is for: long sleeves, short sleeves, or both."""

    LONG = "LONG"
    SHORT = "SHORT"
    BOTH = "BOTH"

    def allows(self, direction: Direction) -> bool:
        """Whether a sleeve of this direction may draw on the universe."""
        return self is Intent.BOTH or self.value == direction.value


class MarketKind(StrEnum):
    """What is traded: the asset itself, or a perpetual swap on it."""

    SPOT = "spot"
    SWAP = "swap"


UNIVERSE_NAME = r"^[a-z][a-z0-9_]{0,39}$"


class Universe(ConfigBlock):
    """Rules of membership, all of them: a market that no rule here vetoes, and that is neither halted, toxic nor
    re-denominated that day, is a candidate. Windows are bars of the current life; value is in the quote currency.

    In YAML an entry may say `extends: NAME` (another entry or a shipped universe): its keys replace the inherited ones,
    lists too, and `+key` appends to an inherited list. The bare name of a shipped universe takes it as it is.
    """

    name: str = Field(pattern=UNIVERSE_NAME)
    kinds: tuple[MarketKind, ...] = (MarketKind.SPOT, MarketKind.SWAP)
    """Kinds of markets allowed (veto `kind`)."""
    quotes: tuple[str, ...] = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "USD")
    """Quotes allowed, the preferred first; values traded are compared across them, so they must be worth the same."""
    liquidity_window: int = Field(default=30, ge=1)
    min_value_traded: float = Field(default=1e6, ge=0.0)
    """Floor of the median daily value traded over `liquidity_window` bars."""
    volatility_window: int = Field(default=30, ge=2)
    min_daily_volatility: float = Field(default=0.001, ge=0.0)
    """The standard deviation of daily returns over `volatility_window` returns must be above this."""
    min_history_days: int = Field(default=60, ge=1)
    gap_window: int = Field(default=60, ge=2)
    max_gap_share: float = Field(default=0.10, ge=0.0, le=1.0)
    exclude_stable_bases: bool = True
    exclude_leveraged: bool = True
    exclude_fiat: bool = True
    duplicate_liquidity_share: float = Field(default=0.30, ge=0.0, le=1.0)
    """A less preferred quote of a base wins where the preferred one trades less than this share of its value."""
    limit: int | None = Field(default=None, ge=1)
    """At most so many candidates, the most liquid first."""
    intent: Intent = Intent.LONG

    @property
    def rules_hash(self) -> str:
        """SHA-256 (first 12 hex digits) of every rule of the resolved universe, defaults included, the name not."""
        rules = json.dumps(self.model_dump(mode="json", exclude={"name"}), sort_keys=True)
        return hashlib.sha256(rules.encode()).hexdigest()[:12]

    @field_validator("quotes")
    @classmethod
    def _some_quotes(cls, quotes: tuple[str, ...]) -> tuple[str, ...]:
        if not quotes or len(set(quotes)) != len(quotes):
            raise ValueError("quotes must name at least one quote, each once")
        return quotes

    @field_validator("kinds")
    @classmethod
    def _some_kinds(cls, kinds: tuple[MarketKind, ...]) -> tuple[MarketKind, ...]:
        if not kinds or len(set(kinds)) != len(kinds):
            raise ValueError("kinds must name spot, swap or both, each once")
        return kinds
