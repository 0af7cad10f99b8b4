"""How a meta-portfolio divides its capital among its members for one week.

Belongs here: look-back, who is alive, bounds, and the table of the decision. The optimisers live in the allocation
room; here the streams are the members' daily net returns, held long only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from quant_assets.errors import ContractViolation, EmptyResult
from quant_assets.meta.config import MetaConfig, check_bounds
from quant_assets.meta.engines import bounds_are_forced, stream_weights
from quant_assets.meta.join import RUINED, JoinedReturns, join_members, lookback_window, ruined_members

LIVE = "live"
IDLE = "idle"
BOUND_TOUCH = 1e-6
WEIGHT_COLUMNS = (
    "member",
    "weight",
    "status",
    "engine",
    "solver_status",
    "bound",
    "forced",
    "observations",
    "first_date",
    "last_date",
)
Engine = Callable[[str, pd.DataFrame, float, float], tuple[pd.Series, str]]


def meta_weights(
    member_returns: pd.DataFrame, config: MetaConfig, week: pd.Timestamp, engine: Engine = stream_weights
) -> pd.DataFrame:
    """Share of the capital of each member for the week that begins on ``week`` (a Monday).

    ``member_returns``: long frame member, date, net (simple daily net return), status; only days before ``week``.
    Weights are >= 0 and sum to 1 over the live members, each inside [min_weight, max_weight]. A member whose newest
    status is ``ruined`` has no capital left to manage: its weight is 0 and its status here says ``ruined``. A member
    whose returns did not move at all in the look-back (it was in cash) has shown nothing to measure: it is ``idle``,
    gets the even share 1/n, and the engine divides the rest among the others.

    Returns one row per configured member, in the configured order: member, weight, status (live, idle, ruined), engine,
    solver_status, bound ('' or the bound it sits on: min, max), forced (the bounds leave only one allocation),
    observations (joint days used), first_date, last_date of those days.

    Raises:
        ContractViolation: data at or after ``week``; fewer than two live members (one when ``single``).
        EmptyResult: no common history, or less than ``min_history_weeks`` of it.
        UsageError: bounds that the live members cannot satisfy.
    """
    window = lookback_window(member_returns, week, config.lookback_weeks)
    ruined = ruined_members(window, week, config.members)
    live = tuple(m for m in config.members if m not in ruined)
    _require_live(live, ruined, config, week)
    check_bounds(len(live), config.min_weight, config.max_weight, config.name)
    joined = join_members(window, week, config.lookback_weeks, live)
    _require_history(joined, config, week)
    idle = tuple(m for m in live if float(joined.returns[m].abs().max()) == 0.0)
    weights, solver_status = _divide(config, joined.returns, idle, engine)
    return _decision(config, weights, solver_status, joined, ruined, idle)


def _divide(config: MetaConfig, returns: pd.DataFrame, idle: tuple[str, ...], engine: Engine) -> tuple[pd.Series, str]:
    """Even shares for idle members, the engine's shares of the rest for the others, bounds kept on the whole."""
    count = returns.shape[1]
    even = pd.Series(1.0 / count, index=returns.columns)
    moving = [m for m in returns.columns if m not in idle]
    if not moving:
        return even, IDLE
    rest = len(moving) / count
    bounds = config.min_weight / rest, min(config.max_weight / rest, 1.0)
    shares, status = engine(config.engine, returns[moving], *bounds)
    return pd.concat([even[list(idle)], shares * rest]), status


def _require_live(live: tuple[str, ...], ruined: tuple[str, ...], config: MetaConfig, week: pd.Timestamp) -> None:
    needed = 1 if config.single else 2
    if len(live) < needed:
        raise ContractViolation(
            f"L4.COMPLETE: meta {config.name} has {len(live)} live members for week {week:%Y-%m-%d}, needs {needed} "
            f"(ruined: {', '.join(ruined) or 'none'}); replace the ruined members or declare `single: true`"
        )


def _require_history(joined: JoinedReturns, config: MetaConfig, week: pd.Timestamp) -> None:
    needed = config.min_history_weeks * 7
    first = joined.returns.index.min()
    span = (week - first).days
    if span < needed:
        earliest = first + pd.Timedelta(days=needed)
        raise EmptyResult(
            f"meta {config.name}, week {week:%Y-%m-%d}: the members share {span} days of history (from "
            f"{first:%Y-%m-%d}), needs {needed}; the first possible week is the Monday on or after {earliest:%Y-%m-%d}"
        )


def _decision(
    config: MetaConfig,
    weights: pd.Series,
    solver_status: str,
    joined: JoinedReturns,
    ruined: tuple[str, ...],
    idle: tuple[str, ...],
) -> pd.DataFrame:
    """The table of the decision, ruined members included with weight 0."""
    shares = np.array([0.0 if m in ruined else float(weights[m]) for m in config.members])
    live = np.array([m not in ruined for m in config.members])
    frame = pd.DataFrame({"member": pd.Series(config.members, dtype="str"), "weight": shares})
    resting = np.array([m in idle for m in config.members])
    frame["status"] = pd.Series(np.where(resting, IDLE, np.where(live, LIVE, RUINED)), dtype="str")
    frame["engine"] = config.engine
    frame["solver_status"] = pd.Series(np.where(live, solver_status, RUINED), dtype="str")
    touched = np.where(
        shares >= config.max_weight - BOUND_TOUCH, "max", np.where(shares <= config.min_weight + BOUND_TOUCH, "min", "")
    )
    frame["bound"] = pd.Series(np.where(live, touched, ""), dtype="str")
    frame["forced"] = bounds_are_forced(int(live.sum()), config.min_weight, config.max_weight)
    frame["observations"] = len(joined.returns)
    frame["first_date"] = joined.returns.index.min()
    frame["last_date"] = joined.returns.index.max()
    return frame.loc[:, list(WEIGHT_COLUMNS)]
