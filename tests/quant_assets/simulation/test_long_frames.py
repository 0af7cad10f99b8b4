"""A user's own long frames: exact output columns, forgiving dates, strict everything else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quant_assets.errors import EmptyResult, UsageError
from quant_assets.simulation.long_frames import simulate_long_frames

from .books import COSTLY, Market


def weights() -> pd.DataFrame:
    return pd.DataFrame({"date": ["2024-01-02", "2024-01-02"], "symbol": ["A", "B"], "weight": [0.6, -0.4]})


def returns() -> pd.DataFrame:
    days = ["2024-01-01", "2024-01-02", "2024-01-03"]
    return pd.DataFrame({"date": np.repeat(days, 2), "symbol": ["A", "B"] * 3, "return": [9, 9, 0.1, 0.05, 0.0, -0.1]})


def test_columns_order_and_dates_from_the_first_weights_on() -> None:
    out = simulate_long_frames(weights(), returns(), fees=0.001, slippage=0.001)
    assert out.columns.tolist() == ["date", "gross", "costs", "net", "turnover"]
    assert [str(day)[:10] for day in out["date"]] == ["2024-01-02", "2024-01-03"]
    equity = 1.0 + 0.06 - 0.02 - 0.002
    assert out["gross"].to_numpy() == pytest.approx([0.04, 0.4 * 1.05 * 0.1 / equity], abs=1e-15)
    assert out["costs"].to_numpy() == pytest.approx([0.002, 0.0], abs=1e-15)
    assert out["turnover"].to_numpy() == pytest.approx([1.0, 0.0], abs=1e-15)
    assert (out["net"] == out["gross"] - out["costs"]).all()


def test_it_is_the_reference_simulation() -> None:
    market = Market(6, 5, 31)
    out = simulate_long_frames(
        market.targets(), market.returns, COSTLY.fee, COSTLY.slippage, COSTLY.borrow, annualisation_days=365.0
    )
    expected = market.run(costs=COSTLY).daily[list(out.columns)]
    pd.testing.assert_frame_equal(out, expected, check_exact=True)


@pytest.mark.parametrize("convert", [pd.to_datetime, lambda c: pd.to_datetime(c, utc=True), lambda c: c + "T00:00:00Z"])
def test_dates_may_be_text_timestamps_or_utc(convert: object) -> None:
    typed = returns().assign(date=lambda f: convert(f["date"]))  # type: ignore[operator]
    plain = simulate_long_frames(weights(), returns(), 0.001, 0.0)
    pd.testing.assert_frame_equal(simulate_long_frames(weights(), typed, 0.001, 0.0), plain)


def test_weights_of_a_day_without_returns_take_effect_on_the_next_that_has_them() -> None:
    friday = weights().assign(date="2024-01-06")
    later = returns().assign(date=lambda f: f["date"].replace("2024-01-03", "2024-01-08"))
    out = simulate_long_frames(friday, later, 0.0, 0.0)
    assert [str(day)[:10] for day in out["date"]] == ["2024-01-08"] and out["gross"].iloc[0] == pytest.approx(0.04)
    both = pd.concat([friday, friday.assign(date="2024-01-07")])
    with pytest.raises(UsageError, match="both take effect on 2024-01-08"):
        simulate_long_frames(both, later, 0.0, 0.0)


@pytest.mark.parametrize(
    ("changed_weights", "changed_returns", "says"),
    [
        (weights().rename(columns={"weight": "w"}), returns(), "weights: columns"),
        (weights().assign(note="x"), returns(), "unknown"),
        (weights(), returns().assign(close=1.0), "returns: columns"),
        (weights().assign(date="soon"), returns(), "no date"),
        (weights().assign(date=20240102), returns(), "numbers"),
        (weights().assign(date="2024-02-01"), returns(), "after the last date"),
        (weights().assign(symbol=["A", "C"]), returns(), "no row in returns.*'C'"),
        (weights().assign(weight=np.nan), returns(), "not finite"),
        (weights().assign(date="2024-01-02 05:00"), returns().assign(date="2024-01-02 05:00"), "midnights"),
        (pd.concat([weights()] * 2), returns(), "duplicate"),
        (weights(), pd.concat([returns()] * 2), "duplicate"),
        (weights(), returns().assign(**{"return": "x"}), "not numeric"),
        (weights(), returns().assign(**{"return": -2.0}), "below -100 %"),
    ],
)
def test_malformed_frames_are_usage_errors(
    changed_weights: pd.DataFrame, changed_returns: pd.DataFrame, says: str
) -> None:
    with pytest.raises(UsageError, match=f"(?s){says}"):
        simulate_long_frames(changed_weights, changed_returns, 0.001, 0.001)


def test_empty_frames_are_empty_results() -> None:
    with pytest.raises(EmptyResult, match="weights"):
        simulate_long_frames(weights().iloc[:0], returns(), 0.0, 0.0)
    with pytest.raises(EmptyResult, match="returns"):
        simulate_long_frames(weights(), returns().iloc[:0], 0.0, 0.0)


def test_cost_rates_are_checked_and_borrow_needs_its_day_count() -> None:
    with pytest.raises(UsageError, match=r"fees -0\.1"):
        simulate_long_frames(weights(), returns(), -0.1, 0.0)
    with pytest.raises(UsageError, match="annualisation_days"):
        simulate_long_frames(weights(), returns(), 0.0, 0.0, 0.05)
    charged = simulate_long_frames(weights(), returns(), 0.0, 0.0, 3.65, annualisation_days=365.0)
    assert charged["costs"].iloc[0] == pytest.approx(0.4 * 0.01, abs=1e-15)


def test_a_ruined_book_loses_everything_once_and_the_dates_go_on() -> None:
    rally = returns().assign(**{"return": [0, 0, 0, 9.0, 0.5, 0.5]})
    out = simulate_long_frames(weights(), rally, 0.001, 0.0)
    assert out["net"].tolist() == [-1.0, 0.0] and len(out) == 2
