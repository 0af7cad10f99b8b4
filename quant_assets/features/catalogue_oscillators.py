"""Declarations of oscillators and ratings."""

from __future__ import annotations

from typing import Any

from quant_assets.features import indicators
from quant_assets.features.catalogue_trend import PANEL, RATIO, SEED, WILDER_BOOK
from quant_assets.features.declaring import INFINITY, Declare
from quant_assets.features.registry import Feature

INDEX: dict[str, Any] = {"unit": "index points", "upper": 100.0, "tags": ("oscillator",)}
RATING: dict[str, Any] = {"unit": "rating", "lower": -1.0, "upper": 1.0, "tags": ("rating",)}
RULES = (
    'TradingView Help Centre and script, "Technical Ratings"; where its editions differ, the Stochastics vote by level '
    "(library), ADX and Ichimoku by a cross (article and script), CCI is of (high + low + close) / 3 as in the "
    "indicator (the script takes the close); see quant_assets/features/vote_rules.py"
)
# What one of n votes is of the scale from -1 to 1, were it to change: 1 / n.
AVERAGE_VOTES, OSCILLATOR_VOTES = 15, 11
RATING_NOTE = (
    "its EMA 200 and EMA 100 remember more than a short memory: near a crossing one vote may differ, a fifteenth of "
    "the scale (at 400 bars on less than one bar of bitcoin in a hundred); with 1,400 bars only within a millionth "
    "of a line"
)


def oscillator_features(declare: Declare) -> list[Feature]:
    """RSI, stochastics, CCI, Awesome, momentum, Williams, Ultimate, Elder's powers and the ratings."""
    return [*_bounded(declare), *_unbounded(declare), *_elder(declare), *_ratings(declare)]


def _bounded(declare: Declare) -> list[Feature]:
    stochastic: dict[str, Any] = {
        "source": "Lane (1984); Pine ta.sma(ta.stoch(close, high, low, 14), 3)",
        "function": indicators.stochastic,
        "parameters": {"length": 14},
        **PANEL,
        **INDEX,
    }
    of_rsi: dict[str, Any] = {
        "source": "Chande & Kroll (1994), The New Technical Trader; Pine: Stochastic RSI 14/14/3/3",
        "inputs": ("close",),
        "function": indicators.stochastic_rsi,
        "parameters": {"length": 14},
        "drift_note": RATIO,
        **INDEX,
    }
    return [
        declare.recursive(
            id="rsi_14", title="Relative strength index",
            formula="100 - 100 / (1 + RMA14(gains) / RMA14(losses)); NaN without movement",
            source=f"{WILDER_BOOK}; Pine ta.rsi(close, 14)", inputs=("close",), min_bars=15, function=indicators.rsi,
            parameters={"length": 14}, drift=declare.forgotten(27, 10.0), drift_note=RATIO, **INDEX,
        ),
        declare.recursive(
            id="stochastic_k", title="Stochastic %K", formula="SMA3 of the close's place in the 14-bar range",
            min_bars=16, output=0, **stochastic,
        ),
        declare.recursive(
            id="stochastic_d", title="Stochastic %D", formula="SMA3 of %K", min_bars=18, output=1, **stochastic
        ),
        declare.recursive(
            id="stochastic_rsi_k", title="Stochastic RSI %K", formula="SMA3 of the RSI's place in its 14-bar range",
            min_bars=30, output=0, drift=declare.forgotten(27, 1000.0), **of_rsi,
        ),
        declare.recursive(
            id="stochastic_rsi_d", title="Stochastic RSI %D", formula="SMA3 of %K", min_bars=32, output=1,
            drift=declare.forgotten(27, 100.0), **of_rsi,
        ),
        declare.recursive(
            id="williams_r_14", title="Williams %R", formula="100 * (close - highest high) / 14-bar range",
            source="Williams (1979), How I Made One Million Dollars; Pine ta.wpr(14)", min_bars=14,
            function=indicators.williams_r, parameters={"length": 14}, **PANEL,
            **{**INDEX, "lower": -100.0, "upper": 0.0},
        ),
        declare.recursive(
            id="ultimate", title="Ultimate oscillator",
            formula="100 * (4 A7 + 2 A14 + A28) / 7, A = sum of buying pressure / sum of true range",
            source="Williams (1985), Technical Analysis of Stocks & Commodities", min_bars=29,
            function=indicators.ultimate, **PANEL, **INDEX,
        ),
    ]  # fmt: skip


