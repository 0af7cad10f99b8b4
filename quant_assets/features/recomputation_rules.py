"""L2 rules that compute sampled values again: under other futures (look-ahead) and on longer histories (warm-up)."""

from __future__ import annotations

import numpy as np

from quant_assets.contracts.verdict import MAX_OFFENDERS, RuleResult, error_rule, warn_rule
from quant_assets.features.certificate import DRIFT_SLACK, Drift, Evidence, joined
from quant_assets.features.matrix_range import MatrixRange
from quant_assets.features.probes import FUTURES
from quant_assets.features.series import FloatArray, IntArray


def prefix_results(data: MatrixRange, evidence: Evidence) -> list[RuleResult]:
    """L2.PREFIX of each day. One that was not drawn rests on the evidence of the range, one without any bar on none."""
    begin, end = (np.searchsorted(evidence.days, data.days, side=side) for side in ("left", "right"))
    everything = _prefix(data, evidence, slice(None))
    return [
        _prefix(data, evidence, slice(a, b)) if b > a or not has_bars else everything
        for a, b, has_bars in zip(begin.tolist(), end.tolist(), data.traded.tolist(), strict=True)
    ]


def _prefix(data: MatrixRange, evidence: Evidence, some: slice) -> RuleResult:
    """L2.PREFIX of one day from the evidence on ``some`` of the sampled rows."""
    at, recomputed, differs = (a[some] for a in (evidence.at, evidence.prefix.recomputed, evidence.prefix.differs))
    n = int(differs.sum())
    text = f"{len(at)} sampled symbols unchanged by cutting, altering and shuffling all later bars"
    if across := [f.id for f in data.features if f.base is not None]:
        # Every other column is also independent of the other symbols, which these futures do not contain.
        text += f"; {across} compare the symbols of the day: equal to a recomputation of that whole day alone"
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


def warmup_results(data: MatrixRange, evidence: Evidence) -> list[RuleResult]:
    """L2.WARMUP of each day: how far sampled values move with longer histories, against the declared tolerance."""
    drifts = [(k, evidence.drift[f.id]) for k, f in enumerate(data.features) if f.id in evidence.drift]
    found = joined([d for _, d in drifts])
    where = np.repeat(np.array([k for k, _ in drifts], dtype=np.int64), [len(d.rows) for _, d in drifts])
    tolerance = np.array([f.drift for f in data.features])[where]
    order = np.argsort(found.days, kind="stable")
    low, high = (np.searchsorted(found.days[order], data.days, side=side) for side in ("left", "right"))
    return [
        _warmup(data, found, where, tolerance, order[a:b]) for a, b in zip(low.tolist(), high.tolist(), strict=True)
    ]


def _warmup(data: MatrixRange, found: Drift, where: IntArray, tolerance: FloatArray, some: IntArray) -> RuleResult:
    """L2.WARMUP of one day from its measurements ``some``; ``where`` holds their features."""
    moved, allowed = found.moved[some], tolerance[some]
    over = some[moved > allowed * (1.0 + DRIFT_SLACK)]
    offenders = [
        {
            "symbol": data.series.symbols[data.series.code[found.rows[i]]],
            "feature": data.features[where[i]].id,
            "windows": int(found.windows[i]),
            "drift": float(found.moved[i]),
            "tolerance": float(tolerance[i]),
        }
        for i in over[:MAX_OFFENDERS]
    ]
    text = "no sampled symbol has a longer history in these bars: not measured"
    if len(some):
        times = ", ".join(f"{m}x" for m in np.unique(found.windows[some]))
        text = f"with {times} the history no value moves by more than {(moved / allowed).max():.2g} tolerances"
    return warn_rule("L2.WARMUP", checked=len(some), breaches=len(over), message=text, offenders=offenders)
