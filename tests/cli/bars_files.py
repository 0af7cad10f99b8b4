"""Files of synthetic bars as people hand them in, and what `quant features compute` makes of them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

DAYS = 700


def walk(symbol: str, count: int, seed: int, times: pd.DatetimeIndex | None = None) -> pd.DataFrame:
    """Synthetic bars of a random walk."""
    rng = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0, 0.03, count)))
    opened = np.concatenate([close[:1], close[:-1]])
    stamps = pd.date_range("2021-01-01", periods=count) if times is None else times[:count]
    return pd.DataFrame(
        {
            "symbol": symbol,
            "date": stamps.strftime("%Y-%m-%d"),
            "open": opened,
            "high": np.maximum(opened, close) * (1 + rng.uniform(0, 0.02, count)),
            "low": np.minimum(opened, close) * (1 - rng.uniform(0, 0.02, count)),
            "close": close,
            "volume": rng.lognormal(8, 1, count),
            "venue_note": "ignored",
        }
    )


def written(frame: pd.DataFrame, folder, name: str = "bars.csv"):
    path = folder / name
    if name.endswith("parquet"):
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return path


def computed(quant, bars, out, *more: object) -> tuple[dict, pd.DataFrame]:
    result = quant(None, "features", "compute", bars, "--out", out, *more, "--json")
    assert result.exit_code == 0, result.output
    frame = pd.read_parquet(out) if out.suffix == ".parquet" else pd.read_csv(out)
    return json.loads(result.stdout), frame
