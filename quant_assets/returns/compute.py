"""Simple close-to-close returns of accepted bars, adjusted for mapped re-denominations, never across two lives."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import numpy as np
import pandas as pd

from quant_assets.errors import UsageError
from quant_assets.market.table import to_index

RETURN_COLUMNS = ("symbol", "date", "return", "flag")
MAX_HALT_DAYS = 7
FIRST, RESUMED, GAP = "first", "resumed", "gap"
NEEDED = ("symbol", "date", "close", "life_start", "adj_factor")


def simple_returns(
    bars: pd.DataFrame,
    first_day: date,
    last_day: date,
    max_halt_days: int = MAX_HALT_DAYS,
    closed_days: Collection[date] | pd.DatetimeIndex = (),
) -> pd.DataFrame:
    """Return symbol, date, return, flag for every bar of `first_day`..`last_day`, sorted by date and symbol.

    `bars`: all accepted `ohlcv` rows from `max_halt_days` + 1 open days before `first_day` to `last_day`; later ones
    are not read. A bar inside a life without a bar before it in that window has been away longer: it is 'resumed'.
    return = close x factor / (previous close x previous factor) - 1 within a life.
    Flags: 'first' the first bar of a life (NaN); 'resumed' after a halt of more than `max_halt_days` open days (NaN);
    'gap' a valid return over a shorter halt; '' ordinary. `closed_days` are no halt. The last bar of a symbol that
    leaves has its return like any other: nothing here knows that it is the last.
    Raises UsageError when a column is missing or a bar occurs twice.
    """
    lacking = [name for name in NEEDED if name not in bars.columns]
    if lacking:
        raise UsageError(f"bars lack the column(s) {', '.join(lacking)}; pass accepted ohlcv rows")
    start, end = pd.Timestamp(first_day), pd.Timestamp(last_day)
    known = bars.loc[bars["date"] <= end, list(NEEDED)].sort_values(["symbol", "date"], ignore_index=True)
    if (twice := known.duplicated(["symbol", "date"])).any():
        row = known[twice].iloc[0]
        raise UsageError(f"bar {row['symbol']} of {row['date'].date()} occurs twice; read the ohlcv table once")
    frame = _returns(known, max_halt_days, to_index(closed_days))
    frame = frame[frame["date"] >= start].sort_values(["date", "symbol"], ignore_index=True)
    return frame[list(RETURN_COLUMNS)]


def _returns(bars: pd.DataFrame, max_halt_days: int, closed: pd.DatetimeIndex) -> pd.DataFrame:
    adjusted = bars["close"].to_numpy(dtype=np.float64) * bars["adj_factor"].to_numpy(dtype=np.float64)
    codes = pd.factorize(bars["symbol"])[0]
    life = bars["life_start"].to_numpy().astype("datetime64[D]").astype(np.int64)
    day = bars["date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    shut = np.unique(closed.to_numpy().astype("datetime64[D]").astype(np.int64))
    ordinal = day - np.searchsorted(shut, day, side="right")
    follows = np.zeros(len(bars), dtype=bool)
    follows[1:] = (codes[1:] == codes[:-1]) & (life[1:] == life[:-1])
    change, halted = np.full(len(bars), np.nan), np.zeros(len(bars), dtype=np.int64)
    change[1:] = adjusted[1:] / adjusted[:-1] - 1.0
    halted[1:] = np.diff(ordinal) - 1
    resumed = np.where(follows, halted > max_halt_days, life < day)
    flag = np.select([resumed, ~follows, halted > 0], [RESUMED, FIRST, GAP], default="")
    change[~follows | resumed] = np.nan
    returns = bars[["symbol", "date"]].assign(flag=pd.Series(flag, dtype="str"))
    returns["return"] = change
    return returns
