"""Ranks and scores of one feature among the symbols of the same date; no other date enters.

``dates`` groups the rows (any sortable values, such as day numbers), ``values`` are the feature's; both one-dimensional
and aligned. NaN takes no part and stays NaN. An infinite value is refused: it is a fault of one symbol that would
silently move the scores of all the others; as registered features, ``among_dates`` leaves such a symbol out instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from quant_assets.errors import UsageError
from quant_assets.features.liquidity import MAD_TO_DEVIATION
from quant_assets.features.series import FloatArray, IntArray


def date_ranks(dates: NDArray[Any], values: FloatArray) -> FloatArray:
    """Rank of each value among its date's as a share: 1/n the smallest, 1 the largest; equal values share their mean.

    rank / n with ranks 1 .. n, so in (0, 1]; a date's only value gets 1. UsageError for an infinite value.
    """
    order, first, last = _groups(dates, values)
    ordered = values[order]
    place = np.arange(len(order), dtype=np.float64)
    new = np.ones(len(order), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]) | (first[1:] != first[:-1])
    block = np.cumsum(new) - 1
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(order)) - 1
    mean = 0.5 * (place[starts] + place[ends])[block] - first + 1.0 if len(order) else place
    return _returned(mean / (last - first + 1), order, len(values))


def date_scores(dates: NDArray[Any], values: FloatArray, *, robust: bool = False) -> FloatArray:
    """Standard score of each value among its date's: (value - mean) / standard deviation (ddof 0).

    Where the date's values are equal, or there is but one, each lies at the mean: 0. ``robust``: (value - median) /
    (1.4826 * median absolute deviation); where more than half of the values are equal, they get 0 and the others NaN.
    UsageError for an infinite value.
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
        level = spread <= 1e-12 * np.abs(centre)  # equal values but for the rounding of their mean
        gap[level], spread[level] = 0.0, 0.0
    scores = np.divide(gap, spread, out=np.where(gap == 0.0, 0.0, np.nan), where=spread > 0.0)
    return _returned(scores, order, len(values))


class DateFunction(Protocol):
    """Signature of a cross-section: (dates, values) -> one value for each, from the values of its own date alone."""

    def __call__(self, dates: NDArray[Any], values: FloatArray) -> FloatArray:
        """Outputs aligned with ``values``."""
        ...


@dataclass(frozen=True)
class CrossSection:
    """A way to compare the symbols of a date; with the feature X it is the feature ``<prefix>X``."""

    prefix: str
    title: str
    formula: str
    source: str
    unit: str
    lower: float
    upper: float
    function: DateFunction


CROSS_SECTIONS = (
    CrossSection(
        "rank_", "Rank at date", "mean rank of {id} among the n symbols that have it on the day / n",
        "fractional ranking, ties share their mean", "share of symbols", 0.0, 1.0, date_ranks,
    ),
    CrossSection(
        "zscore_", "Standard score at date",
        "({id} - mean) / standard deviation (ddof 0) over the symbols that have it on the day; 0 where they are equal",
        "standard score", "deviations", -np.inf, np.inf, date_scores,
    ),
)  # fmt: skip


def among_dates(function: DateFunction, dates: NDArray[Any], values: FloatArray) -> FloatArray:
    """``function`` over the symbols with a finite value: one symbol's infinity neither counts nor stops the day."""
    return function(dates, np.where(np.isfinite(values), values, np.nan))


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
