"""Compiled comparisons of each bar with an earlier bar of its life, of a whole panel.

Belongs here: arithmetic on arrays that reads one or two bars. Does not belong here: windows (``window_kernels``),
recursions (``recursive_kernels``), names of indicators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quant_assets.features.compiled import kernel
from quant_assets.features.search_kernels import first_from

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray, IntArray


@kernel
def are_lives(first: IntArray) -> bool:
    """Whether ``first`` starts with row 0 and each row either stays in the life before it or begins its own."""
    ordered = len(first) == 0 or first[0] == 0
    for i in range(1, len(first)):
        ordered &= (first[i] == first[i - 1]) | (first[i] == i)
    return ordered


@kernel
def window_starts(rows: IntArray, first: IntArray, day: IntArray, window: int, span_days: int, out: IntArray) -> None:
    """First row of each window of at most ``window`` bars of one life that ends at ``rows`` and spans ``span_days``."""
    for i in range(len(rows)):
        start = max(first[rows[i]], rows[i] - window + 1)
        oldest = day[rows[i]] - span_days + 1
        out[i] = start if day[start] >= oldest else first_from(day, oldest, start, rows[i])


@kernel
def memory_starts(rows: IntArray, first: IntArray, day: IntArray, block_days: int, out: IntArray) -> None:
    """First row of each memory that ends at ``rows``: of its life, in the block of days before the row's own or later.

    Blocks of ``block_days`` are counted from 1970-01-01.
    """
    start = 0
    for i in range(len(rows)):
        end, oldest = rows[i], (day[rows[i]] // block_days - 1) * block_days
        low = first[end]
        # Neighbouring rows mostly have the same one.
        known = (low <= start <= end) and day[start] >= oldest and (start == low or day[start - 1] < oldest)
        if not known:
            start = first_from(day, oldest, low, end)
        out[i] = start


@kernel
def lag(values: FloatArray, first: IntArray, bars: int, out: FloatArray) -> None:
    """Value ``bars`` bars earlier in the same life; NaN where the life is younger."""
    out[:bars] = np.nan
    now, starts = out[bars:], first[bars:]
    for j in range(len(now)):
        now[j] = values[j] if starts[j] <= j else np.nan


@kernel
def change(values: FloatArray, first: IntArray, bars: int, out: FloatArray) -> None:
    """Value less the value ``bars`` bars earlier in the same life."""
    out[:bars] = np.nan
    now, starts, items = out[bars:], first[bars:], values[bars:]
    for j in range(len(now)):
        now[j] = items[j] - values[j] if starts[j] <= j else np.nan


@kernel
def relative_change(values: FloatArray, first: IntArray, bars: int, out: FloatArray) -> None:
    """Percentage of the value ``bars`` bars earlier that was added since; NaN from zero."""
    out[:bars] = np.nan
    now, starts, items = out[bars:], first[bars:], values[bars:]
    for j in range(len(now)):
        before = values[j]
        added = 100.0 * (items[j] - before) / before
        now[j] = added if (starts[j] <= j) & (before != 0.0) else np.nan


@kernel
def true_range(
    high: FloatArray, low: FloatArray, close: FloatArray, first: IntArray, whole: bool, out: FloatArray
) -> None:
    """Reach of each bar from the close before it; a life's first bar: high - low if ``whole``, else NaN."""
    if len(out):
        out[0] = high[0] - low[0] if whole else np.nan
    for i in range(1, len(out)):
        before = close[i - 1]
        # 0 * before keeps an unknown close unknown: max() forgets a NaN on its right
        reach = max(high[i] - low[i], max(abs(high[i] - before), abs(low[i] - before))) + 0.0 * before
        alone = high[i] - low[i] if whole else np.nan
        out[i] = alone if first[i] == i else reach
