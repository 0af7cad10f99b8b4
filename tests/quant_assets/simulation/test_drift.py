"""The closed form is itself checked: by hand, against brute force, and against its own limits."""

from __future__ import annotations

import numpy as np
import pytest

from quant_assets.errors import UsageError
from quant_assets.simulation.drift import buy_and_hold_returns, buy_and_hold_value, exit_weights


def test_value_by_hand() -> None:
    value = buy_and_hold_value([0.5, -0.5], [[0.1, 0.2], [0.0, -0.5]], entry_cost=0.01)
    assert value == pytest.approx([0.99 + 0.05 - 0.1, 0.99 + 0.05 + 0.5 - 0.5 * 1.2 * 0.5], abs=1e-15)


def test_weights_drift_by_wealth_and_with_cash_sum_to_one() -> None:
    weights, simple = np.array([0.7, -0.4, 0.2]), np.array([[0.1, -0.2, 0.3], [0.05, 0.4, -0.1]])
    for row in simple:
        book_return = float(weights @ row)
        step = exit_weights(weights, row[None, :])
        assert step == pytest.approx(weights * (1 + row) / (1 + book_return), abs=1e-15)
        assert (np.sign(step) == np.sign(weights)).all()
        weights = step
    assert weights == pytest.approx(exit_weights([0.7, -0.4, 0.2], simple), abs=1e-15)


def test_returns_compound_to_the_value() -> None:
    simple = np.random.default_rng(1).normal(0, 0.05, (20, 5))
    daily = buy_and_hold_returns(np.full(5, -0.2), simple)
    assert np.prod(1 + daily) == pytest.approx(buy_and_hold_value(np.full(5, -0.2), simple)[-1], rel=1e-14)


@pytest.mark.parametrize(
    ("weights", "simple"), [([0.5], [[0.1, 0.2]]), ([np.nan], [[0.1]]), ([0.5], [[np.nan]]), ([0.5], [0.1])]
)
def test_what_has_no_closed_form_is_refused(weights: list[float], simple: list[list[float]]) -> None:
    with pytest.raises(UsageError):
        buy_and_hold_value(weights, simple)


def test_returns_after_ruin_are_refused() -> None:
    with pytest.raises(UsageError, match="worth nothing"):
        buy_and_hold_returns([-1.0], [[1.5], [0.1]])
