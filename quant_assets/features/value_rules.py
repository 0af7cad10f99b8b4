"""L2 rules that look at the stored values alone: bounds, undefined values, and the age of the last value."""

from __future__ import annotations

import numpy as np

from quant_assets.contracts.verdict import MAX_OFFENDERS, RuleResult, error_rule
from quant_assets.features.matrix_range import BoolArray, MatrixRange
from quant_assets.features.series import IntArray


def bounds_results(data: MatrixRange) -> list[RuleResult]:
    """L2.BOUNDS of each day: every value finite and inside its feature's declared range."""
    results = []
    values, outside = data.counts.values.sum(axis=1).tolist(), data.counts.outside.sum(axis=1).tolist()
    for (_, day), checked, n in zip(data.by_day(), values, outside, strict=True):
        text = "values are inside their declared ranges"
        if n:
            text = f"{n} values outside the declared range or infinite; look at the bars of the listed symbols"
        offenders = data.cells(data.outside(day), day) if n else []
        results.append(error_rule("L2.BOUNDS", checked=checked, breaches=n, message=text, offenders=offenders))
    return results


def nan_results(data: MatrixRange) -> list[RuleResult]:
    """L2.NAN of each day: no value inside the declared warm-up, and almost no undefined value after it."""
    counts = data.counts
    early, missing = (counts.values - counts.defined).sum(axis=1).tolist(), counts.warm - counts.defined
    thin = too_thin(counts.warm, missing - data.excused, data.config.nan_density)
    return [_nan(data, day, counts.warm[d], missing[d], thin[d], early[d]) for d, (_, day) in enumerate(data.by_day())]


def _nan(data: MatrixRange, day: slice, ready: IntArray, missing: IntArray, thin: BoolArray, early: int) -> RuleResult:
    """L2.NAN of one day from its counts of each feature; the cells are looked at only where some are wrong."""
    text = f"{missing.sum()} of {ready.sum()} warmed-up values undefined, density bar {data.config.nan_density:.0%}"
    breaches, offenders = early + int(missing[thin].sum()), []
    if thin.any():
        names = [f"{data.features[k].id} {ready[k] - missing[k]}/{ready[k]}" for k in np.flatnonzero(thin)]
        text += f"; too thin: {', '.join(names)}; look at the bars of the listed symbols"
    if early:
        text += f"; {early} values inside the declared warm-up: computed from other bars than these"
    if breaches:
        known, warm = data.known(day), data.warm(day)
        offenders = data.cells((known & ~warm) | (~known & warm & thin), day)
    return error_rule("L2.NAN", checked=int(ready.sum()), breaches=breaches, message=text, offenders=offenders)


def too_thin(ready: IntArray, missing: IntArray, density: float) -> BoolArray:
    """Whether more of the ``ready`` values are ``missing`` than the density bar allows, for each feature and day.

    One symbol without a defined value (no volume, no movement) must not withhold a small universe.
    """
    allowed = np.maximum(np.floor((1.0 - density) * ready + 1e-9), np.where(ready >= 3, 1, 0))
    thin: BoolArray = missing > allowed
    return thin


def lag_results(data: MatrixRange) -> list[RuleResult]:
    """L2.LAG of each day: every symbol with a bar that day has a row of that day, with values once it is warm."""
    present = np.zeros(len(data.series), dtype=np.bool_)
    present[data.rows[data.rows >= 0]] = True
    bars = np.flatnonzero(np.isin(data.series.day, data.days))
    expected = _places(data, data.series.day[bars])
    absent = bars[~present[bars]]
    wrong = np.flatnonzero((data.rows < 0) | _without_cause(data))
    absent_of, wrong_of = _places(data, data.series.day[absent]), np.searchsorted(data.cuts, wrong, side="right") - 1
    wanted = np.bincount(expected, minlength=len(data.days)).tolist()
    broken = set(absent_of.tolist()) | set(wrong_of.tolist())
    nothing = np.empty(0, dtype=np.int64)
    return [
        _lag(data, count, absent[absent_of == d], wrong[wrong_of == d])
        if d in broken
        else _lag(data, count, nothing, nothing)
        for d, count in enumerate(wanted)
    ]


def _without_cause(data: MatrixRange) -> BoolArray:
    """Rows of markets that are not idle without any value, of days that have more of them than L2.NAN would allow."""
    rows, hollow = np.diff(data.cuts), data.counts.hollow & ~data.idle
    empty = np.diff(np.append(0, np.cumsum(hollow))[data.cuts])
    found: BoolArray = hollow & np.repeat(too_thin(rows, empty, data.config.nan_density), rows)
    return found


def _places(data: MatrixRange, days: IntArray) -> IntArray:
    """Place of each day among those of the range."""
    return np.searchsorted(data.days, days).astype(np.int64)


def _lag(data: MatrixRange, expected: int, absent: IntArray, wrong: IntArray) -> RuleResult:
    """L2.LAG of one day: ``expected`` bars, those ``absent`` from the matrix, matrix rows without bar or any value."""
    strange, empty = wrong[data.rows[wrong] < 0], wrong[data.rows[wrong] >= 0]
    breaches = len(absent) + len(strange) + len(empty)
    text = f"all {expected} symbols with a bar on the day have their values of that day"
    if not expected:
        text = "no bar on the day, so no value can be valid on it; materialize ohlcv for it first"
        breaches = max(breaches, 1)
    elif breaches:
        text = (
            f"{len(absent)} symbols with a bar lack a row, {len(strange)} rows lack a bar, {len(empty)} rows are past "
            "their warm-up without any value"
        )
    names = [data.series.symbols[data.series.code[r]] for r in absent]
    names += [data.symbols[i] for i in (*strange, *empty)]
    if names:
        text += f": {', '.join(names[:MAX_OFFENDERS])}; look at their bars, then compute the day again from them"
    offenders = [{"symbol": name} for name in names[:MAX_OFFENDERS]]
    return error_rule("L2.LAG", checked=expected, breaches=breaches, message=text, offenders=offenders)
