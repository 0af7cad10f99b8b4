"""Typed configuration of the venues: one block per kind, told apart by `kind`."""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from quant_assets.config import ConfigBlock

VENUE_NAME_PATTERN = r"^[A-Z0-9]{1,20}$"
_SPOT_PAIR = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,10}")
_SWAP_PAIR = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,10}:[A-Z0-9]{1,10}")


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

    OPERATIONAL: ClassVar[frozenset[str]] = frozenset({"path"})

    kind: Literal["files"] = "files"
    path: Path
    venue_name: str = Field(default="FILES", pattern=VENUE_NAME_PATTERN)
    default_quote: str | None = Field(default=None, pattern=r"^[A-Z0-9]{1,10}$")
    data_kind: Literal["real", "synthetic"] = "real"
    trading_within_days: int = Field(default=1, ge=0)
    listed_within_days: int = Field(default=30, ge=1)


class CcxtVenueConfig(ConfigBlock):
    """A live exchange through ccxt: closed daily bars of its markets.

    `symbols` None means every market of `kinds` and `quotes` in the exchange's list, those that no longer trade
    included. Public data only. A key is never needed; if one is used it comes from the environment
    (`QUANT_<EXCHANGE>_API_KEY`, `QUANT_<EXCHANGE>_API_SECRET`), and a key in the configuration is refused.

    `weight_share` of the exchange's allowance a minute is used. `rate_limit_ms` lies between two requests at least;
    where weights are not known that is ccxt's own distance. A 429 or 418 is waited out up to `max_pause_seconds`.
    `staging` is where finished symbols of an unfinished range wait for the next attempt, for `staging_days` at most
    (None: the user's cache folder; where it lies does not count as configuration); `resume` false turns that off.
    """

    OPERATIONAL: ClassVar[frozenset[str]] = frozenset(
        {"rate_limit_ms", "timeout_ms", "max_attempts", "retry_wait_seconds", "retry_wait_max_seconds", "page_size",
         "workers", "spot_weight_per_minute", "swap_weight_per_minute", "weight_share",
         "max_pause_seconds", "give_up_after", "staging", "staging_days", "resume"}
    )  # fmt: skip
    """Settings of the transport: they change how long an answer takes, never what it is."""

    kind: Literal["ccxt"] = "ccxt"
    exchange: str = Field(default="binance", pattern=r"^[a-z0-9]{2,30}$")
    symbols: tuple[str, ...] | None = Field(default=None, min_length=1)
    quotes: tuple[str, ...] = Field(default=("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "USD"), min_length=1)
    kinds: tuple[Literal["spot", "swap"], ...] = Field(default=("spot",), min_length=1)
    data_kind: Literal["real", "synthetic"] = "real"
    base_url: str | None = Field(default=None, pattern=r"^https?://[^/]+/?$")
    rate_limit_ms: int | None = Field(default=None, ge=0)
    timeout_ms: int = Field(default=10_000, ge=100)
    max_attempts: int = Field(default=5, ge=1, le=20)
    retry_wait_seconds: float = Field(default=0.5, ge=0.0)
    retry_wait_max_seconds: float = Field(default=30.0, ge=0.0)
    page_size: int = Field(default=1_000, ge=1, le=1_000)
    workers: int = Field(default=8, ge=1, le=32)
    spot_weight_per_minute: int = Field(default=6_000, ge=20)
    swap_weight_per_minute: int = Field(default=2_400, ge=20)
    weight_share: float = Field(default=0.9, gt=0.0, le=1.0)
    max_pause_seconds: float = Field(default=300.0, ge=0.0)
    give_up_after: int = Field(default=20, ge=1)
    staging: Path | None = Field(default=None, exclude=True)
    staging_days: int = Field(default=2, ge=1)
    resume: bool = True

    @field_validator("symbols", "quotes", "kinds")
    @classmethod
    def _no_duplicates(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if repeated := sorted({name for name in names or () if (names or ()).count(name) > 1}):
            raise ValueError(f"ccxt venue: listed more than once: {', '.join(repeated)}")
        return names

    @property
    def kinds_needed(self) -> tuple[str, ...]:
        """Kinds of market whose list is asked for: those of the named symbols too, whatever `kinds` says."""
        named = {"swap" if ":" in symbol.partition("/")[2] else "spot" for symbol in self.symbols or ()}
        return tuple(sorted(named or set(self.kinds)))


class ArchiveVenueConfig(ConfigBlock):
    """An exchange's public bulk archive (Binance's layout), with its REST interface for days not archived yet.

    `market` is 'spot' (symbols like ``BTC/USDT``) or 'um', USDT-margined futures (``BTC/USDT:USDT``). `cache` is a
    folder for verified zips, which a later run does not ask for again; where it lies does not count as configuration.
    `route` 'cheaper' takes files or REST for each symbol, whichever needs fewer requests; 'files' asks REST only for
    what is not archived. `rest` takes the archive's symbols where it names none; without it there is no REST at all.
    A market is TRADING, HALTED and gone by the age of its last bar, as in the files venue.
    """

    OPERATIONAL: ClassVar[frozenset[str]] = frozenset(
        {"cache", "rest_page_size", "workers", "timeout_seconds", "max_attempts", "retry_wait_seconds",
         "retry_wait_max_seconds"}
    )  # fmt: skip
    """Settings of the transport: they change how long an answer takes, never what it is."""

    kind: Literal["archive"] = "archive"
    symbols: tuple[str, ...] = Field(min_length=1)
    venue_name: str = Field(default="BINANCE", pattern=VENUE_NAME_PATTERN)
    market: Literal["spot", "um"] = "spot"
    data_kind: Literal["real", "synthetic"] = "real"
    base_url: str = Field(default="https://data.binance.vision", pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")
    cache: Path | None = Field(default=None, exclude=True)
    route: Literal["cheaper", "files"] = "cheaper"
    rest: CcxtVenueConfig | None = None
    rest_page_size: int = Field(default=1_000, ge=1)
    workers: int = Field(default=8, ge=1, le=32)
    timeout_seconds: float = Field(default=20.0, gt=0.0)
    max_attempts: int = Field(default=5, ge=1, le=20)
    retry_wait_seconds: float = Field(default=0.5, ge=0.0)
    retry_wait_max_seconds: float = Field(default=60.0, ge=0.0)
    trading_within_days: int = Field(default=1, ge=0)
    listed_within_days: int = Field(default=30, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _rest_symbols(cls, values: object) -> object:
        """REST serves the archive's symbols; they are named once."""
        if isinstance(values, dict) and isinstance(values.get("rest"), dict):
            return {**values, "rest": {"symbols": values.get("symbols"), **values["rest"]}}
        return values

    @model_validator(mode="after")
    def _consistent(self) -> ArchiveVenueConfig:
        shape = _SPOT_PAIR if self.market == "spot" else _SWAP_PAIR
        if wrong := [s for s in self.symbols if not shape.fullmatch(s)]:
            expected = "BASE/QUOTE" if self.market == "spot" else "BASE/QUOTE:SETTLE"
            raise ValueError(f"archive venue: {wrong[:3]} are not {expected}, as market {self.market!r} needs")
        if len(set(self.symbols)) < len(self.symbols):
            raise ValueError("archive venue: a symbol is listed more than once")
        if self.rest is not None and self.rest.exchange.upper() != self.venue_name:
            raise ValueError(
                f"archive venue: rest is {self.rest.exchange}, bars are named {self.venue_name}; make them equal"
            )
        return self


VenueConfig = Annotated[
    SampleVenueConfig | FilesVenueConfig | CcxtVenueConfig | ArchiveVenueConfig, Field(discriminator="kind")
]
"""Any venue block of a profile; `kind` decides which."""


def api_credentials(exchange: str) -> tuple[SecretStr, SecretStr] | None:
    """Return key and secret of `exchange` from the environment, or None; public market data needs neither."""
    prefix = f"QUANT_{exchange.upper()}_API"
    key, secret = os.environ.get(f"{prefix}_KEY"), os.environ.get(f"{prefix}_SECRET")
    return (SecretStr(key), SecretStr(secret)) if key and secret else None
