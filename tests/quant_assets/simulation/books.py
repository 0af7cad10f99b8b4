"""Synthetic books and markets for the tests of the simulation room."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from quant_assets.simulation.book import BookState, SimulationResult
from quant_assets.simulation.config import Costs
from quant_assets.simulation.simulate import simulate

Floats = npt.NDArray[np.float64]
FREE = Costs(fee=0.0, slippage=0.0, annualisation_days=365.0)
COSTLY = Costs(fee=0.001, slippage=0.0005, borrow=0.1, annualisation_days=365.0)


def days_from(start: str, count: int) -> pd.DatetimeIndex:
    return pd.date_range(start, periods=count, freq="D", unit="us")


def names(count: int) -> list[str]:
    return [f"SYN:C{i:03d}/USDT" for i in range(count)]


def long_frame(days: pd.DatetimeIndex, symbols: list[str], values: Floats, column: str) -> pd.DataFrame:
    """A (len(days), len(symbols)) matrix as a long frame."""
    frame = pd.DataFrame({"date": np.repeat(days, len(symbols)), "symbol": np.tile(symbols, len(days))})
    frame["symbol"] = frame["symbol"].astype("str")
    return frame.assign(**{column: np.asarray(values, dtype=float).ravel()})


class Market:
    """A synthetic market: complete returns, and a book of weights for each rebalance."""

    def __init__(self, weeks: int, symbols: int, seed: int, *, every: int = 7, gross: float = 0.99) -> None:
        rng = np.random.default_rng(seed)
        self.days = days_from("2021-01-04", 7 * weeks)
        self.symbols = names(symbols)
        common = rng.normal(0.0, 0.03, (7 * weeks, 1))
        self.simple = np.clip(common + rng.normal(0.0, 0.04, (7 * weeks, symbols)), -0.6, 1.5)
        raw = rng.normal(0.0, 1.0, (len(self.days[::every]), symbols))
        self.weights = raw / np.abs(raw).sum(axis=1, keepdims=True) * gross
        self.every = every

    @property
    def returns(self) -> pd.DataFrame:
        return long_frame(self.days, self.symbols, self.simple, "return")

    def targets(self, weights: Floats | None = None) -> pd.DataFrame:
        chosen = self.weights if weights is None else weights
        return long_frame(self.days[:: self.every], self.symbols, chosen, "weight")

    def run(self, weights: Floats | None = None, costs: Costs = FREE) -> SimulationResult:
        return simulate(self.targets(weights), self.returns, costs, None, self.days)


def one_target(day: str, **weights: float) -> pd.DataFrame:
    """Targets of one date; keys A, B, ... stand for symbols."""
    frame = pd.DataFrame({"symbol": [f"SYN:{key}/USDT" for key in weights], "weight": list(weights.values())})
    frame.insert(0, "date", pd.Timestamp(day))
    return frame.astype({"date": "datetime64[us]", "symbol": "str"})


def return_rows(start: str, **paths: list[float | None]) -> pd.DataFrame:
    """Daily returns from ``start``; None is a missing row, NaN a row without a valid return."""
    rows = [
        (day, f"SYN:{key}/USDT", value)
        for key, path in paths.items()
        for day, value in zip(days_from(start, len(path)), path, strict=True)
        if value is not None
    ]
    frame = pd.DataFrame(rows, columns=["date", "symbol", "return"])
    return frame.astype({"date": "datetime64[us]", "symbol": "str", "return": float})


def run_days(
    targets: pd.DataFrame,
    returns: pd.DataFrame,
    start: str,
    count: int,
    costs: Costs = FREE,
    opening: BookState | None = None,
) -> SimulationResult:
    return simulate(targets, returns, costs, opening, days_from(start, count))


def events(result: SimulationResult, key: str) -> dict[str, str]:
    """date -> event of one symbol, ordinary days left out."""
    rows = result.contributions
    rows = rows[(rows["symbol"] == f"SYN:{key}/USDT") & (rows["event"] != "")]
    return {str(day)[:10]: event for day, event in zip(rows["date"], rows["event"], strict=True)}
