"""Turns synthetic returns and events into daily bars with continuous opens, ranges, volumes and trades."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_resources.venues.config import SampleVenueConfig
from quant_resources.venues.port import BAR_COLUMNS
from quant_resources.venues.sample_events import (
    CRASH_RETURNS,
    PAUSING,
    REDENOMINATION_DIVISOR,
    REUSE_PRICE_RATIO,
    VOLUME_SPIKE_FACTOR,
    events_of,
    spoil,
)
from quant_resources.venues.sample_factors import Factors, draw_factors, stream
from quant_resources.venues.sample_roster import BASES, LEVERAGED_BASE, SYMBOLS, Floats, Traits, draw_traits

SOURCE = "synthetic"
INGESTION_DELAY = pd.Timedelta(days=1, minutes=5)
"""A synthetic bar is known five minutes after its end: a clock of its own keeps tables reproducible."""


@dataclass(frozen=True)
class SampleMarket:
    """The whole synthetic market. Matrices are days x symbols in the order of `SYMBOLS`."""

    days: pd.DatetimeIndex
    traits: Traits
    factors: Factors
    alive: NDArray[np.bool_]
    paused: NDArray[np.bool_]
    tick_size: Floats
    lot_size: Floats
    bars: pd.DataFrame


@lru_cache(maxsize=4)
def sample_market(config: SampleVenueConfig) -> SampleMarket:
    """Return the market of `config`, generated once per process (well under a second) and shared; do not modify."""
    days = pd.date_range(config.start, config.end, freq="D", unit="us")
    size = len(days)
    traits = draw_traits(stream(config.seed, 0))
    factors = draw_factors(config.seed, size, traits)
    alive, paused = _life_masks(size)
    level = _price_levels(size)
    tick = _power_of_ten_below(traits.start_price * level, _tick_digits())
    lot = _power_of_ten_below(10.0 / (traits.start_price * level), 3)
    fields = _prices(config.seed, traits, factors, alive, level, tick)
    fields |= _volumes(config.seed, traits, factors, fields, lot)
    bars = _long_frame(days, fields, alive & ~paused)
    return SampleMarket(days, traits, factors, alive, paused, tick, lot, bars)


def _power_of_ten_below(values: Floats, digits: int | NDArray[np.int64]) -> Floats:
    """Return the power of ten `digits` places behind the leading digit of each value."""
    steps: Floats = 10.0 ** (np.floor(np.log10(values)) - digits)
    return steps


def _tick_digits() -> NDArray[np.int64]:
    """Digits after the leading one of the starting price; a leveraged token decays so far that it needs more."""
    return np.where(np.array(BASES) == LEVERAGED_BASE, 10, 5)


def _span(first: int, last: int) -> slice:
    return slice(first, last + 1)


def _life_masks(size: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return (listed, listed without trading) by day and symbol."""
    alive = np.ones((size, len(BASES)), dtype=bool)
    paused = np.zeros_like(alive)
    for event in events_of("late_listing"):
        alive[: event.first, event.column] = False
    for event in events_of("delisting"):
        alive[event.last + 1 :, event.column] = False
    for event in events_of(*PAUSING):
        paused[_span(event.first, event.last), event.column] = True
    return alive, paused


def _price_levels(size: int) -> Floats:
    """Factor on the path's price: 1, except after the re-denomination and the ticker re-use."""
    level = np.ones((size, len(BASES)))
    for kind, factor in (("redenomination", 1 / REDENOMINATION_DIVISOR), ("ticker_reuse", REUSE_PRICE_RATIO)):
        for event in events_of(kind):
            level[event.last + 1 :, event.column] = factor
    return level


def _event_returns(log_returns: Floats, alive: NDArray[np.bool_]) -> Floats:
    """Return the path's log returns with the market events in them; nothing moves before a listing."""
    path = np.where(alive, log_returns, 0.0)
    for event in events_of(*PAUSING):
        # While nobody trades the price wanders little, so that it resumes at a related one.
        path[_span(event.first, event.last), event.column] *= 0.25
    for event in events_of("stall"):
        path[_span(event.first, event.last), event.column] = 0.0
    for event in events_of("crash"):
        reached = path[_span(event.first, event.last), event.column]
        reached[:] = np.log1p(np.array(CRASH_RETURNS))[: len(reached)]
    return path


