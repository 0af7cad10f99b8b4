"""Costs are typed, bounded, and state their day count."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from quant_assets.simulation.config import Costs


def test_the_day_count_is_never_implied() -> None:
    with pytest.raises(ValidationError, match="annualisation_days"):
        Costs()  # type: ignore[call-arg]  # the missing argument is the point


def test_rates_are_derived_from_the_fields() -> None:
    costs = Costs(fee=0.002, slippage=0.001, borrow=0.365, annualisation_days=365.0)
    assert costs.trade_rate == pytest.approx(0.003) and costs.daily_borrow == pytest.approx(0.001)


@pytest.mark.parametrize("wrong", [{"fee": -0.1}, {"fee": 1.0}, {"slippage": float("nan")}, {"borow": 0.1}])
def test_impossible_or_unknown_values_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Costs(annualisation_days=365.0, **wrong)
