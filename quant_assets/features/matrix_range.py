"""A range of days of the feature matrix as arrays, the common ground of the L2 rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quant_assets.contracts.verdict import MAX_OFFENDERS
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.engine import available_bars
from quant_assets.features.registry import Feature
from quant_assets.features.series import BarSeries, FloatArray, IntArray, day_numbers

BoolArray = NDArray[np.bool_]


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
    def warm(self) -> BoolArray:
        """Where the bars hold at least the feature's declared warm-up."""
        inside = np.flatnonzero(self.rows >= 0)
        warm = np.zeros(self.values.shape, dtype=np.bool_)
        bars: dict[tuple[bool, int, int], IntArray] = {}
        for k, feature in enumerate(self.features):
            if feature.shape not in bars:
                bars[feature.shape] = available_bars(self.series, self.rows[inside], feature)
            warm[inside, k] = bars[feature.shape] >= feature.min_bars
        return warm

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
    order = np.argsort(number, kind="stable")
    frame, number = frame.iloc[order], number[order]
    cuts = np.append(np.searchsorted(number, days), len(number)).astype(np.int64)
    values = frame[[f.id for f in features]].to_numpy(np.float64)
    rows = series.rows_of(frame["symbol"], number)
    return MatrixRange(series, features, config, days, cuts, frame["symbol"].tolist(), rows, values)
