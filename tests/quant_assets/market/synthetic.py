"""Clean synthetic bars for the tests of the market rooms, and the small tools to judge and to spoil them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from quant_assets.market.config import MarketRules
from quant_assets.market.decisions import Circumstances
from quant_assets.market.judgement import BarJudgement, judge_bars
from quant_assets.market.schema import OHLCV_COLUMNS, QUARANTINE_COLUMNS, empty_frame

RULES = MarketRules()
FIRST = pd.Timestamp("2023-01-01")


def synthetic_bars(symbols: int = 8, days: int = 40, seed: int = 0) -> pd.DataFrame:
    """Geometric walks whose opens continue the closes; volumes log-normal; rows by date, then symbol."""
    rng = np.random.default_rng(seed)
    shape = (days, symbols)
    close = 100 * np.exp(rng.normal(0, 0.03, shape).cumsum(axis=0))
    opened = np.vstack([np.full((1, symbols), 100.0), close[:-1]])
    high = np.maximum(opened, close) * (1 + rng.uniform(0.001, 0.02, shape))
    low = np.minimum(opened, close) * (1 - rng.uniform(0.001, 0.02, shape))
    volume = np.exp(rng.normal(10, 0.4, shape))
    names = [f"SYNTH:C{k:03d}/USDT" for k in range(symbols)]
    dates = pd.date_range(FIRST, periods=days, unit="us")
    frame = pd.DataFrame({"symbol": names * days, "date": dates.repeat(symbols)})
    prices = {"open": opened, "high": high, "low": low, "close": close, "volume": volume}
    for name, values in {**prices, "quote_volume": volume * (high + low) / 2}.items():
        frame[name] = values.ravel()
    ended = (frame["date"] + pd.Timedelta(days=1)).astype("datetime64[us]")
    return frame.assign(trades=50.0, source="synthetic", ingested_at=ended)


def listed_from(bars: pd.DataFrame) -> pd.DataFrame:
    """Expected markets: every (date, symbol) of clean bars."""
    return bars[["date", "symbol"]].drop_duplicates(ignore_index=True)


def seen_recently(bars: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """Expected markets: a bar on the day or on the day before."""
    carried = bars[["date", "symbol"]].assign(date=bars["date"] + pd.Timedelta(days=1))
    both = pd.concat([bars[["date", "symbol"]], carried[carried["date"] <= last]])
    return both.drop_duplicates(ignore_index=True)


def judge(bars: pd.DataFrame, expected: pd.DataFrame | None = None, **options: object) -> BarJudgement:
    """Judge a whole frame at once, from nothing."""
    days = options.pop("days", pd.DatetimeIndex(pd.to_datetime(bars["date"]).dt.floor("D").unique()))
    return judge_bars(
        bars,
        options.pop("history", empty_frame(OHLCV_COLUMNS)),
        listed_from(bars) if expected is None else expected,
        options.pop("rules", RULES),
        options.pop("redenominations", ()),
        options.pop("identities", ()),
        days=days,
        earlier_quarantine=options.pop("earlier_quarantine", empty_frame(QUARANTINE_COLUMNS)),
        closed_days=options.pop("closed_days", ()),
        around=options.pop("around", Circumstances()),
    )


def judge_daily(
    bars: pd.DataFrame, expected: pd.DataFrame, cuts: list[int], history_days: int | None = None, **options: object
) -> BarJudgement:
    """Judge in pieces that begin at the day positions `cuts`, each with what was stored before it and no more."""
    days = pd.date_range(FIRST, bars["date"].max().floor("D"), unit="us")
    window = RULES.history_days + 1 if history_days is None else history_days
    accepted, quarantined = [empty_frame(OHLCV_COLUMNS)], [empty_frame(QUARANTINE_COLUMNS)]
    health, verdicts = [], {}
    edges = sorted({0, *cuts, len(days)})
    for low, high in pairwise(edges):
        part = days[low:high]
        stored = pd.concat(accepted, ignore_index=True)
        last = stored.groupby("symbol")["date"].transform("max") if len(stored) else stored["date"]
        history = stored[(stored["date"] >= part[0] - pd.Timedelta(days=window)) | (stored["date"] == last)]
        result = judge(
            bars[bars["date"].dt.floor("D").isin(part)], expected[expected["date"].isin(part)], days=part,
            history=history, earlier_quarantine=pd.concat(quarantined, ignore_index=True), **options,
        )  # fmt: skip
        accepted.append(result.accepted)
        quarantined.append(result.quarantined)
        health.append(result.health)
        verdicts.update(result.verdicts)
    return BarJudgement(
        pd.concat(accepted, ignore_index=True), pd.concat(quarantined, ignore_index=True),
        pd.concat(health, ignore_index=True), verdicts,
    )  # fmt: skip


def broken(judgement: BarJudgement) -> set[str]:
    """Ids of all rules that are broken on any day, as WARN or as ERROR."""
    every = (r for levels in judgement.verdicts.values() for level in levels for r in level.results)
    return {r.rule for r in every if r.verdict != "pass"}


def assert_same(left: BarJudgement, right: BarJudgement) -> None:
    """Both judgements are equal in every row, event and verdict."""
    pd.testing.assert_frame_equal(left.accepted, right.accepted)
    pd.testing.assert_frame_equal(left.quarantined, right.quarantined)
    pd.testing.assert_frame_equal(left.health, right.health)
    assert left.verdicts == right.verdicts
