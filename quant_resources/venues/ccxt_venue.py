"""The ccxt venue: closed daily bars and today's listings of a live exchange.

An exchange tells only what its list shows now (`point_in_time_listings` is False): its answer is the truth for the
newest day, and for any earlier day a survivors' list with unknown first and last bars. A symbol either gives all its
bars of the range or is named in the report with the reason, and then gives none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from quant_assets.errors import EmptyResult, QuantError, UsageError
from quant_resources.venues.bar_frames import frame_of_answers
from quant_resources.venues.ccxt_client import ClientPool, ExchangeClient
from quant_resources.venues.ccxt_klines import MalformedAnswer, MalformedRows, UnusableBars, epoch_to_ms
from quant_resources.venues.ccxt_listings import canonical, listing_row, typed_listings, wanted_pairs
from quant_resources.venues.ccxt_symbols import Fetched, Progress, Span, SymbolFetch
from quant_resources.venues.ccxt_transport import Transport, venue_error
from quant_resources.venues.config import CcxtVenueConfig
from quant_resources.venues.pacing import PacingStopped
from quant_resources.venues.port import (
    BarsReceived,
    Clock,
    FetchReport,
    closed_days_until,
    naive_utc,
    require_range,
    utc_now,
)
from quant_resources.venues.staging import StagedRange, Staging, default_staging_root

NOT_POINT_IN_TIME = "listings of past days are today's survivors, not point in time"
CLOCK_TOLERANCE = pd.Timedelta(seconds=5)


class CcxtVenue:
    """Venue over one exchange; without a clock the earlier of the server's and this machine's time says what is closed.

    `progress` is called with the number of finished and of all symbols while bars are fetched.
    """

    point_in_time_listings = False

    def __init__(self, config: CcxtVenueConfig, clock: Clock | None = None, progress: Progress | None = None) -> None:
        self.config = config
        self.name = config.exchange.upper()
        self.data_kind: str = config.data_kind
        self.progress = progress
        self._clock = clock
        self._pool = ClientPool(config)
        root = config.staging or default_staging_root()
        self._staging = Staging(root, timedelta(days=config.staging_days)) if config.resume else None
        self._answered: set[StagedRange] = set()

    def bars(self, symbols: Sequence[str] | None, start: date, end: date) -> BarsReceived:
        """Return the closed daily bars of `symbols` (None: all meant by the configuration) with what failed and why.

        Symbols that an interrupted earlier run finished are taken from staging; after its first answer the same venue
        object asks anew for everything. EmptyResult when no market is meant; QuantError when the exchange cannot
        be reached at all or every symbol failed.
        """
        require_range(self.name, start, end)
        transport = Transport(self.config)
        exchange = self._exchange(transport)
        now, notes = self._now(transport)
        pairs = self._pairs(exchange, symbols)
        span = _span(start, end, now)
        fetched = self._fetched(transport, pairs, span) if span.start <= span.end else Fetched()
        if fetched.failed and not fetched.answers:
            raise QuantError(
                f"venue {self.name}: all {len(fetched.failed)} symbols failed, e.g. {_first(fetched.failed)}; "
                "run again later"
            )
        frame = frame_of_answers(fetched.answers, f"ccxt:{self.name}")
        return BarsReceived(frame, self._report(pairs, fetched, transport, notes))

    def release(self, start: date, end: date) -> None:
        """Forget what was staged within `start`..`end`: call it once the range is published."""
        if self._staging is not None:
            self._staging.discard_within(self._staged(start, end))

    def listings(self, day: date) -> pd.DataFrame:
        """Return the meant markets as listed now; see `is_point_in_time` for whether that is true of `day`."""
        transport = Transport(self.config)
        exchange, (now, _) = self._exchange(transport), self._now(transport)
        if pd.Timestamp(day) > now.normalize():
            raise UsageError(
                f"venue {self.name}: {day} has not begun (it is {now} UTC); ask for {now.date()} or earlier"
            )
        pairs = self._pairs(exchange, None)
        listed = {symbol: pair for symbol, pair in sorted(pairs.items()) if pair in exchange.markets}
        rows = [listing_row(exchange, symbol, exchange.markets[pair]) for symbol, pair in listed.items()]
        if not rows:
            raise EmptyResult(
                f"venue {self.name}: none of the {len(pairs)} configured symbols is listed "
                f"(e.g. {next(iter(pairs.values()))}); correct `symbols` of the ccxt venue in the profile"
            )
        return typed_listings(rows)

    def listings_range(self, start: date, end: date) -> pd.DataFrame:
        """Return the present listings for every day of `start`..`end`; only the newest is point in time."""
        require_range(self.name, start, end)
        snapshot = self.listings(end)
        days = pd.DataFrame({"date": pd.date_range(start, end, freq="D", unit="us")})
        return days.merge(snapshot, how="cross")

    def is_point_in_time(self, day: date) -> bool:
        """Whether `listings(day)` is what was listed on `day`: True for the last closed UTC day and for today only."""
        now, _ = self._now(Transport(self.config))
        return closed_days_until(now) <= pd.Timestamp(day) <= now.normalize()

    def _exchange(self, transport: Transport) -> ExchangeClient:
        """Return the client with its markets loaded, once per venue object."""
        try:
            return self._pool.first(transport)
        except _request_errors() as error:
            raise venue_error(self.name, "loading the markets", error) from error

    def _pairs(self, exchange: ExchangeClient, symbols: Sequence[str] | None) -> dict[str, str]:
        meant = wanted_pairs(self.config, self.name, exchange.markets)
        if symbols is not None:
            asked = [canonical(self.name, symbol) for symbol in symbols]
            return {symbol: meant.get(symbol, symbol.removeprefix(f"{self.name}:")) for symbol in asked}
        if not meant:
            raise EmptyResult(
                f"venue {self.name}: none of its {len(exchange.markets)} markets is of the kinds "
                f"{'/'.join(self.config.kinds)} and quotes {'/'.join(self.config.quotes)}; correct the ccxt venue block"
            )
        return meant

    def _now(self, transport: Transport) -> tuple[pd.Timestamp, list[str]]:
        """Return the moment that decides what is closed (UTC naive), with a note where two clocks disagree."""
        if self._clock is not None:
            return naive_utc(self._clock()), []
        server, here = self._server_time(transport), naive_utc(utc_now())
        # A server that is ahead would have today's unfinished bar taken for a closed one.
        ahead = server - here
        notes = [
            f"the exchange's clock is {ahead.total_seconds():.0f} s ahead of this machine's; the earlier one counts"
        ]
        return min(server, here), notes if ahead > CLOCK_TOLERANCE else []

    def _server_time(self, transport: Transport) -> pd.Timestamp:
        exchange = self._exchange(transport)
        if not exchange.has["fetchTime"]:
            raise UsageError(f"venue {self.name}: the exchange tells no server time; build the venue with a clock")
        try:
            server_ms = transport.patiently(lambda: _told_time(exchange))
        except _request_errors() as error:
            raise venue_error(self.name, "reading the server time", error) from error
        return naive_utc(datetime.fromtimestamp(server_ms / 1000, tz=UTC))

    def _fetched(self, transport: Transport, pairs: Mapping[str, str], span: Span) -> Fetched:
        staged = self._staged(span.start, span.end)
        if self._staging is not None:
            self._staging.sweep()
            # Whoever asks again, for this range or the next, has dealt with the answers given before.
            for dealt_with in self._answered:
                self._staging.discard(dealt_with)
            self._answered.clear()
        fetched = SymbolFetch(self.config, self._pool, transport, span, self._staging).all(pairs, self.progress)
        self._answered.add(staged)
        return fetched

    def _staged(self, start: date, end: date) -> StagedRange:
        return StagedRange(self.config.exchange, self.config.base_url or "", start, end)

    def _report(
        self, pairs: Mapping[str, str], fetched: Fetched, transport: Transport, notes: Sequence[str]
    ) -> FetchReport:
        said = [NOT_POINT_IN_TIME, *notes, *(f"the exchange told all workers to wait: {w}" for w in transport.waits)]
        if transport.stopped:
            said.append(f"stopped early: {transport.stopped}")
        return FetchReport(
            requested=len(pairs),
            attempts=transport.attempts,
            failed=dict(sorted(fetched.failed.items())),
            seconds=fetched.seconds,
            rows_received=fetched.received,
            rows_unclosed=fetched.unclosed,
            point_in_time_listings=False,
            notes=tuple(said),
            rows_repeated=fetched.repeated,
            short={s: a.remark for s, a in sorted(fetched.answers.items()) if a.remark},
            resumed=fetched.resumed,
        )


def _span(start: date, end: date, now: pd.Timestamp) -> Span:
    closed = closed_days_until(now).date()
    return Span(start, min(end, closed), closed, now)


def _told_time(exchange: ExchangeClient) -> int:
    told = exchange.fetch_time()
    if told is None:
        raise MalformedRows("the answer about the server's time holds none")
    return epoch_to_ms(float(told))


def _request_errors() -> tuple[type[Exception], ...]:
    """What a request raises; ccxt's base error is fetched late so that importing this module stays cheap."""
    import ccxt

    answered: type[Exception] = ccxt.BaseError
    return MalformedAnswer, MalformedRows, UnusableBars, PacingStopped, answered


def _first(failed: Mapping[str, str]) -> str:
    symbol, reason = next(iter(sorted(failed.items())))
    return f"{symbol}: {reason}"
