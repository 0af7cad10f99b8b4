"""Each rule of a selection passes on a sound week and fails on a planted fault."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quant_assets.contracts.verdict import RuleResult
from quant_assets.errors import ContractViolation
from quant_assets.selection import rules
from quant_assets.selection.config import SelectionConfig
from quant_assets.selection.select import SelectionResult, select
from quant_assets.selection.vetoes import parse_vetoes
from quant_assets.universe.direction import Direction
from tests.quant_assets.selection import pools
from tests.quant_assets.selection.pools import WEEK

CONFIG = SelectionConfig.model_validate(
    {"thresholds": [{"feature": "recommend_ma", "min": 0.5}], "trend": {"fast": "close"}, "top_n": 6, "floor": 3}
)


def week(config: SelectionConfig = CONFIG, **features: object) -> SelectionResult:
    frame = pools.features().assign(**features)
    return select(pools.candidates(), frame, pools.returns(), Direction.LONG, config, WEEK)


def nonempty(frame: pd.DataFrame, config: SelectionConfig = CONFIG) -> RuleResult:
    return rules.nonempty_rule(frame, config)


def test_a_sound_week_passes_every_rule() -> None:
    result = week()
    verdict = rules.selection_verdict(
        result.frame, pools.returns(), result.slices, config=CONFIG, direction=Direction.LONG, week=WEEK
    )
    assert verdict.level == "L3"
    assert [r.rule for r in verdict.results] == [
        "L3.NONEMPTY",
        "L3.VETO_SANITY",
        "L3.DIRECTION",
        "L3.ASOF",
        "L1.DENSITY",
    ]
    assert verdict.passed and not verdict.warnings


def test_nonempty_fails_without_winners_and_names_the_vetoes() -> None:
    result = nonempty(week(recommend_ma=np.linspace(-0.9, -0.1, 12)).frame)
    assert not result.passed
    assert "recommend_ma.min 12" in result.message


def test_nonempty_refuses_cash_that_was_never_declared_or_never_measured() -> None:
    empty = week(recommend_ma=np.linspace(-0.9, -0.1, 12)).frame
    cash = CONFIG.model_copy(update={"on_empty": "cash"})
    assert nonempty(empty.assign(status="cash"), cash).passed
    assert not nonempty(empty.assign(status="cash")).passed
    assert not nonempty(empty, cash).passed
    assert not nonempty(empty.assign(status="cash", vetoes="missing:recommend_ma"), cash).passed


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"stage_reached": 0}, "ladder recorded to"),
        ({"stage": 7}, "no relaxation stage"),
        ({"forced": True}, "disagree"),
        ({"forced": True, "stage": 2}, "are forced"),
        ({"vetoes": "sparse_returns[3.0<108.0]"}, "hygiene veto"),
        ({"stage": 0, "vetoes": "recommend_ma.min[0.1<0.5]"}, "strict winner carries a veto"),
    ],
)
def test_nonempty_fails_on_an_unrecorded_or_excessive_relaxation(fault: dict[str, object], said: str) -> None:
    config = CONFIG.model_copy(update={"floor": 6, "top_n": 12})
    frame = week(config).frame
    short = frame.copy()
    short.loc[frame.index[5]:, "winner"] = False  # fmt: skip
    short["stage_reached"] = 2
    assert nonempty(short, config).passed
    for column, value in fault.items():
        short[column] = value
    assert said in nonempty(short, config).message
    assert not nonempty(short, config).passed


def test_a_total_veto_with_figures_passes_and_one_with_a_constant_or_missing_input_fails() -> None:
    bear = week(close=np.linspace(60.0, 80.0, 12))
    assert all("trend.ma_regime" in t for t in bear.frame["vetoes"])
    assert rules.veto_sanity_rule(bear.frame, CONFIG).passed

    constant = rules.veto_sanity_rule(week(close=0.0).frame, CONFIG)
    assert not constant.passed and "trend.ma_regime" in constant.message

    missing = rules.veto_sanity_rule(week(close=np.nan).frame, CONFIG)
    assert not missing.passed and "missing:close" in missing.message


@pytest.mark.parametrize("text", ["trend.ma_regime[9.0<=5.0]", "trend.ma_regime[nan<=5.0]", "trend.ma_regime"])
def test_recorded_figures_must_really_break_the_bound(text: str) -> None:
    frame = week().frame.assign(vetoes=text)
    frame.loc[0, "vetoes"] = "trend.ma_regime[4.0<=5.0]"
    assert not rules.veto_sanity_rule(frame, CONFIG).passed


def test_a_filter_that_never_vetoes_in_eight_weeks_is_a_warning() -> None:
    frame = week().frame
    history = pd.concat([frame.assign(date=WEEK - pd.Timedelta(weeks=i)) for i in range(8)])
    result = rules.veto_sanity_rule(frame, CONFIG, history)
    assert result.verdict == "warn" and "trend.ma_regime" in result.message and "recommend_ma" not in result.message
    shorter = history[history["date"] > history["date"].min()]
    assert rules.veto_sanity_rule(frame, CONFIG, shorter).passed
    history.loc[history["date"] == WEEK, "vetoes"] = "trend.ma_regime[4.0<=5.0]"
    assert rules.idle_filters(history, CONFIG) == ()


def test_direction_fails_on_one_flipped_row_and_on_an_untyped_intent() -> None:
    frame = week().frame
    assert rules.direction_rule(frame, Direction.LONG).passed
    assert rules.direction_rule(frame, Direction.SHORT).breaches == 12
    frame.loc[4, "direction"] = "SHORT"
    assert rules.direction_rule(frame, Direction.LONG).breaches == 1
    assert not rules.direction_rule(frame, "LONG").passed  # type: ignore[arg-type]


@pytest.mark.parametrize("newest", [WEEK, WEEK + pd.Timedelta(days=1), pd.NaT])
def test_asof_fails_on_an_input_of_the_week_or_without_date(newest: pd.Timestamp) -> None:
    sound = {"features": WEEK - pd.Timedelta(days=1)}
    assert rules.asof_rule(sound, WEEK).passed
    result = rules.asof_rule(sound | {"returns": newest}, WEEK)
    assert not result.passed and result.offenders[0]["input"] == "returns"
    assert not rules.asof_rule({}, WEEK).passed


def test_density_is_counted_anew_from_the_returns() -> None:
    frame, returns = week().frame, pools.returns()
    assert rules.density_rule(frame, returns, CONFIG, WEEK).passed
    mine = returns.index[returns["symbol"] == pools.names(1)[0]]
    result = rules.density_rule(frame, returns.drop(mine[-13:]), CONFIG, WEEK)
    assert not result.passed and result.offenders[0] == {"symbol": pools.names(1)[0], "days": 107, "needed": 108}
    assert not rules.density_rule(frame, returns.head(0), CONFIG, WEEK).passed


def test_an_altered_veto_text_is_refused() -> None:
    with pytest.raises(ContractViolation, match="was altered"):
        parse_vetoes("trend[1<2],[")
