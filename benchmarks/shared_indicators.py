"""Indicators that other libraries have too, on one panel: ours for all symbols at once, theirs symbol by symbol."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.measure import Comparison, Found, LeftOut, least_cpu
from quant_assets.features import channels, moving_averages, oscillators, trend
from quant_assets.features.series import BarSeries, FloatArray

LEAST_OF_TALIB = 0.5
"""The bar: at most twice what TA-Lib costs."""
MILLION = 1e6
Bars = Mapping[str, Any]
Ours = Callable[[BarSeries], FloatArray | tuple[FloatArray, ...]]
Theirs = Callable[[Any, Bars], object]


@dataclass(frozen=True)
class Shared:
    """One indicator by three hands: `ours` takes the panel, the others the library and one symbol's columns.

    `classic` is None where that library computes something else under the name.
    """

    ours: Ours
    talib: Theirs
    classic: Theirs | None


OWN = {"talib": False}
"""pandas-ta-classic hands over to TA-Lib where it can; its own code is what is compared."""
SHARED = {
    "SMA 20": Shared(
        lambda s: moving_averages.sma(s.close, 20, s.first),
        lambda t, b: t.SMA(b["close"], 20),
        lambda c, b: c.sma(b["close"], length=20, **OWN),
    ),
    "EMA 20": Shared(
        lambda s: moving_averages.ema(s.close, 20, s.first),
        lambda t, b: t.EMA(b["close"], 20),
        lambda c, b: c.ema(b["close"], length=20, **OWN),
    ),
    "RSI 14": Shared(
        lambda s: oscillators.rsi(s.close, 14, s.first),
        lambda t, b: t.RSI(b["close"], 14),
        lambda c, b: c.rsi(b["close"], length=14, **OWN),
    ),
    "MACD 12/26/9": Shared(
        lambda s: trend.macd(s.close, 12, 26, 9, s.first),
        lambda t, b: t.MACD(b["close"], 12, 26, 9),
        lambda c, b: c.macd(b["close"], fast=12, slow=26, signal=9, **OWN),
    ),
    "ADX, +DI, -DI 14": Shared(
        lambda s: trend.adx_di(s.high, s.low, s.close, 14, 14, s.first),
        lambda t, b: [f(b["high"], b["low"], b["close"], 14) for f in (t.ADX, t.PLUS_DI, t.MINUS_DI)],
        lambda c, b: c.adx(b["high"], b["low"], b["close"], length=14, **OWN),
    ),
    "ATR 14": Shared(
        lambda s: trend.atr(s.high, s.low, s.close, 14, s.first),
        lambda t, b: t.ATR(b["high"], b["low"], b["close"], 14),
        lambda c, b: c.atr(b["high"], b["low"], b["close"], length=14, **OWN),
    ),
    "CCI 20": Shared(
        lambda s: oscillators.cci(s.high, s.low, s.close, 20, s.first),
        lambda t, b: t.CCI(b["high"], b["low"], b["close"], 20),
        lambda c, b: c.cci(b["high"], b["low"], b["close"], length=20, **OWN),
    ),
    "Stochastic 14/3/3": Shared(
        lambda s: oscillators.stochastic(s.high, s.low, s.close, 14, 3, 3, s.first),
        lambda t, b: t.STOCH(b["high"], b["low"], b["close"], 14, 3, 0, 3, 0),
        lambda c, b: c.stoch(b["high"], b["low"], b["close"], k=14, d=3, smooth_k=3),
    ),
    "Williams %R 14": Shared(
        lambda s: oscillators.williams_r(s.high, s.low, s.close, 14, s.first),
        lambda t, b: t.WILLR(b["high"], b["low"], b["close"], 14),
        lambda c, b: c.willr(b["high"], b["low"], b["close"], length=14, **OWN),
    ),
    "Ultimate 7/14/28": Shared(
        lambda s: oscillators.ultimate(s.high, s.low, s.close, 7, 14, 28, s.first),
        lambda t, b: t.ULTOSC(b["high"], b["low"], b["close"], 7, 14, 28),
        lambda c, b: c.uo(b["high"], b["low"], b["close"], fast=7, medium=14, slow=28, **OWN),
    ),
    "Momentum 10": Shared(
        lambda s: oscillators.momentum(s.close, 10, s.first),
        lambda t, b: t.MOM(b["close"], 10),
        lambda c, b: c.mom(b["close"], length=10, **OWN),
    ),
    "Rate of change 10": Shared(
        lambda s: oscillators.rate_of_change(s.close, 10, s.first),
        lambda t, b: t.ROC(b["close"], 10),
        lambda c, b: c.roc(b["close"], length=10, **OWN),
    ),
    "Bollinger 20/2": Shared(
        lambda s: channels.bollinger(s.close, 20, 2.0, s.first),
        lambda t, b: t.BBANDS(b["close"], 20, 2.0, 2.0),
        lambda c, b: c.bbands(b["close"], length=20, std=2.0, ddof=0, **OWN),
    ),
    "Donchian 20": Shared(
        lambda s: channels.donchian(s.high, s.low, 20, s.first),
        lambda t, b: (t.MAX(b["high"], 20), t.MIN(b["low"], 20)),
        lambda c, b: c.donchian(b["high"], b["low"], lower_length=20, upper_length=20),
    ),
}


def library(name: str) -> ModuleType | None:
    """A library, None where it is not installed."""
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def by_symbol(series: BarSeries, symbols: int) -> list[dict[str, FloatArray]]:
    """Contiguous columns of the first so many symbols."""
    names = ("high", "low", "close", "volume")
    rows = [np.flatnonzero(series.code == code) for code in range(symbols)]
    return [{name: np.ascontiguousarray(getattr(series, name)[at]) for name in names} for at in rows]


def comparisons(series: BarSeries, runs: int = 3, sample: int = 20) -> Iterator[Found]:
    """Each indicator against TA-Lib on the whole panel and pandas-ta-classic on ``sample`` symbols, and the sums."""
    for work in SHARED.values():
        work.ours(series)
    ours = {name: least_cpu(lambda w=work: w.ours(series), runs) / len(series) for name, work in SHARED.items()}
    talib, classic = library("talib"), library("pandas_ta_classic")
    if talib is None:
        yield LeftOut("shared indicators", "TA-Lib")
    else:
        bars: list[Any] = by_symbol(series, len(series.symbols))
        yield from _against("TA-Lib", ours, _theirs({n: w.talib for n, w in SHARED.items()}, talib, bars, runs), True)
    if classic is None:
        yield LeftOut("shared indicators", "pandas-ta-classic")
    else:
        some = [pd.DataFrame(columns) for columns in by_symbol(series, min(sample, len(series.symbols)))]
        works = {n: w.classic for n, w in SHARED.items() if w.classic is not None}
        yield from _against("pandas-ta-classic", ours, _theirs(works, classic, some, runs), False)


def _theirs(works: Mapping[str, Theirs], module: ModuleType, bars: list[Any], runs: int) -> dict[str, float]:
    """CPU seconds for each bar, symbol by symbol."""
    rows = sum(len(columns["close"]) for columns in bars)
    return {n: least_cpu(lambda w=work: [w(module, b) for b in bars], runs) / rows for n, work in works.items()}


def _against(name: str, ours: Mapping[str, float], theirs: Mapping[str, float], barred: bool) -> Iterator[Found]:
    """One line for each indicator and one for their sum, per million bars; the bar holds for the sum and each."""
    least = LEAST_OF_TALIB if barred else None
    total = sum(ours[n] for n in theirs), sum(theirs.values())
    for what, a, b in [*((n, ours[n], theirs[n]) for n in theirs), (f"all {len(theirs)} together", *total)]:
        yield Comparison(what, name, "1e6 bars", a * MILLION, b * MILLION, least, "one core")
