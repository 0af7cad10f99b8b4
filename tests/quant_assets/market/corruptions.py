"""Kinds of corruption of good synthetic partitions, each with the rule that has to find it, by contract level.

Bars (L0 and L1), listings (L0), returns (L1) and features (L2). A corruption takes a good frame and returns a bad one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from tests.quant_assets.market.synthetic import FIRST

DAY = FIRST + pd.Timedelta(days=30)
LATER = DAY + pd.Timedelta(days=1)
SYMBOL = "SYNTH:C003/USDT"
PRICES = ["open", "high", "low", "close"]
VALUES = [*PRICES, "volume", "quote_volume"]
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


def without_markets(first: str) -> Corruption:
    """The day without every market from this name on."""

    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        return bars[(bars["date"] != DAY) | (bars["symbol"] < first)]

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


def shift_clock(hours: int, everyone: bool = False) -> Corruption:
    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        bars.loc[(bars["date"] == DAY) if everyone else at(bars), "date"] += pd.Timedelta(hours=hours)
        return bars

    return corrupt


def swap(bars: pd.DataFrame) -> pd.DataFrame:
    bars.loc[at(bars), ["low", "high"]] = bars.loc[at(bars), ["high", "low"]].to_numpy()
    return bars


def high_too_low(bars: pd.DataFrame) -> pd.DataFrame:
    bars.loc[at(bars), "high"] = bars.loc[at(bars), ["open", "close"]].max(axis=1) * (1 - 1e-6)
    return bars


def yesterday_again(bars: pd.DataFrame) -> pd.DataFrame:
    bars.loc[bars["date"] == DAY, VALUES] = bars.loc[bars["date"] == DAY - pd.Timedelta(days=1), VALUES].to_numpy()
    return bars


def a_day_early(bars: pd.DataFrame) -> pd.DataFrame:
    """Every bar dated the day before: the day of the last bars is missing, and the first ones come from nowhere."""
    shifted = bars.assign(date=bars["date"] - pd.Timedelta(days=1))
    return shifted[shifted["date"] >= FIRST]


def a_day_late(bars: pd.DataFrame) -> pd.DataFrame:
    """Every bar dated the day after: none was over when it was fetched."""
    return bars[bars["date"] < bars["date"].max()].assign(date=lambda f: f["date"] + pd.Timedelta(days=1))


BAR_KINDS: dict[str, tuple[Corruption, str]] = {
    "close missing": (put("close", np.nan), "L0.OHLC"),
    "open infinite": (put("open", np.inf), "L0.OHLC"),
    "low zero": (put("low", 0.0), "L0.OHLC"),
    "prices negative": (scale(PRICES, -1.0), "L0.OHLC"),
    "high and low exchanged": (swap, "L0.OHLC"),
    "close above high": (scale(["close"], 1.5), "L0.OHLC"),
    "open below low": (scale(["open"], 0.5), "L0.OHLC"),
    "high a millionth too low": (high_too_low, "L0.OHLC"),
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
    "whole day cut at another midnight": (shift_clock(16, everyone=True), "L0.SCHEMA"),
    "column missing": (lambda bars: bars.drop(columns="high"), "L0.SCHEMA"),
    "column too many": (lambda bars: bars.assign(vwap=1.0), "L0.SCHEMA"),
    "dates as text": (lambda bars: bars.assign(date=bars["date"].astype(str)), "L0.SCHEMA"),
    "same row twice": (twice(1.0), "L0.KEY"),
    "two rows for one key": (twice(1.01), "L0.KEY"),
    "not closed yet": (put("ingested_at", DAY + pd.Timedelta(hours=23)), "L0.CLOSED"),
    "ingestion time unknown": (put("ingested_at", pd.NaT), "L0.CLOSED"),
    "dates a day late": (a_day_late, "L0.CLOSED"),
    "lower-case name": (put("symbol", SYMBOL.lower()), "L0.SYMBOL"),
    "path as name": (put("symbol", "../x"), "L0.SYMBOL"),
    "formula as name": (put("symbol", "=cmd|'/c calc'!A0"), "L0.SYMBOL"),
    "unicode name": (put("symbol", "SYNTH:ВTC/USDT"), "L0.SYMBOL"),
    "name of 300 letters": (put("symbol", "A" * 300), "L0.SYMBOL"),
    "name with a line end": (put("symbol", SYMBOL + "\n"), "L0.SYMBOL"),
    "name missing": (put("symbol", None), "L0.SYMBOL"),
    "one bar missing": (without(0), "L0.COVERAGE"),
    "most markets missing": (without_markets("SYNTH:C002"), "L0.COVERAGE"),
    "a hole": (without(0), "L1.GAP"),
    "many holes": (without(*range(-8, 0)), "L1.GAP"),
    "whole day missing": (without(0, everyone=True), "L1.FRESH"),
    "stale tail": (without(*range(12), everyone=True), "L1.FRESH"),
    "dates a day early": (a_day_early, "L1.FRESH"),
    "yesterday's bars under today's date": (yesterday_again, "L1.FRESH"),
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
WITHOUT_QUOTE = {"prices x 1000 for a day", "prices / 1000 for a day", "unit change without a halt", "prices negative"}
"""Kinds that L0.VOLUME would find first where the quote volume is given."""


def in_returns(column: str, value: object) -> Corruption:
    def corrupt(returns: pd.DataFrame) -> pd.DataFrame:
        returns.loc[at(returns), column] = value
        return returns

    return corrupt


def misaligned(returns: pd.DataFrame) -> pd.DataFrame:
    """The market's return of the day under the next market's name."""
    return returns.assign(symbol=returns["symbol"].mask(at(returns), "SYNTH:C999/USDT"))


RETURN_KINDS: dict[str, tuple[Corruption, str]] = {
    "return missing": (in_returns("return", np.nan), "L1.RANGE"),
    "return infinite": (in_returns("return", np.inf), "L1.RANGE"),
    "return below -100 %": (in_returns("return", -1.2), "L1.RANGE"),
    "return beyond the cap": (in_returns("return", 101.0), "L1.RANGE"),
    "return lost": (lambda returns: returns[~at(returns)], "L1.DELISTED"),
    "return under another name": (misaligned, "L1.DELISTED"),
    "day without returns": (lambda returns: returns[returns["date"] != DAY], "L1.FRESH"),
}


def in_features(column: str, value: float, markets: int = 99) -> Corruption:
    """The first markets of the day get a value."""

    def corrupt(frame: pd.DataFrame) -> pd.DataFrame:
        rows = np.flatnonzero(frame["date"] == frame["date"].max())[:markets]
        frame.iloc[rows, frame.columns.get_loc(column)] = value
        return frame

    return corrupt


def newest(frame: pd.DataFrame) -> pd.Series:
    return frame["date"] == frame["date"].max()


def lagged(frame: pd.DataFrame) -> pd.DataFrame:
    """Yesterday's features under today's date."""
    yesterday = frame[frame["date"] == frame.loc[~newest(frame), "date"].max()]
    return pd.concat([frame[~newest(frame)], yesterday.assign(date=frame["date"].max())], ignore_index=True)


FEATURE_KINDS: dict[str, tuple[Corruption, str]] = {
    "feature out of its range": (in_features("efficiency", 1.5, 1), "L2.BOUNDS"),
    "feature infinite": (in_features("momentum", np.inf, 1), "L2.BOUNDS"),
    "features undefined after the warm-up": (in_features("momentum", np.nan, 3), "L2.NAN"),
    "a value that its bars do not give": (in_features("momentum", 0.0123), "L2.PREFIX"),
    "yesterday's features under today's date": (lagged, "L2.PREFIX"),
    "market without features": (lambda frame: frame.drop(index=frame.index[newest(frame)][:1]), "L2.LAG"),
    "column missing in features": (lambda frame: frame.drop(columns="momentum"), "L2.SCHEMA"),
    "feature of another type": (lambda frame: frame.assign(momentum=frame["momentum"].astype("float32")), "L2.SCHEMA"),
    "market twice": (lambda frame: pd.concat([frame, frame.iloc[[-1]]], ignore_index=True), "L2.SCHEMA"),
    "features unsorted": (lambda frame: frame.iloc[::-1].reset_index(drop=True), "L2.SCHEMA"),
}


LISTING_KINDS: dict[str, tuple[Corruption, str]] = {
    "market listed twice": (lambda listings: pd.concat([listings, listings.iloc[[0]]]), "L0.KEY"),
    "last bar after its day": (lambda listings: listings.assign(last_bar=DAY + pd.Timedelta(days=5)), "L0.ASOF"),
    "first bar after its day": (lambda listings: listings.assign(first_bar=DAY + pd.Timedelta(days=5)), "L0.ASOF"),
}
