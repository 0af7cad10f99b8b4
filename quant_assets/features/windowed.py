"""What a feature function of windows is: outputs at the ends of given windows of a bar series.

It takes (series, start, end, parameters) and returns one array per output, each as long as ``end``; it may read only
the bars ``start[i] .. end[i]`` for output ``i``. The functions are in ``rolling``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from quant_assets.features.series import BarSeries, FloatArray, IntArray

Parameters = Mapping[str, float]


class WindowFunction(Protocol):
    """Signature of every feature function."""

    def __call__(
        self, series: BarSeries, start: IntArray, end: IntArray, parameters: Parameters
    ) -> tuple[FloatArray, ...]:
        """Outputs at the windows ``start[i] .. end[i]``."""
        ...
