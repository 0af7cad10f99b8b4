"""L2 rules that look at the stored values alone: bounds, undefined values, and the age of the last value."""

from __future__ import annotations

import numpy as np

from quant_assets.contracts.verdict import MAX_OFFENDERS, RuleResult, error_rule
from quant_assets.features.matrix_range import MatrixRange
from quant_assets.features.series import IntArray

SLACK = 1e-9  # rounding allowed at a bound, relative


def bounds_results(data: MatrixRange) -> list[RuleResult]:
    """L2.BOUNDS of each day: every value finite and inside its feature's declared range."""
    low, high = (np.array([getattr(f, side) for f in data.features]) for side in ("lower", "upper"))
    below, above = (np.where(np.isfinite(b), SLACK * np.maximum(np.abs(b), 1.0), 0.0) for b in (low, high))
    inside = (data.values >= low - below) & (data.values <= high + above) & np.isfinite(data.values)
    bad = data.known & ~inside
    results = []
    for _, day in data.by_day():
        n = int(bad[day].sum())
        text = "values are inside their declared ranges"
        if n:
            text = f"{n} values outside the declared range or infinite; look at the bars of the listed symbols"
        checked, offenders = int(data.known[day].sum()), data.cells(bad[day], day) if n else []
        results.append(error_rule("L2.BOUNDS", checked=checked, breaches=n, message=text, offenders=offenders))
    return results


def nan_results(data: MatrixRange) -> list[RuleResult]:
    """L2.NAN of each day: no value inside the declared warm-up, and almost no undefined value after it."""
    return [_nan(data, day) for _, day in data.by_day()]


def _nan(data: MatrixRange, day: slice) -> RuleResult:
    known, warm = data.known[day], data.warm[day]
    early, absent = known & ~warm, ~known & warm
    ready, missing = warm.sum(axis=0), absent.sum(axis=0)
    # One symbol without a defined value (no volume, no movement) must not withhold a small universe.
    allowed = np.maximum(np.floor((1.0 - data.config.nan_density) * ready + 1e-9), np.where(ready >= 3, 1, 0))
    thin = missing > allowed
    text = f"{missing.sum()} of {ready.sum()} warmed-up values undefined, density bar {data.config.nan_density:.0%}"
    if thin.any():
        names = [f"{data.features[k].id} {ready[k] - missing[k]}/{ready[k]}" for k in np.flatnonzero(thin)]
        text += f"; too thin: {', '.join(names)}; look at the bars of the listed symbols"
    if early.any():
        text += f"; {early.sum()} values inside the declared warm-up: computed from other bars than these"
    shown = early | (absent & thin)
    breaches = int(shown.sum())
    offenders = data.cells(shown, day) if breaches else []
    return error_rule("L2.NAN", checked=int(ready.sum()), breaches=breaches, message=text, offenders=offenders)


def lag_results(data: MatrixRange) -> list[RuleResult]:
    """L2.LAG of each day: every symbol with a bar that day has a row of that day, with values once it is warm."""
    order = np.argsort(data.series.day, kind="stable")
    traded = data.series.day[order]
    return [
        _lag(data, day, order[slice(*np.searchsorted(traded, [number, number + 1]).tolist())])
        for number, day in data.by_day()
    ]


def _lag(data: MatrixRange, day: slice, expected: IntArray) -> RuleResult:
    """L2.LAG of one day against the bars ``expected`` to have a row."""
    rows, warm = data.rows[day], data.warm[day]
    absent = np.setdiff1d(expected, rows)
    strange = np.flatnonzero(rows < 0)
    empty = np.flatnonzero(warm.any(axis=1) & ~(data.known[day] & warm).any(axis=1))
    breaches = len(absent) + len(strange) + len(empty)
    text = f"all {len(expected)} symbols with a bar on the day have their values of that day"
    if not len(expected):
        text = "no bar on the day, so no value can be valid on it; materialize ohlcv for it first"
        breaches = max(breaches, 1)
    elif breaches:
        text = (
            f"{len(absent)} symbols with a bar lack a row, {len(strange)} rows lack a bar, {len(empty)} rows are past "
            "their warm-up without any value; compute the day again from bars that include it"
        )
    names = [data.series.symbols[data.series.code[r]] for r in absent]
    names += [data.symbols[day.start + i] for i in (*strange, *empty)]
    offenders = [{"symbol": name} for name in names[:MAX_OFFENDERS]]
    return error_rule("L2.LAG", checked=len(expected), breaches=breaches, message=text, offenders=offenders)
