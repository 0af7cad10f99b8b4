"""The same book through vectorbt: a second, independent engine to compare the reference loop with.

Prices start at 1.0 the day before the first and follow the returns; each rebalance is a set of target-percent market
orders at the previous close, sells first (``call_seq='auto'``), cash shared by all symbols. vectorbt refuses or cuts
orders that the cash cannot pay, so targets must leave a cash buffer of 1 % of equity: more is refused here, and
any order that vectorbt did not fill in full is an error, never a silently different book.

Does not belong here: halts, delistings, ruin and borrow, which vectorbt does not model as the reference does.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from quant_assets.errors import ContractViolation, UsageError
from quant_assets.simulation.book import BookState
from quant_assets.simulation.config import Costs
from quant_assets.simulation.inputs import DayList, Floats, Panel, build_panel

CASH_BUFFER = 0.01
FILL_TOLERANCE = 1e-9


def simulate_with_vectorbt(targets: pd.DataFrame, returns: pd.DataFrame, costs: Costs, days: DayList) -> pd.DataFrame:
    """Daily date, net, equity and cash of a new book of 1.0, simulated by vectorbt; frames as in ``simulate``.

    Raises ``UsageError`` for what this engine cannot represent (borrow, missing returns, a return of -100 %, gross
    weights above 99 %) and ``ContractViolation`` when vectorbt did not fill an order in full.
    """
    panel = build_panel(targets, returns, BookState.start(), days, new_book=True)
    _require_representable(panel, costs)
    prices = np.vstack([np.ones(len(panel.symbols)), np.cumprod(1.0 + panel.returns, axis=0)])
    equity, cash = _run(prices, _orders(panel), costs.trade_rate)
    net = equity[1:] / equity[:-1] - 1.0
    return pd.DataFrame({"date": panel.days, "net": net, "equity": equity[1:], "cash": cash[:-1]})


def _require_representable(panel: Panel, costs: Costs) -> None:
    if costs.borrow:
        raise UsageError("vectorbt does not charge borrow: set borrow to 0 for this comparison")
    if not (np.isfinite(panel.returns).all() and np.all(panel.returns > -1.0)):
        raise UsageError("vectorbt needs a return above -100 % for every symbol and day: choose a complete window")
    gross = np.abs(panel.targets).sum(axis=1)
    if np.any(gross > 1.0 - CASH_BUFFER + FILL_TOLERANCE):
        raise UsageError(
            f"gross weights reach {gross.max():.4f}: above {1.0 - CASH_BUFFER} vectorbt runs out of cash "
            "and would trade a different book; scale the targets"
        )


def _orders(panel: Panel) -> Floats:
    """Target fractions (T + 1, N), NaN where nothing trades; row t is the close before day t."""
    orders = np.full((panel.days.size + 1, len(panel.symbols)), np.nan)
    traded = np.flatnonzero(panel.rebalance >= 0)
    orders[traded] = panel.targets[panel.rebalance[traded]]
    return orders


def _run(prices: Floats, orders: Floats, rate: float) -> tuple[Floats, Floats]:
    """Equity (T + 1,) before and cash (T + 1,) after the orders of each row.

    vectorbt trades at the end of a row; the reference counts the same trades to the start of the next day.
    """
    import vectorbt as vbt

    portfolio = vbt.Portfolio.from_orders(
        pd.DataFrame(prices),
        size=pd.DataFrame(orders),
        size_type="targetpercent",
        direction="both",
        fees=rate,
        init_cash=1.0,
        cash_sharing=True,
        group_by=True,
        call_seq="auto",
        freq="1D",
    )
    records = portfolio.orders.values
    fees = np.bincount(records["idx"], weights=records["fees"], minlength=len(orders))
    equity = portfolio.value().to_numpy(dtype=np.float64) + fees
    _require_filled(portfolio.assets().to_numpy(dtype=np.float64) * prices, orders, equity)
    return equity, portfolio.cash().to_numpy(dtype=np.float64)


def _require_filled(held: Floats, orders: Floats, equity_before_costs: Floats) -> None:
    """Each order left the holding it asked for: a fraction of the equity before its costs."""
    for row in np.flatnonzero(np.isfinite(orders).any(axis=1)):
        gap = np.abs(held[row] / equity_before_costs[row] - orders[row]).max()
        if not gap <= FILL_TOLERANCE:
            raise ContractViolation(
                f"vectorbt left a holding {gap:.2e} of equity away from its target at the start of day {row + 1}: "
                "the cash buffer did not pay for all orders and their costs; lower the gross weights"
            )
