"""Declarations of price lines, channels and trend indicators."""

from __future__ import annotations

from typing import Any

from quant_assets.features import indicators
from quant_assets.features.declaring import INFINITY, Declare
from quant_assets.features.registry import Feature

LENGTHS = (10, 20, 30, 50, 100, 200)
SEED = (
    "its seed fades like 1 - 2 / (length + 1) per bar: the share that is left after the memory. Holds on every bar of "
    "bitcoin and eight other major coins; where prices fell by a large factor, about that many times more is left"
)
WILDER = (
    "Wilder averages of 14 keep less than 1e-9 of what came before a memory of 300 bars; holds as for exponential ones"
)
RATIO = "a quotient of Wilder averages of 14 moves by more than they do; holds on bitcoin and eight other major coins"
LATCHED = (
    "that of its ATR 10. The direction is latched: where a memory sees another one than all history, line and "
    "direction differ until both have turned. No bar of bitcoin and eight other major coins does"
)
WILDER_BOOK = "Wilder (1978), New Concepts in Technical Trading Systems"
PRICE: dict[str, Any] = {"unit": "quote currency", "tags": ("trend", "price")}
PANEL: dict[str, Any] = {"inputs": ("high", "low", "close")}


def trend_features(declare: Declare) -> list[Feature]:
    """Averages, MACD, Ichimoku, directional movement, ranges and channels."""
    return [
        *_averages(declare),
        *_macd(declare),
        *_ichimoku(declare),
        *_directional(declare),
        *_ranges(declare),
        *_channels(declare),
        declare.recursive(
            id="close",
            title="Adjusted close",
            formula="close * adj_factor of the day",
            source="the bar itself",
            inputs=("close",),
            unit="quote currency",
            min_bars=1,
            function=indicators.close,
            tags=("price",),
        ),
    ]


def _averages(declare: Declare) -> list[Feature]:
    line: dict[str, Any] = {"inputs": ("close",), **PRICE}
    simple = [
        declare.recursive(
            id=f"sma_{n}", title=f"Simple moving average {n}", formula=f"mean of the last {n} closes",
            source=f"Pine ta.sma(close, {n})", min_bars=n, function=indicators.sma, parameters={"length": n}, **line,
        )
        for n in LENGTHS
    ]  # fmt: skip
    exponential = [
        declare.recursive(
            id=f"ema_{n}", title=f"Exponential moving average {n}",
            formula=f"average with weight 2 / {n + 1}, seeded with the mean of its first {n} closes",
            source=f"Pine ta.ema(close, {n})", min_bars=n, function=indicators.ema, parameters={"length": n},
            drift=declare.forgotten(n), drift_note=SEED, **line,
        )
        for n in LENGTHS
    ]  # fmt: skip
    return [
        *simple,
        *exponential,
        declare.recursive(
            id="rma_14", title="Wilder's average 14", formula="average with weight 1 / 14, seeded with a mean",
            source=f"{WILDER_BOOK}; Pine ta.rma(close, 14)", min_bars=14, function=indicators.rma,
            parameters={"length": 14}, drift=declare.forgotten(27), drift_note=WILDER, **line,
        ),
        declare.recursive(
            id="hma_9", title="Hull moving average 9", formula="WMA3(2 WMA4(close) - WMA9(close))",
            source="Hull (2005); Pine ta.hma(close, 9)", min_bars=11, function=indicators.hma,
            parameters={"length": 9}, lower=-INFINITY, **line,
        ),
        declare.recursive(
            id="vwma_20", title="Volume-weighted moving average 20",
            formula="sum(close * volume) / sum(volume) of the last 20 bars; NaN without volume",
            source="Pine ta.vwma(close, 20)", inputs=("close", "volume"), min_bars=20, function=indicators.vwma,
            parameters={"length": 20}, **PRICE,
        ),
    ]  # fmt: skip


def _macd(declare: Declare) -> list[Feature]:
    shared: dict[str, Any] = {
        "source": "Appel (1979); Pine ta.macd(close, 12, 26, 9), each average seeded on its own first values",
        "inputs": ("close",),
        "lower": -INFINITY,
        "function": indicators.macd,
        "parameters": {"fast": 12, "slow": 26, "signal": 9},
        "drift": declare.forgotten(26, 3.0),
        "drift_note": SEED,
        **PRICE,
    }
    return [
        declare.recursive(id="macd", title="MACD line", formula="EMA12 - EMA26", min_bars=26, output=0, **shared),
        declare.recursive(
            id="macd_signal", title="MACD signal", formula="EMA9 of the line", min_bars=34, output=1, **shared
        ),
        declare.recursive(
            id="macd_histogram", title="MACD histogram", formula="line - signal", min_bars=34, output=2, **shared
        ),
    ]


def _ichimoku(declare: Declare) -> list[Feature]:
    shared: dict[str, Any] = {
        "source": "Hosoda (1968); Pine: Ichimoku Cloud 9/26/52, spans displaced by 26",
        "inputs": ("high", "low"),
        "function": indicators.ichimoku,
        **PRICE,
    }
    named = (
        ("conversion", "conversion line", "middle of the 9-bar range", 9),
        ("base", "base line", "middle of the 26-bar range", 26),
        ("span_a", "leading span A", "mean of conversion and base line 26 bars ago", 52),
        ("span_b", "leading span B", "middle of the 52-bar range 26 bars ago", 78),
    )
    return [
        declare.recursive(
            id=f"ichimoku_{name}", title=f"Ichimoku {title}", formula=formula, min_bars=bars, output=k, **shared
        )
        for k, (name, title, formula, bars) in enumerate(named)
    ]


