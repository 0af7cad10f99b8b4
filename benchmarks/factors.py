"""Features of stored bars in a process of its own: `python -m benchmarks.factors LAKEHOUSE FEATURES [once]`.

FEATURES are ids separated by commas, or `all`. Prints as JSON where the time went: `read` the bars, `first` the frame
of every day, `again` the same frame once more in the same process, now that nothing has to be loaded (not for `once`).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quant_assets.collection import no_collection_at_exit, no_collection_while_loading, rare_collections

with no_collection_while_loading():  # as the `quant` command does
    import pandas as pd

    from quant_assets.features.catalogue import selected_features
    from quant_assets.features.config import FeaturesConfig
    from quant_assets.features.loading import load_meanwhile
    from quant_assets.features.matrix import features_frame
    from quant_assets.features.series import COLUMNS
    from quant_assets.tables import OHLCV_TABLE
    from quant_resources.lakehouse.store import Lakehouse

FOURTEEN = (
    "sma_10", "sma_50", "ema_20", "rsi_14", "macd", "atr_14", "bollinger_width_20", "donchian_upper_20",
    "donchian_lower_20", "vwma_20", "roc_10", "momentum", "realised_volatility", "efficiency",
)  # fmt: skip
"""Factors of prices and volumes of the kind that a stock data set begins with: averages, ranges, rates, risk."""
YEAR = 365.0


def run(lakehouse: Path, ids: tuple[str, ...], times: Sequence[str] = ("first", "again")) -> dict[str, Any]:
    """Seconds and CPU seconds of each step, and the size of what was computed."""
    told: dict[str, Any] = {}

    def timed(name: str, began: float, used: float) -> None:
        told[name], told[f"{name}_cpu"] = time.perf_counter() - began, time.process_time() - used

    config = FeaturesConfig(features=ids)
    load_meanwhile(selected_features(config, YEAR))
    clocks = time.perf_counter(), time.process_time()
    bars = Lakehouse(lakehouse).read(OHLCV_TABLE, columns=COLUMNS, categories=("symbol",))
    timed("read", *clocks)
    days = pd.DatetimeIndex(bars["date"].unique())
    for name in times:
        clocks = time.perf_counter(), time.process_time()
        frame = features_frame(bars, days, config, YEAR)
        timed(name, *clocks)
        told |= {"rows": len(frame), "features": len(frame.columns) - 2}
        del frame
    return told


if __name__ == "__main__":
    no_collection_at_exit()
    once = ("first",) if sys.argv[3:] == ["once"] else ("first", "again")
    with rare_collections():
        told_of_run = run(Path(sys.argv[1]), tuple(sys.argv[2].split(",")), once)
    print(json.dumps(told_of_run))
