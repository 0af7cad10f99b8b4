"""L2 rules that compute sampled values again: under other futures (look-ahead) and on longer histories (warm-up)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quant_assets.contracts.verdict import MAX_OFFENDERS, RuleResult, error_rule, warn_rule
from quant_assets.features.certificate import Drift, prefix_evidence, sample_rows, warmup_drift
from quant_assets.features.engine import Compute
from quant_assets.features.matrix_range import BoolArray, MatrixRange
from quant_assets.features.probes import FUTURES
from quant_assets.features.series import FloatArray, IntArray


def recomputation_results(data: MatrixRange, compute: Compute) -> tuple[list[RuleResult], list[RuleResult]]:
    """L2.PREFIX and L2.WARMUP of each day, both on the same sampled bars, with one engine call for the whole range."""
    located = np.flatnonzero(data.rows >= 0)
    window = max(f.window for f in data.features)
    shapes = {f.shape: f for f in data.features}
    start = np.minimum.reduce([f.start_of(data.series, data.rows[located]) for f in shapes.values()])
    picked = sample_rows(data.series, data.rows[located], start, window, data.config)
    at, start = located[picked], start[picked]
    rows = data.rows[at]
    evidence = prefix_evidence(data.series, rows, start, data.values[at], data.features, data.config, compute)
    drift = warmup_drift(data.series, rows, data.features, data.config, compute)
    sampled = data.series.day[rows]
    begin, end = np.searchsorted(sampled, data.days), np.searchsorted(sampled, data.days, side="right")
    prefix = []
    traded = np.isin(data.days, data.series.day[data.rows[located]])
    for a, b, has_bars in zip(begin.tolist(), end.tolist(), traded.tolist(), strict=True):
        # A day that was not drawn rests on the evidence of the range; one without any bar on none.
        some = slice(a, b) if b > a or not has_bars else slice(0, len(at))
        prefix.append(_prefix(data, at[some], evidence.recomputed[some], evidence.differs[some]))
    return prefix, [_warmup(data, drift, int(day)) for day in data.days]


def _prefix(data: MatrixRange, at: IntArray, recomputed: FloatArray, differs: BoolArray) -> RuleResult:
    """L2.PREFIX of one day from the evidence on its sampled rows ``at``."""
    n = int(differs.sum())
    text = f"{len(at)} sampled symbols unchanged by cutting, altering and shuffling all later bars"
    if n:
        names = sorted({data.features[k].id for k in np.nonzero(differs)[1]})
        text = f"{n} recomputed values differ: {names} read later bars, other symbols, or bars before their window"
    if not len(at):
        text = "no row of the day has a bar to recompute it from; compute the day again from its bars"
    offenders = [
        {
            "symbol": data.symbols[at[i]],
            "feature": data.features[k].id,
            "future": FUTURES[v],
            "stored": float(data.values[at[i], k]),
            "recomputed": float(recomputed[i, k, v]),
        }
        for i, k, v in np.argwhere(differs)[:MAX_OFFENDERS]
    ]
    ok = n == 0 and len(at) > 0  # a day on which nothing could be recomputed is not certified
    return error_rule("L2.PREFIX", checked=differs.size, breaches=n, message=text, offenders=offenders, passed=ok)


def _warmup(data: MatrixRange, drift: Mapping[str, Drift], day: int) -> RuleResult:
    """L2.WARMUP of one day: how far sampled values move with a longer history, against the declared tolerance."""
    tolerance = {f.id: f.drift for f in data.features}
    moved = [(name, d.rows[i], d.moved[i]) for name, d in drift.items() for i in np.flatnonzero(d.days == day)]
    over = [
        {
            "symbol": data.series.symbols[data.series.code[row]],
            "feature": name,
            "drift": float(m),
            "tolerance": tolerance[name],
        }
        for name, row, m in moved
        if not m <= tolerance[name] * (1.0 + 1e-9)
    ]
    text = f"no sampled symbol has {data.config.warmup_multiple} windows of history in these bars: not measured"
    if moved:
        worst = max(float(m) / tolerance[name] for name, _, m in moved)
        text = (
            f"with {data.config.warmup_multiple} windows of history no value moves by more than {worst:.2g} tolerances"
        )
    return warn_rule("L2.WARMUP", checked=len(moved), breaches=len(over), message=text, offenders=over)
