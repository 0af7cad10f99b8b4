"""Synthetic bars and a small configuration for the feature tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quant_assets.features.config import FeaturesConfig

START = pd.Timestamp("2021-01-01")


def synthetic_bars(symbol: str, days: int, seed: int, start: pd.Timestamp = START) -> pd.DataFrame:
    """Synthetic random-walk bars of one symbol, one life, every day."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.04, days)))
    opened = np.concatenate([close[:1], close[:-1]])
    volume = rng.lognormal(10, 1, days)
    return pd.DataFrame(
        {
            "symbol": pd.Series([symbol] * days, dtype="str"),
            "date": pd.date_range(start, periods=days).as_unit("us"),
            "open": opened,
            "high": np.maximum(opened, close) * (1 + rng.uniform(0, 0.02, days)),
            "low": np.minimum(opened, close) * (1 - rng.uniform(0, 0.02, days)),
            "close": close,
            "volume": volume,
            "quote_volume": volume * close,
            "life_start": start,
            "adj_factor": 1.0,
        }
    )


@pytest.fixture(scope="session")
def config() -> FeaturesConfig:
    """Short windows, so that few bars suffice; the rating keeps the least it can work with."""
    return FeaturesConfig(
        momentum_window=30, volatility_window=40, efficiency_window=20, memory_bars=260, max_missing_days=10
    )


@pytest.fixture(scope="session")
def bars() -> pd.DataFrame:
    """Synthetic market: three old symbols, one listed late, one delisted, one with a long halt and a shorter one."""
    old = [synthetic_bars(f"SYN:OLD{i}/USDT", 420, seed=i) for i in range(3)]
    late = synthetic_bars("SYN:LATE/USDT", 60, seed=10, start=START + pd.Timedelta(days=360))
    gone = synthetic_bars("SYN:GONE/USDT", 380, seed=11)
    halted = synthetic_bars("SYN:HALT/USDT", 420, seed=12)
    halted = halted.drop(index=[*range(330, 350), 390, 391])
    return pd.concat([*old, late, gone, halted], ignore_index=True)


@pytest.fixture(scope="session")
def days(bars: pd.DataFrame) -> list[pd.Timestamp]:
    """The last 160 days of the synthetic market."""
    return sorted(bars["date"].unique())[-160:]
