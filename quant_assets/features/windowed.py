"""Feature functions: the outputs of a kernel at the ends of given windows of a bar series.

A feature function takes (series, start, end, parameters) and returns one array per output, each as long as ``end``;
it may read only the bars ``start[i] .. end[i]`` for output ``i``. Kernels are imported on first use: the registry can
be read (for column schemas, say) without paying for the compiler.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Protocol

import numpy as np

from quant_assets.features import statistics
from quant_assets.features.series import BarSeries, FloatArray, IntArray

Parameters = Mapping[str, float]


class WindowFunction(Protocol):
    """Signature of every feature function."""

    def __call__(
        self, series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters
    ) -> tuple[FloatArray, ...]:
        """Outputs at the windows ``start[i] .. end[i]``."""
        ...


def _kernels() -> ModuleType:
    from quant_assets.features import kernels

    return kernels


def _blank(end: IntArray, count: int) -> tuple[FloatArray, ...]:
    return tuple(np.empty(len(end)) for _ in range(count))


def return_statistics(
    series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters
) -> tuple[FloatArray, ...]:
    """Annualised mean return, annualised volatility, and the reciprocal of that volatility."""
    mean, deviation = _blank(end, 2)
    _kernels().return_moments(series.returns, start, end, mean, deviation)
    volatility = deviation * np.sqrt(parameters["annualisation"])
    return mean * parameters["annualisation"], volatility, statistics.reciprocal(volatility)


def efficiency(series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters) -> tuple[FloatArray, ...]:
    """Efficiency ratio on returns."""
    out = _blank(end, 1)
    _kernels().efficiency_ratio(series.returns, start, end, *out)
    return out
