"""A range of days of the feature matrix as arrays, the common ground of the L2 rules."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.contracts.verdict import MAX_OFFENDERS
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.registry import Feature
from quant_assets.features.series import THREADS, BarSeries, FloatArray, IntArray, day_numbers

BoolArray = NDArray[np.bool_]
BOUND_SLACK = 1e-9
"""Rounding allowed at a bound, relative."""
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, eq=False)
class Counts:
    """Of each day and feature (days, features): values, those out of range, warm bars, and values at warm bars."""

    values: IntArray
    outside: IntArray
    warm: IntArray
    defined: IntArray


@dataclass(frozen=True, eq=False)
class MatrixRange:
    """Matrix rows sorted by day: ``symbols[i]``, ``values[i, k]`` of ``features[k]``, bar ``rows[i]`` (-1: none).

    ``cuts[d] : cuts[d + 1]`` are the rows of ``days[d]``.
    """

    series: BarSeries
    features: tuple[Feature, ...]
    config: FeaturesConfig
    days: IntArray
    cuts: IntArray
    symbols: list[str]
    rows: IntArray
    values: FloatArray

    def by_day(self) -> Iterator[tuple[int, slice]]:
        """Each day number with the slice of its rows."""
        for day, low, high in zip(self.days.tolist(), self.cuts[:-1].tolist(), self.cuts[1:].tolist(), strict=True):
            yield day, slice(low, high)

    @cached_property
    def known(self) -> BoolArray:
        """Where the matrix has a value."""
        return ~np.isnan(self.values)

    @cached_property
    def outside(self) -> BoolArray:
        """Where a value is infinite or out of its feature's declared range."""
        outside = np.empty(self.values.shape, dtype=np.bool_, order="F")
        for k, feature in enumerate(self.features):
            below, above = (BOUND_SLACK * max(abs(b), 1.0) for b in (feature.lower, feature.upper))
            values = self.values[:, k]
            # No infinite value lies between two finite bounds.
            inside = values >= max(feature.lower - below, -_LARGEST)
            inside &= values <= min(feature.upper + above, _LARGEST)
            np.greater(self.known[:, k], inside, out=outside[:, k])
        return outside

    @cached_property
    def warm(self) -> BoolArray:
        """Where the bars hold at least the feature's declared warm-up."""
        inside = slice(None) if (self.rows >= 0).all() else np.flatnonzero(self.rows >= 0)
        warm = np.zeros(self.values.shape, dtype=np.bool_, order="F")
        held = {shape: self.located - first + 1 for shape, first in self.first_read.items()}
        for k, feature in enumerate(self.features):
            warm[inside, k] = held[feature.shape] >= feature.min_bars
        return warm

    @cached_property
    def located(self) -> IntArray:
        """The bars of the rows that have one."""
        return self.rows[self.rows >= 0]

    @cached_property
    def first_read(self) -> dict[tuple[bool, int, int], IntArray]:
        """First bar that features of each shape can read at each of ``located``."""
        shapes = {f.shape: f for f in self.features}
        with ThreadPoolExecutor(max_workers=THREADS) as pool:
            return dict(zip(shapes, pool.map(self._start_of, shapes.values()), strict=True))

    def _start_of(self, feature: Feature) -> IntArray:
        return feature.start_of(self.series, self.located)

    @cached_property
    def defined(self) -> BoolArray:
        """Where a value exists that the warm-up lets exist."""
        return self.known & self.warm

    @cached_property
    def counts(self) -> Counts:
        """What each day holds of each feature."""
        with ThreadPoolExecutor(max_workers=THREADS) as pool:
            return Counts(*pool.map(self._by_day, (self.known, self.outside, self.warm, self.defined)))

    def _by_day(self, mask: BoolArray) -> IntArray:
        """Marked rows of each day and feature; a column at a time, as the columns lie in memory."""
        found = np.zeros((len(self.days), len(self.features)), dtype=np.int64)
        filled = np.flatnonzero(np.diff(self.cuts))
        if len(filled):
            for k in range(len(self.features)):
                found[filled, k] = np.add.reduceat(mask[:, k], self.cuts[filled], dtype=np.int64)
        return found

    def cells(self, mask: BoolArray, day: slice) -> list[dict[str, Any]]:
        """The first marked cells of ``day`` as offenders; ``mask`` is as long as the day."""
        return [
            {
                "symbol": self.symbols[day.start + i],
                "feature": self.features[k].id,
                "value": float(self.values[day.start + i, k]),
            }
            for i, k in np.argwhere(mask)[:MAX_OFFENDERS]
        ]


def as_range(
    frame: pd.DataFrame, series: BarSeries, days: IntArray, features: tuple[Feature, ...], config: FeaturesConfig
) -> MatrixRange:
    """The rows of ``frame``, whose dates are all among ``days``, located in the bars and sorted by day."""
    number = day_numbers(frame["date"])
    if (np.diff(number) < 0).any():
        order = np.argsort(number, kind="stable")
        frame, number = frame.iloc[order], number[order]
    cuts = np.append(np.searchsorted(number, days), len(number)).astype(np.int64)
    values = frame[[f.id for f in features]].to_numpy(np.float64)
    rows = series.rows_of(frame["symbol"], number)
    return MatrixRange(series, features, config, days, cuts, frame["symbol"].tolist(), rows, values)
