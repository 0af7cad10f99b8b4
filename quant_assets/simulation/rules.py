"""L3.PNL: the accounting identities of a simulated book, checked from its tables alone.

Belongs here: identities that any correct simulation obeys, re-derived from the published numbers.
Does not belong here: limits on weights or returns (those are profile thresholds of other rules).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quant_assets.contracts.verdict import RuleResult, error_rule
from quant_assets.simulation.book import BookState, SimulationResult
from quant_assets.simulation.inputs import Floats

RULE = "L3.PNL"
TOLERANCE = 1e-12


@dataclass(frozen=True)
class _Tables:
    """The tables as arrays: T days, N symbols (zero where a symbol has no row)."""

    daily: Mapping[str, Floats]
    ruined: np.typing.NDArray[np.bool_]
    opening_equity: Floats
    scale: Floats
    start: Floats
    previous: Floats
    closing: Floats
    traded: Floats
    contribution: Floats
    cost: Floats
    simple: Floats
    dates: list[str]
    symbols: list[str]


def pnl_rule(result: SimulationResult, opening: BookState | None = None) -> list[RuleResult]:
    """The one L3.PNL result of a simulated window: an ERROR when any identity fails on any day.

    ``opening`` is the state that ``simulate`` was given (None: a new book of 1.0). ``checked`` counts identities x
    days and ``breaches`` the failed ones; offenders name identity, date, symbol (where there is one) and the gap.
    """
    parts = pnl_identities(result, opening)
    failed = [part for part in parts if not part.passed]
    names = ", ".join(part.rule.removeprefix(RULE + ".") for part in (failed or parts))
    worst = [offender for part in failed for offender in part.offenders[:3]]
    message = f"{'broken' if failed else 'hold'}: {names}"
    checked, breaches = sum(part.checked for part in parts), sum(part.breaches for part in parts)
    return [error_rule(RULE, checked=checked, breaches=breaches, message=message, offenders=worst)]


def pnl_identities(result: SimulationResult, opening: BookState | None = None) -> list[RuleResult]:
    """Each identity by itself, as ``L3.PNL.value``, ``.compounding``, ``.contributions``, ``.costs``, ``.net``,
    ``.drift``, ``.continuity``, ``.solvency`` and ``.closing``; tolerance 1e-12 relative to the day's money at work.
    """
    state = BookState.start() if opening is None else opening
    tables = _tables(result, state)
    return [
        _value(tables),
        _compounding(tables),
        _contributions(tables),
        _cost_sum(tables),
        _net(tables),
        _drift(tables),
        _continuity(tables),
        _solvency(tables),
        _closing_state(tables, result),
    ]


def _value(t: _Tables) -> RuleResult:
    """cash + positions = equity at each day's end."""
    equity = t.daily["equity"]
    gap = t.daily["cash"] + t.closing.sum(axis=1) * equity - equity
    return _by_day("value", t, gap / t.scale / t.opening_equity, "cash + positions = equity")


def _compounding(t: _Tables) -> RuleResult:
    gap = t.daily["equity"] / t.opening_equity - (1.0 + t.daily["net"])
    gap = np.where(t.ruined & (t.daily["net"] == 0.0), t.daily["equity"], gap)
    return _by_day("compounding", t, gap / t.scale, "equity = opening equity x (1 + net)")


def _contributions(t: _Tables) -> RuleResult:
    expected = t.start * np.nan_to_num(t.simple)
    gap = np.abs(t.contribution.sum(axis=1) - t.daily["gross"]) + np.abs(t.contribution - expected).sum(axis=1)
    return _by_day("contributions", t, gap / t.scale, "sum of start weight x return = gross")


def _cost_sum(t: _Tables) -> RuleResult:
    gap = np.abs(t.cost.sum(axis=1) - t.daily["costs"]) + np.abs(t.traded.sum(axis=1) - t.daily["turnover"])
    negative = (t.cost < 0.0).any(axis=1) | (t.traded < 0.0).any(axis=1)
    return _by_day("costs", t, np.where(negative, np.inf, gap / t.scale), "costs and turnover are sums, never negative")


def _net(t: _Tables) -> RuleResult:
    shortfall = t.daily["shortfall"]
    gap = np.abs(t.daily["net"] - (t.daily["gross"] - t.daily["costs"] + shortfall))
    misplaced = (shortfall < 0.0) | ((shortfall > 0.0) & ~t.ruined)
    return _by_day("net", t, np.where(misplaced, np.inf, gap / t.scale), "net = gross - costs (+ shortfall in ruin)")


def _drift(t: _Tables) -> RuleResult:
    """w' = w (1 + r) / (1 + net), or zero where closed; a sign never flips."""
    growth = (1.0 + t.daily["net"])[:, None]
    drifted = t.start * (1.0 + np.nan_to_num(t.simple))
    gap = np.where(t.closing == 0.0, 0.0, np.abs(t.closing * growth - drifted)) / t.scale[:, None]
    vanished = (t.closing == 0.0) & (drifted != 0.0) & (t.traded == 0.0)
    gap = np.where((t.closing * t.start < 0.0) | vanished, np.inf, gap)
    return _by_cell("drift", t, gap, "holdings drift with their own return and keep their sign")


