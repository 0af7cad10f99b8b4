"""The venue port: the one shape in which the platform meets a market, whatever stands behind it.

Belongs here: the protocol, the columns of its frames, the fetch report.
Does not belong here: any venue's own reading, and any judgement of rows (contracts judge; a venue passes dirt on).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Protocol, runtime_checkable

import pandas as pd

from quant_assets.errors import UsageError

Clock = Callable[[], datetime]
"""A source of the present moment (timezone-aware UTC); injected, so that a test can stand still."""

BAR_COLUMNS = (
    "symbol", "date", "open", "high", "low", "close", "volume", "quote_volume", "trades", "source", "ingested_at",
)  # fmt: skip
LISTING_COLUMNS = (
    "symbol", "base", "quote", "kind", "status", "tick_size", "lot_size", "min_notional", "first_bar", "last_bar",
)  # fmt: skip
TRADING, HALTED, DELISTED = "TRADING", "HALTED", "DELISTED"


@dataclass(frozen=True)
class FetchReport:
    """How a fetch went: what was asked, what answered, what did not, and how long it took.

    Rows are conserved: ``rows_received = rows of the frame + rows_unclosed + rows_repeated``. `rows_repeated` counts
    rows that were told again with the same values. `short` names symbols whose answer is complete as far as the venue
    tells, yet ends before the last day although the market trades; `resumed` counts symbols whose answer was kept from
    an earlier, interrupted fetch of the same range.
    """

    requested: int
    attempts: int
    failed: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    rows_received: int = 0
    rows_unclosed: int = 0
    point_in_time_listings: bool = True
    notes: tuple[str, ...] = ()
    rows_repeated: int = 0
    short: Mapping[str, str] = field(default_factory=dict)
    resumed: int = 0

    @property
    def failed_symbols(self) -> tuple[str, ...]:
        """Symbols for which no complete answer came, sorted; the reason of each is in `failed`."""
        return tuple(sorted(self.failed))


@dataclass(frozen=True)
class BarsReceived:
    """Raw bars exactly as received (columns `BAR_COLUMNS`, sorted by date and symbol) with their fetch report."""

    frame: pd.DataFrame
    report: FetchReport


@runtime_checkable
class Venue(Protocol):
    """A market as the platform sees it: point-in-time listings and closed daily bars.

    `data_kind` is 'real' or 'synthetic'. `point_in_time_listings` is False where the venue can only tell what is
    listed now: a universe built from such listings for a past date is survivorship biased and must say so.
    """

    @property
    def name(self) -> str:
        """Venue part of the canonical symbols."""

    @property
    def data_kind(self) -> str:
        """'real' or 'synthetic'."""

    @property
    def point_in_time_listings(self) -> bool:
        """Whether listings of a past day are what was listed on that day."""

    def listings(self, day: date) -> pd.DataFrame:
        """Return one row per market listed on `day` (columns `LISTING_COLUMNS`), using nothing known later."""

    def listings_range(self, start: date, end: date) -> pd.DataFrame:
        """Return `listings` of every day from `start` to `end` inclusive, with a leading `date` column."""

    def bars(self, symbols: Sequence[str] | None, start: date, end: date) -> BarsReceived:
        """Return the closed raw bars of `symbols` (None: all the venue knows), `start` and `end` inclusive."""


@runtime_checkable
class Resumable(Protocol):
    """A venue that keeps finished symbols of an unfinished range; `release` once the range is published."""

    def release(self, start: date, end: date) -> None:
        """Forget what was kept within `start`..`end`, inclusive."""


def utc_now() -> datetime:
    """Return the present moment, timezone-aware UTC; the default clock of every venue."""
    return datetime.now(UTC)


def naive_utc(moment: datetime) -> pd.Timestamp:
    """Return `moment` as a timezone-naive UTC timestamp in microseconds; a naive moment is refused."""
    if moment.tzinfo is None:
        raise UsageError(f"the clock returned {moment!r} without a time zone; inject one that returns UTC-aware times")
    return pd.Timestamp(moment).tz_convert("UTC").tz_localize(None).as_unit("us")


def require_range(venue: str, start: date, end: date) -> None:
    """Refuse a range whose start is after its end (UsageError)."""
    if start > end:
        raise UsageError(f"venue {venue}: start {start} is after end {end}; exchange the two dates")


def closed_days_until(moment: pd.Timestamp) -> pd.Timestamp:
    """Return the last UTC day whose bar [D, D+1) is closed at `moment`."""
    return moment.normalize() - pd.Timedelta(days=1)
