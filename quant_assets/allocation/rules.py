"""Contract rules of sleeve weights: L3.SIGN_TEST, L3.WEIGHTS, L3.SOLVER, L3.DIRECTION and L3.ASOF.

The sign test recomputes streams and profit from the raw returns by itself; it shares no code with the allocation.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from quant_assets.allocation.allocate import Diagnostics
from quant_assets.allocation.config import AllocationConfig
from quant_assets.contracts.verdict import RuleResult, Verdict, error_rule, warn_rule
from quant_assets.errors import ContractViolation
from quant_assets.selection.rules import asof_rule
from quant_assets.universe.direction import Direction

Floats = npt.NDArray[np.float64]
STREAM_TOLERANCE = 1e-12
COVERAGE_MIN = 0.99
CORRELATION_MIN = 0.999
PNL_TOLERANCE = 1e-10
SUM_TOLERANCE = 1e-9
CASH = "cash"


def weights_verdict(
    frame: pd.DataFrame,
    returns: pd.DataFrame,
    streams: pd.DataFrame,
    diagnostics: Diagnostics | None,
    slices: Mapping[str, pd.Timestamp],
    *,
    config: AllocationConfig,
    direction: Direction,
    week: pd.Timestamp,
    cash_allowed: bool = False,
    sampled_gap: float | None = None,
) -> Verdict:
    """All rules of level L3 on one week's weights.

    ``frame``: the weights; ``returns``: raw long frame (date, symbol, return); ``streams``: days x atoms that the
    engine saw; ``diagnostics`` None only for a cash week; ``slices``: newest date by input; ``cash_allowed``: the
    sleeve's selection declares ``on_empty: cash``; ``sampled_gap``: ``objective_gap`` where this week is in the sample.
    """
    return Verdict(
        "L3",
        (
            weights_rule(frame, config, cash_allowed=cash_allowed),
            direction_rule(frame, direction),
            sign_test_rule(frame, returns, streams, direction, config.gross),
            solver_rule(frame, diagnostics, config, sampled_gap),
            asof_rule(slices, week),
        ),
    )


def weights_rule(frame: pd.DataFrame, config: AllocationConfig, *, cash_allowed: bool = False) -> RuleResult:
    """L3.WEIGHTS: finite, in [0, cap], summing to the invested share; gross in its limit; forced and cash reported."""
    stream, net = frame["stream_weight"].to_numpy(float), frame["net_weight"].to_numpy(float)
    status = "/".join(sorted(set(frame["status"]))) or "no rows"
    problems: list[str] = []
    if not len(frame) or not (np.isfinite(stream).all() and np.isfinite(net).all()):
        problems.append("no weights" if not len(frame) else "NaN or infinite weights")
        return error_rule("L3.WEIGHTS", checked=len(frame), breaches=1, message=problems[0])
    if frame["atom"].duplicated().any():
        problems.append("an atom is listed twice")
    outside = frame[(stream < 0) | (stream > config.cap + SUM_TOLERANCE)]
    if len(outside):
        problems.append(f"{len(outside)} stream weights outside [0, {config.cap:g}]")
    problems += _sum_problems(float(stream.sum()), len(frame), status, config, cash_allowed)
    gross, total = float(np.abs(net).sum()), float(net.sum())
    if gross > config.gross + SUM_TOLERANCE or abs(total) > config.gross + SUM_TOLERANCE:
        problems.append(f"gross {gross:.9f}, net {total:.9f} exceed {config.gross:g}")
    if np.abs(np.abs(net) - config.gross * stream).max() > SUM_TOLERANCE:
        problems.append("|net| is not gross x stream weight")
    listed = zip(outside["atom"], outside["stream_weight"], strict=True)
    offenders = [{"atom": str(atom), "stream_weight": float(weight)} for atom, weight in listed]
    message = "; ".join(problems) or f"{len(frame)} atoms sum to {stream.sum():.9f}, gross {gross:.6f}, {status}"
    return error_rule("L3.WEIGHTS", checked=len(frame), breaches=len(problems), message=message, offenders=offenders)


def _sum_problems(total: float, count: int, status: str, config: AllocationConfig, cash_allowed: bool) -> list[str]:
    """What is wrong with the sum of stream weights, given the status that was recorded."""
    if status == CASH:
        problems = [] if cash_allowed else ["a cash week, which the selection does not allow (on_empty: cash)"]
        return problems + ([f"a cash week with weights summing to {total:.9f}"] if total != 0 else [])
    full, room = 1.0 - config.cash_buffer, count * config.cap
    expected, names = full, {"optimal" if room > full + 1e-6 else "forced"}
    if room < full - 1e-12:
        expected, names = room, {"partial_cash"} if config.cap_relief == "cash" else set()
    problems = []
    if abs(total - expected) > SUM_TOLERANCE:
        problems.append(f"stream weights sum to {total:.9f}, not {expected:.9f}")
    if status not in names:
        problems.append(
            f"{count} x cap {config.cap:g} = {room:g}: must be {' or '.join(names) or 'an error'}, is {status}"
        )
    return problems


def direction_rule(frame: pd.DataFrame, direction: Direction) -> RuleResult:
    """L3.DIRECTION: each row carries the sleeve's direction in atom and column, and sign(net) agrees with it."""
    if not isinstance(direction, Direction) or frame.empty:
        message = f"{direction!r} is not a Direction" if not frame.empty else "no rows"
        return error_rule("L3.DIRECTION", checked=len(frame), breaches=1, message=message)
    atoms, symbols = frame["atom"].tolist(), frame["symbol"].tolist()
    net, contributes = frame["net_weight"].to_numpy(float), frame["stream_weight"].to_numpy(float) != 0
    named = [a == f"{s}|{direction.value}" for a, s in zip(atoms, symbols, strict=True)]
    stated = [d == direction.value for d in frame["direction"].tolist()]
    signed = np.where(contributes, np.sign(net) == direction.sign, net == 0)
    wrong = ~(np.array(named) & np.array(stated) & signed)
    offenders = [{"atom": str(atoms[i]), "net_weight": str(net[i])} for i in np.flatnonzero(wrong)[:10]]
    message = f"{int(wrong.sum())} of {len(frame)} rows contradict {direction.value}"
    return error_rule(
        "L3.DIRECTION", checked=len(frame), breaches=int(wrong.sum()), message=message, offenders=offenders
    )


