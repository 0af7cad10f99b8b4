"""Typed configuration of the venues: one block per kind, told apart by `kind`."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, TypeAdapter, field_validator, model_validator

from quant_assets.config import ConfigBlock

VENUE_NAME_PATTERN = r"^[A-Z0-9]{1,20}$"


class SampleVenueConfig(ConfigBlock):
    """The seeded synthetic market `SYNTH`; the same seed gives the same bars, bit for bit.

    Moving only `end` lengthens or shortens the same history: every bar up to the earlier end stays as it was.
    """

    kind: Literal["sample"] = "sample"
    seed: int = Field(default=7, ge=0)
    start: date = date(2022, 1, 1)
    end: date = date(2024, 6, 30)

    @model_validator(mode="after")
    def _end_after_start(self) -> SampleVenueConfig:
        if self.end < self.start:
            raise ValueError(f"sample venue: end {self.end} is before start {self.start}")
        return self


class FilesVenueConfig(ConfigBlock):
    """The user's own bars: a Parquet or CSV file, or a folder of them.

    A market is TRADING at D while its last bar is at most `trading_within_days` old, HALTED until it is
    `listed_within_days` old, and not listed after that until it has a bar again.
    """

    kind: Literal["files"] = "files"
    path: Path
    venue_name: str = Field(default="FILES", pattern=VENUE_NAME_PATTERN)
    default_quote: str | None = Field(default=None, pattern=r"^[A-Z0-9]{1,10}$")
    data_kind: Literal["real", "synthetic"] = "real"
    trading_within_days: int = Field(default=1, ge=0)
    listed_within_days: int = Field(default=30, ge=1)


class CcxtVenueConfig(ConfigBlock):
    """A live exchange through ccxt: closed daily bars of a configured list of symbols.

    Public data only. A key is never needed; if one is used it comes from the environment
    (`QUANT_<EXCHANGE>_API_KEY`, `QUANT_<EXCHANGE>_API_SECRET`), and a key in the configuration is refused.
    """

    kind: Literal["ccxt"] = "ccxt"
    exchange: str = Field(default="binance", pattern=r"^[a-z0-9]{2,30}$")
    symbols: tuple[str, ...] = Field(min_length=1)
    base_url: str | None = Field(default=None, pattern=r"^https?://[^/]+/?$")
    rate_limit_ms: int | None = Field(default=None, ge=0)
    timeout_ms: int = Field(default=10_000, ge=100)
    max_attempts: int = Field(default=5, ge=1, le=20)
    retry_wait_seconds: float = Field(default=0.5, ge=0.0)
    retry_wait_max_seconds: float = Field(default=30.0, ge=0.0)
    page_size: int = Field(default=1_000, ge=1, le=1_000)

    @field_validator("symbols")
    @classmethod
    def _no_duplicates(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        if repeated := sorted({symbol for symbol in symbols if symbols.count(symbol) > 1}):
            raise ValueError(f"ccxt venue: symbols listed more than once: {', '.join(repeated)}")
        return symbols


VenueConfig = Annotated[SampleVenueConfig | FilesVenueConfig | CcxtVenueConfig, Field(discriminator="kind")]
"""Any venue block of a profile; `kind` decides which."""

VENUE_CONFIG_ADAPTER: TypeAdapter[SampleVenueConfig | FilesVenueConfig | CcxtVenueConfig] = TypeAdapter(VenueConfig)
"""Parses a plain mapping into the right venue block."""


def api_credentials(exchange: str) -> tuple[SecretStr, SecretStr] | None:
    """Return key and secret of `exchange` from the environment, or None; public market data needs neither."""
    prefix = f"QUANT_{exchange.upper()}_API"
    key, secret = os.environ.get(f"{prefix}_KEY"), os.environ.get(f"{prefix}_SECRET")
    return (SecretStr(key), SecretStr(secret)) if key and secret else None
