"""Every indicator with its default parameters, and the number of bars before each of its outputs exists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from quant_assets.features import channels, moving_averages, oscillators, ratings, trend, volume_indicators


@dataclass(frozen=True)
class Entry:
    """``compute(bars, first)`` gives the outputs; ``warm_up`` the NaNs before each; ``power`` of the price's unit."""

    compute: Callable[[SimpleNamespace, np.ndarray | None], tuple[np.ndarray, ...]]
    warm_up: tuple[int, ...]
    power: int = 1


def one(function, *inputs: str, warm_up: int, power: int = 1, **parameters) -> Entry:
    """Entry of a function with one output."""
    return Entry(
        lambda b, first: (function(*(getattr(b, i) for i in inputs), first=first, **parameters),), (warm_up,), power
    )


def many(function, *inputs: str, warm_up: tuple[int, ...], power: int = 1, **parameters) -> Entry:
    """Entry of a function with several outputs."""
    return Entry(
        lambda b, first: tuple(function(*(getattr(b, i) for i in inputs), first=first, **parameters)), warm_up, power
    )


HLC = ("high", "low", "close")
INDICATORS = {
    **{f"sma_{n}": one(moving_averages.sma, "close", length=n, warm_up=n - 1) for n in (10, 20, 30, 50, 100, 200)},
    **{f"ema_{n}": one(moving_averages.ema, "close", length=n, warm_up=n - 1) for n in (10, 20, 30, 50, 100, 200)},
    "rma": one(moving_averages.rma, "close", length=14, warm_up=13),
    "wma": one(moving_averages.wma, "close", length=20, warm_up=19),
    "hma": one(moving_averages.hma, "close", length=9, warm_up=10),
    "swma": one(moving_averages.swma, "close", warm_up=3),
    "alma": one(moving_averages.alma, "close", length=9, warm_up=8),
    "vwma": one(moving_averages.vwma, "close", "volume", length=20, warm_up=19),
    "linear_regression": one(moving_averages.linear_regression, "close", length=20, warm_up=19),
    "true_range": one(trend.true_range, *HLC, warm_up=0),
    "atr": one(trend.atr, *HLC, warm_up=13),
    "adx_di": many(trend.adx_di, *HLC, warm_up=(27, 14, 14), power=0),
    "ichimoku": many(trend.ichimoku, "high", "low", warm_up=(8, 25, 51, 77)),
    "ichimoku undisplaced": many(trend.ichimoku, "high", "low", displacement=0, warm_up=(8, 25, 25, 51)),
    "macd": many(trend.macd, "close", warm_up=(25, 33, 33)),
    "supertrend": one(lambda *a, first: trend.supertrend(*a, first=first)[0], *HLC, warm_up=9),
    "supertrend direction": one(lambda *a, first: trend.supertrend(*a, first=first)[1], *HLC, warm_up=9, power=0),
    "parabolic_sar": one(trend.parabolic_sar, *HLC, warm_up=1),
    "elder_ray": many(trend.elder_ray, *HLC, warm_up=(12, 12)),
    "donchian": many(channels.donchian, "high", "low", warm_up=(19, 19)),
    "extreme_ages": many(channels.extreme_ages, "close", length=10, warm_up=(9, 9), power=0),
    "bollinger": many(channels.bollinger, "close", warm_up=(19, 19, 19)),
    "bollinger_width": one(channels.bollinger_width, "close", warm_up=19, power=0),
    "bollinger_percent": one(channels.bollinger_percent, "close", warm_up=19, power=0),
    "keltner": many(channels.keltner, *HLC, warm_up=(19, 19, 19)),
    "keltner of ta.kc": many(channels.keltner, *HLC, reach="true_range", warm_up=(19, 20, 20)),
    "keltner of high - low": many(channels.keltner, *HLC, reach="high_low", warm_up=(19, 19, 19)),
    "correlation": one(channels.correlation, "close", "volume", length=20, warm_up=19, power=0),
    "rsi": one(oscillators.rsi, "close", warm_up=14, power=0),
    "stochastic": many(oscillators.stochastic, *HLC, warm_up=(15, 17), power=0),
    "stochastic_rsi": many(oscillators.stochastic_rsi, "close", warm_up=(29, 31), power=0),
    "cci": one(oscillators.cci, *HLC, warm_up=19, power=0),
    "awesome": one(oscillators.awesome, "high", "low", warm_up=33),
    "momentum": one(oscillators.momentum, "close", warm_up=10),
    "rate_of_change": one(oscillators.rate_of_change, "close", warm_up=10, power=0),
    "williams_r": one(oscillators.williams_r, *HLC, warm_up=13, power=0),
    "ultimate": one(oscillators.ultimate, *HLC, warm_up=28, power=0),
    "chande_momentum": one(oscillators.chande_momentum, "close", warm_up=9, power=0),
    "centre_of_gravity": one(oscillators.centre_of_gravity, "close", warm_up=9, power=0),
    "money_flow": one(volume_indicators.money_flow, "close", "volume", warm_up=13, power=0),
    "on_balance_volume": one(volume_indicators.on_balance_volume, "close", "volume", warm_up=1, power=0),
    "negative_volume_index": one(volume_indicators.negative_volume_index, "close", "volume", warm_up=0, power=0),
    "recommend_ma": one(ratings.recommend_ma, *HLC, "volume", warm_up=199, power=0),
    "recommend_ma of the library": one(
        ratings.recommend_ma, *HLC, "volume", rules=ratings.VoteRules(ichimoku="cloud"), warm_up=199, power=0
    ),
    "recommend_other": one(ratings.recommend_other, *HLC, warm_up=49, power=0),
    "recommend_all": one(ratings.recommend_all, *HLC, "volume", warm_up=199, power=0),
}


def synthetic_bars(bars: int, seed: int = 0, scale: float = 1.0) -> SimpleNamespace:
    """Synthetic prices around 50 * ``scale`` with cents for ticks, and volumes."""
    rng = np.random.default_rng(seed)
    close = np.round(50 * np.exp(np.cumsum(rng.normal(0, 0.03, bars))), 2) + 0.01
    high = close + np.round(rng.uniform(0, 2, bars), 2)
    low = np.maximum(close - np.round(rng.uniform(0, 2, bars), 2), 0.01)
    volume = np.round(rng.lognormal(5, 1, bars)) + 1
    return SimpleNamespace(high=high * scale, low=low * scale, close=close * scale, volume=volume)


def stacked(parts: list[SimpleNamespace]) -> tuple[SimpleNamespace, np.ndarray]:
    """Bars of all lives one after the other, and the first row of each row's life."""
    lengths = np.array([len(p.close) for p in parts])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    names = vars(parts[0])
    bars = SimpleNamespace(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})
    return bars, np.repeat(starts, lengths)
