"""Figures of each market on each day: value traded, volatility, length of history, gaps. Data up to the day only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.market.sequence import row_median, trailing
from quant_assets.market.table import to_index
from quant_assets.universe.config import Universe

FIGURE_COLUMNS = ("value_traded", "daily_volatility", "history_days", "gap_share")
_BLOCK = 100_000
_SPAN = 1 << 32


def bars_window(universe: Universe) -> int:
    """Return how many calendar days of bars, the day itself included, the figures of a day may read.

    A window of n bars looks no further back than 2 n days, so that a market with holes has the same figures however
    much history is at hand.
    """
    return max(2 * universe.liquidity_window, 2 * universe.volatility_window, universe.gap_window)


def market_figures(
    bars: pd.DataFrame,
    universe: Universe,
    days: pd.DatetimeIndex,
    closed_days: Collection[date] | pd.DatetimeIndex = (),
) -> pd.DataFrame:
    """Return date, symbol and `FIGURE_COLUMNS` for every accepted bar on one of `days`.

    `value_traded`: median daily value over the last bars of the life, quote currency; `daily_volatility`: standard
    deviation (n - 1) of simple daily returns; `history_days`: calendar days of the life so far; `gap_share`: share of
    open days without a bar in the window of calendar days. Windows shorter than configured use what the life has; NaN
    where that is nothing. Each figure is computed from its own window alone, so it is the same whatever else is in
    `bars`.
    """
    ordered = bars.sort_values(["symbol", "date"], ignore_index=True)
    closed = to_index(closed_days).to_numpy().astype("datetime64[D]").astype(np.int64)
    codes = pd.factorize(ordered["symbol"])[0].astype(np.int64)
    life = _days(ordered["life_start"])
    fresh = (np.diff(codes, prepend=-1) != 0) | (np.diff(life, prepend=np.iinfo(np.int64).min) != 0)
    start = np.maximum.accumulate(np.where(fresh, np.arange(len(ordered)), 0))
    chosen = np.flatnonzero(ordered["date"].isin(days).to_numpy())
    price = ordered["close"].to_numpy(dtype=np.float64) * ordered["adj_factor"].to_numpy(dtype=np.float64)
    change = np.full(len(ordered), np.nan)
    change[1:] = price[1:] / price[:-1] - 1.0
    change[fresh] = np.nan
    parts = [_block(ordered, part, start, change, life, codes, closed, universe) for part in _blocks(chosen)]
    out = ordered.loc[chosen, ["date", "symbol"]].reset_index(drop=True)
    for column, name in enumerate(FIGURE_COLUMNS):
        out[name] = np.concatenate([p[column] for p in parts]) if parts else np.zeros(0)
    return out


def _blocks(chosen: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [chosen[k : k + _BLOCK] for k in range(0, len(chosen), _BLOCK)]


def _days(stamps: pd.Series) -> NDArray[np.int64]:
    return stamps.to_numpy().astype("datetime64[D]").astype(np.int64)


def _block(
    bars: pd.DataFrame,
    rows: NDArray[np.int64],
    start: NDArray[np.int64],
    change: NDArray[np.float64],
    life: NDArray[np.int64],
    codes: NDArray[np.int64],
    closed: NDArray[np.int64],
    universe: Universe,
) -> tuple[NDArray[np.float64], ...]:
    quoted, volume = bars["quote_volume"].to_numpy(dtype=np.float64), bars["volume"].to_numpy(dtype=np.float64)
    value = np.where(np.isnan(quoted), bars["close"].to_numpy(dtype=np.float64) * volume, quoted)
    day = _days(bars["date"])
    key = codes * _SPAN + day
    reach = np.maximum(np.searchsorted(key, key[rows] - bars_window(universe) + 1), start[rows])
    median = row_median(trailing(value, reach, rows + 1, universe.liquidity_window))[0]
    # The first bar within reach has a return over a bar that is out of reach: it is left out.
    spread = _deviation(trailing(change, reach + 1, rows + 1, universe.volatility_window))
    low = np.maximum(day[rows] - universe.gap_window + 1, life[rows])
    first = np.maximum(np.searchsorted(key, codes[rows] * _SPAN + low), start[rows])
    shut = np.searchsorted(closed, day[rows], side="right") - np.searchsorted(closed, low)
    gap = 1.0 - (rows - first + 1) / (day[rows] - low + 1 - shut)
    return median, spread, (day[rows] - life[rows] + 1).astype(np.float64), gap


def _deviation(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sample standard deviation of the known values of each row, NaN below two of them."""
    known = ~np.isnan(windows)
    count = known.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, windows, 0.0).sum(axis=1) / count
        square = np.where(known, (windows - mean[:, None]) ** 2, 0.0).sum(axis=1)
        deviation = np.sqrt(square / (count - 1))
    return np.where(count >= 2, deviation, np.nan)
