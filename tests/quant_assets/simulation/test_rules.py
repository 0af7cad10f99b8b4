"""L3.PNL passes on every honest simulation and fails on every kind of tampering, naming identity and day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from quant_assets.contracts.verdict import Severity
from quant_assets.simulation.book import BookState, SimulationResult
from quant_assets.simulation.rules import pnl_identities, pnl_rule

from .books import COSTLY, FREE, Market, one_target, return_rows, run_days

DAY = 9


def honest() -> SimulationResult:
    return Market(4, 6, 21).run(costs=COSTLY)


def in_daily(column: str, change: float) -> Callable[[SimulationResult], SimulationResult]:
    def tamper(result: SimulationResult) -> SimulationResult:
        daily = result.daily.copy()
        daily.loc[DAY, column] += change
        return replace(result, daily=daily)

    return tamper


def in_rows(column: str, change: Callable[[float], float]) -> Callable[[SimulationResult], SimulationResult]:
    def tamper(result: SimulationResult) -> SimulationResult:
        rows = result.contributions.copy()
        row = rows.index[rows["date"] == result.daily["date"].iloc[DAY]][2]
        rows.loc[row, column] = change(rows.loc[row, column])
        return replace(result, contributions=rows)

    return tamper


def drop_row(result: SimulationResult) -> SimulationResult:
    row = result.contributions.index[result.contributions["date"] == result.daily["date"].iloc[DAY]][2]
    return replace(result, contributions=result.contributions.drop(index=row))


def negative_equity(result: SimulationResult) -> SimulationResult:
    return replace(result, daily=result.daily.assign(equity=-result.daily["equity"]))


def other_closing(result: SimulationResult) -> SimulationResult:
    return replace(result, closing=BookState.start(result.closing.equity))


def test_an_honest_simulation_passes_every_identity() -> None:
    result = honest()
    (rule,) = pnl_rule(result)
    assert rule.rule == "L3.PNL" and rule.passed and rule.severity is Severity.ERROR
    assert rule.breaches == 0 and rule.checked == 9 * len(result.daily)
    assert [part.rule for part in pnl_identities(result) if not part.passed] == []


@pytest.mark.parametrize(
    ("identity", "tamper"),
    [
        ("value", in_daily("cash", 1e-9)),
        ("compounding", in_daily("equity", 1e-9)),
        ("contributions", in_daily("gross", 1e-9)),
        ("contributions", in_rows("contribution", lambda x: x + 1e-9)),
        ("contributions", in_rows("return", lambda x: -x)),
        ("costs", in_daily("costs", 1e-9)),
        ("costs", in_daily("turnover", 1e-9)),
        ("costs", in_rows("cost", lambda x: x + 1e-9)),
        ("costs", in_rows("cost", lambda x: -1e-9 - x)),
        ("net", in_daily("net", 1e-9)),
        ("net", in_daily("shortfall", 0.5)),
        ("drift", in_rows("closing_weight", lambda x: -x)),
        ("drift", in_rows("closing_weight", lambda x: x + 1e-9)),
        ("drift", in_rows("closing_weight", lambda x: 0.0)),
        ("continuity", in_rows("start_weight", lambda x: x * 1.01)),
        ("continuity", drop_row),
        ("solvency", negative_equity),
        ("closing", other_closing),
        ("value", in_daily("cash", float("nan"))),
    ],
)
def test_tampering_breaks_the_identity_it_offends(
    identity: str, tamper: Callable[[SimulationResult], SimulationResult]
) -> None:
    tampered = tamper(honest())
    broken = {part.rule for part in pnl_identities(tampered) if not part.passed}
    assert f"L3.PNL.{identity}" in broken
    (rule,) = pnl_rule(tampered)
    assert rule.verdict == "fail" and rule.breaches >= 1 and identity in rule.message
    assert any(offender["identity"] == identity and "date" in offender for offender in rule.offenders)


def test_a_book_renormalised_by_its_signed_net_sum_is_caught() -> None:
    """The classic error: after a day the weights of a short book divided by their negative sum turn long."""
    result = Market(2, 4, 22).run(-abs(Market(2, 4, 22).weights))
    rows = result.contributions
    net_sum = rows.groupby("date")["closing_weight"].transform("sum")
    flipped = replace(result, contributions=rows.assign(closing_weight=rows["closing_weight"] / net_sum))
    assert "L3.PNL.drift" in {part.rule for part in pnl_identities(flipped) if not part.passed}


def test_a_ruined_book_that_trades_again_is_caught() -> None:
    returns = return_rows("2024-01-01", A=[0.0, 9.0, 0.1])
    result = run_days(one_target("2024-01-01", A=-0.5), returns, "2024-01-01", 3, FREE)
    assert pnl_rule(result)[0].passed
    daily = result.daily.copy()
    daily.loc[2, ["equity", "cash"]] = 0.1
    daily["status"] = pd.array(["active", "ruined", "active"], dtype="str")
    assert not pnl_rule(replace(result, daily=daily))[0].passed


def test_the_opening_book_is_part_of_the_identity() -> None:
    opening = BookState(equity=3.0, cash=1.0, positions={"SYN:A/USDT": 2.0})
    returns = return_rows("2024-01-01", A=[0.1, 0.1])
    result = run_days(one_target("2024-01-01", A=0.1).iloc[:0], returns, "2024-01-01", 2, COSTLY, opening)
    assert pnl_rule(result, opening)[0].passed
    assert not pnl_rule(result)[0].passed, "read as a new book of 1.0 these tables do not add up"
