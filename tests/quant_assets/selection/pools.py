"""Synthetic pools for the selection tests: a healthy market in which every filter passes unless a test breaks it."""

from __future__ import annotations

import numpy as np
import pandas as pd

WEEK = pd.Timestamp("2024-03-04")
DAY = WEEK - pd.Timedelta(days=1)


def names(count: int) -> list[str]:
    return [f"SYNTH:C{i:02d}/USDT" for i in range(count)]


def candidates(count: int = 12) -> pd.DataFrame:
    return pd.DataFrame({"date": DAY, "symbol": names(count), "passed": True})


def features(count: int = 12) -> pd.DataFrame:
    """Ratings from 0.9 downwards in steps of 0.05; a clean uptrend; volatilities that differ."""
    steps = np.arange(count)
    return pd.DataFrame(
        {
            "date": DAY,
            "symbol": names(count),
            "recommend_ma": 0.9 - 0.05 * steps,
            "realised_volatility": 0.5 + 0.01 * steps,
            "close": 110.0 + steps,
            "vwma_20": 108.0 + steps,
            "sma_50": 105.0 + steps,
            "sma_200": 100.0 + steps,
            "adx_14": 40.0 - steps,
            "dmp_14": 30.0 + steps,
            "dmn_14": 10.0 + steps,
        }
    )


def mirrored(frame: pd.DataFrame) -> pd.DataFrame:
    """The same market upside down: every signal points the other way with the same strength."""
    flipped = frame.copy()
    flipped["recommend_ma"] = -frame["recommend_ma"]
    for fast in ("close", "vwma_20", "sma_50"):
        flipped[fast] = 2 * frame["sma_200"] - frame[fast]
    flipped["dmp_14"], flipped["dmn_14"] = frame["dmn_14"], frame["dmp_14"]
    return flipped


def returns(count: int = 12, days: int = 130, clusters: int | None = None, seed: int = 7) -> pd.DataFrame:
    """Long frame of returns before WEEK; ``clusters`` groups (default: everyone alone) share a strong factor."""
    rng = np.random.default_rng(seed)
    groups = count if clusters is None else clusters
    factors = rng.normal(0, 0.03, (days, groups))
    values = factors[:, np.arange(count) % groups] + rng.normal(0, 0.003, (days, count))
    index = pd.date_range(end=DAY, periods=days, freq="D", name="date")
    wide = pd.DataFrame(values, index=index, columns=pd.Index(names(count), name="symbol"))
    return wide.stack().rename("return").reset_index()


def shuffled(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    return frame.sample(frac=1.0, random_state=seed)
