"""Neighbouring windows side by side: how the window kernels go through windows in step.

Windows that follow each other by one bar form a run and are computed in lanes: step j adds bar j of every window of the
run to that window's own total. Each total still takes its own bars, oldest first, by the same operations as if it were
alone, so a value does not depend on which other windows are in the run; the processor merely does several at a time.
Belongs here: what all window kernels share. Does not belong here: any formula.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from quant_assets.features.compiled import kernel

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray, IntArray, SmallInts

LANES = 128  # the totals of a run of this many windows stay in the processor's first cache


@kernel
def run_of(start: IntArray, end: IntArray, i: int, most: int) -> int:
    """Number of windows from ``i`` on that each lie one bar after the one before, at most ``most``."""
    m = 1
    while m < most and i + m < len(end) and start[i + m] == start[i] + m and end[i + m] == end[i] + m:
        m += 1
    return m


@kernel
def longest(start: IntArray, end: IntArray) -> int:
    """Bars of the longest window; at least 1."""
    most = 1
    for i in range(len(end)):
        most = max(most, end[i] - start[i] + 1)
    return most


@kernel
def logarithms(values: FloatArray, out: FloatArray) -> None:
    """Natural logarithm of each value, the same bits wherever it stands; NaN where the value is not positive."""
    for i in range(len(values)):
        out[i] = math.log(values[i]) if values[i] > 0.0 else math.nan


@kernel
def deliver(
    values: FloatArray, slot: SmallInts, held: SmallInts, least: int, place: SmallInts, out: FloatArray
) -> None:
    """Put the value at each ``slot`` into its ``place``; NaN where fewer than ``least`` bars are held."""
    for i in range(len(slot)):
        out[place[i]] = values[slot[i]] if held[i] >= least else math.nan
