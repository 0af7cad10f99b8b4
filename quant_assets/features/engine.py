"""The feature engine: values of declared features at requested rows of a bar series."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, cast

import numpy as np

from quant_assets.errors import UsageError
from quant_assets.features.causal import PanelFunction, by_symbols, segments
from quant_assets.features.registry import Feature
from quant_assets.features.series import BarSeries, FloatArray, IntArray
from quant_assets.features.windowed import WindowFunction

Columns = dict[str, FloatArray]
# The kernels release the interpreter lock; each group is computed by one thread alone, so the bits do not depend on it.
THREADS = 2


class Compute(Protocol):
    """Signature of a feature engine: (series, rows, features) -> one array per feature id, aligned with ``rows``."""

    def __call__(self, series: BarSeries, rows: IntArray, features: Sequence[Feature]) -> Columns:
        """Values of ``features`` at ``rows``."""
        ...


def compute_features(series: BarSeries, rows: IntArray, features: Sequence[Feature]) -> Columns:
    """Value of each feature at each of ``rows``; NaN where it can read fewer than ``min_bars`` bars.

    A value is the same to its last bit however many rows, days and symbols are computed with it, and whatever
    follows it. Features that share a function and a window, or a memory, are computed together.
    """
    if len(rows) and (rows.min() < 0 or rows.max() >= len(series)):
        raise UsageError(f"rows must lie in 0..{len(series) - 1}; locate them with BarSeries.rows_on or rows_of")
    # In the order of the series one window follows the last: kernels move their counts on instead of counting anew.
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    found = _windowed(series, ordered, [f for f in features if not f.memory])
    for block_days in sorted({f.span_days for f in features if f.memory}):
        found |= _recursive(series, ordered, [f for f in features if f.memory and f.span_days == block_days])
    return {feature.id: _scattered(found[feature.id], order, len(rows)) for feature in features}


def available_bars(series: BarSeries, rows: IntArray, feature: Feature) -> IntArray:
    """Bars that ``feature`` can read at each of ``rows``."""
    return rows - feature.start_of(series, rows) + 1


def _bound(feature: Feature) -> tuple[object, ...]:
    """What features must share to be outputs of one call."""
    return feature.function, tuple(sorted(feature.parameters.items()))


def _windowed(series: BarSeries, rows: IntArray, features: Sequence[Feature]) -> Columns:
    """Features whose values rest on windows of their own."""
    groups: dict[tuple[object, ...], list[Feature]] = {}
    for feature in features:
        key = (*_bound(feature), feature.window, feature.min_bars, feature.span_days)
        groups.setdefault(key, []).append(feature)
    starts = {f.shape: f.start_of(series, rows) for f in {f.shape: f for f in features}.values()}
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        results = list(pool.map(lambda g: _at_windows(series, rows, g[0], starts[g[0].shape]), groups.values()))
    pairs = zip(groups.values(), results, strict=True)
    return {feature.id: outputs[feature.output] for alike, outputs in pairs for feature in alike}


def _at_windows(series: BarSeries, rows: IntArray, feature: Feature, start: IntArray) -> tuple[FloatArray, ...]:
    """All outputs of a window function at the windows ``start .. rows``, NaN inside the warm-up."""
    warm = np.flatnonzero(rows - start + 1 >= feature.min_bars)
    function = cast(WindowFunction, feature.function)
    values = function(series, start[warm], rows[warm], feature.parameters)
    return tuple(_scattered(part, warm, len(rows)) for part in values)


def _scattered(part: FloatArray, where: IntArray, total: int) -> FloatArray:
    out = np.full(total, np.nan)
    out[where] = part
    return out


def _recursive(series: BarSeries, rows: IntArray, features: Sequence[Feature]) -> Columns:
    """Features with one memory: each function runs once over the recursions that end at ``rows``."""
    columns = {feature.id: np.full(len(rows), np.nan) for feature in features}

    def fill(where: IntArray) -> None:
        part = segments(series, rows[where], features[0].span_days)
        available = part.place - part.panel.first[part.place] + 1
        outputs: dict[tuple[object, ...], tuple[FloatArray, ...]] = {}
        for feature in features:
            key = _bound(feature)
            if key not in outputs:
                outputs[key] = cast(PanelFunction, feature.function)(part.panel, feature.parameters)
            warm = available >= feature.min_bars
            columns[feature.id][where[warm]] = outputs[key][feature.output][part.place[warm]]

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        list(pool.map(fill, by_symbols(series, rows)))
    return columns
