"""What happens in the synthetic market, and what is wrong in its bars: the schedule and the dirt.

Market events change the true path (listing, halt, crash, ...); dirt spoils single received bars after the path is
drawn, so that the days around a spoiled bar are unharmed. Days are offsets from the market's first day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from quant_resources.venues.sample_roster import BASES, QUOTE, VENUE_NAME

REUSE_PRICE_RATIO = 37.4
"""New over old price at the ticker re-use: far from any power of ten."""
REDENOMINATION_DIVISOR = 1_000.0
VOLUME_SPIKE_FACTOR = 50.0
CRASH_RETURNS = (-0.62, -0.965, -0.93)
"""Three days, -99.9 % together; the second alone is below -95 %, and all of it traded."""
TOXIC_FACTORS = {"toxic_spike": 10.0, "unit_error": 1_000.0}


@dataclass(frozen=True)
class Event:
    """One event: `first`..`last` are day offsets of its days, the rule is the one that should find it ('' none)."""

    kind: str
    base: str
    first: int
    last: int
    rule_expected: str
    detail: str

    @property
    def column(self) -> int:
        """Position of the symbol among `BASES`."""
        return BASES.index(self.base)

    @property
    def symbol(self) -> str:
        """Canonical symbol."""
        return f"{VENUE_NAME}:{self.base}/{QUOTE}"


def _late_listings() -> tuple[Event, ...]:
    days = (60, 95, 130, 170, 210, 260, 300, 350, 400)
    detail = "first bar on this day; no history before it"
    return tuple(Event("late_listing", BASES[40 + k], day, day, "", detail) for k, day in enumerate(days))


def _delistings() -> tuple[Event, ...]:
    detail = "last bar on this day; its last return is realised and its history stays"
    planned = (("YOLIN", 450), ("AGROS", 590), ("DUSKO", 700), ("KESTO", 820))
    return tuple(Event("delisting", base, day, day, "L1.DELISTED", detail) for base, day in planned)


SCHEDULE: tuple[Event, ...] = (
    *_late_listings(),
    *_delistings(),
    Event("halt", "HALDE", 480, 484, "L1.GAP", "no bars on these days; resumes at a related price"),
    Event("ticker_reuse", "OSTRA", 521, 540, "L1.IDENTITY",
          f"no bars on these days; then another asset under the old ticker at {REUSE_PRICE_RATIO} x the old price"),
    Event("crash", "ELSIN", 560, 562, "",
          "a real crash, -99.9 % in three days with continuous opens: kept, not L1.RETURN_CAP; then delisted"),
    Event("delisting", "ELSIN", 562, 562, "L1.DELISTED", "last bar of the crash"),
    Event("redenomination", "LYNOR", 600, 603, "L1.REDENOMINATION",
          "no bars on these days; then 1000 new units for each old one: price / 1000, volume x 1000, value continuous"),
    Event("toxic_spike", "JOVIN", 640, 640, "L1.RETURN_CAP", "+900 % with a discontinuous open, gone the next day"),
    Event("unit_error", "QUARZ", 660, 660, "L1.RETURN_CAP", "all prices x 1000 for one bar, without a halt"),
    Event("low_above_high", "TARNO", 680, 680, "L0.OHLC", "low and high exchanged"),
    Event("nan_close", "VESPO", 695, 695, "L0.OHLC", "close missing"),
    Event("negative_volume", "XERIL", 710, 710, "L0.VOLUME", "volume with the wrong sign"),
    Event("duplicate_row", "ZOLTA", 725, 725, "L0.KEY", "the same bar received twice"),
    Event("stall", "BRONO", 740, 745, "L1.STALL", "one unchanged price, zero range, zero volume"),
    Event("volume_spike", "DELPO", 760, 760, "L1.VOLUME_SPIKE", f"volume x {VOLUME_SPIKE_FACTOR:.0f}, price ordinary"),
    Event("missing_bar", "FARLO", 780, 780, "L0.COVERAGE", "listed as TRADING, yet no bar came: coverage in WARN"),
    Event("missing_bar", "HOLTA", 780, 780, "L0.COVERAGE", "listed as TRADING, yet no bar came: coverage in WARN"),
)  # fmt: skip

PAUSING = ("halt", "ticker_reuse", "redenomination")
"""Kinds whose days have no bars although the market stays listed (HALTED)."""


def events_of(*kinds: str) -> tuple[Event, ...]:
    """Return the scheduled events of these kinds, in schedule order."""
    return tuple(event for event in SCHEDULE if event.kind in kinds)


def spoil(bars: pd.DataFrame) -> pd.DataFrame:
    """Return clean bars (with a `day` offset column) with the planned dirt on single rows, all others unchanged."""
    spoiled = bars.copy()
    for event in events_of(*TOXIC_FACTORS, "low_above_high", "nan_close", "negative_volume"):
        row = (spoiled["day"] == event.first) & (spoiled["symbol"] == event.symbol)
        _spoil_row(spoiled, row, event.kind)
    missing = _rows_of(spoiled, "missing_bar")
    duplicates = spoiled[_rows_of(spoiled, "duplicate_row")]
    spoiled = pd.concat([spoiled[~missing], duplicates], ignore_index=True)
    return spoiled.sort_values(["day", "symbol"], kind="stable", ignore_index=True)


def _rows_of(bars: pd.DataFrame, kind: str) -> pd.Series:
    planned = [(bars["day"] == event.first) & (bars["symbol"] == event.symbol) for event in events_of(kind)]
    return pd.concat(planned, axis=1).any(axis=1)


def _spoil_row(bars: pd.DataFrame, row: pd.Series, kind: str) -> None:
    if kind in TOXIC_FACTORS:
        # Value traded is left as it was, so that only the price rule can find the bar.
        bars.loc[row, ["open", "high", "low", "close"]] *= TOXIC_FACTORS[kind]
        bars.loc[row, "volume"] /= TOXIC_FACTORS[kind]
    elif kind == "low_above_high":
        bars.loc[row, ["low", "high"]] = bars.loc[row, ["high", "low"]].to_numpy()
    elif kind == "nan_close":
        bars.loc[row, "close"] = np.nan
    else:
        bars.loc[row, "volume"] *= -1.0
