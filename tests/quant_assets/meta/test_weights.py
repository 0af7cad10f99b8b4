"""How a meta divides its capital: bounds, ruin, history, and never a look at its own week."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.errors import ContractViolation, EmptyResult, UsageError
from quant_assets.meta.config import MetaConfig
from quant_assets.meta.engines import bounded_min_variance, nearest_within_bounds, stream_weights
from quant_assets.meta.join import join_members
from quant_assets.meta.weights import meta_weights

WEEK = pd.Timestamp("2024-03-04")


def history(volatility: dict[str, float], days: int = 26 * 7, seed: int = 1) -> pd.DataFrame:
    """Independent synthetic streams that end on the day before WEEK."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range(end=WEEK - pd.Timedelta(days=1), periods=days, unit="us")
    frames = [
        pd.DataFrame({"member": m, "date": dates, "net": rng.normal(0.0, v, days), "status": "active"})
        for m, v in volatility.items()
    ]
    return pd.concat(frames, ignore_index=True)


def config(*members: str, **more: object) -> MetaConfig:
    entries = {"name": "m", "members": members, "min_weight": 0.0, "max_weight": 1.0, "engine": "equal_weight", **more}
    return MetaConfig.model_validate(entries)


@pytest.mark.parametrize("engine", ["hrp", "min_variance", "equal_weight"])
def test_weights_sum_to_one_inside_the_bounds(engine: str) -> None:
    returns = history({"a": 0.01, "b": 0.02, "c": 0.05})
    out = meta_weights(returns, config("a", "b", "c", engine=engine, min_weight=0.1, max_weight=0.6), WEEK)
    assert out["weight"].sum() == pytest.approx(1.0, abs=1e-12)
    assert out["weight"].between(0.1, 0.6).all()
    assert list(out["member"]) == ["a", "b", "c"]
    assert set(out["status"]) == {"live"} and set(out["observations"]) == {182}
    assert not out["forced"].any()


