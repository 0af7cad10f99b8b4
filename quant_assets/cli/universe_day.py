"""Screening one day from published bars, for a question: the same code as the asset, nothing written."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd

from quant_assets.errors import EmptyResult
from quant_assets.gate import ContractGate
from quant_assets.manifests import Ledger
from quant_assets.market.calendars import closed_days
from quant_assets.profiles.model import Profile
from quant_assets.tables import HEALTH_TABLE, LISTINGS_TABLE, OHLCV_TABLE
from quant_assets.universe.config import Universe
from quant_assets.universe.screening import bars_window, screen

if TYPE_CHECKING:
    from quant_resources.lakehouse.store import Lakehouse


def screen_day(
    lakehouse: Lakehouse, profile: Profile, universe: Universe, day: dt.date
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the output of `screen` for one day, and that day's listings.

    Raises ContractViolation where bars or listings that it needs are not published, EmptyResult on a closed day.
    """
    key, known = day.isoformat(), (day + dt.timedelta(days=1)).isoformat()
    first = max(profile.start, day - dt.timedelta(days=bars_window(universe) - 1))
    closed = closed_days(profile.calendar, first, day)
    if pd.Timestamp(day) in closed:
        raise EmptyResult(f"universe {universe.name}: {profile.calendar} is closed on {key}; ask for an open day")
    window = [d.strftime("%Y-%m-%d") for d in pd.date_range(first, day)] or [key]
    gate = ContractGate(Ledger(lakehouse))
    gate.slice("listings", LISTINGS_TABLE.name, [key], -1)
    gate.slice("ohlcv", OHLCV_TABLE.name, window, -1)
    bars = lakehouse.read(OHLCV_TABLE, start=window[0], end=key, as_of=known)
    listings = lakehouse.read(LISTINGS_TABLE, start=key, end=key, as_of=known)
    health = lakehouse.read(HEALTH_TABLE, end=key, as_of=known)
    return screen(bars, listings, health, universe, [day], profile.market, closed), listings
