"""A synthetic panel of clean daily bars, as large as asked; prices are geometric random walks from a fixed seed."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

START = "2019-01-01"
SYMBOLS, DAYS = 500, 5 * 365


@functools.cache
def synthetic_bars(symbols: int = SYMBOLS, days: int = DAYS) -> pd.DataFrame:
    """Received bars (symbol, date, prices, volumes, source, ingested_at): `symbols` x `days` rows, by date, symbol."""
    rng = np.random.default_rng(20240101)
    dates = pd.date_range(START, periods=days, freq="D", unit="us")
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.03, (days, symbols)), axis=0))
    opened = np.vstack([close[:1], close[:-1]])
    spread = 1.0 + np.abs(rng.normal(0.0, 0.01, (2, days, symbols)))
    volume = rng.lognormal(10.0, 1.0, (days, symbols))
    return pd.DataFrame(
        {
            "symbol": pd.Series(np.tile([f"SYNTHETIC:C{n:03d}/USDT" for n in range(symbols)], days), dtype="str"),
            "date": np.repeat(dates, symbols),
            "open": opened.ravel(),
            "high": (np.maximum(opened, close) * spread[0]).ravel(),
            "low": (np.minimum(opened, close) / spread[1]).ravel(),
            "close": close.ravel(),
            "volume": volume.ravel(),
            "quote_volume": (volume * close).ravel(),
            "trades": np.floor(volume).ravel(),
            "source": pd.Series(["synthetic"] * (days * symbols), dtype="str"),
            "ingested_at": np.repeat(dates + pd.Timedelta(days=1), symbols),
        }
    )


def accepted_bars(symbols: int = SYMBOLS, days: int = DAYS) -> pd.DataFrame:
    """The same bars with the columns that accepted ones carry: first day of the life, adjustment factor, no repair."""
    never = pd.Series(pd.NaT, index=range(symbols * days), dtype="datetime64[us]")
    begun = pd.Timestamp(START).as_unit("us")
    return synthetic_bars(symbols, days).assign(life_start=begun, adj_factor=1.0, repaired_at=never)
