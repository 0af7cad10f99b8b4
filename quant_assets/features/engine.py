"""The feature engine: values of declared features at requested rows of a bar series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from quant_assets.errors import UsageError
from quant_assets.features.registry import Feature
from quant_assets.features.series import BarSeries, FloatArray, IntArray

Columns = dict[str, FloatArray]


class Compute(Protocol):
    """Signature of a feature engine: (series, rows, features) -> one array per feature id, aligned with ``rows``."""

    def __call__(self, series: BarSeries, rows: IntArray, features: Sequence[Feature]) -> Columns:
        """Values of ``features`` at ``rows``."""
        ...


def compute_features(series: BarSeries, rows: IntArray, features: Sequence[Feature]) -> Columns:
    """Value of each feature at each of ``rows``; NaN where the window holds fewer than ``min_bars`` bars.

    A value is the same to its last bit however many rows, days and symbols are computed with it, and whatever
    follows it. Features that share a kernel and a window are computed together.
    """
    if len(rows) and (rows.min() < 0 or rows.max() >= len(series)):
        raise UsageError(f"rows must lie in 0..{len(series) - 1}; locate them with BarSeries.rows_on or rows_of")
    groups: dict[tuple[object, ...], tuple[FloatArray, ...]] = {}
    columns: Columns = {}
    for feature in features:
        bound = tuple(sorted(feature.parameters.items()))
        key = (feature.function, feature.window, feature.min_bars, feature.span_days, bound)
        if key not in groups:
            groups[key] = _outputs(series, rows, feature)
        columns[feature.id] = groups[key][feature.output]
    return columns


def available_bars(series: BarSeries, rows: IntArray, feature: Feature) -> IntArray:
    """Bars that ``feature`` can read at each of ``rows``: at most its window."""
    return rows - series.start_of(rows, feature.window, feature.span_days) + 1


def _outputs(series: BarSeries, rows: IntArray, feature: Feature) -> tuple[FloatArray, ...]:
    """All outputs of the feature's function at ``rows``, NaN inside the warm-up."""
    start = series.start_of(rows, feature.window, feature.span_days)
    warm = np.flatnonzero(rows - start + 1 >= feature.min_bars)
    values = feature.function(series, start[warm], rows[warm], feature.parameters)
    return tuple(_scattered(part, warm, len(rows)) for part in values)


def _scattered(part: FloatArray, where: IntArray, total: int) -> FloatArray:
    out = np.full(total, np.nan)
    out[where] = part
    return out