def sign_test_rule(
    frame: pd.DataFrame, returns: pd.DataFrame, streams: pd.DataFrame, direction: Direction, gross: float = 1.0
) -> RuleResult:
    """L3.SIGN_TEST, its four parts recomputed from raw returns: stream values, correlation, profit identity, sign.

    Long stream = r, short stream = -min(r, 1), within 1e-12 on >= 99 % joint coverage; correlation with the intended
    sign at least 0.999 on unclipped days; sum(stream w x stream r) x gross = sum(net w x r) within 1e-10 on unclipped
    days; sign(net) = intent. A cash week has no stream and passes when all weights are 0.
    """
    sign = direction.sign
    if set(frame["status"]) == {CASH} and not np.any(frame[["stream_weight", "net_weight"]].to_numpy(float)):
        return error_rule("L3.SIGN_TEST", checked=0, breaches=0, message="cash week: no stream to test")
    atoms, symbols = list(frame["atom"]), list(frame["symbol"])
    absent = [a for a in atoms if a not in streams.columns]
    if absent or frame.empty:
        message = f"no stream recorded for {', '.join(map(str, absent)) or 'any atom'}"
        return error_rule("L3.SIGN_TEST", checked=len(frame), breaches=max(len(absent), 1), message=message)
    raw = _raw_returns(returns, symbols, streams.index)
    seen = streams[atoms].to_numpy(float)
    expected = raw if sign > 0 else np.where(raw > 1.0, -1.0, -raw)
    problems = _value_problems(seen, expected, atoms)
    problems += _correlation_problems(seen, raw, sign, atoms)
    problems += _profit_problems(frame, seen, raw, gross)
    against = frame[(frame["stream_weight"] != 0) & (np.sign(frame["net_weight"]) != sign)]
    problems += [f"{s}: net weight against {direction.value}" for s in against["symbol"]]
    offenders = [{"problem": p} for p in problems[:10]]
    message = "; ".join(problems[:3]) or f"{len(atoms)} streams carry {direction.value} on {len(streams)} days"
    return error_rule("L3.SIGN_TEST", checked=seen.size, breaches=len(problems), message=message, offenders=offenders)


