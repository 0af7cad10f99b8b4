"""A range of days of the feature matrix as arrays, the common ground of the L2 rules."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.contracts.verdict import MAX_OFFENDERS
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.registry import Feature
from quant_assets.features.series import THREADS, BarSeries, FloatArray, IntArray, day_numbers

BoolArray = NDArray[np.bool_]
Names = pd.api.extensions.ExtensionArray
IDLE_BARS = 20
"""A market is idle that did not move, or not trade, on so many bars up to the row's own (fewer, in a shorter life)."""
BOUND_SLACK = 1e-9
"""Rounding allowed at a bound, relative."""
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, eq=False)
class Counts:
    """Of each day and feature (days, features): values, those out of range, warm bars, and values at warm bars.

    ``hollow`` marks rows past a warm-up that have no value at all; ``complete`` counts the rows of each day that lack
    none.
    """

    values: IntArray
    outside: IntArray
    warm: IntArray
    defined: IntArray
    hollow: BoolArray
    complete: IntArray


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
    symbols: Names
    rows: IntArray
    values: FloatArray

    def by_day(self) -> Iterator[tuple[int, slice]]:
        """Each day number with the slice of its rows."""
        for day, low, high in zip(self.days.tolist(), self.cuts[:-1].tolist(), self.cuts[1:].tolist(), strict=True):
            yield day, slice(low, high)

    def known(self, some: slice) -> BoolArray:
        """Where ``some`` rows have a value."""
        return ~np.isnan(self.values[some])

    def outside(self, some: slice) -> BoolArray:
        """Where a value of ``some`` rows is infinite or out of its feature's declared range."""
        values, (least, largest) = self.values[some], self.limits.T
        outside: BoolArray = self.known(some) & ~((values >= least) & (values <= largest))
        return outside

    def warm(self, some: slice) -> BoolArray:
        """Where the bars of ``some`` rows hold at least the feature's declared warm-up."""
        shape, least = self.warm_ups
        found: BoolArray = least <= self.held[:, some][shape].T
        return found

    @cached_property
    def limits(self) -> FloatArray:
        """Least and largest sound value of each feature (features, 2): its declared bounds, none of them infinite."""
        bounds = np.array([(f.lower, f.upper) for f in self.features])
        slack = BOUND_SLACK * np.maximum(np.abs(bounds), 1.0) * np.array([-1.0, 1.0])
        limits: FloatArray = np.clip(bounds + slack, -_LARGEST, _LARGEST)
        return limits

    @cached_property
    def warm_ups(self) -> tuple[IntArray, IntArray]:
        """Of each feature: its place among the shapes of ``first_read``, and the bars of its warm-up."""
        place = {shape: i for i, shape in enumerate(self.first_read)}
        return np.array([place[f.shape] for f in self.features]), np.array([f.min_bars for f in self.features])

    @cached_property
    def located(self) -> IntArray:
        """The bars of the rows that have one."""
        return self.rows[self.rows >= 0]

    @cached_property
    def traded(self) -> BoolArray:
        """Days on which a row has a bar."""
        found: BoolArray = np.diff(np.append(0, np.cumsum(self.rows >= 0))[self.cuts]) > 0
        return found

    @cached_property
    def idle(self) -> BoolArray:
        """Rows whose market is idle: formulas may have no value there, however sound everything else is."""
        series = self.series
        start = np.maximum(series.first[self.located], self.located - IDLE_BARS + 1)
        idle = np.zeros(len(self.rows), dtype=np.bool_)
        for signs_of_life in (_moves(series), series.volume > 0):
            seen = np.append(0, np.cumsum(signs_of_life))
            idle[self.rows >= 0] |= seen[self.located + 1] == seen[start]
        return idle

    @cached_property
    def excused(self) -> IntArray:
        """Of each day and feature (days, features): warmed-up values that idle markets do not have."""
        rows = np.flatnonzero(self.idle)
        found = np.zeros((len(self.days), len(self.features)), dtype=np.int64)
        shape, least = self.warm_ups
        lacking = (least <= self.held[:, rows][shape].T) & np.isnan(self.values[rows])
        np.add.at(found, np.searchsorted(self.cuts, rows, side="right") - 1, lacking)
        return found

    @cached_property
    def first_read(self) -> dict[tuple[bool, int, int], IntArray]:
        """First bar that features of each shape can read at each of ``located``."""
        shapes = {f.shape: f for f in self.features}
        with ThreadPoolExecutor(max_workers=THREADS) as pool:
            return dict(zip(shapes, pool.map(self._start_of, shapes.values()), strict=True))

    def _start_of(self, feature: Feature) -> IntArray:
        return feature.start_of(self.series, self.located)

    @cached_property
    def held(self) -> IntArray:
        """Bars that features of each shape can read at each row (shapes, rows); 0 where the row has no bar."""
        bars = np.zeros((len(self.first_read), len(self.rows)), dtype=np.int64)
        there = slice(None) if len(self.located) == len(self.rows) else np.flatnonzero(self.rows >= 0)
        for place, first in enumerate(self.first_read.values()):
            bars[place, there] = self.located - first + 1
        return bars

    @cached_property
    def counts(self) -> Counts:
        """What each day holds of each feature."""
        from quant_assets.features.tally_kernels import DEFINED, LACKING, WARM, tally

        # Read-only, whatever made them: the kernel is compiled for one kind of array.
        values = np.ascontiguousarray(self.values.T)
        values.flags.writeable = False
        shape, least = self.warm_ups
        found = np.zeros((4, len(self.days), len(self.features)), dtype=np.int64)
        flags = np.zeros(len(self.rows), dtype=np.uint8)
        bounds = np.linspace(0, len(self.days), THREADS + 1).astype(np.int64).tolist()

        def count(days: tuple[int, int]) -> None:
            tally(values, self.cuts, days, self.limits, self.held, shape, least, found, flags)

        with ThreadPoolExecutor(max_workers=THREADS) as pool:
            list(pool.map(count, pairwise(bounds)))
        hollow = (flags & (WARM | DEFINED)) == WARM
        complete = np.append(0, np.cumsum((flags & LACKING) == 0))[self.cuts]
        return Counts(found[0], found[1], found[2], found[3], hollow, np.diff(complete))

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


def _moves(series: BarSeries) -> BoolArray:
    """Whether a bar has a range, or closes elsewhere than the bar before it."""
    moves: BoolArray = series.high > series.low
    moves[1:] |= series.close[1:] != series.close[:-1]
    return moves


def as_range(
    frame: pd.DataFrame, series: BarSeries, days: IntArray, features: tuple[Feature, ...], config: FeaturesConfig
) -> MatrixRange:
    """The rows of ``frame``, whose dates are all among ``days``, located in the bars and sorted by day."""
    number = day_numbers(frame["date"])
    if (np.diff(number) < 0).any():
        order = np.argsort(number, kind="stable")
        frame, number = frame.iloc[order], number[order]
    cuts = np.append(np.searchsorted(number, days), len(number)).astype(np.int64)
    # The columns stand last and together, as the engine made them: a view of the frame, not a copy.
    values = frame.iloc[:, -len(features) :].to_numpy(np.float64)
    rows = series.rows_of(frame["symbol"], number)
    return MatrixRange(series, features, config, days, cuts, frame["symbol"].array, rows, values)
