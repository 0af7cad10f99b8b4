"""Kinds of corruption, each found by the rule that should find it."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tests.quant_assets.market.synthetic import FIRST, broken, judge, listed_from, synthetic_bars

DAY = FIRST + pd.Timedelta(days=30)
LATER = DAY + pd.Timedelta(days=1)
SYMBOL = "SYNTH:C003/USDT"
PRICES = ["open", "high", "low", "close"]
Corruption = Callable[[pd.DataFrame], pd.DataFrame]


def at(bars: pd.DataFrame) -> pd.Series:
    return (bars["symbol"] == SYMBOL) & (bars["date"] == DAY)


def put(column: str | list[str], value: object) -> Corruption:
    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        if isinstance(value, str) and column != "symbol":
            bars[column] = bars[column].astype(object)
        bars.loc[at(bars), column] = value
        return bars

    return corrupt


def scale(columns: list[str], factor: float, since: bool = False) -> Corruption:
    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        rows = at(bars) if not since else (bars["symbol"] == SYMBOL) & (bars["date"] >= DAY)
        bars.loc[rows, columns] *= factor
        return bars

    return corrupt


def without(*days: int, everyone: bool = False) -> Corruption:
    dates = [DAY + pd.Timedelta(days=d) for d in days]

    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        who = True if everyone else bars["symbol"] == SYMBOL
        return bars[~(bars["date"].isin(dates) & who)]

    return corrupt


def after_halt(factor: float, days: int = 3) -> Corruption:
    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        mine = bars["symbol"] == SYMBOL
        bars.loc[mine & (bars["date"] >= DAY), PRICES] *= factor
        bars.loc[mine & (bars["date"] >= DAY), "volume"] /= factor
        return bars[~(mine & (bars["date"] < DAY) & (bars["date"] >= DAY - pd.Timedelta(days=days)))]

    return corrupt


def frozen(days: int, volume: float | None = None) -> Corruption:
    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        rows = (bars["symbol"] == SYMBOL) & (bars["date"] >= DAY) & (bars["date"] < DAY + pd.Timedelta(days=days))
        level = bars.loc[at(bars), "open"].iloc[0]
        if volume is None:
            bars.loc[rows, PRICES] = level
            bars.loc[rows, "quote_volume"] = bars.loc[rows, "volume"] * level
        else:
            bars.loc[rows, ["volume", "quote_volume"]] = volume
        return bars

    return corrupt


def twice(change: float) -> Corruption:
    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        extra = bars[at(bars)].copy()
        extra[["volume", "quote_volume"]] *= change
        return pd.concat([bars, extra])

    return corrupt


def shift_clock(hours: int) -> Corruption:
    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        bars.loc[at(bars), "date"] += pd.Timedelta(hours=hours)
        return bars

    return corrupt


def swap(bars: pd.DataFrame) -> pd.DataFrame:
    bars.loc[at(bars), ["low", "high"]] = bars.loc[at(bars), ["high", "low"]].to_numpy()
    return bars


KINDS: dict[str, tuple[Corruption, str]] = {
    "close missing": (put("close", np.nan), "L0.OHLC"),
    "open infinite": (put("open", np.inf), "L0.OHLC"),
    "low zero": (put("low", 0.0), "L0.OHLC"),
    "prices negative": (scale(PRICES, -1.0), "L0.OHLC"),
    "high and low exchanged": (swap, "L0.OHLC"),
    "close above high": (scale(["close"], 1.5), "L0.OHLC"),
    "open below low": (scale(["open"], 0.5), "L0.OHLC"),
    "volume missing": (put("volume", np.nan), "L0.VOLUME"),
    "volume negative": (scale(["volume"], -1.0), "L0.VOLUME"),
    "volume infinite": (put("volume", np.inf), "L0.VOLUME"),
    "quote volume negative": (put("quote_volume", -1.0), "L0.VOLUME"),
    "volume in thousands": (scale(["volume"], 1e-3), "L0.VOLUME"),
    "quote volume in the base": (scale(["quote_volume"], 1e-2), "L0.VOLUME"),
    "trades negative": (put("trades", -5.0), "L0.VOLUME"),
    "text for a price": (put("close", "n/a"), "L0.SCHEMA"),
    "number as text": (put("volume", "1200.5"), "L0.SCHEMA"),
    "clock eight hours off": (shift_clock(8), "L0.SCHEMA"),
    "column missing": (lambda bars: bars.drop(columns="high"), "L0.SCHEMA"),
    "column too many": (lambda bars: bars.assign(vwap=1.0), "L0.SCHEMA"),
    "dates as text": (lambda bars: bars.assign(date=bars["date"].astype(str)), "L0.SCHEMA"),
    "same row twice": (twice(1.0), "L0.KEY"),
    "two rows for one key": (twice(1.01), "L0.KEY"),
    "not closed yet": (put("ingested_at", DAY + pd.Timedelta(hours=23)), "L0.CLOSED"),
    "ingestion time unknown": (put("ingested_at", pd.NaT), "L0.CLOSED"),
    "lower-case name": (put("symbol", SYMBOL.lower()), "L0.SYMBOL"),
    "path as name": (put("symbol", "../x"), "L0.SYMBOL"),
    "formula as name": (put("symbol", "=cmd|'/c calc'!A0"), "L0.SYMBOL"),
    "unicode name": (put("symbol", "SYNTH:ВTC/USDT"), "L0.SYMBOL"),
    "name of 300 letters": (put("symbol", "A" * 300), "L0.SYMBOL"),
    "name with a line end": (put("symbol", SYMBOL + "\n"), "L0.SYMBOL"),
    "name missing": (put("symbol", None), "L0.SYMBOL"),
    "one bar missing": (without(0), "L0.COVERAGE"),
    "a hole": (without(0), "L1.GAP"),
    "many holes": (without(*range(-8, 0)), "L1.GAP"),
    "whole day missing": (without(0, everyone=True), "L1.FRESH"),
    "stale tail": (without(*range(0, 12), everyone=True), "L1.FRESH"),
    "prices x 1000 for a day": (scale(PRICES, 1e3), "L1.RETURN_CAP"),
    "prices / 1000 for a day": (scale(PRICES, 1e-3), "L1.RETURN_CAP"),
    "unit change without a halt": (scale(PRICES, 1e3, since=True), "L1.RETURN_CAP"),
    "frozen for three days": (frozen(3), "L1.STALL"),
    "no volume for three days": (frozen(3, volume=0.0), "L1.STALL"),
    "volume x 10,000": (scale(["volume", "quote_volume"], 1e4), "L1.VOLUME_SPIKE"),
    "1:1000 after a halt": (after_halt(1e-3), "L1.REDENOMINATION"),
    "10:1 after a halt": (after_halt(10.0), "L1.REDENOMINATION"),
    "another coin after a halt": (after_halt(37.4), "L1.IDENTITY"),
    "another, cheaper coin after a halt": (after_halt(0.03), "L1.IDENTITY"),
}  # fmt: skip
NO_QUOTE = {"prices x 1000 for a day", "prices / 1000 for a day", "unit change without a halt", "prices negative"}


@pytest.mark.parametrize("kind", KINDS)
def test_corruption_is_found_by_its_rule(kind):
    corrupt, rule = KINDS[kind]
    clean = synthetic_bars(symbols=8, days=42)
    dirty = clean.copy()
    if kind in NO_QUOTE:
        dirty["quote_volume"] = np.nan
    dirty = corrupt(dirty)
    result = judge(dirty, listed_from(clean), days=pd.date_range(FIRST, periods=42))
    assert rule in broken(result)
    assert len(result.accepted) + len(result.quarantined) == len(dirty)


def test_a_bad_bar_in_a_large_market_is_quarantined_alone():
    bars = synthetic_bars(symbols=150, days=3)
    bars.loc[bars.index[160], "close"] = np.nan
    result = judge(bars)
    assert len(result.quarantined) == 1 and not result.withheld_days
    assert result.quarantined["rule"].tolist() == ["L0.OHLC"]
    more = bars.copy()
    more.loc[more.index[160:163], "close"] = np.nan
    assert len(judge(more).quarantined) == 150 and len(judge(more).withheld_days) == 1


def test_a_repeated_row_is_kept_once_and_a_contradiction_withholds_the_day():
    bars = synthetic_bars(symbols=5, days=3)
    again = judge(pd.concat([bars, bars.iloc[[7]]]))
    assert len(again.accepted) == 15 and again.quarantined["rule"].tolist() == ["L0.KEY"]
    other = judge(pd.concat([bars, bars.iloc[[7]].assign(volume=bars["volume"].iloc[7] * 1.001)]))
    assert other.withheld_days == [FIRST + pd.Timedelta(days=1)] and len(other.quarantined) == 6


@pytest.mark.parametrize(("missing", "verdict"), [(1, "pass"), (3, "warn"), (10, "warn"), (11, "fail")])
def test_coverage_warns_below_98_and_refuses_below_90_percent(missing, verdict):
    bars = synthetic_bars(symbols=100, days=2)
    result = judge(bars.iloc[:-missing], listed_from(bars))
    coverage = result.verdicts[FIRST + pd.Timedelta(days=1)][0].results[6]
    assert (coverage.rule, coverage.verdict, coverage.breaches) == ("L0.COVERAGE", verdict, missing)
    assert coverage.offenders[0]["symbol"].startswith("SYNTH:C0") and len(coverage.offenders) == min(missing, 10)
