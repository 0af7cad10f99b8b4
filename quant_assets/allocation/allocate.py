"""Weights of a sleeve for a week: winners to streams, to stream weights, to signed net weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from quant_assets.allocation.bounds import clean, is_forced
from quant_assets.allocation.config import AllocationConfig
from quant_assets.allocation.covariance import Covariance, shrunk_covariance
from quant_assets.allocation.hrp import hrp_weights
from quant_assets.allocation.min_variance import duality_gap, min_variance
from quant_assets.allocation.streams import clipped_days, synthetic_longs
from quant_assets.errors import ContractViolation, EmptyResult, QuantError
from quant_assets.selection.inputs import Week, monday, require_direction, returns_window
from quant_assets.universe.direction import Direction

Floats = npt.NDArray[np.float64]
COLUMNS = ("date", "atom", "symbol", "direction", "stream_weight", "net_weight", "engine", "status", "invested")


@dataclass(frozen=True)
class Diagnostics:
    """How the weights came about; every figure of the week's allocation that a person may ask for.

    ``shrinkage``, ``extra_shrinkage`` and ``condition`` describe the daily covariance; ``solver_status`` is ``optimal``
    for a solve, ``closed_form`` without one; ``forced``: the cap left one portfolio only; ``effective_n`` is
    1 / sum(w^2) of the weights scaled to 1; ``gap`` bounds the relative distance to the optimum (NaN unless minimum
    variance); ``correction`` is the largest change made to remove solver noise; ``clipped`` counts days on which the
    short clip acted.
    """

    n: int
    cap: float
    observations: int
    shrinkage: float
    extra_shrinkage: float
    condition: float
    solver_status: str
    forced: bool
    invested: float
    effective_n: float
    gap: float
    correction: float
    clipped: int


@dataclass(frozen=True)
class AllocationResult:
    """A week's weights.

    ``frame`` has one row for each atom, sorted: date (the Monday W), atom, symbol, direction, stream_weight (>= 0),
    net_weight (signed), engine, status and invested (sum of stream weights). ``status``: optimal, forced (the cap left
    no choice), partial_cash (the cap allows n x cap only) or cash (an allowed empty week: all weights 0).
    ``streams`` and ``covariance`` are what the engine saw, for the rules: days x atoms of the whole look-back (NaN
    where a return is missing; only days without NaN were used) and the n x n matrix.
    """

    frame: pd.DataFrame
    diagnostics: Diagnostics
    streams: pd.DataFrame
    covariance: Floats
    newest_return: pd.Timestamp


def allocate(
    returns: pd.DataFrame,
    winners: Sequence[str],
    direction: Direction,
    config: AllocationConfig,
    week: Week,
    window_days: pd.DatetimeIndex | None = None,
) -> AllocationResult:
    """Weigh ``winners`` for week W from the long frame ``returns`` (date, symbol, return; all before W).

    ``window_days``: the open days of the look-back on a session calendar; None where every day is open.
    The order of ``winners`` and of the rows does not matter. Raises EmptyResult without winners, ContractViolation for
    a date >= W, a repeated winner or too few joint observations, QuantError when the cap leaves no portfolio (and
    ``cap_relief`` is ``error``), when the covariance stays ill conditioned, and when an engine does not converge.
    """
    start, side = monday(week), require_direction(direction)
    symbols = _distinct(winners, start)
    window = returns_window(returns, symbols, start, config.lookback_days if window_days is None else window_days)
    joint = _joint(window, config, start)
    streams = synthetic_longs(window, side)
    invested, status = _investable(len(symbols), config, start)
    covariance = shrunk_covariance(streams.loc[joint], config.condition_limit, config.shrinkage_ladder)
    raw, solver = _solve(covariance.matrix, list(streams.columns), invested, status, config)
    weights, correction = clean(raw, config.cap, invested)
    frame = _frame(symbols, streams, weights, side, config, status, start, invested)
    diagnostics = _diagnostics(
        weights, covariance, config, solver, status, invested, correction, clipped_days(window, side)
    )
    newest = pd.Timestamp(pd.to_datetime(returns["date"]).max())
    return AllocationResult(frame, diagnostics, streams, covariance.matrix, newest)


def cash_frame(symbols: Sequence[str], direction: Direction, config: AllocationConfig, week: Week) -> pd.DataFrame:
    """The weights of a recorded cash week: weight 0 for each symbol of the pool, status ``cash``, invested 0.

    Raises EmptyResult without symbols: a cash week needs a pool that was looked at.
    """
    start, side = monday(week), require_direction(direction)
    names = _distinct(symbols, start)
    streams = synthetic_longs(pd.DataFrame(columns=pd.Index(names, dtype="str"), dtype=float), side)
    return _frame(names, streams, np.zeros(len(names)), side, config, "cash", start, 0.0)


def _distinct(winners: Sequence[str], week: pd.Timestamp) -> list[str]:
    """Sorted winners; sorting is what makes ties fall by name."""
    symbols = sorted(map(str, winners))
    if not symbols:
        raise EmptyResult(
            f"week {week:%F}: no winners to allocate; a cash week is declared by selection on_empty: cash"
        )
    repeated = sorted({s for s in symbols if symbols.count(s) > 1})
    if repeated:
        raise ContractViolation(f"week {week:%F}: winners given twice: {', '.join(repeated)}")
    return symbols


def _joint(window: pd.DataFrame, config: AllocationConfig, week: pd.Timestamp) -> pd.Series:
    """Days on which every symbol has a return; raises ContractViolation naming the symbols that leave too few."""
    need, counts = config.min_observations, window.notna().sum()
    thin = [f"{s} ({int(c)})" for s, c in counts.items() if c < need]
    joint = window.notna().all(axis=1)
    if thin or joint.sum() < need:
        worst = thin or [f"{s} ({int(c)})" for s, c in counts.sort_values(kind="stable").head(3).items()]
        raise ContractViolation(
            f"L1.DENSITY: week {week:%F}: {int(joint.sum())} joint observations in {config.lookback_days} days, "
            f"{need} needed; fewest returns: {', '.join(worst)}. Raise the density bar of the selection"
        )
    return joint


def _investable(count: int, config: AllocationConfig, week: pd.Timestamp) -> tuple[float, str]:
    """(sum of stream weights, status) that the cap allows for this many atoms."""
    room = count * config.cap
    if room < config.invested - 1e-12:
        if config.cap_relief == "error":
            raise QuantError(
                f"L3.WEIGHTS: week {week:%F}: {count} atoms x cap {config.cap:g} = {room:g} cannot hold "
                f"{config.invested:g}; raise the cap or the floor, or declare cap_relief: cash"
            )
        return room, "partial_cash"
    return config.invested, "forced" if is_forced(count, config.cap, config.invested) else "optimal"


def _solve(
    covariance: Floats, atoms: list[str], invested: float, status: str, config: AllocationConfig
) -> tuple[Floats, str]:
    """Raw weights and solver status of the configured engine; a forced portfolio needs no engine."""
    if config.engine == "equal_weight" or status != "optimal":
        return np.full(len(atoms), invested / len(atoms)), "closed_form"
    if config.engine == "hrp":
        return hrp_weights(covariance, atoms, config.cap, invested, config.hrp), "closed_form"
    return min_variance(covariance, config.cap, invested)


def _frame(
    symbols: list[str],
    streams: pd.DataFrame,
    weights: Floats,
    direction: Direction,
    config: AllocationConfig,
    status: str,
    week: pd.Timestamp,
    invested: float,
) -> pd.DataFrame:
    """One row for each atom; a zero net weight is +0.0 for both directions."""
    count = len(symbols)
    return pd.DataFrame(
        {
            "date": pd.Series([week] * count, dtype="datetime64[us]"),
            "atom": pd.Series(list(streams.columns), dtype="str"),
            "symbol": pd.Series(symbols, dtype="str"),
            "direction": pd.Series([direction.value] * count, dtype="str"),
            "stream_weight": weights,
            "net_weight": direction.sign * config.gross * weights + 0.0,
            "engine": pd.Series([config.engine] * count, dtype="str"),
            "status": pd.Series([status] * count, dtype="str"),
            "invested": np.full(count, invested),
        }
    )[list(COLUMNS)]


def _diagnostics(
    weights: Floats,
    covariance: Covariance,
    config: AllocationConfig,
    solver: str,
    status: str,
    invested: float,
    correction: float,
    clipped: int,
) -> Diagnostics:
    """Figures of one allocation."""
    certified = config.engine == "min_variance"
    return Diagnostics(
        n=len(weights),
        cap=config.cap,
        observations=covariance.observations,
        shrinkage=covariance.shrinkage,
        extra_shrinkage=covariance.extra_shrinkage,
        condition=covariance.condition,
        solver_status=solver,
        forced=status in ("forced", "partial_cash"),
        invested=invested,
        effective_n=float(weights.sum() ** 2 / (weights @ weights)),
        gap=duality_gap(weights, covariance.matrix, config.cap, invested) if certified else float("nan"),
        correction=correction,
        clipped=clipped,
    )
