"""Each rule of sleeve weights fails on the fault it is there for, and only the planted one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quant_assets.allocation import rules
from quant_assets.allocation.allocate import AllocationResult, allocate, cash_frame
from quant_assets.allocation.config import AllocationConfig
from quant_assets.contracts.verdict import Verdict
from quant_assets.universe.direction import Direction
from tests.quant_assets.allocation import books
from tests.quant_assets.allocation.books import WEEK

CONFIG = AllocationConfig()
BEFORE = WEEK - pd.Timedelta(days=1)


def book(direction: Direction) -> tuple[pd.DataFrame, AllocationResult]:
    wide = books.wide(8)
    wide.iloc[-20, 3] = 2.5  # one day above +100 %: the clip acts for shorts
    returns = books.long(wide)
    return returns, allocate(returns, books.names(8), direction, CONFIG, WEEK)


def judge(
    direction: Direction,
    change: Callable[[pd.DataFrame], object] | None = None,
    streams: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    newest: pd.Timestamp = BEFORE,
) -> Verdict:
    returns, result = book(direction)
    frame = result.frame.copy()
    if change is not None:
        change(frame)
    seen = result.streams if streams is None else streams(result.streams.copy())
    return rules.weights_verdict(
        frame, returns, seen, result.diagnostics, {"returns": newest}, config=CONFIG, direction=direction, week=WEEK
    )


def broken(verdict: Verdict) -> set[str]:
    return {r.rule for r in verdict.errors}


def put(column: str, value: object) -> Callable[[pd.DataFrame], object]:
    def change(frame: pd.DataFrame) -> None:
        frame.loc[2, column] = value

    return change


def flip(frame: pd.DataFrame) -> None:
    frame.loc[2, "net_weight"] *= -1


def too_much(frame: pd.DataFrame) -> None:
    frame[["stream_weight", "net_weight"]] *= 1.05


def without_days(streams: pd.DataFrame, days: list[int]) -> pd.DataFrame:
    streams.iloc[days] = np.nan
    return streams


def over_cap(frame: pd.DataFrame) -> None:
    frame[["stream_weight", "net_weight"]] = 0.0
    sign = 1 if frame["direction"][0] == "LONG" else -1
    frame.loc[[0, 1], "stream_weight"] = 0.5
    frame.loc[[0, 1], "net_weight"] = 0.5 * sign


@pytest.mark.parametrize("direction", list(Direction))
class TestEitherDirection:
    def test_a_sound_book_passes_all_five_rules(self, direction: Direction) -> None:
        verdict = judge(direction)
        names = ["L3.WEIGHTS", "L3.DIRECTION", "L3.SIGN_TEST", "L3.SOLVER", "L3.ASOF"]
        assert [r.rule for r in verdict.results] == names
        assert verdict.passed and not verdict.warnings and all(r.checked for r in verdict.results)

    def test_one_wrong_sign_is_found_by_sign_and_by_profit(self, direction: Direction) -> None:
        verdict = judge(direction, flip)
        assert broken(verdict) == {"L3.DIRECTION", "L3.SIGN_TEST"}
        message = next(r.message for r in verdict.errors if r.rule == "L3.SIGN_TEST")
        assert "profit" in message and f"against {direction.value}" in message

    def test_a_sum_of_one_point_oh_five_is_not_close_enough(self, direction: Direction) -> None:
        assert "L3.WEIGHTS" in broken(judge(direction, too_much))
        assert broken(judge(direction, put("stream_weight", np.nan))) >= {"L3.WEIGHTS"}
        assert "L3.WEIGHTS" in broken(judge(direction, over_cap))

    def test_streams_of_the_other_direction_fail(self, direction: Direction) -> None:
        verdict = judge(direction, streams=lambda s: -s)
        message = next(r.message for r in verdict.errors if r.rule == "L3.SIGN_TEST")
        assert broken(verdict) == {"L3.SIGN_TEST"} and "stream differs" in message

    def test_a_stream_off_by_a_billionth_fails(self, direction: Direction) -> None:
        assert broken(judge(direction, streams=lambda s: s + 1e-9)) == {"L3.SIGN_TEST"}

    def test_streams_that_lost_two_percent_of_their_days_fail(self, direction: Direction) -> None:
        kept = judge(direction, streams=lambda s: without_days(s, [5]))
        lost = judge(direction, streams=lambda s: without_days(s, [5, 6, 7]))
        assert broken(kept) == set() and broken(lost) == {"L3.SIGN_TEST"}

    def test_an_untested_stream_fails(self, direction: Direction) -> None:
        assert broken(judge(direction, streams=lambda s: s.iloc[:, 1:])) == {"L3.SIGN_TEST"}
        assert broken(judge(direction, streams=lambda s: s * np.nan)) == {"L3.SIGN_TEST"}

    def test_a_flipped_label_is_a_direction_fault(self, direction: Direction) -> None:
        other = Direction.SHORT if direction is Direction.LONG else Direction.LONG
        assert broken(judge(direction, put("direction", other.value))) == {"L3.DIRECTION"}
        assert "L3.DIRECTION" in broken(judge(direction, put("atom", f"{books.names(3)[2]}|{other.value}")))

    def test_an_input_of_the_week_fails(self, direction: Direction) -> None:
        assert broken(judge(direction, newest=WEEK)) == {"L3.ASOF"}


def test_shorts_without_the_clip_fail() -> None:
    returns, result = book(Direction.SHORT)
    unclipped = result.streams.copy()
    unclipped.iloc[-20, 3] = -2.5
    assert not rules.sign_test_rule(result.frame, returns, unclipped, Direction.SHORT).passed
    assert rules.sign_test_rule(result.frame, returns, result.streams, Direction.SHORT).passed


def test_a_timed_stream_that_keeps_sign_and_sum_fails_on_correlation_and_values() -> None:
    returns, result = book(Direction.LONG)
    timed = result.streams.copy()
    timed.iloc[::2] = 0.0
    found = rules.sign_test_rule(result.frame, returns, timed, Direction.LONG)
    assert not found.passed and any("correlation" in str(o["problem"]) for o in found.offenders)


def test_a_forced_book_must_say_so() -> None:
    frame = allocate(books.long(books.wide(4)), books.names(4), Direction.LONG, CONFIG, WEEK).frame
    assert rules.weights_rule(frame, CONFIG).passed
    hidden = rules.weights_rule(frame.assign(status="optimal"), CONFIG)
    assert not hidden.passed and "must be forced" in hidden.message


def test_partial_cash_is_accepted_only_where_the_profile_allows_it() -> None:
    relief = AllocationConfig(cap_relief="cash")
    frame = allocate(books.long(books.wide(3)), books.names(3), Direction.LONG, relief, WEEK).frame
    assert rules.weights_rule(frame, relief).passed
    assert not rules.weights_rule(frame, CONFIG).passed


def test_a_cash_week_passes_only_when_declared_and_really_empty() -> None:
    frame = cash_frame(books.names(3), Direction.SHORT, CONFIG, WEEK)
    empty = pd.DataFrame(columns=["date", "symbol", "return"])
    arguments = (empty, pd.DataFrame(), None, {"returns": BEFORE})

    def verdict(rows: pd.DataFrame, allowed: bool) -> Verdict:
        return rules.weights_verdict(
            rows, *arguments, config=CONFIG, direction=Direction.SHORT, week=WEEK, cash_allowed=allowed
        )

    assert verdict(frame, True).passed
    assert broken(verdict(frame, False)) == {"L3.WEIGHTS"}
    held = frame.assign(stream_weight=0.2, net_weight=-0.2)
    assert broken(verdict(held, True)) >= {"L3.WEIGHTS", "L3.SIGN_TEST"}
    assert not rules.weights_rule(frame.head(0), CONFIG, cash_allowed=True).passed


@pytest.mark.parametrize(
    "fault",
    [
        {"solver_status": "optimal_inaccurate"},
        {"condition": 5001.0},
        {"condition": np.nan},
        {"gap": 1e-4},
        {"gap": np.nan},
    ],
)
def test_a_solve_that_is_not_proven_fails(fault: dict[str, float]) -> None:
    _, result = book(Direction.LONG)
    assert rules.solver_rule(result.frame, result.diagnostics, CONFIG).passed
    assert not rules.solver_rule(result.frame, replace(result.diagnostics, **fault), CONFIG).passed  # type: ignore[arg-type]
    assert not rules.solver_rule(result.frame, None, CONFIG).passed


def test_a_sampled_gap_above_the_limit_is_a_warning() -> None:
    _, result = book(Direction.LONG)
    assert rules.solver_rule(result.frame, result.diagnostics, CONFIG, 1e-7).verdict == "pass"
    assert rules.solver_rule(result.frame, result.diagnostics, CONFIG, 1e-3).verdict == "warn"
