"""The same books through vectorbt: equal to the reference loop to 1e-12, and refused where they cannot be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from quant_assets.errors import ContractViolation, UsageError
from quant_assets.simulation import vectorbt_adapter
from quant_assets.simulation.config import Costs
from quant_assets.simulation.simulate import simulate
from quant_assets.simulation.vectorbt_adapter import simulate_with_vectorbt

from .books import COSTLY, Market, days_from, one_target, return_rows

Floats = npt.NDArray[np.float64]
COSTS = Costs(fee=0.001, slippage=0.0005, annualisation_days=365.0)
BOOKS: dict[str, Callable[[Floats], Floats]] = {
    "long": np.abs,
    "short": lambda w: -np.abs(w),
    "long-short": lambda w: w,
}


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(20, 8, 41)


@pytest.mark.parametrize("book", BOOKS)
def test_both_engines_give_the_same_book(book: str, market: Market) -> None:
    weights = BOOKS[book](market.weights)
    reference = market.run(weights, COSTS).daily
    other = simulate_with_vectorbt(market.targets(weights), market.returns, COSTS, market.days)
    assert (other["date"] == reference["date"]).all()
    assert np.abs(other["equity"] / reference["equity"] - 1.0).max() <= 1e-12
    assert np.abs(other["net"] - reference["net"]).max() <= 1e-12
    assert np.abs((other["cash"] - reference["cash"]) / reference["equity"]).max() <= 1e-12


def test_what_vectorbt_cannot_represent_is_refused(market: Market) -> None:
    with pytest.raises(UsageError, match="borrow"):
        simulate_with_vectorbt(market.targets(), market.returns, COSTLY, market.days)
    with pytest.raises(UsageError, match="runs out of cash"):
        simulate_with_vectorbt(market.targets(market.weights / 0.99), market.returns, COSTS, market.days)
    with pytest.raises(UsageError, match="complete window"):
        simulate_with_vectorbt(market.targets(), market.returns.iloc[:-1], COSTS, market.days)


def test_a_cash_starved_order_is_reported_not_hidden() -> None:
    """Covering a short that doubled costs more in fees than the 1 % buffer of what is left: vectorbt cuts an order."""
    targets = pd.concat([one_target("2024-01-01", A=-0.9), one_target("2024-01-02", B=0.99)])
    returns = return_rows("2024-01-01", A=[1.0, 0.0], B=[0.0, 0.0])
    days = days_from("2024-01-01", 2)
    assert simulate(targets, returns, COSTS, None, days).closing.status == "active"
    with pytest.raises(ContractViolation, match="cash buffer"):
        simulate_with_vectorbt(targets, returns, COSTS, days)


def test_the_fill_check_itself_can_fail() -> None:
    held, wanted = np.array([[0.5, 0.2]]), np.array([[0.5, 0.3]])
    with pytest.raises(ContractViolation, match=r"1\.00e-01"):
        vectorbt_adapter._require_filled(held, wanted, np.array([1.0]))
