"""The reference simulation: a book of signed notionals and cash, day by day, with wealth-based drift.

Each day: (1) on a rebalance date the book trades to its targets at the previous close, paying fee and slippage on
the traded notional from cash; (2) positions earn the day's return; (3) shorts pay borrow; (4) positions whose market
ends are closed with costs; (5) equity at or below zero is ruin. With ``V`` the opening equity and ``w`` the weights
after trading: ``gross = sum(w r)``, ``net = gross - costs``, ``V' = V (1 + net)``. Positions drift with their own
return, so ``w' = w (1 + r) / (1 + net)`` with cash included: signs are kept and nothing is clipped or renormalised.
Sums are exactly rounded (``math.fsum``), so neither the order nor the number of other symbols changes a bit.

Belongs here: the loop. Does not belong here: input checks (inputs), forced exits (exits), tables (ledger).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quant_assets.simulation.book import BookState, SimulationResult
from quant_assets.simulation.config import Costs
from quant_assets.simulation.exits import ExitPlan, plan_exits
from quant_assets.simulation.inputs import DayList, Flags, Floats, Panel, build_panel
from quant_assets.simulation.ledger import CLOSED_BY_RUIN, HALTED, REALISED, DayRecord, Ledger


@dataclass(frozen=True)
class _Trade:
    """The book just after the trades at the start of a day; weights and traded are fractions of opening equity."""

    weights: Floats
    notionals: Floats
    traded: Floats
    unfilled: Flags


def simulate(
    targets: pd.DataFrame, returns: pd.DataFrame, costs: Costs, opening: BookState | None, days: DayList
) -> SimulationResult:
    """Simulate the days of one or many holding windows.

    ``targets`` (date, symbol, weight): signed fractions of equity to hold from the start of that date. A date that
    is present is a full rebalance: absent symbols go to zero. Every date must be one of ``days``.
    ``returns`` (date, symbol, return[, flag]): simple returns; rows outside ``days`` and of symbols that are neither
    held nor targeted are ignored. A missing row is a day without trading; a row with NaN ends what was held before.
    ``opening`` is the closing state of the window before, or None for a new book of 1.0 in cash.
    ``days``: the days to simulate, increasing; all must be closed days (data of the window is complete).

    A target in a symbol without any bar in its holding window is an order that no market can fill: the weight stays
    in cash at no cost and the contributions show it as 'realised_at_last_bar' with start_weight 0.
    A ruined opening book stays flat with status 'ruined', whatever the targets say.

    Raises ``UsageError`` for malformed input and ``EmptyResult`` when there is nothing to simulate.
    """
    state = BookState.start() if opening is None else opening
    panel = build_panel(targets, returns, state, days, new_book=opening is None)
    exits = plan_exits(panel)
    ledger = Ledger(panel.days, panel.symbols)
    equity, cash, ruined_on = state.equity, state.cash, state.ruined_on
    positions = np.array([state.positions.get(symbol, 0.0) for symbol in panel.symbols], dtype=np.float64)
    for day in range(panel.days.size):
        if ruined_on is not None:
            ledger.add_flat_day(day)
            continue
        record = _simulate_day(panel, exits, day, equity, positions, costs)
        ledger.add(day, record)
        equity, cash, positions = record.equity, record.cash, record.closing
        ruined_on = panel.days[day].astype("datetime64[D]").item() if record.ruined else None
    held = {symbol: float(value) for symbol, value in zip(panel.symbols, positions, strict=True) if value != 0.0}
    closing = BookState(equity, cash, held, "active" if ruined_on is None else "ruined", ruined_on)
    return SimulationResult(ledger.daily(), ledger.contributions(), closing)


def _simulate_day(panel: Panel, exits: ExitPlan, day: int, equity: float, positions: Floats, costs: Costs) -> DayRecord:
    """One day of an active book, from its opening positions to its closing state."""
    trade = _open_trades(panel, exits.no_market[day], day, equity, positions)
    has_return = np.isfinite(panel.returns[day])
    simple = np.where(has_return, panel.returns[day], 0.0)
    contribution = trade.weights * simple
    values = trade.notionals * (1.0 + simple)
    traded = trade.traded
    borrow = costs.daily_borrow * np.maximum(-trade.weights, 0.0)
    held = trade.weights != 0.0
    closed = held & exits.last_bar[day]
    traded = traded + np.where(closed, np.abs(values), 0.0) / equity
    gross, cost = _total(contribution), costs.trade_rate * traded + borrow
    ruined = 1.0 + (gross - _total(cost)) <= 0.0
    event = np.where(held & ~has_return, HALTED, 0)
    event = np.where(closed | trade.unfilled, REALISED, event)
    if ruined:
        traded = traded + np.where(held & ~closed, np.abs(values), 0.0) / equity
        cost = costs.trade_rate * traded + borrow
        event = np.where(held, CLOSED_BY_RUIN, event)
        closed = held
    total_cost = _total(cost)
    net = -1.0 if ruined else gross - total_cost
    closing = np.where(closed, 0.0, values)
    cash = _closing_cash(equity, trade.notionals, np.where(closed, values, 0.0), total_cost)
    return DayRecord(
        gross=gross,
        costs=total_cost,
        net=net,
        turnover=_total(traded),
        equity=equity * (1.0 + net),
        cash=0.0 if ruined else cash,
        ruined=ruined,
        shortfall=max(total_cost - gross - 1.0, 0.0) if ruined else 0.0,
        start_weight=trade.weights,
        simple_return=panel.returns[day],
        traded=traded,
        contribution=contribution,
        cost=cost,
        closing=closing,
        event=event,
    )


def _open_trades(panel: Panel, no_market: Flags, day: int, equity: float, positions: Floats) -> _Trade:
    """Trade to the targets of the day, if it has any; close what has no market and leave its orders unfilled."""
    drifted = positions / equity
    row = int(panel.rebalance[day])
    wanted = drifted if row < 0 else panel.targets[row]
    unfilled = no_market & ((wanted != 0.0) | (positions != 0.0))
    weights = np.where(no_market, 0.0, wanted)
    notionals = np.where(no_market, 0.0, positions if row < 0 else weights * equity)
    return _Trade(weights, notionals, np.abs(weights - drifted), unfilled)


def _closing_cash(equity: float, held: Floats, proceeds: Floats, costs: float) -> float:
    """Cash by its flows: what the trades at the start left, less costs, plus what closed positions brought.

    It starts from the opening equity and not from the cash of the day before, so rounding never adds up over days.
    """
    return math.fsum([equity, -costs * equity, *(-held).tolist(), *proceeds.tolist()])


def _total(values: Floats) -> float:
    return math.fsum(values.tolist())
