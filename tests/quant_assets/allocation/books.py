"""Synthetic returns for the allocation tests: a factor market with different volatilities."""

from __future__ import annotations

import numpy as np
import pandas as pd

WEEK = pd.Timestamp("2024-03-04")


def names(count: int) -> list[str]:
    return [f"SYNTH:C{i:02d}/USDT" for i in range(count)]


def wide(count: int, days: int = 130, seed: int = 11, scale: float = 1.0) -> pd.DataFrame:
    """Returns before WEEK (days x symbols), below +100 % a day."""
    rng = np.random.default_rng(seed)
    market = rng.normal(0, 0.03, (days, 1)) * rng.uniform(0.3, 1.5, count)
    values = np.clip(market + rng.normal(0, 1, (days, count)) * rng.uniform(0.01, 0.06, count), -0.9, 0.9) * scale
    index = pd.date_range(end=WEEK - pd.Timedelta(days=1), periods=days, freq="D", name="date")
    return pd.DataFrame(values, index=index, columns=pd.Index(names(count), name="symbol"))


def long(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.stack(future_stack=True).rename("return").reset_index()
