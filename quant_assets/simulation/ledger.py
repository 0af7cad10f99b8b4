"""Collects simulated days into the daily and contributions tables.

Belongs here: the two tables and the names of events. Does not belong here: any arithmetic of the simulation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quant_assets.simulation.book import CONTRIBUTION_COLUMNS, DAILY_COLUMNS
from quant_assets.simulation.inputs import Days, Floats, Integers

EVENTS = ("", "halted", "realised_at_last_bar", "closed_by_ruin")
HALTED, REALISED, CLOSED_BY_RUIN = 1, 2, 3


@dataclass(frozen=True)
class DayRecord:
    """One simulated day: scalars as in the daily table, and one value per symbol of the panel."""

    gross: float
    costs: float
    net: float
    turnover: float
    equity: float
    cash: float
    ruined: bool
    shortfall: float
    start_weight: Floats
    simple_return: Floats
    traded: Floats
    contribution: Floats
    cost: Floats
    closing: Floats
    event: Integers


class Ledger:
    """Grows by one day at a time; days must be added in order."""

    def __init__(self, days: Days, symbols: tuple[str, ...]) -> None:
        self._days = days
        self._symbols = np.array(symbols, dtype=object)
        self._daily: list[tuple[float | str, ...]] = []
        self._rows: list[tuple[int, Integers, Floats, Integers]] = []

    def add(self, day: int, record: DayRecord) -> None:
        """Add one day of a book that was active at its start."""
        closing_weight = record.closing / record.equity if record.equity > 0.0 else np.zeros_like(record.closing)
        self._daily.append(
            (
                record.gross,
                record.costs,
                record.net,
                record.turnover,
                record.equity,
                record.cash,
                math.fsum(np.abs(closing_weight).tolist()),
                math.fsum(closing_weight.tolist()),
                "ruined" if record.ruined else "active",
                record.shortfall,
            )
        )
        kept = np.flatnonzero((record.start_weight != 0.0) | (record.traded != 0.0) | (record.event != 0))
        numbers = (
            record.start_weight,
            record.simple_return,
            record.traded,
            record.contribution,
            record.cost,
            closing_weight,
        )
        self._rows.append((day, kept, np.stack([column[kept] for column in numbers]), record.event[kept]))

    def add_flat_day(self, day: int) -> None:
        """Add one day of a book that was ruined before: everything is zero and stays so."""
        self._daily.append((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, "ruined", 0.0))

    def daily(self) -> pd.DataFrame:
        """The daily table, one row per day."""
        columns: dict[str, object] = dict(zip(DAILY_COLUMNS[1:], zip(*self._daily, strict=True), strict=True))
        columns["status"] = pd.array(np.array(columns["status"], dtype=object), dtype="str")
        return pd.DataFrame({"date": self._days, **columns})

    def contributions(self) -> pd.DataFrame:
        """The contributions table, ordered by date and symbol."""
        sizes = [kept.size for _, kept, _, _ in self._rows]
        day_index = np.repeat(np.array([day for day, _, _, _ in self._rows], dtype=np.int64), sizes)
        symbol_index = np.concatenate([np.empty(0, dtype=np.int64), *(kept for _, kept, _, _ in self._rows)])
        numbers = np.concatenate([np.empty((6, 0)), *(block for _, _, block, _ in self._rows)], axis=1)
        events = np.concatenate([np.empty(0, dtype=np.int64), *(event for _, _, _, event in self._rows)])
        columns: dict[str, object] = {
            "date": self._days[day_index],
            "symbol": pd.array(self._symbols[symbol_index], dtype="str"),
            **dict(zip(CONTRIBUTION_COLUMNS[2:-1], numbers, strict=True)),
            "event": pd.array(np.array(EVENTS, dtype=object)[events], dtype="str"),
        }
        return pd.DataFrame(columns)
