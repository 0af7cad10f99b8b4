"""The reference loop over synthetic weekly books, with costs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.measure import Measurement, median_of
from quant_assets.simulation.config import Costs
from quant_assets.simulation.simulate import simulate

START = "2021-01-04"
SIZES = ((60, 15, 0.2), (157, 60, 1.0))
"""Weeks, symbols, and the bar in seconds."""


def measurements() -> Iterator[Measurement]:
    """A whole history simulated at once: every week a full rebalance to new signed weights."""
    costs = Costs(fee=0.001, slippage=0.0005, borrow=0.1, annualisation_days=365.0)
    for weeks, symbols, bar in SIZES:
        targets, returns, days = synthetic_book(weeks, symbols)
        yield median_of(
            f"simulation of {weeks} weeks x {symbols} symbols",
            lambda t=targets, r=returns, d=days: simulate(t, r, costs, None, d),  # type: ignore[misc]  # bound at once
            runs=5,
            bar=bar,
            note=f"{len(returns):,} synthetic returns",
        )


def synthetic_book(weeks: int, symbols: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DatetimeIndex]:
    """Weekly targets (gross 1, long and short), daily returns, and the days, from a fixed seed."""
    rng = np.random.default_rng(10)
    days = pd.date_range(START, periods=7 * weeks, freq="D", unit="us")
    weights = rng.normal(size=(weeks, symbols))
    weights /= np.abs(weights).sum(axis=1, keepdims=True)
    returns = rng.normal(0.0, 0.02, (len(days), symbols))
    return _long(days[::7], weights, "weight"), _long(days, returns, "return"), days


def _long(dates: pd.DatetimeIndex, values: np.ndarray, name: str) -> pd.DataFrame:
    rows, symbols = values.shape
    names = pd.Series(np.tile([f"SYNTHETIC:C{n:03d}/USDT" for n in range(symbols)], rows), dtype="str")
    return pd.DataFrame({"date": np.repeat(dates, symbols), "symbol": names, name: values.ravel()})