def _prices(
    seed: int, traits: Traits, factors: Factors, alive: NDArray[np.bool_], level: Floats, tick: Floats
) -> dict[str, Floats]:
    """Return open, high, low, close on the tick grid; each open is the close before it within a basis point or two."""
    path = _event_returns(factors.log_returns, alive)
    log_price = np.log(traits.start_price) + np.cumsum(path, axis=0)
    before = np.vstack([np.log(traits.start_price)[None, :], log_price[:-1]])
    jitter = stream(seed, 6).standard_normal(path.shape) * 1e-4
    reach = np.abs(stream(seed, 7).standard_normal((*path.shape, 2))) * (0.35 * factors.volatility)[:, :, None]
    for event in events_of("stall"):
        jitter[_span(event.first, event.last), event.column] = 0.0
        reach[_span(event.first, event.last), event.column] = 0.0
    opened, closed = np.exp(before + jitter) * level, np.exp(log_price) * level
    high = np.maximum(opened, closed) * np.exp(reach[:, :, 0])
    low = np.minimum(opened, closed) * np.exp(-reach[:, :, 1])
    return {name: _on_grid(value, tick) for name, value in zip(("open", "high", "low", "close"),
                                                               (opened, high, low, closed), strict=True)}  # fmt: skip


def _on_grid(value: Floats, step: Floats) -> Floats:
    """Round to multiples of `step` (powers of ten), at least one step; the second rounding removes binary residue."""
    digits = -np.round(np.log10(step)).astype(np.int64)
    scale = 10.0 ** np.abs(digits)
    steps = np.maximum(np.round(np.where(digits >= 0, value * scale, value / scale)), 1.0)
    return np.where(digits >= 0, steps / scale, steps * scale)


def _volumes(seed: int, traits: Traits, factors: Factors, prices: dict[str, Floats], lot: Floats) -> dict[str, Floats]:
    """Return base volume, quote volume = volume x a price inside the bar, and number of trades."""
    noise = stream(seed, 8).standard_normal(factors.log_returns.shape) * 0.15
    for day in range(1, len(noise)):
        noise[day] += 0.8 * noise[day - 1]
    surprise = np.abs(factors.log_returns) / factors.volatility
    stress = 0.25 * factors.regime[:, None]
    value = traits.daily_value * np.exp(noise + stress + 0.08 * surprise.clip(0.0, 4.0))
    for event in events_of("crash"):
        value[_span(event.first, event.last), event.column] *= 6.0
    for event in events_of("volume_spike"):
        value[_span(event.first, event.last), event.column] *= VOLUME_SPIKE_FACTOR
    average = (prices["open"] + prices["high"] + prices["low"] + prices["close"]) / 4
    volume = _on_grid(value / average, lot)
    for event in events_of("stall"):
        volume[_span(event.first, event.last), event.column] = 0.0
    quote_volume = volume * average
    return {"volume": volume, "quote_volume": quote_volume, "trades": np.ceil(quote_volume / traits.trade_size)}


def _long_frame(days: pd.DatetimeIndex, fields: dict[str, Floats], present: NDArray[np.bool_]) -> pd.DataFrame:
    """Return the received bars, dirt included, sorted by date and symbol."""
    order = np.argsort(np.array(SYMBOLS))
    day, position = np.nonzero(present[:, order])
    column = order[position]
    symbols = pd.array(SYMBOLS, dtype="str").take(column)
    frame = pd.DataFrame({"day": day, "symbol": symbols, **{name: f[day, column] for name, f in fields.items()}})
    frame = spoil(frame)
    frame["date"] = days.take(frame["day"].to_numpy())
    frame["source"] = pd.array([SOURCE], dtype="str").take(np.zeros(len(frame), dtype=np.intp))
    frame["ingested_at"] = frame["date"] + INGESTION_DELAY
    return frame[list(BAR_COLUMNS)]
