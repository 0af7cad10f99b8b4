"""The feature matrix: one row per symbol and day, one column per feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from quant_assets.errors import UsageError
from quant_assets.features.catalogue import selected_features
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.engine import Compute, compute_features
from quant_assets.features.loading import load_meanwhile
from quant_assets.features.registry import Feature
from quant_assets.features.series import (
    BarSeries,
    FloatArray,
    IntArray,
    build_series,
    day_numbers,
    midnights,
)

Days = pd.DatetimeIndex | list[pd.Timestamp]


def days_needed(config: FeaturesConfig, annualisation: float) -> int:
    """Calendar days back, the day's own included, that hold every bar any selected feature may read.

    Reading the bars of exactly these days gives the same values, to the last bit, as reading all history.
    """
    return max(f.reach_days for f in selected_features(config, annualisation))


def as_series(bars: pd.DataFrame | BarSeries) -> BarSeries:
    """``bars`` as a series; built once and handed to both the matrix and its rules it saves building it twice."""
    return bars if isinstance(bars, BarSeries) else build_series(bars)


def features_frame(
    bars: pd.DataFrame | BarSeries,
    days: Days,
    config: FeaturesConfig,
    annualisation: float,
    *,
    features: Sequence[Feature] | None = None,
    compute: Compute = compute_features,
) -> pd.DataFrame:
    """Feature matrix of ``days``: date, symbol, one float64 column per feature id, sorted by date and symbol.

    One row for every symbol with a bar on the day, NaN inside a feature's warm-up. ``bars`` must reach back
    ``days_needed`` days before the first day. ``features`` are used instead of the profile's where given.
    Raises UsageError for a day without a single bar, or for wrong bars.
    """
    declared = tuple(features) if features is not None else selected_features(config, annualisation)
    load_meanwhile(declared)
    series = as_series(bars)
    rows = _rows_by_day(series, day_numbers(pd.DatetimeIndex(days)))
    values = compute(series, rows, declared)
    names = pd.Series(list(series.symbols), dtype="str").array.take(series.code[rows])
    frame = pd.DataFrame(_block([values[f.id] for f in declared]).T, columns=[f.id for f in declared], copy=False)
    frame.insert(0, "symbol", pd.Series(names))
    frame.insert(0, "date", midnights(series.day[rows]))
    return frame


def _block(columns: Sequence[FloatArray]) -> FloatArray:
    """``columns`` as the rows of one array: the one that they are views of, if they are, as the engine's are."""
    base = columns[0].base
    if base is None or base.shape != (len(columns), len(columns[0])) or base.dtype != np.float64:
        return np.stack(columns)
    same = [column.ctypes.data for column in columns] == [row.ctypes.data for row in base]
    return base if same else np.stack(columns)


def _rows_by_day(series: BarSeries, days: IntArray) -> IntArray:
    """Rows on ``days`` ordered by day, then symbol; UsageError when a day has no bar at all."""
    day = series.day[series.by_day]
    asked = np.isin(day, days)
    absent = np.unique(days[~np.isin(days, day[asked])])
    if len(absent):
        first = np.datetime64(int(absent[0]), "D")
        raise UsageError(
            f"features_matrix: no bar on {first} ({len(absent)} such days); materialize ohlcv for it first"
        )
    return series.by_day[asked]
