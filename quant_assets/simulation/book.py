"""The state of a book between two windows, and the result of simulating one.

Belongs here: frozen value types. Does not belong here: any arithmetic of the simulation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Literal, cast

import pandas as pd

from quant_assets.errors import UsageError

Status = Literal["active", "ruined"]
STATE_TOLERANCE = 1e-9
DAILY_COLUMNS = (
    "date",
    "gross",
    "costs",
    "net",
    "turnover",
    "equity",
    "cash",
    "gross_exposure",
    "net_exposure",
    "status",
    "shortfall",
)
CONTRIBUTION_COLUMNS = (
    "date",
    "symbol",
    "start_weight",
    "return",
    "traded",
    "contribution",
    "cost",
    "closing_weight",
    "event",
)


@dataclass(frozen=True)
class BookState:
    """A book at a day's end: ``cash + sum(positions) = equity``, in the same money unit.

    ``positions`` maps a symbol to its signed notional at its last price (a short is negative; its proceeds are in
    ``cash``). ``status`` is ``active`` or ``ruined``; a ruined book has no equity, no cash and no position, and
    ``ruined_on`` says since when.
    """

    equity: float = 1.0
    cash: float = 1.0
    positions: Mapping[str, float] = field(default_factory=dict)
    status: Status = "active"
    ruined_on: date | None = None

    def __post_init__(self) -> None:
        held = {symbol: float(self.positions[symbol]) for symbol in sorted(self.positions)}
        object.__setattr__(self, "positions", MappingProxyType(held))
        _require_consistent(self)

    @classmethod
    def start(cls, equity: float = 1.0) -> BookState:
        """A new book that is all cash."""
        return cls(equity=equity, cash=equity)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; ``from_dict`` restores the state exactly (floats round-trip)."""
        return {
            "equity": self.equity,
            "cash": self.cash,
            "positions": dict(self.positions),
            "status": self.status,
            "ruined_on": None if self.ruined_on is None else self.ruined_on.isoformat(),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> BookState:
        """Restore a state written by ``to_dict``; a missing, unknown or inconsistent entry is a ``UsageError``."""
        expected = {"equity", "cash", "positions", "status", "ruined_on"}
        if set(record) != expected:
            raise UsageError(
                f"book state has entries {sorted(record)}, expected {sorted(expected)}: "
                "store what BookState.to_dict returned, or start a new book with opening=None"
            )
        ruined_on = record["ruined_on"]
        return cls(
            equity=float(record["equity"]),
            cash=float(record["cash"]),
            positions={str(symbol): float(value) for symbol, value in record["positions"].items()},
            status=cast("Status", record["status"]),
            ruined_on=None if ruined_on is None else date.fromisoformat(ruined_on),
        )


@dataclass(frozen=True)
class SimulationResult:
    """What a simulated window produced.

    ``daily`` has ``DAILY_COLUMNS``, one row per day. gross, costs, net, turnover and shortfall are fractions of the
    day's opening equity; equity and cash are money at the day's end; gross_exposure and net_exposure are fractions
    of equity at the day's end. ``net = gross - costs + shortfall``, and shortfall is zero except on the day of ruin.

    ``contributions`` has ``CONTRIBUTION_COLUMNS``, one row per day and symbol that was held, traded or had an event:
    start_weight (after the trades at the start of the day), traded (absolute notional, opening and closing trades),
    contribution (start_weight x return) and cost (trading and borrow) are fractions of the day's opening equity;
    closing_weight is a fraction of the day's closing equity; return is NaN on a day without one. event is '',
    'halted', 'realised_at_last_bar' or 'closed_by_ruin'.

    ``closing`` is the state to hand to the next window as ``opening``.
    """

    daily: pd.DataFrame
    contributions: pd.DataFrame
    closing: BookState


def _require_consistent(state: BookState) -> None:
    """Refuse a state that no simulation could have left behind."""
    numbers = [state.equity, state.cash, *state.positions.values()]
    if not all(math.isfinite(number) for number in numbers):
        raise UsageError("book state holds a value that is not finite: rebuild it from the window before")
    if state.status == "ruined":
        if state.equity != 0.0 or state.cash != 0.0 or state.positions or state.ruined_on is None:
            raise UsageError("a ruined book has zero equity, zero cash, no positions and a date of ruin")
        return
    if state.status != "active" or state.ruined_on is not None:
        raise UsageError(f"book status {state.status!r} with ruined_on {state.ruined_on}: expected active and None")
    if state.equity <= 0.0:
        raise UsageError(f"an active book needs positive equity, not {state.equity}: start it with some money")
    scale = max(state.equity, sum(abs(value) for value in state.positions.values()))
    gap = state.cash + math.fsum(state.positions.values()) - state.equity
    if abs(gap) > STATE_TOLERANCE * scale:
        raise UsageError(f"book state does not add up: cash + positions - equity = {gap}; rebuild it")