def _continuity(t: _Tables) -> RuleResult:
    """A start weight differs from the closing weight before it by no more than what was traded."""
    gap = np.maximum(np.abs(t.start - t.previous) - t.traded, 0.0) / t.scale[:, None]
    return _by_cell("continuity", t, gap, "holdings change between days only by trades")


def _solvency(t: _Tables) -> RuleResult:
    equity, idle = t.daily["equity"], t.ruined & (np.cumsum(t.ruined) > 1)
    flows = sum(np.abs(t.daily[name]) for name in ("gross", "costs", "net", "turnover", "cash"))
    broken = (equity < 0.0) | (t.ruined != (equity == 0.0)) | (idle & (flows != 0.0))
    broken |= np.concatenate([[False], t.ruined[:-1] & ~t.ruined[1:]])
    return _by_day("solvency", t, np.where(broken, np.inf, 0.0), "equity is never negative; zero exactly when ruined")


def _closing_state(t: _Tables, result: SimulationResult) -> RuleResult:
    """The state handed to the next window is the last row of the tables."""
    state, equity = result.closing, t.daily["equity"][-1]
    held = np.array([state.positions.get(symbol, 0.0) for symbol in t.symbols])
    unlisted = [value for symbol, value in state.positions.items() if symbol not in set(t.symbols)]
    gap = abs(state.equity - equity) + abs(state.cash - t.daily["cash"][-1]) + float(np.abs(np.array(unlisted)).sum())
    gap += float(np.abs(held - t.closing[-1] * equity).sum())
    last = np.zeros(len(t.dates))
    last[-1] = np.inf if (state.status == "ruined") != bool(t.ruined[-1]) else gap / t.scale[-1] / t.opening_equity[-1]
    return _by_day("closing", t, last, "closing state = last day of the tables")


def _by_day(identity: str, t: _Tables, gap: Floats, message: str) -> RuleResult:
    broken = ~(np.abs(gap) <= TOLERANCE)
    offenders = [{"identity": identity, "date": t.dates[i], "gap": float(gap[i])} for i in np.flatnonzero(broken)[:10]]
    breaches = int(broken.sum())
    return error_rule(f"{RULE}.{identity}", checked=gap.size, breaches=breaches, message=message, offenders=offenders)


def _by_cell(identity: str, t: _Tables, gap: Floats, message: str) -> RuleResult:
    broken = ~(gap <= TOLERANCE)
    offenders = [
        {"identity": identity, "date": t.dates[day], "symbol": t.symbols[column], "gap": float(gap[day, column])}
        for day, column in np.argwhere(broken)[:10]
    ]
    breaches = int(broken.any(axis=1).sum())
    return error_rule(f"{RULE}.{identity}", checked=len(gap), breaches=breaches, message=message, offenders=offenders)


def _tables(result: SimulationResult, opening: BookState) -> _Tables:
    daily = {name: result.daily[name].to_numpy(dtype=np.float64) for name in _NUMERIC}
    rows = result.contributions
    symbols = sorted({*rows["symbol"], *opening.positions})
    day = pd.Index(result.daily["date"]).get_indexer(pd.Index(rows["date"]))
    column = pd.Index(symbols, dtype=object).get_indexer(pd.Index(rows["symbol"].astype(object)))
    cells = {name: np.zeros((len(result.daily), len(symbols))) for name in _CELLS}
    flat = day * len(symbols) + column
    for name, matrix in cells.items():
        np.add.at(matrix.reshape(-1), flat, rows[name].to_numpy(dtype=np.float64))
    base = opening.equity if opening.equity > 0.0 else 1.0
    before = np.concatenate([[base], daily["equity"][:-1]])
    held = np.array([opening.positions.get(symbol, 0.0) / base for symbol in symbols])
    work = np.abs(cells["start_weight"]) * (1.0 + np.abs(np.nan_to_num(cells["return"])))
    return _Tables(
        daily=daily,
        ruined=(result.daily["status"] == "ruined").to_numpy(dtype=bool),
        opening_equity=np.where(before > 0.0, before, 1.0),
        scale=1.0 + work.sum(axis=1),
        start=cells["start_weight"],
        previous=np.concatenate([held[None, :], cells["closing_weight"][:-1]]),
        closing=cells["closing_weight"],
        traded=cells["traded"],
        contribution=cells["contribution"],
        cost=cells["cost"],
        simple=cells["return"],
        dates=[str(value)[:10] for value in result.daily["date"]],
        symbols=symbols,
    )


_NUMERIC = ("gross", "costs", "net", "turnover", "equity", "cash", "shortfall")
_CELLS = ("start_weight", "return", "traded", "contribution", "cost", "closing_weight")