def _directional(declare: Declare) -> list[Feature]:
    shared: dict[str, Any] = {
        "source": f"{WILDER_BOOK}; Pine ta.dmi(14, 14)",
        "unit": "index points",
        "upper": 100.0,
        "function": indicators.adx,
        "parameters": {"di_length": 14, "adx_length": 14},
        "drift_note": RATIO,
        "tags": ("trend",),
        **PANEL,
    }
    named = (
        ("adx_14", "Average directional index", "100 * RMA14(|+DI - -DI| / (+DI + -DI))", 28, 1000.0),
        ("dmp_14", "+DI", "100 * RMA14(+DM) / RMA14(true range)", 15, 10.0),
        ("dmn_14", "-DI", "100 * RMA14(-DM) / RMA14(true range)", 15, 10.0),
    )
    return [
        declare.recursive(
            id=name, title=title, formula=formula, min_bars=bars, output=k, drift=declare.forgotten(27, times), **shared
        )
        for k, (name, title, formula, bars, times) in enumerate(named)
    ]


def _ranges(declare: Declare) -> list[Feature]:
    trailing: dict[str, Any] = {
        "source": "Pine ta.supertrend(3, 10)",
        "min_bars": 10,
        "function": indicators.supertrend,
        "parameters": {"length": 10, "factor": 3.0},
        "drift": declare.forgotten(19),
        "drift_note": LATCHED,
        **PANEL,
    }
    return [
        declare.recursive(
            id="atr_14", title="Average true range 14", formula="RMA14 of the true range",
            source=f"{WILDER_BOOK}; Pine ta.atr(14)", min_bars=14, function=indicators.atr, parameters={"length": 14},
            drift=declare.forgotten(27), drift_note=WILDER, **PANEL, **PRICE,
        ),
        declare.recursive(
            id="supertrend_10", title="Supertrend line", formula="middle of the bar -+ 3 * ATR10, ratcheted",
            output=0, lower=-INFINITY, **trailing, **PRICE,
        ),
        declare.recursive(
            id="supertrend_direction_10", title="Supertrend direction", formula="-1 in an uptrend, 1 in a downtrend",
            output=1, lower=-1.0, upper=1.0, unit="sign", tags=("trend",), **trailing,
        ),
    ]  # fmt: skip


def _channels(declare: Declare) -> list[Feature]:
    bands: dict[str, Any] = {
        "source": "Bollinger (2001), Bollinger on Bollinger Bands; Pine ta.bb(close, 20, 2)",
        "inputs": ("close",),
        "min_bars": 20,
        "function": indicators.bollinger,
        "parameters": {"length": 20},
    }
    channel: dict[str, Any] = {
        "source": "Donchian channel; Pine ta.highest / ta.lowest",
        "min_bars": 20,
        "function": indicators.donchian,
        "parameters": {"length": 20},
        **PRICE,
    }
    keltner: dict[str, Any] = {
        "source": "TradingView, Keltner Channels (20, 2, ATR 10)",
        "min_bars": 20,
        "lower": -INFINITY,
        "function": indicators.keltner,
        "parameters": {"length": 20},
        "drift": declare.forgotten(20),
        "drift_note": SEED,
        **PANEL,
        **PRICE,
    }
    return [
        declare.recursive(
            id="bollinger_upper_20", title="Bollinger upper band", formula="SMA20 + 2 deviations", **bands, **PRICE
        ),
        declare.recursive(
            id="bollinger_lower_20", title="Bollinger lower band", formula="SMA20 - 2 deviations", output=1,
            **{**bands, **PRICE, "lower": -INFINITY},
        ),
        declare.recursive(
            id="bollinger_width_20", title="Bollinger width", formula="100 * (upper - lower) / SMA20", unit="percent",
            output=2, tags=("volatility",), **bands,
        ),
        declare.recursive(
            id="bollinger_percent_20", title="Bollinger %B", formula="(close - lower) / (upper - lower)", unit="ratio",
            output=3, lower=-INFINITY, tags=("trend",), **bands,
        ),
        declare.recursive(
            id="donchian_upper_20", title="Donchian upper channel 20", inputs=("high",), output=0,
            formula="highest high of the last 20 bars, the day's own included", **channel,
        ),
        declare.recursive(
            id="donchian_lower_20", title="Donchian lower channel 20", inputs=("low",), output=1,
            formula="lowest low of the last 20 bars, the day's own included", **channel,
        ),
        declare.recursive(
            id="keltner_upper_20", title="Keltner upper channel", formula="EMA20 + 2 ATR10", output=0, **keltner
        ),
        declare.recursive(
            id="keltner_lower_20", title="Keltner lower channel", formula="EMA20 - 2 ATR10", output=1, **keltner
        ),
    ]  # fmt: skip