def test_the_calmest_member_gets_the_most_and_four_members_are_not_forced_to_a_quarter() -> None:
    returns = history({"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.04})
    for engine in ("hrp", "min_variance"):
        out = meta_weights(returns, config("a", "b", "c", "d", engine=engine), WEEK).set_index("member")["weight"]
        assert out.idxmax() == "a" and out["a"] > 0.5, engine


def test_data_of_the_week_itself_is_refused() -> None:
    returns = history({"a": 0.01, "b": 0.02})
    peek = pd.concat([returns, returns.tail(1).assign(date=WEEK)])
    with pytest.raises(ContractViolation, match=r"L3\.ASOF.*2024-03-04"):
        meta_weights(peek, config("a", "b"), WEEK)


def test_a_ruined_member_is_kept_with_weight_zero_and_says_so() -> None:
    returns = history({"a": 0.01, "b": 0.02, "c": 0.02})
    gone = (returns["member"] == "c") & (returns["date"] >= WEEK - pd.Timedelta(days=3))
    returns.loc[gone, ["net", "status"]] = [0.0, "ruined"]
    out = meta_weights(returns, config("a", "b", "c", min_weight=0.2), WEEK).set_index("member")
    assert out.loc["c", "weight"] == 0.0 and out.loc["c", "status"] == "ruined" and out.loc["c", "bound"] == ""
    assert out.loc[["a", "b"], "weight"].tolist() == [0.5, 0.5]


def test_one_live_member_is_an_error_unless_declared() -> None:
    returns = history({"a": 0.01, "b": 0.02})
    returns.loc[returns["member"] == "b", "status"] = "ruined"
    with pytest.raises(ContractViolation, match="1 live members"):
        meta_weights(returns, config("a", "b"), WEEK)
    out = meta_weights(returns, config("a", "b", single=True), WEEK)
    assert out["weight"].tolist() == [1.0, 0.0]


def test_ruin_can_make_the_bounds_unsatisfiable() -> None:
    returns = history({"a": 0.01, "b": 0.02, "c": 0.02})
    returns.loc[returns["member"] == "c", "status"] = "ruined"
    with pytest.raises(UsageError, match=r"2 live members x max_weight 0\.4"):
        meta_weights(returns, config("a", "b", "c", max_weight=0.4), WEEK)


def test_bounds_that_leave_only_equal_weight_are_reported_as_forced() -> None:
    returns = history({"a": 0.01, "b": 0.05})
    out = meta_weights(returns, config("a", "b", engine="min_variance", max_weight=0.5), WEEK)
    assert out["forced"].all() and out["weight"].tolist() == [0.5, 0.5]
    assert set(out["solver_status"]) == {"closed_form"}


def test_too_short_a_history_names_the_first_possible_week() -> None:
    with pytest.raises(EmptyResult, match=r"needs 56.*2024-04-2"):
        meta_weights(history({"a": 0.01, "b": 0.02}, days=7), config("a", "b"), WEEK)


def test_an_absent_member_is_an_error_not_a_smaller_meta() -> None:
    with pytest.raises(EmptyResult, match=r"L4\.COMPLETE.*c"):
        meta_weights(history({"a": 0.01, "b": 0.02}), config("a", "b", "c"), WEEK)


def test_the_result_does_not_depend_on_the_order_of_rows_or_on_days_before_the_look_back() -> None:
    returns = history({"a": 0.01, "b": 0.02, "c": 0.03})
    older = returns.assign(date=returns["date"] - pd.Timedelta(days=182), net=returns["net"] * 3)
    chosen = config("a", "b", "c", engine="min_variance")
    expected = meta_weights(returns, chosen, WEEK)
    shuffled = pd.concat([older, returns]).sample(frac=1.0, random_state=3)
    pd.testing.assert_frame_equal(meta_weights(shuffled, chosen, WEEK), expected, check_exact=True)


def test_the_join_records_every_lost_date() -> None:
    returns = history({"a": 0.01, "b": 0.02}, days=100)
    holes = returns.index[returns["member"] == "b"][[3, 50]]
    joined = join_members(returns.drop(index=holes), WEEK, 26, ("a", "b"))
    assert len(joined.returns) == 98 and joined.lost_dates == 2 and joined.loss_share == 0.02
    assert joined.losses.set_index("member")["lacking"].to_dict() == {"a": 0, "b": 2}


def test_minimum_variance_of_two_independent_streams_has_its_closed_form() -> None:
    out = bounded_min_variance(np.diag([0.01**2, 0.03**2]), 0.0, 1.0)
    assert out == pytest.approx([0.9, 0.1], abs=1e-7)
    assert bounded_min_variance(np.diag([0.01**2, 0.03**2]), 0.3, 0.7) == pytest.approx([0.7, 0.3], abs=1e-9)


def test_an_unknown_engine_is_refused() -> None:
    wide = history({"a": 0.01, "b": 0.02}).pivot(index="date", columns="member", values="net")
    with pytest.raises(UsageError, match="max_sharpe"):
        stream_weights("max_sharpe", wide, 0.0, 1.0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1, 2), min_size=2, max_size=12), st.floats(0, 1), st.floats(0, 1))
def test_projection_is_feasible_and_no_feasible_point_is_nearer(raw: list[float], low: float, high: float) -> None:
    weights, count = np.array(raw), len(raw)
    floor, cap = low / count, (1.0 + high * (count - 1)) / count
    nearest = nearest_within_bounds(weights, floor, cap)
    assert nearest.sum() == pytest.approx(1.0, abs=1e-9)
    assert (nearest >= floor - 1e-12).all() and (nearest <= cap + 1e-12).all()
    # variational inequality of a projection, against the vertices of the feasible set in every coordinate direction
    gradient = nearest - weights
    order = np.argsort(gradient)
    vertex, left = np.full(count, floor), 1.0 - count * floor
    for index in order:
        step = min(cap - floor, left)
        vertex[index] += step
        left -= step
    assert gradient @ (vertex - nearest) >= -1e-8
