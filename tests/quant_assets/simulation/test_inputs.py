"""Malformed input is refused with the offender named and the next step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from quant_assets.errors import EmptyResult, UsageError
from quant_assets.simulation.book import BookState
from quant_assets.simulation.simulate import simulate

from .books import FREE, days_from, one_target, return_rows

Frame = pd.DataFrame
DAYS = days_from("2024-01-01", 3)


def targets() -> Frame:
    return one_target("2024-01-01", A=0.5, B=-0.4)


def returns() -> Frame:
    return return_rows("2024-01-01", A=[0.1, 0.0, 0.1], B=[0.0, 0.1, 0.0])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda t: t.rename(columns={"weight": "w"}), "missing"),
        (lambda t: t.assign(extra=1), "unknown"),
        (lambda t: pd.concat([t, t]), "duplicate .*SYN:A/USDT"),
        (lambda t: t.assign(weight=[np.nan, 0.1]), "not finite.*SYN:A/USDT"),
        (lambda t: t.assign(weight=[0.1, np.inf]), "not finite.*SYN:B/USDT"),
        (lambda t: t.assign(weight=["much", "little"]), "not numeric"),
        (lambda t: t.assign(symbol=""), "symbol"),
        (lambda t: t.assign(date=t["date"] - pd.Timedelta(days=9)), "not days of the window"),
        (lambda t: t.assign(date=t["date"] + pd.Timedelta(hours=1)), "midnights"),
        (lambda t: t.assign(date=t["date"].dt.tz_localize("UTC")), "timezone-naive"),
        (lambda t: t.assign(date="2024-01-01"), "datetime64"),
    ],
)
def test_bad_targets_are_usage_errors(damage: Callable[[Frame], Frame], says: str) -> None:
    with pytest.raises(UsageError, match=f"(?s)targets.*{says}"):
        simulate(damage(targets()), returns(), FREE, None, DAYS)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda r: r.drop(columns="return"), "missing"),
        (lambda r: r.assign(price=1.0), "unknown"),
        (lambda r: pd.concat([r, r.iloc[:1]]), "duplicate .*SYN:A/USDT"),
        (lambda r: r.assign(**{"return": np.inf}), "not finite"),
        (lambda r: r.assign(**{"return": -1.5}), "below -100 %"),
        (lambda r: r.assign(date=r["date"].dt.tz_localize("UTC")), "timezone-naive"),
    ],
)
def test_bad_returns_are_usage_errors(damage: Callable[[Frame], Frame], says: str) -> None:
    with pytest.raises(UsageError, match=f"(?s)returns.*{says}"):
        simulate(targets(), damage(returns()), FREE, None, DAYS)


@pytest.mark.parametrize("days", [DAYS[::-1], DAYS[[0, 0]], DAYS + pd.Timedelta(hours=3)])
def test_bad_days_are_usage_errors(days: pd.DatetimeIndex) -> None:
    with pytest.raises(UsageError, match="days"):
        simulate(targets(), returns(), FREE, None, days)


def test_nothing_to_simulate_is_an_empty_result_that_says_what_to_do() -> None:
    with pytest.raises(EmptyResult, match="give the days"):
        simulate(targets(), returns(), FREE, None, DAYS[:0])
    with pytest.raises(EmptyResult, match="closing state"):
        simulate(targets().iloc[:0], returns(), FREE, None, DAYS)
    with pytest.raises(EmptyResult, match="materialize the returns"):
        simulate(targets(), returns().iloc[:0], FREE, None, DAYS)
    with pytest.raises(EmptyResult, match="SYN:Z/USDT"):
        held = BookState(1.0, 0.5, {"SYN:Z/USDT": 0.5})
        simulate(targets().iloc[:0], returns(), FREE, held, DAYS)


def test_an_all_cash_target_is_a_book_not_an_error() -> None:
    daily = simulate(one_target("2024-01-01", A=0.0), returns(), FREE, None, DAYS).daily
    assert (daily["net"] == 0.0).all() and (daily["cash"] == 1.0).all()
