"""The feature engine: values of declared features at requested rows of a bar series."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, cast

import numpy as np

from quant_assets.errors import UsageError
from quant_assets.features.across_symbols import with_cross_sections
from quant_assets.features.causal import PanelFunction, segments
from quant_assets.features.registry import Feature
from quant_assets.features.series import THREADS, BarSeries, FloatArray, IntArray, SmallInts
from quant_assets.features.windowed import WindowFunction

Columns = dict[str, FloatArray]
# What is computed at a time, in bars read, one that is asked for counting as three: few enough for the arrays of these
# bars and their values to stay in a processor's own cache, enough to make the calls for a part worth it.
_BARS_AT_ONCE, _ONE_ASKED = 75_000, 3


class Compute(Protocol):
    """Signature of a feature engine: (series, rows, features) -> one array per feature id, aligned with ``rows``."""

    def __call__(self, series: BarSeries, rows: IntArray, features: Sequence[Feature]) -> Columns:
        """Values of ``features`` at ``rows``."""
        ...


def compute_features(series: BarSeries, rows: IntArray, features: Sequence[Feature]) -> Columns:
    """Value of each feature at each of ``rows``; NaN where it can read fewer than ``min_bars`` bars.

    A value is the same to its last bit however many rows, days and symbols are computed with it, and whatever
    follows it. Features that share a function and a window, or a memory, are computed together. Cross-sections are the
    exception that reads other symbols: all of ``series`` with a bar on the row's day, whichever rows are asked for.
    """
    if len(rows) and (rows.min() < 0 or rows.max() >= len(series)):
        raise UsageError(f"rows must lie in 0..{len(series) - 1}; locate them with BarSeries.rows_on or rows_of")
    if len(series) > np.iinfo(np.int32).max:
        raise UsageError(f"{len(series)} bars at once are too many to count; compute fewer symbols at a time")
    if any(f.base is not None for f in features):
        return with_cross_sections(series, rows, features, compute_features)
    place = np.full(len(series), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    if np.count_nonzero(place >= 0) < len(rows):
        distinct, again = np.unique(rows, return_inverse=True)
        return {name: values[again] for name, values in compute_features(series, distinct, features).items()}
    columns = dict(zip((f.id for f in features), np.empty((len(features), len(rows))), strict=True))
    groups = _groups(features)
    bounds = _bounds(series, place, max((f.reach_days for f in features), default=1))

    def fill(low: int, high: int) -> None:
        if (place[low:high] >= 0).any():
            _Part(series.part(low, high), place[low:high]).fill(groups, columns)

    # Each part is computed by one thread alone, so the bits do not depend on the number of threads.
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        list(pool.map(fill, bounds[:-1], bounds[1:]))
    return columns


def available_bars(series: BarSeries, rows: IntArray, feature: Feature) -> IntArray:
    """Bars that ``feature`` can read at each of ``rows``."""
    return rows - feature.start_of(series, rows) + 1


def _groups(features: Sequence[Feature]) -> list[list[Feature]]:
    """Features that are outputs of one call: of one function with the same parameters on the same bars."""
    groups: dict[tuple[object, ...], list[Feature]] = {}
    for feature in features:
        bound = feature.function, tuple(sorted(feature.parameters.items()))
        rest = () if feature.memory else (feature.window, feature.min_bars)
        groups.setdefault((feature.memory, feature.span_days, *bound, *rest), []).append(feature)
    return list(groups.values())


def _bounds(series: BarSeries, place: IntArray, reach: int) -> list[int]:
    """First rows of parts of the series, and its end: each of whole symbols that weigh about ``_BARS_AT_ONCE``.

    At most ``reach`` bars are read for each row that is asked for: one that has a ``place``.
    """
    cuts = np.searchsorted(series.code, np.arange(len(series.symbols) + 1))
    bars, asked = np.diff(cuts), np.diff(np.append(0, np.cumsum(place >= 0))[cuts])
    weight = np.minimum(bars, asked * reach) + asked * (_ONE_ASKED - 1)
    number = np.cumsum(weight) // _BARS_AT_ONCE
    last = np.flatnonzero(np.diff(number, append=number[-1] + 1))
    bounds: list[int] = np.append(0, cuts[last + 1]).tolist()
    return bounds


class _Part:
    """Some symbols of a series, and the rows of theirs that are asked for: those with a place in the result.

    Values are delivered in the order of their places: neighbouring symbols of a day lie side by side there.
    """

    def __init__(self, series: BarSeries, place: IntArray) -> None:
        self.series, self.rows = series, np.flatnonzero(place >= 0).astype(np.int64)
        self.asked = np.argsort(place[self.rows], kind="stable")
        self.places = self._in_places(place[self.rows])
        self.starts: dict[tuple[bool, int, int], IntArray] = {}
        self.held: dict[tuple[bool, int, int], SmallInts] = {}
        self.windows: dict[tuple[tuple[bool, int, int], int], tuple[IntArray, IntArray, SmallInts]] = {}

    def fill(self, groups: Sequence[Sequence[Feature]], columns: Columns) -> None:
        """Write the part's values into ``columns``."""
        for feature in {f.shape: f for group in groups for f in group}.values():
            start = self.starts[feature.shape] = feature.start_of(self.series, self.rows)
            self.held[feature.shape] = self._in_places(self.rows - start + 1)
        for block_days in sorted({g[0].span_days for g in groups if g[0].memory}):
            self._recursive([g for g in groups if g[0].memory and g[0].span_days == block_days], columns)
        for group in groups:
            if not group[0].memory:
                self._windowed(group, columns)

    def _windowed(self, group: Sequence[Feature], columns: Columns) -> None:
        """A window function at the windows that end at the rows, NaN inside the warm-up."""
        feature = group[0]
        begin, end, slot = self._warm_windows(feature)
        outputs = cast(WindowFunction, feature.function)(self.series, begin, end, feature.parameters)
        for one in group:
            self._deliver(outputs[one.output], slot, one, columns)

    def _warm_windows(self, feature: Feature) -> tuple[IntArray, IntArray, SmallInts]:
        """First and last bar of the windows that are long enough, and where each row asked for stands among them."""
        key = feature.shape, feature.min_bars
        if key not in self.windows:
            start = self.starts[feature.shape]
            warm = self.rows - start + 1 >= feature.min_bars
            self.windows[key] = start[warm], self.rows[warm], self._in_places(np.cumsum(warm) - 1)
        return self.windows[key]

    def _recursive(self, groups: Sequence[Sequence[Feature]], columns: Columns) -> None:
        """Functions of one memory, each over the recursions that end at the rows."""
        part = segments(self.series, self.rows, groups[0][0].span_days)
        slot = self._in_places(part.place)
        for group in groups:
            outputs = cast(PanelFunction, group[0].function)(part.panel, group[0].parameters)
            for one in group:
                self._deliver(outputs[one.output], slot, one, columns)

    def _in_places(self, of_rows: IntArray) -> SmallInts:
        """A number of each row in the order of the places."""
        return of_rows.astype(np.int32).take(self.asked)

    def _deliver(self, values: FloatArray, slot: SmallInts, feature: Feature, columns: Columns) -> None:
        from quant_assets.features.lanes import deliver

        deliver(values, slot, self.held[feature.shape], feature.min_bars, self.places, columns[feature.id])
