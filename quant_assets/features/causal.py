"""Recursive features from a bounded memory: every block of days starts its recursion anew, one block earlier.

An exponential average remembers everything. To make one day's value the same to its last bit whether that day is
computed alone or in a range, the recursion for the days of block ``b`` (of ``block_days`` calendar days, counted from
1970-01-01) always begins at the first bar of block ``b - 1``, or of the life. A value then rests on one to two blocks
of bars, and a whole history costs two passes, not one pass for each bar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar, cast

import numpy as np

from quant_assets.features.series import BarSeries, FloatArray, IntArray

Computed = TypeVar("Computed")


@dataclass(frozen=True, eq=False)
class Panel:
    """Bars of many runs, one run after the other; ``first[i]`` is the row at which the run of row ``i`` begins.

    ``column`` gives the values of a named column in that order; only columns that are read are put together.
    """

    first: IntArray
    column: Callable[[str], FloatArray]
    _known: dict[tuple[object, ...], Any] = field(default_factory=dict, init=False)

    @cached_property
    def open(self) -> FloatArray:
        """First price of each bar."""
        return self.column("open")

    @cached_property
    def high(self) -> FloatArray:
        """Highest price of each bar."""
        return self.column("high")

    @cached_property
    def low(self) -> FloatArray:
        """Lowest price of each bar."""
        return self.column("low")

    @cached_property
    def close(self) -> FloatArray:
        """Last price of each bar."""
        return self.column("close")

    @cached_property
    def volume(self) -> FloatArray:
        """Base units traded in each bar."""
        return self.column("volume")

    @cached_property
    def quote_value(self) -> FloatArray:
        """Quote currency traded in each bar."""
        return self.column("quote_value")

    def once(self, compute: Callable[..., Computed], *arguments: object) -> Computed:
        """``compute(*arguments)`` of this panel's columns, by the first function that asks; never to be written to.

        Columns are told apart by identity: arguments are the panel itself or its own arrays, what ``once`` returned,
        and numbers.
        """
        key = (compute, *(a if isinstance(a, int | float) else id(a) for a in arguments))
        if key not in self._known:
            # Arrays are kept too: an identity means something only while its array lives. The panel is not: in a cycle
            # with itself it would hold its memory until the collector runs.
            self._known[key] = compute(*arguments), [a for a in arguments if isinstance(a, np.ndarray)]
        return cast(Computed, self._known[key][0])


class PanelFunction(Protocol):
    """Signature of a causal function: outputs as long as the panel, each from its own run's rows up to its own."""

    def __call__(self, panel: Panel, parameters: Mapping[str, float]) -> tuple[FloatArray, ...]:
        """Outputs at every row."""
        ...


@dataclass(frozen=True, eq=False)
class Segments:
    """The panel that some rows of a series need, and the place of each of them in it."""

    panel: Panel
    place: IntArray


def segments(series: BarSeries, rows: IntArray, block_days: int) -> Segments:
    """The panel of whole recursions that end at ``rows``, which rise."""
    start = series.anchor_of(rows, block_days)
    changes = np.flatnonzero(start[1:] != start[:-1])
    begin, end = start[np.append(0, changes + 1)], rows[np.append(changes, len(rows) - 1)]
    group = np.repeat(np.arange(len(begin)), np.diff(changes, prepend=-1, append=len(rows) - 1))
    lengths = end - begin + 1
    offset = np.cumsum(lengths) - lengths
    source = np.repeat(begin - offset, lengths) + np.arange(lengths.sum())

    def column(name: str) -> FloatArray:
        values: FloatArray = getattr(series, name)
        return values.take(source)

    return Segments(Panel(np.repeat(offset, lengths), column), offset[group] + rows - start)
