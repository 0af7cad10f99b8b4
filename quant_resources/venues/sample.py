"""The sample venue `SYNTH`: a seeded synthetic market with known truth. Its bars are synthetic and say so."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import numpy as np
import pandas as pd

from quant_assets.errors import UsageError
from quant_resources.venues.config import SampleVenueConfig
from quant_resources.venues.listing_grid import day_numbers, first_bar_days, last_bar_grid, to_dates
from quant_resources.venues.port import (
    DELISTED,
    HALTED,
    LISTING_COLUMNS,
    TRADING,
    BarsReceived,
    FetchReport,
    require_range,
)
from quant_resources.venues.sample_market import sample_market
from quant_resources.venues.sample_roster import BASES, QUOTE, SYMBOLS, VENUE_NAME

MIN_NOTIONAL = 5.0
DELISTED_SHOWN_DAYS = 30
"""A delisted market stays in the listings this long, marked DELISTED, and then disappears."""


class SampleVenue:
    """Synthetic venue: every answer is a slice of one market generated from the seed."""

    name = VENUE_NAME
    data_kind = "synthetic"
    point_in_time_listings = True

    def __init__(self, config: SampleVenueConfig) -> None:
        self.config = config

    def listings(self, day: date) -> pd.DataFrame:
        """Return the markets listed on `day`, with their status and steps of that day. UsageError outside the span."""
        return self.listings_range(day, day)[list(LISTING_COLUMNS)]

    def listings_range(self, start: date, end: date) -> pd.DataFrame:
        """Return the listings of every day from `start` to `end` with a leading `date` column."""
        self._require_inside(start, end)
        table = _all_listings(self.config)
        inside = (table["date"] >= pd.Timestamp(start)) & (table["date"] <= pd.Timestamp(end))
        return table[inside].reset_index(drop=True)

    def bars(self, symbols: Sequence[str] | None, start: date, end: date) -> BarsReceived:
        """Return the received bars of `start`..`end`, planned dirt included; unknown symbols are reported as failed."""
        self._require_inside(start, end)
        began = time.perf_counter()
        frame = sample_market(self.config).bars
        inside = (frame["date"] >= pd.Timestamp(start)) & (frame["date"] <= pd.Timestamp(end))
        failed: dict[str, str] = {}
        if symbols is not None:
            inside &= frame["symbol"].isin(list(symbols))
            failed = {s: f"not a market of the synthetic venue {self.name}" for s in set(symbols) - set(SYMBOLS)}
        received = frame[inside].reset_index(drop=True)
        requested = len(SYMBOLS) if symbols is None else len(symbols)
        seconds = {"total": time.perf_counter() - began}
        return BarsReceived(received, FetchReport(requested, requested, failed, seconds, rows_received=len(received)))

    def _require_inside(self, start: date, end: date) -> None:
        require_range(self.name, start, end)
        if start < self.config.start or end > self.config.end:
            raise UsageError(
                f"venue {self.name} (synthetic): {start}..{end} is outside its span {self.config.start}.."
                f"{self.config.end}; choose dates inside it or change `start`/`end` of the sample venue in the profile"
            )


@lru_cache(maxsize=4)
def _all_listings(config: SampleVenueConfig) -> pd.DataFrame:
    """Return the listing table of all days; each row uses bars and lives up to its own date only."""
    market = sample_market(config)
    order = np.argsort(np.array(SYMBOLS))
    symbols = pd.array(SYMBOLS, dtype="str").take(order)
    codes = pd.Categorical(market.bars["symbol"], categories=symbols).codes.astype(np.intp)
    bar_days = day_numbers(market.bars["date"])
    grid_days = day_numbers(market.days)
    last = last_bar_grid(codes, bar_days, len(order), int(grid_days[0]), int(grid_days[-1]))
    first = first_bar_days(codes, bar_days, len(order))
    alive, paused = market.alive[:, order], market.paused[:, order]
    was_listed = first[None, :] <= grid_days[:, None]
    listed = was_listed & (alive | (grid_days[:, None] - last <= DELISTED_SHOWN_DAYS))
    day, column = np.nonzero(listed)
    status = np.where(alive, np.where(paused, 1, 0), 2)[day, column]
    constant = np.zeros(len(day), dtype=np.intp)
    return pd.DataFrame(
        {
            "date": market.days.take(day),
            "symbol": symbols.take(column),
            "base": pd.array(BASES, dtype="str").take(order[column]),
            "quote": pd.array([QUOTE], dtype="str").take(constant),
            "kind": pd.array(["spot"], dtype="str").take(constant),
            "status": pd.array([TRADING, HALTED, DELISTED], dtype="str").take(status),
            "tick_size": market.tick_size[day, order[column]],
            "lot_size": market.lot_size[day, order[column]],
            "min_notional": MIN_NOTIONAL,
            "first_bar": to_dates(first[column]),
            "last_bar": to_dates(last[day, column]),
        }
    )