def _unbounded(declare: Declare) -> list[Feature]:
    free: dict[str, Any] = {"lower": -INFINITY, "tags": ("oscillator",)}
    change: dict[str, Any] = {"inputs": ("close",), "function": indicators.momentum, "parameters": {"length": 10}}
    return [
        declare.recursive(
            id="cci_20", title="Commodity channel index", unit="index points",
            formula="(typical price - SMA20) / (0.015 * mean absolute deviation)",
            source="Lambert (1980), Commodities; Pine ta.cci(hlc3, 20)", min_bars=20, function=indicators.cci,
            parameters={"length": 20}, **PANEL, **free,
        ),
        declare.recursive(
            id="awesome", title="Awesome oscillator", formula="SMA5 - SMA34 of (high + low) / 2",
            source="Williams (1998), New Trading Dimensions", inputs=("high", "low"), unit="quote currency",
            min_bars=34, function=indicators.awesome, **free,
        ),
        declare.recursive(
            id="momentum_10", title="Momentum 10", formula="close - close 10 bars ago", source="Pine ta.mom(close, 10)",
            unit="quote currency", min_bars=11, output=0, **change, **free,
        ),
        declare.recursive(
            id="roc_10", title="Rate of change 10", formula="100 * (close / close 10 bars ago - 1)",
            source="Pine ta.roc(close, 10)", unit="percent", min_bars=11, output=1,
            **{**change, **free, "lower": -100.0},
        ),
    ]  # fmt: skip


def _elder(declare: Declare) -> list[Feature]:
    power: dict[str, Any] = {
        "source": "Elder (1993), Trading for a Living (Elder ray)",
        "unit": "quote currency",
        "lower": -INFINITY,
        "min_bars": 13,
        "function": indicators.elder_ray,
        "parameters": {"length": 13},
        "drift": declare.forgotten(13),
        "drift_note": SEED,
        "tags": ("oscillator",),
        **PANEL,
    }
    return [
        declare.recursive(id="bull_power_13", title="Bull power", formula="high - EMA13(close)", output=0, **power),
        declare.recursive(id="bear_power_13", title="Bear power", formula="low - EMA13(close)", output=1, **power),
    ]


def _ratings(declare: Declare) -> list[Feature]:
    inputs = ("high", "low", "close", "volume")
    one_vote = 1.0 / AVERAGE_VOTES
    both = one_vote / 2.0 + 0.5 / OSCILLATOR_VOTES
    both_groups: dict[str, Any] = {
        "inputs": inputs,
        "source": RULES,
        "min_bars": 200,
        "function": indicators.recommend_all,
        "drift": both,
        "drift_note": RATING_NOTE,
        **RATING,
    }
    return [
        declare.recursive(
            id="recommend_ma", title="Moving-average rating", inputs=inputs, source=RULES, min_bars=200,
            formula="mean of 15 votes: SMA and EMA 10/20/30/50/100/200, Hull 9, VWMA 20: close above the line +1, "
            "below -1; Ichimoku 9/26/52 undisplaced: lead 1 > lead 2, close above lead 1, below the base line and "
            "crossing up through the conversion line +1, mirrored -1; NaN where a vote is undefined, equal within "
            "1e-10 is 0",
            function=indicators.recommend_ma, drift=one_vote, drift_note=RATING_NOTE, **RATING,
        ),
        declare.recursive(
            id="recommend_other", title="Oscillator rating", inputs=("high", "low", "close"), source=RULES, min_bars=50,
            formula="mean of 11 votes, buy (sell mirrored): RSI < 30 rising; Stochastic K < 20, K > D; CCI < -100 "
            "rising; ADX > 20, +DI crosses over -DI; Awesome crosses over 0 or saucer above it; Momentum rising; "
            "MACD above its signal; Stochastic RSI as the Stochastic with the close below EMA 50; Williams < -80 "
            "rising; Bear power < 0 rising with the close above EMA 50; Ultimate > 70 (sell < 30); NaN where a vote "
            "is undefined, equal within 1e-10 is no change",
            function=indicators.recommend_other, drift=1.0 / OSCILLATOR_VOTES,
            drift_note="a vote may differ where an oscillator is level but for rounding", **RATING,
        ),
        declare.recursive(
            id="recommend_all", title="Technical rating", output=0,
            formula="(recommend_ma + recommend_other) / 2", **both_groups,
        ),
        declare.recursive(
            id="recommend_all_regression", title="Technical rating, regression mix", output=1,
            formula="0.574 recommend_ma + 0.3914 recommend_other, fitted to one day of one symbol: kept to compare",
            **both_groups,
        ),
    ]  # fmt: skip
