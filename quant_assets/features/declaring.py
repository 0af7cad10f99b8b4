"""How the catalogue fills in a declaration: what follows from a window, and what a bounded memory leaves out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from quant_assets.features.registry import Feature

INFINITY = math.inf
ROUNDING = 1e-9
"""Tolerated where a memory of hundreds of bars has forgotten everything before it, but for rounding."""


@dataclass(frozen=True)
class Declare:
    """Declares features for one calendar and one memory."""

    memory_bars: int
    max_missing_days: int
    days_per_bar: float

    def windowed(self, *, window: int, min_bars: int | None = None, **fields: Any) -> Feature:  # noqa: ANN401 - any field of Feature
        """A feature of a fixed window of bars; ``min_bars`` is the whole window unless given."""
        span = math.ceil(window * self.days_per_bar) + self.max_missing_days
        fields = {"lower": 0.0, "upper": INFINITY, **fields}
        return Feature(window=window, min_bars=min_bars or window, span_days=span, **fields)

    def recursive(self, *, min_bars: int, **fields: Any) -> Feature:  # noqa: ANN401 - any field of Feature
        """A causal feature: at least ``memory_bars`` bars of memory, first value at bar ``min_bars`` of a life."""
        window = max(self.memory_bars, min_bars)
        fields = {"lower": 0.0, "upper": INFINITY, **fields}
        return Feature(
            window=window, min_bars=min_bars, span_days=math.ceil(window * self.days_per_bar), memory=True, **fields
        )

    def forgotten(self, length: int, times: float = 1.0) -> float:
        """Share of a seed that an exponential average of ``length`` still holds after the memory, or ``ROUNDING``.

        (1 - 2 / (length + 1))^(memory - length): a bound on its relative drift while the level before the memory was
        less than twice the level in it. ``times``: by how much more a quotient of such averages moves, measured.
        """
        share = (1.0 - 2.0 / (length + 1)) ** max(self.memory_bars - length, 0)
        return max(float(share) * times, ROUNDING)
