"""Which symbols a sleeve holds for a week, decided from the day before it, with the reason for every other symbol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quant_assets.errors import UsageError
from quant_assets.selection.clusters import ward_clusters
from quant_assets.selection.conditions import Condition, conditions, directional_score
from quant_assets.selection.config import SelectionConfig
from quant_assets.selection.inputs import (
    Week,
    monday,
    require_direction,
    returns_window,
    rows_of_day_before,
)
from quant_assets.selection.ladder import Ladder, Pool
from quant_assets.selection.vetoes import Veto, comparison_veto, join_vetoes, note_veto
from quant_assets.universe.direction import Direction

COLUMNS = (
    "date", "symbol", "direction", "score", "score_rank", "cluster", "vetoes", "outcome", "stage", "forced", "winner",
    "stage_reached", "status",
)  # fmt: skip
UNRANKED = -1
FLAT_VARIANCE = 1e-20
"""Variance of daily returns below which a series does not move at all (1e-10 a day)."""


@dataclass(frozen=True)
class SelectionResult:
    """A week's selection.

    ``frame`` has one row for each symbol of the pool, sorted by symbol: date (the Monday W), symbol, direction, score
    (raw), score_rank (1 = best among symbols that passed hygiene, -1 others), cluster (-1 others), vetoes (strict ones,
    written ``id[value<bound]``), outcome (winner, hygiene, vetoed, top_n, cluster_cap, joint_window), stage (-1 not
    accepted, 0 strict, 1 relaxed, 2 representative), forced, winner, stage_reached and status.
    ``status``: selected (floor met), below_floor, cash (an allowed empty week) or empty. ``slices`` names the newest
    date of each input.
    """

    frame: pd.DataFrame
    week: pd.Timestamp
    direction: Direction
    status: str
    stage_reached: int
    slices: Mapping[str, pd.Timestamp]

    @property
    def winners(self) -> tuple[str, ...]:
        """Winning symbols, best score first."""
        rows = self.frame[self.frame["winner"]].sort_values("score_rank")
        return tuple(map(str, rows["symbol"]))


def select(
    candidates: pd.DataFrame,
    features: pd.DataFrame,
    returns: pd.DataFrame,
    direction: Direction,
    config: SelectionConfig,
    week: Week,
    window_days: pd.DatetimeIndex | None = None,
) -> SelectionResult:
    """Select the symbols to hold W .. W+6 from ``candidates`` and ``features`` of day W-1 and ``returns`` before W.

    Columns: candidates date, symbol, passed (and vetoes, when known); features date, symbol and every feature that the
    configuration names; returns date, symbol, return. Raises ContractViolation for any row that is too new or stale,
    UsageError for a feature column that does not exist, EmptyResult for inputs without rows.
    ``window_days``: the open days of the look-back on a session calendar, the last of them in place of W-1.
    The result does not depend on the order of any input; ties are broken by symbol name.
    """
    monday_ = monday(week)
    side = require_direction(direction)
    decided = monday_ - pd.Timedelta(days=1) if window_days is None else window_days[-1]
    listed = rows_of_day_before(candidates, monday_, ["passed"], "candidates", decided)
    if listed["passed"].dtype != bool:
        raise UsageError(f"candidates: passed is {listed['passed'].dtype}, not bool; an unknown verdict is not a pass")
    figures = rows_of_day_before(features, monday_, config.features, "features", decided)
    figures = figures.reindex(listed.index)[list(config.features)].astype(float)
    reach = config.clusters.lookback_days if window_days is None else window_days
    window = returns_window(returns, listed.index, monday_, reach)

    vetoes = _hygiene(listed, figures, window, config)
    clean = [s for s in listed.index if not vetoes[s]]
    judged = figures.loc[clean]
    filters = conditions(judged, config, side)
    for condition in filters:
        for position in np.flatnonzero(condition.fails()).tolist():
            vetoes[clean[position]].append(condition.veto(position))
    pool = _pool(judged, window[clean], filters, config, side)
    ladder = Ladder(pool, config).climb()
    frame = _frame(figures[config.score.feature], vetoes, ladder, side, monday_)
    slices = {"candidates": listed["date"].max(), "features": decided}
    slices["returns"] = pd.to_datetime(returns["date"]).max()
    return SelectionResult(
        frame,
        monday_,
        side,
        str(frame["status"].iloc[0]),
        ladder.reached,
        {k: pd.Timestamp(v) for k, v in slices.items()},
    )


def _hygiene(
    listed: pd.DataFrame, figures: pd.DataFrame, window: pd.DataFrame, config: SelectionConfig
) -> dict[str, list[Veto]]:
    """Vetoes about the data of each symbol; a failed candidate is not looked at further."""
    need = config.clusters.min_days
    reasons = listed["vetoes"] if "vetoes" in listed.columns else pd.Series("", index=listed.index)
    counts, variances = window.notna().sum().to_dict(), window.var().to_dict()
    finite = np.isfinite(figures.to_numpy())
    found: dict[str, list[Veto]] = {}
    for symbol, passed, reason, known in zip(listed.index, listed["passed"], reasons, finite, strict=True):
        if not passed:
            found[symbol] = [note_veto("candidate", str(reason) or "not passed")]
            continue
        found[symbol] = [
            Veto(f"missing:{name}") for name, there in zip(figures.columns, known, strict=True) if not there
        ]
        if counts[symbol] < need:
            found[symbol].append(comparison_veto("sparse_returns", counts[symbol], "<", need))
        elif variances[symbol] <= FLAT_VARIANCE:
            found[symbol].append(comparison_veto("flat_returns", variances[symbol], "<=", FLAT_VARIANCE))
    return found


def _pool(
    figures: pd.DataFrame,
    window: pd.DataFrame,
    filters: tuple[Condition, ...],
    config: SelectionConfig,
    direction: Direction,
) -> Pool:
    """Rank, cluster and judge the symbols that passed hygiene."""
    symbols, scores = figures.index.to_numpy(dtype=object), directional_score(figures, config, direction)
    score = dict(zip(symbols, scores.tolist(), strict=True))
    strict = relaxed = forceable = np.ones(len(symbols), dtype=bool)
    for condition in filters:
        refused = condition.fails()
        strict = strict & ~refused
        relaxed = relaxed & ~condition.fails(relaxed=True)
        forceable = forceable & ~refused if condition.binding else forceable
    clusters = ward_clusters(window, config.clusters.threshold)
    return Pool(
        tuple(sorted(symbols, key=lambda symbol: (-score[symbol], symbol))),
        dict(zip(clusters.index, clusters.tolist(), strict=True)),
        frozenset(symbols[strict]),
        frozenset(symbols[relaxed]),
        frozenset(symbols[forceable & (scores >= config.relaxation.forced_min_score)]),
        dict(zip(window.columns, window.notna().to_numpy().T, strict=True)),
    )


def _frame(
    score: pd.Series, vetoes: dict[str, list[Veto]], ladder: Ladder, direction: Direction, week: pd.Timestamp
) -> pd.DataFrame:
    """One row for each symbol of the pool, sorted by symbol."""
    ranks = {symbol: rank for rank, symbol in enumerate(ladder.pool.ranked, start=1)}
    symbols = list(score.index)
    stages = [ladder.stages.get(s, UNRANKED) for s in symbols]
    frame = pd.DataFrame(
        {
            "date": pd.Series([week] * len(symbols), dtype="datetime64[us]"),
            "symbol": pd.Series(symbols, dtype="str"),
            "direction": pd.Series([direction.value] * len(symbols), dtype="str"),
            "score": score.to_numpy(dtype=float),
            "score_rank": np.array([ranks.get(s, UNRANKED) for s in symbols], dtype="int64"),
            "cluster": np.array([ladder.pool.cluster.get(s, UNRANKED) for s in symbols], dtype="int64"),
            "vetoes": pd.Series([join_vetoes(vetoes[s]) for s in symbols], dtype="str"),
            "outcome": pd.Series([_outcome(s, vetoes[s], ladder) for s in symbols], dtype="str"),
            "stage": np.array(stages, dtype="int64"),
            "forced": np.array([stage == 2 for stage in stages]),
            "winner": np.array([stage >= 0 for stage in stages]),
            "stage_reached": np.full(len(symbols), ladder.reached, dtype="int64"),
        }
    )
    frame["status"] = pd.Series([_status(ladder)] * len(frame), dtype="str")
    return frame[list(COLUMNS)]


def _outcome(symbol: str, vetoes: list[Veto], ladder: Ladder) -> str:
    """Why the symbol is where it is, in one word."""
    if symbol in ladder.stages:
        return "winner"
    if any(v.hygiene for v in vetoes):
        return "hygiene"
    return "vetoed" if vetoes else ladder.refusals[symbol]


def _status(ladder: Ladder) -> str:
    """State of the week; cash is only honest when there was something to measure and the profile allows it."""
    if len(ladder.stages) >= ladder.config.floor:
        return "selected"
    if ladder.stages:
        return "below_floor"
    return "cash" if ladder.config.on_empty == "cash" and ladder.pool.ranked else "empty"
