"""A meta's configuration refuses what cannot work, at load and with the reason."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from quant_assets.errors import UsageError
from quant_assets.meta.config import MetaConfig, nesting_depth


def meta(name: str, *members: str, **more: object) -> MetaConfig:
    return MetaConfig.model_validate({"name": name, "members": members, "min_weight": 0.0, "max_weight": 1.0, **more})


def test_depth_counts_metas_not_sleeves() -> None:
    metas = [meta("top", "middle", "s4"), meta("middle", "low", "s3"), meta("low", "s1", "s2")]
    assert nesting_depth(metas) == {"top": 3, "middle": 2, "low": 1}


def test_four_levels_are_refused_with_the_path() -> None:
    metas = [meta("a", "b", "s"), meta("b", "c", "s"), meta("c", "d", "s"), meta("d", "s", "t")]
    with pytest.raises(UsageError, match=r"L4\.DEPTH.*a -> b -> c -> d"):
        nesting_depth(metas)


def test_a_cycle_is_refused_with_its_path() -> None:
    with pytest.raises(UsageError, match="b -> c -> b"):
        nesting_depth([meta("a", "b", "s"), meta("b", "c", "s"), meta("c", "b", "s")])


def test_a_meta_may_not_contain_itself() -> None:
    with pytest.raises(UsageError, match="a -> a"):
        nesting_depth([meta("a", "a", "s")])


def test_two_metas_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two metas are named 'a'"):
        nesting_depth([meta("a", "s", "t"), meta("a", "u", "v")])


@pytest.mark.parametrize(("low", "high", "reason"), [(0.4, 1.0, "> 1"), (0.0, 0.3, "< 1"), (0.5, 0.4, "above")])
def test_bounds_that_nothing_satisfies_are_refused(low: float, high: float, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        meta("a", "s", "t", "u", min_weight=low, max_weight=high)


def test_one_member_must_be_declared() -> None:
    with pytest.raises(ValidationError, match="single"):
        meta("a", "s")
    assert meta("a", "s", single=True).members == ("s",)


@pytest.mark.parametrize(
    "wrong",
    [{"opposites": [["s", "x"]]}, {"unknown_key": 1}, {"name": "../x"}, {"members": ["s", "s"]}, {"lookback_weeks": 4}],
)
def test_wrong_entries_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MetaConfig.model_validate({"name": "a", "members": ["s", "t"], **wrong})
