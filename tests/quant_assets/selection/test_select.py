"""What a selection promises: typed direction, recorded reasons, no future, no dependence on input order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.errors import ContractViolation, EmptyResult, UsageError
from quant_assets.selection.config import SelectionConfig
from quant_assets.selection.rules import selection_verdict
from quant_assets.selection.select import COLUMNS, SelectionResult, select
from quant_assets.selection.vetoes import parse_vetoes
from quant_assets.universe.direction import Direction
from tests.quant_assets.selection import pools
from tests.quant_assets.selection.pools import DAY, WEEK

LONG, SHORT = Direction.LONG, Direction.SHORT


def config(**changes: object) -> SelectionConfig:
    base: dict[str, object] = {
        "thresholds": [{"feature": "recommend_ma", "min": 0.5}],
        "clusters": {"threshold": 0.5, "per_cluster": 3},
        "top_n": 6,
        "floor": 3,
    }
    return SelectionConfig.model_validate(base | changes)


def run(
    settings_: SelectionConfig | None = None,
    candidates: pd.DataFrame | None = None,
    features: pd.DataFrame | None = None,
    returns: pd.DataFrame | None = None,
    direction: Direction = LONG,
) -> SelectionResult:
    return select(
        pools.candidates() if candidates is None else candidates,
        pools.features() if features is None else features,
        pools.returns() if returns is None else returns,
        direction,
        settings_ or config(),
        WEEK,
    )


def row(result: SelectionResult, number: int) -> pd.Series:
    return result.frame.set_index("symbol").loc[pools.names(number + 1)[number]]


def ids(result: SelectionResult, number: int) -> list[str]:
    return [v.id for v in parse_vetoes(row(result, number)["vetoes"])]


def test_the_best_ratings_win_in_order_and_everyone_has_a_row() -> None:
    result = run()
    assert list(result.frame.columns) == list(COLUMNS)
    assert list(result.frame["symbol"]) == pools.names(12)
    assert result.winners == tuple(pools.names(6))
    assert (result.status, result.stage_reached) == ("selected", 0)
    assert set(result.frame["direction"]) == {"LONG"}
    assert list(result.frame["score_rank"]) == list(range(1, 13))


def test_a_veto_states_the_value_and_the_bound_it_broke() -> None:
    text = row(run(), 10)["vetoes"]
    (veto,) = parse_vetoes(text)
    assert veto.id == "recommend_ma.min"
    assert veto.figures == (pools.features()["recommend_ma"][10], "<", 0.5)
    assert veto.explained


@pytest.mark.parametrize("trend", [None, {"fast": "vwma_20"}, {"fast": "close", "margin": 0.02}])
@pytest.mark.parametrize("adx", [None, {"min": 33}])
def test_a_short_of_the_mirrored_market_is_the_long_of_the_market(
    trend: dict[str, object] | None, adx: dict[str, object] | None
) -> None:
    settings_ = config(trend=trend, adx=adx)
    long = run(settings_)
    short = run(settings_, features=pools.mirrored(pools.features()), direction=SHORT)
    assert long.winners == short.winners
    assert len(long.winners) > 0
    assert set(short.frame["direction"]) == {"SHORT"}
    pd.testing.assert_series_equal(long.frame["score"], -short.frame["score"], check_names=False)
    for column in ("score_rank", "cluster", "outcome", "stage"):
        assert list(long.frame[column]) == list(short.frame[column])


def test_a_short_sleeve_wants_the_worst_rating_and_a_long_sleeve_never_takes_it() -> None:
    features = pools.features()
    features["recommend_ma"] = np.linspace(-0.9, 0.9, 12)
    assert run(config(floor=1), features=features, direction=SHORT).winners[0] == pools.names(1)[0]
    assert run(config(floor=1), features=features, direction=LONG).winners[0] == pools.names(12)[-1]


def test_an_unsigned_score_is_strength_for_both_directions() -> None:
    settings_ = config(score={"feature": "adx_14", "signed": False}, thresholds=[], floor=1)
    assert run(settings_).winners == run(settings_, direction=SHORT).winners == tuple(pools.names(6))


def test_a_raw_veto_is_not_mirrored_and_no_stage_ignores_it() -> None:
    settings_ = config(vetoes=[{"feature": "realised_volatility", "max": 0.525}], floor=6)
    for direction, features in ((LONG, pools.features()), (SHORT, pools.mirrored(pools.features()))):
        result = run(settings_, features=features, direction=direction)
        assert result.winners == tuple(pools.names(3))
        assert "veto.realised_volatility.max" in ids(result, 3)


def test_trend_and_alignment_are_never_ignored_but_adx_may_relax() -> None:
    features = pools.features()
    features.loc[0, "vwma_20"] = features.loc[0, "sma_200"]  # equality is no trend
    features.loc[1, "dmp_14"] = 1.0
    features.loc[2:, "adx_14"] = 17.0
    settings_ = config(trend={"fast": "vwma_20"}, adx={"min": 20}, floor=4)
    result = run(settings_, features=features)
    assert ids(result, 0) == ["trend.ma_regime"]
    assert ids(result, 1) == ["adx.di_aligned"]
    assert ids(result, 2) == ["adx.min"]
    assert set(result.frame.loc[result.frame["winner"], "stage"]) == {1}
    assert not {pools.names(2)[0], pools.names(2)[1]} & set(result.winners)


def test_a_missing_feature_is_a_recorded_veto_and_never_a_default() -> None:
    features = pools.features()
    features.loc[0, "recommend_ma"] = np.nan
    features.loc[1, "recommend_ma"] = np.inf
    features = features[features["symbol"] != pools.names(3)[2]]
    result = run(features=features)
    for number in (0, 1, 2):
        assert ids(result, number) == ["missing:recommend_ma"]
        assert (row(result, number)["outcome"], row(result, number)["score_rank"]) == ("hygiene", -1)


def test_a_feature_column_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="no column adx_14, dmn_14, dmp_14"):
        run(config(adx={}), features=pools.features().drop(columns=["adx_14", "dmp_14", "dmn_14"]))


def test_failed_candidates_keep_their_reason_and_are_never_forced() -> None:
    candidates = pools.candidates()
    candidates["vetoes"] = ""
    candidates.loc[0, "passed"] = False
    candidates.loc[0, "vetoes"] = "liquidity 3 < 5, stable base [USD]"
    result = run(candidates=candidates)
    (veto,) = parse_vetoes(row(result, 0)["vetoes"])
    assert (veto.id, veto.detail) == ("candidate", "liquidity 3 < 5; stable base ;USD;")
    assert row(result, 0)["outcome"] == "hygiene"


def test_an_unknown_candidate_verdict_is_not_a_pass() -> None:
    candidates = pools.candidates().astype({"passed": object})
    candidates.loc[0, "passed"] = np.nan
    with pytest.raises(UsageError, match="not bool"):
        run(candidates=candidates)


@pytest.mark.parametrize(("gaps", "vetoed"), [(12, False), (13, True)])
def test_density_is_counted_in_the_window(gaps: int, vetoed: bool) -> None:
    returns = pools.returns()
    mine = returns.index[(returns["symbol"] == pools.names(1)[0])][-gaps:]
    returns.loc[mine[::2], "return"] = np.nan
    result = run(returns=returns.drop(mine[1::2]))
    assert (ids(result, 0) == ["sparse_returns"]) is vetoed


def test_a_price_that_stands_still_is_vetoed() -> None:
    returns = pools.returns()
    returns.loc[returns["symbol"] == pools.names(1)[0], "return"] = 0.0
    assert ids(run(returns=returns), 0) == ["flat_returns"]


def test_each_cluster_contributes_at_most_its_cap() -> None:
    result = run(config(clusters={"per_cluster": 1}, top_n=12, thresholds=[]), returns=pools.returns(clusters=4))
    assert result.winners == tuple(pools.names(4))
    assert result.frame["cluster"].tolist() == [0, 1, 2, 3] * 3
    assert set(result.frame.loc[~result.frame["winner"], "outcome"]) == {"cluster_cap"}


def test_winners_share_a_dense_joint_window() -> None:
    returns = pools.returns(days=120)
    for number in range(4):  # ten missing days each, at different times: alone 92 %, four together 67 %
        mine = returns.index[returns["symbol"] == pools.names(4)[number]]
        returns.loc[mine[10 * number : 10 * number + 10], "return"] = np.nan
    result = run(returns=returns)
    assert row(result, 2)["outcome"] == "joint_window"
    assert result.winners == tuple(pools.names(8)[i] for i in (0, 1, 4, 5, 6, 7))


def test_the_ladder_relaxes_only_as_far_as_the_floor_needs() -> None:
    result = run(config(thresholds=[{"feature": "recommend_ma", "min": 0.8}], floor=5, top_n=10))
    # 0.90 .. 0.80 meet 0.8; the relaxed bound 0.64 admits 0.75 .. 0.65, of which the floor needs two
    stages = result.frame.set_index("symbol")["stage"].tolist()
    assert stages == [0, 0, 0, 1, 1] + [-1] * 7
    assert row(result, 3)["vetoes"].startswith("recommend_ma.min[0.75")
    assert (result.status, result.stage_reached) == ("selected", 1)


def test_forced_picks_represent_empty_clusters_and_stay_within_a_third() -> None:
    settings_ = config(
        thresholds=[{"feature": "recommend_ma", "min": 0.78}], relaxation={"factor": 1.0}, floor=9, top_n=9
    )
    result = run(settings_)
    forced = result.frame[result.frame["forced"]]
    assert forced["symbol"].tolist() == pools.names(4)[3:]  # three strict winners allow one forced pick
    assert (result.status, result.stage_reached, len(result.winners)) == ("below_floor", 2, 4)
    shared = run(settings_, returns=pools.returns(clusters=3))
    assert shared.frame["forced"].sum() == 0  # every cluster has a winner already


def test_nothing_is_forced_against_the_sleeves_direction() -> None:
    features = pools.features()
    features.loc[3:, "recommend_ma"] = -0.1
    result = run(config(floor=6), features=features)
    assert result.winners == tuple(pools.names(3))


@pytest.mark.parametrize(("on_empty", "status"), [("cash", "cash"), ("error", "empty")])
def test_a_week_without_winners_says_so(on_empty: str, status: str) -> None:
    features = pools.features().assign(recommend_ma=np.linspace(-0.9, -0.1, 12))
    result = run(config(on_empty=on_empty), features=features)
    assert (result.status, result.winners, result.stage_reached) == (status, (), 2)
    verdict = selection_verdict(
        result.frame, pools.returns(), result.slices, config=config(on_empty=on_empty), direction=LONG, week=WEEK
    )
    assert verdict.passed is (on_empty == "cash")


@pytest.mark.parametrize("table", ["candidates", "features", "returns"])
@pytest.mark.parametrize("late", [WEEK, WEEK + pd.Timedelta(days=3)])
def test_a_row_of_the_week_itself_is_refused_with_its_date(table: str, late: pd.Timestamp) -> None:
    frames = {"candidates": pools.candidates(), "features": pools.features(), "returns": pools.returns()}
    extra = frames[table].tail(1).assign(date=late, symbol="SYNTH:NEW/USDT")
    frames[table] = pd.concat([frames[table], extra])
    with pytest.raises(ContractViolation, match=f"{late:%F}"):
        run(**frames)


@pytest.mark.parametrize("table", ["candidates", "features"])
def test_a_stale_row_is_refused_with_its_date(table: str) -> None:
    frames = {"candidates": pools.candidates(), "features": pools.features()}
    frames[table].loc[0, "date"] = DAY - pd.Timedelta(days=1)
    with pytest.raises(ContractViolation, match="2024-03-02"):
        run(**frames)


def test_bad_calls_are_refused() -> None:
    with pytest.raises(UsageError, match="not a Direction"):
        run(direction="LONG")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not a Monday"):
        select(pools.candidates(), pools.features(), pools.returns(), LONG, config(), DAY)
    with pytest.raises(EmptyResult, match="2024-03-03"):
        run(candidates=pools.candidates().head(0))
    with pytest.raises(ContractViolation, match="repeated"):
        run(features=pd.concat([pools.features()] * 2))
    with pytest.raises(ContractViolation, match="repeated"):
        run(returns=pd.concat([pools.returns()] * 2))
    with pytest.raises(ContractViolation, match="infinite return"):
        run(returns=pools.returns().replace({"return": {pools.returns()["return"].iloc[-1]: np.inf}}))


def test_returns_before_the_window_cannot_matter() -> None:
    returns = pools.returns(days=130)
    old = returns["date"] < WEEK - pd.Timedelta(days=120)
    altered = returns.assign(**{"return": returns["return"].where(~old, 0.77)})
    pd.testing.assert_frame_equal(run(returns=returns).frame, run(returns=altered).frame)
    pd.testing.assert_frame_equal(run(returns=returns).frame, run(returns=returns[~old]).frame)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    floor=st.integers(1, 6),
    minimum=st.sampled_from([0.3, 0.5, 0.7, 0.88]),
    per_cluster=st.integers(1, 4),
    direction=st.sampled_from(list(Direction)),
    tied=st.booleans(),
)
def test_invariants_of_any_selection(
    seed: int, floor: int, minimum: float, per_cluster: int, direction: Direction, tied: bool
) -> None:
    rng = np.random.default_rng(seed)
    settings_ = config(
        thresholds=[{"feature": "recommend_ma", "min": minimum}],
        clusters={"per_cluster": per_cluster},
        floor=floor,
        on_empty="cash",
    )
    features = pools.features().assign(recommend_ma=rng.uniform(-1, 1, 12).round(1 if tied else 6))
    candidates = pools.candidates().assign(passed=rng.random(12) > 0.2)
    returns = pools.returns(clusters=int(rng.integers(1, 12)), seed=seed)
    result = run(settings_, candidates, features, returns, direction)
    again = run(
        settings_,
        pools.shuffled(candidates, seed),
        pools.shuffled(features, seed),
        pools.shuffled(returns, seed),
        direction,
    )
    pd.testing.assert_frame_equal(result.frame, again.frame)  # bit-identical whatever the order

    frame = result.frame
    winners = frame[frame["winner"]]
    assert len(frame) == 12 and len(winners) <= 6
    assert (frame.groupby("cluster")["winner"].sum().drop(-1, errors="ignore") <= per_cluster).all()
    assert winners["forced"].sum() <= len(winners) / 3
    rated = direction.sign * winners.loc[~winners["forced"], "score"]
    assert (rated >= 0.8 * minimum - 1e-12).all()
    assert (direction.sign * winners["score"] >= 0).all()
    assert frame.loc[frame["outcome"] == "winner", "winner"].all()
    assert (frame.loc[~frame["winner"] & (frame["outcome"] == "vetoed"), "vetoes"] != "").all()
    verdict = selection_verdict(frame, returns, result.slices, config=settings_, direction=direction, week=WEEK)
    broken = {r.rule for r in verdict.errors}
    assert broken <= ({"L3.NONEMPTY"} if result.status == "empty" else set())
