"""Ranks and scores of one feature among the symbols of the same date; no other date enters.

``dates`` groups the rows (any sortable values, such as day numbers), ``values`` are the feature's; both one-dimensional
and aligned. NaN takes no part and stays NaN. An infinite value is refused: it is a fault of one symbol that would
silently move the scores of all the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quant_assets.errors import UsageError
from quant_assets.features.liquidity import MAD_TO_DEVIATION
from quant_assets.features.series import FloatArray, IntArray


def date_ranks(dates: NDArray[Any], values: FloatArray) -> FloatArray:
    """Rank of each value among its date's, 0 the smallest and 1 the largest; equal values share their mean rank.

    (rank - 1) / (n - 1) with ranks 1 .. n; a date's only value gets 0.5. UsageError for an infinite value.
    """
    order, first, last = _groups(dates, values)
    ordered = values[order]
    place = np.arange(len(order), dtype=np.float64)
    new = np.ones(len(order), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]) | (first[1:] != first[:-1])
    block = np.cumsum(new) - 1
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(order)) - 1
    mean = 0.5 * (place[starts] + place[ends])[block] - first if len(order) else place
    ranks = np.divide(mean, last - first, out=np.full(len(order), 0.5), where=last > first)
    return _returned(ranks, order, len(values))


def date_scores(dates: NDArray[Any], values: FloatArray, *, robust: bool = False) -> FloatArray:
    """Standard score of each value among its date's: (value - mean) / standard deviation (ddof 0).

    ``robust``: (value - median) / (1.4826 * median absolute deviation). NaN where the date's spread is zero, so also
    for a date's only value. UsageError for an infinite value.
    """
    order, first, last = _groups(dates, values)
    ordered, count = values[order], (last - first + 1).astype(np.float64)
    if robust:
        centre = _medians(ordered, first, last)
        gap = ordered - centre
        by_gap = np.lexsort((np.abs(gap), first))
        spread = MAD_TO_DEVIATION * _medians(np.abs(gap)[by_gap], first, last)
    else:
        centre = _totals(ordered, first) / count
        gap = ordered - centre
        spread = np.sqrt(_totals(gap**2, first) / count)
        spread[spread <= 1e-12 * np.abs(centre)] = 0.0
    scores = np.divide(gap, spread, out=np.full(len(order), np.nan), where=spread > 0.0)
    return _returned(scores, order, len(values))


def _groups(dates: NDArray[Any], values: FloatArray) -> tuple[IntArray, IntArray, IntArray]:
    """Order of the known values by date and value, and the first and last place of each one's date in that order."""
    if len(dates) != len(values):
        raise UsageError(f"{len(dates)} dates do not match {len(values)} values; hand in one date for each value")
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise UsageError(
            f"value {values[row]} in row {row} on {dates[row]} is infinite and would move the scores of all symbols of "
            f"its date ({int(np.isinf(values).sum())} such values); exclude its symbol, or repair its bars"
        )
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.lexsort((values[known], dates[known]))].astype(np.int64)
    day = dates[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = day[1:] != day[:-1]
    starts = np.flatnonzero(new)
    sizes = np.diff(np.append(starts, len(order)))
    first = np.repeat(starts, sizes).astype(np.int64)
    return order, first, first + np.repeat(sizes, sizes).astype(np.int64) - 1


def _totals(ordered: FloatArray, first: IntArray) -> FloatArray:
    """Sum over each value's date, at every value's place."""
    starts = np.unique(first)
    sums = np.add.reduceat(ordered, starts) if len(starts) else ordered
    out: FloatArray = np.repeat(sums, np.diff(np.append(starts, len(ordered))))
    return out


def _medians(ordered: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    """Median of each value's date, at every value's place; values ascend within a date."""
    out: FloatArray = 0.5 * (ordered[(first + last) // 2] + ordered[(first + last + 1) // 2])
    return out


def _returned(part: FloatArray, order: IntArray, total: int) -> FloatArray:
    out = np.full(total, np.nan)
    out[order] = part
    return out
