"""The weights contract over profiles: finite, bounded, signed, forced only when said; infeasible is an error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from quant_assets.allocation.allocate import COLUMNS, AllocationResult, allocate, cash_frame
from quant_assets.allocation.config import AllocationConfig
from quant_assets.allocation.rules import weights_verdict
from quant_assets.errors import ContractViolation, EmptyResult, QuantError
from quant_assets.universe.direction import Direction
from tests.quant_assets.allocation import books
from tests.quant_assets.allocation.books import WEEK

LONG, SHORT = Direction.LONG, Direction.SHORT
ENGINES = ("min_variance", "hrp", "equal_weight")


def config(**changes: object) -> AllocationConfig:
    return AllocationConfig.model_validate(changes)


def run(
    count: int = 8, direction: Direction = LONG, wide: pd.DataFrame | None = None, **changes: object
) -> AllocationResult:
    frame = books.wide(count) if wide is None else wide
    return allocate(books.long(frame), list(frame.columns), direction, config(**changes), WEEK)


@settings(max_examples=40, deadline=None)
@given(
    engine=st.sampled_from(ENGINES),
    direction=st.sampled_from(list(Direction)),
    count=st.integers(1, 15),
    cap=st.floats(0.05, 1.0),
    relief=st.sampled_from(["error", "cash"]),
    buffer=st.sampled_from([0.0, 0.02]),
    gross=st.sampled_from([1.0, 0.6]),
    seed=st.integers(0, 9999),
)
def test_any_profile_gives_contract_weights_or_an_error_never_nan(
    engine: str, direction: Direction, count: int, cap: float, relief: str, buffer: float, gross: float, seed: int
) -> None:
    settings_ = config(engine=engine, cap=cap, cap_relief=relief, cash_buffer=buffer, gross=gross)
    returns = books.long(books.wide(count, seed=seed))
    if count * cap < 1 - buffer - 1e-12 and relief == "error":
        with pytest.raises(QuantError, match="cannot hold"):
            allocate(returns, books.names(count), direction, settings_, WEEK)
        return
    result = allocate(returns, books.names(count), direction, settings_, WEEK)
    stream, net = result.frame["stream_weight"], result.frame["net_weight"]
    invested = min(1 - buffer, count * cap)
    assert list(result.frame.columns) == list(COLUMNS)
    assert np.isfinite(stream).all() and stream.min() >= 0 and stream.max() <= cap + 1e-12
    assert stream.sum() == pytest.approx(invested, abs=1e-9)
    np.testing.assert_allclose(net, direction.sign * gross * stream, rtol=0, atol=1e-15)
    assert 1 - 1e-9 <= result.diagnostics.effective_n <= count + 1e-9
    slices = {"returns": result.newest_return}
    verdict = weights_verdict(
        result.frame, returns, result.streams, result.diagnostics, slices,
        config=settings_, direction=direction, week=WEEK,
    )  # fmt: skip
    assert verdict.passed and not verdict.warnings, verdict.summary()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("direction", list(Direction))
def test_order_of_rows_and_winners_changes_nothing_at_all(engine: str, direction: Direction) -> None:
    returns = books.long(books.wide(9))
    first = allocate(returns, books.names(9), direction, config(engine=engine), WEEK)
    for seed in range(3):
        mixed = list(np.random.default_rng(seed).permutation(books.names(9)))
        again = allocate(returns.sample(frac=1, random_state=seed), mixed, direction, config(engine=engine), WEEK)
        pd.testing.assert_frame_equal(first.frame, again.frame, check_exact=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_scaling_all_returns_leaves_the_weights(engine: str) -> None:
    first, second = run(engine=engine), run(engine=engine, wide=books.wide(8) * 0.01)
    np.testing.assert_allclose(first.frame["stream_weight"], second.frame["stream_weight"], atol=1e-9)


@pytest.mark.parametrize("engine", ["min_variance", "hrp"])
def test_long_and_short_books_of_the_same_symbols_are_exact_opposites(engine: str) -> None:
    long, short = run(engine=engine), run(engine=engine, direction=SHORT)
    np.testing.assert_allclose(long.frame["net_weight"], -short.frame["net_weight"], atol=1e-12)
    assert set(short.frame["atom"]) == {f"{s}|SHORT" for s in books.names(8)}


def test_other_symbols_and_older_rows_cannot_matter() -> None:
    wide = books.wide(12)
    winners = books.names(8)
    everything = allocate(books.long(wide), winners, LONG, config(), WEEK)
    wide.iloc[:10] = 0.5
    only = allocate(books.long(wide[winners]), winners, LONG, config(), WEEK)
    pd.testing.assert_frame_equal(everything.frame, only.frame, check_exact=True)


def test_a_book_that_the_cap_decides_says_forced() -> None:
    for engine in ENGINES:
        result = run(4, engine=engine)
        assert result.diagnostics.forced and set(result.frame["status"]) == {"forced"}
        assert result.frame["stream_weight"].tolist() == [0.25] * 4
    assert not run(5).diagnostics.forced


def test_relief_holds_the_rest_in_recorded_cash() -> None:
    result = run(3, cap_relief="cash")
    assert result.frame["stream_weight"].tolist() == [0.25] * 3
    assert set(result.frame["status"]) == {"partial_cash"} and set(result.frame["invested"]) == {0.75}
    with pytest.raises(QuantError, match=r"2024-03-04: 3 atoms x cap 0.25 = 0.75"):
        run(3)


def test_a_cash_week_has_a_row_of_weight_zero_for_each_symbol() -> None:
    frame = cash_frame(books.names(3), SHORT, config(), WEEK)
    assert frame["net_weight"].tolist() == frame["stream_weight"].tolist() == [0.0] * 3
    assert not np.signbit(frame["net_weight"]).any()
    assert set(frame["status"]) == {"cash"} and list(frame.columns) == list(COLUMNS)
    with pytest.raises(EmptyResult, match="2024-03-04"):
        cash_frame([], LONG, config(), WEEK)


def test_figures_of_the_solve_are_recorded() -> None:
    figures = run().diagnostics
    assert (figures.n, figures.observations, figures.solver_status) == (8, 120, "optimal")
    assert 0 < figures.shrinkage < 1 and 1 < figures.condition < 5000 and figures.gap <= 1e-6
    assert np.isnan(run(engine="hrp").diagnostics.gap)


def test_a_day_above_one_hundred_percent_is_clipped_and_counted_for_shorts_only() -> None:
    wide = books.wide(8)
    wide.iloc[-5, 2] = 4.0
    short = run(wide=wide, direction=SHORT)
    assert short.diagnostics.clipped == 1 and short.streams.iloc[-5, 2] == -1.0
    assert run(wide=wide).diagnostics.clipped == 0


def test_missing_inputs_are_errors_that_name_them() -> None:
    wide = books.wide(4)
    with pytest.raises(EmptyResult, match="no winners"):
        allocate(books.long(wide), [], LONG, config(), WEEK)
    with pytest.raises(ContractViolation, match="given twice"):
        allocate(books.long(wide), [*books.names(4), books.names(1)[0]], LONG, config(), WEEK)
    with pytest.raises(ContractViolation, match=r"SYNTH:GONE/USDT \(0\)"):
        allocate(books.long(wide), [*books.names(4), "SYNTH:GONE/USDT"], LONG, config(), WEEK)
    late = pd.concat([books.long(wide), pd.DataFrame({"date": [WEEK], "symbol": ["X"], "return": [0.0]})])
    with pytest.raises(ContractViolation, match="2024-03-04"):
        allocate(late, books.names(4), LONG, config(), WEEK)
    wide.iloc[10:75, 1] = np.nan
    wide.iloc[70:80, 2] = np.nan
    with pytest.raises(ContractViolation, match="C01"):
        run(wide=wide)


@pytest.mark.parametrize(
    "block",
    [
        {"engine": "max_sharpe"},
        {"cap": 0},
        {"gross": 1.5},
        {"cash_buffer": 1.0},
        {"shrinkage_ladder": [0.1, 0.2]},
        {"shrinkage_ladder": [0.0, 0.2, 0.1]},
        {"min_observations": 121},
        {"fallback": "equal_weight"},
    ],
)
def test_a_wrong_block_is_refused(block: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        config(**block)
