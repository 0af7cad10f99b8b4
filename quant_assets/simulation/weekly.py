"""Realising weekly books: the same loop week after week, each from the closing book of the week before."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quant_assets.errors import EmptyResult
from quant_assets.simulation.book import BookState, SimulationResult
from quant_assets.simulation.config import Costs
from quant_assets.simulation.simulate import simulate

DAYS_IN_WEEK = 7


@dataclass(frozen=True)
class RealisedWeek:
    """One week of a book: its simulation, and its frames with the column ``week`` and the closing book as JSON."""

    result: SimulationResult
    daily: pd.DataFrame
    contributions: pd.DataFrame


def realise_week(
    weights: pd.DataFrame,
    returns: pd.DataFrame,
    costs: Costs,
    opening: BookState | None,
    week: pd.Timestamp,
    open_days: pd.DatetimeIndex | None = None,
) -> RealisedWeek:
    """Hold ``weights`` (symbol, weight) from Monday ``week`` for seven days of ``returns`` (date, symbol, return).

    ``opening`` is the closing book of the week before, None for a new book. Output frames: see ``SimulationResult``.
    ``open_days``: the sessions of the week; the book trades at the start of the first of them. None: all seven days.
    Raises ``EmptyResult`` for a week without a session.
    """
    days = pd.date_range(week, periods=DAYS_IN_WEEK, freq="D") if open_days is None else open_days
    if not len(days):
        raise EmptyResult(f"the week of {week:%F} has no session: a weekly book needs at least one open day a week")
    held = np.flatnonzero(weights["weight"].to_numpy(dtype=np.float64) != 0.0)
    # A week in cash is a full rebalance to nothing: one explicit target of zero says so.
    rows = weights.iloc[held if held.size else slice(0, 1)]
    targets = pd.DataFrame({"symbol": rows["symbol"], "weight": rows["weight"], "date": days[0]})
    result = simulate(targets, returns, costs, opening, days)
    books = [""] * (len(result.daily) - 1) + [json.dumps(result.closing.to_dict(), sort_keys=True)]
    daily = result.daily.assign(week=week, closing_book=pd.array(books, dtype="str"))
    return RealisedWeek(result, daily, result.contributions.assign(week=week))


def closing_book(daily: pd.DataFrame) -> BookState:
    """The book at the end of a stored week."""
    return BookState.from_dict(json.loads(daily.sort_values("date")["closing_book"].iloc[-1]))