def _raw_returns(returns: pd.DataFrame, symbols: list[str], days: pd.Index) -> Floats:
    """Raw returns of the streams' days (days x symbols), NaN where there is none."""
    row = days.get_indexer(pd.Index(pd.to_datetime(returns["date"])))
    column = pd.Index(symbols, dtype="str").get_indexer(pd.Index(returns["symbol"]))
    used = np.flatnonzero((row >= 0) & (column >= 0))
    cell = row[used] * len(symbols) + column[used]
    if np.bincount(cell, minlength=1).max() > 1:
        raise ContractViolation("L3.SIGN_TEST: a symbol has two returns on one day; keep one")
    values = np.full(len(days) * len(symbols), np.nan)
    values[cell] = returns["return"].to_numpy(float)[used]
    return values.reshape(len(days), len(symbols))


def _value_problems(seen: Floats, expected: Floats, atoms: list[str]) -> list[str]:
    """Cells that differ, and coverage of cells that only one side has."""
    both, either = np.isfinite(seen) & np.isfinite(expected), np.isfinite(seen) | np.isfinite(expected)
    coverage = float(both.sum() / either.sum()) if either.any() else 0.0
    worst = np.max(np.abs(np.where(both, seen - expected, 0.0)), axis=0, initial=0.0)
    problems = [f"{a}: stream differs by {w:.3g}" for a, w in zip(atoms, worst, strict=True) if w > STREAM_TOLERANCE]
    if coverage < COVERAGE_MIN:
        problems.append(f"joint coverage of streams and returns {coverage:.2%} is below {COVERAGE_MIN:.0%}")
    return problems


def _correlation_problems(seen: Floats, raw: Floats, sign: int, atoms: list[str]) -> list[str]:
    """Streams whose correlation with the raw return does not show the intended sign on unclipped days."""
    problems = []
    for column, atom in enumerate(atoms):
        stream, value = seen[:, column], raw[:, column]
        used = np.isfinite(stream) & np.isfinite(value) & (value <= 1.0)
        correlation = _correlation(stream[used], value[used])
        if not sign * correlation >= CORRELATION_MIN:
            problems.append(f"{atom}: correlation with its return {correlation:.4f}")
    return problems


def _correlation(left: Floats, right: Floats) -> float:
    """Pearson correlation; NaN with fewer than two values or without movement."""
    if len(left) < 2:
        return float("nan")
    a, b = left - left.mean(), right - right.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else float("nan")


def _profit_problems(frame: pd.DataFrame, seen: Floats, raw: Floats, gross: float) -> list[str]:
    """Days on which the streams' profit is not the book's profit, where no clip acted."""
    stream, net = frame["stream_weight"].to_numpy(float), frame["net_weight"].to_numpy(float)
    days = np.isfinite(seen).all(axis=1) & np.isfinite(raw).all(axis=1) & (raw <= 1.0).all(axis=1)
    if not days.any():
        return ["no unclipped day on which all atoms have a return: the profit identity was not tested"]
    gap = float(np.abs(gross * (seen[days] @ stream) - raw[days] @ net).max())
    return [] if gap <= PNL_TOLERANCE else [f"profit of streams and of net weights differ by {gap:.3g}"]


def solver_rule(
    frame: pd.DataFrame, diagnostics: Diagnostics | None, config: AllocationConfig, sampled_gap: float | None = None
) -> RuleResult:
    """L3.SOLVER: converged, well conditioned, certified within the gap limit (E); sampled independent gap (W)."""
    if diagnostics is None:
        cash = set(frame["status"]) == {CASH}
        message = "cash week: nothing was solved" if cash else "no diagnostics recorded: nothing proves convergence"
        return error_rule("L3.SOLVER", checked=int(not cash), breaches=int(not cash), message=message)
    problems = []
    if diagnostics.solver_status not in ("optimal", "closed_form"):
        problems.append(f"solver ended {diagnostics.solver_status}")
    if not diagnostics.condition <= config.condition_limit:
        problems.append(f"condition number {diagnostics.condition:.4g} above {config.condition_limit:g}")
    if config.engine == "min_variance" and not diagnostics.gap <= config.gap_limit:
        problems.append(f"certified gap {diagnostics.gap:.3g} above {config.gap_limit:g}")
    figures = f"{diagnostics.solver_status}, condition {diagnostics.condition:.4g}, gap {diagnostics.gap:.2g}"
    if problems or sampled_gap is None or abs(sampled_gap) <= config.gap_limit:
        message = "; ".join(problems) or figures
        return error_rule("L3.SOLVER", checked=diagnostics.n, breaches=len(problems), message=message)
    message = f"objective differs by {sampled_gap:.3g} from an independent solve ({figures})"
    return warn_rule("L3.SOLVER", checked=diagnostics.n, breaches=1, message=message)
