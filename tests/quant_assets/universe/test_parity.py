"""L2.PARITY compares our ratings with a screener's, warns, and never withholds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.universe.parity import parity_figures, parity_result, snapshot_result

RATING = st.one_of(st.floats(-1, 1), st.just(0.0), st.just(float("nan")))


def rated(**ratings) -> pd.DataFrame:
    """Synthetic ratings of markets A, B, C, ..."""
    size = len(next(iter(ratings.values())))
    return pd.DataFrame({"symbol": [f"V:{chr(65 + k)}/USDT" for k in range(size)], **ratings})


def test_the_figures_are_those_of_the_direct_formulas():
    theirs, ours = rated(recommend_ma=[0.5, -0.5, 0.2, 0.0]), rated(recommend_ma=[0.4, 0.1, 0.2, 0.3])
    (figure,) = parity_figures(theirs, ours)
    assert (figure.rating, figure.markets) == ("recommend_ma", 4)
    assert figure.error == pytest.approx((0.1 + 0.6 + 0.0 + 0.3) / 4)
    assert figure.sign_agreement == pytest.approx(2 / 3)  # a zero has no sign


def test_equal_ratings_pass():
    same = rated(recommend_ma=[0.5, -0.5], recommend_other=[0.1, 0.1], recommend_all=[0.3, -0.2])
    result = parity_result(same, same, 0.1, 0.9)
    assert (result.rule, result.verdict, result.checked, result.breaches) == ("L2.PARITY", "pass", 6, 0)


@pytest.mark.parametrize(("theirs", "ours", "told"), [
    ([0.9, 0.9], [0.5, 0.5], "mean absolute error 0.400, same sign 100%"),
    ([0.01, 0.01], [-0.01, 0.01], "mean absolute error 0.010, same sign 50%"),
])  # fmt: skip
def test_a_large_error_or_opposite_signs_warn_with_the_worst(theirs, ours, told):
    result = parity_result(rated(recommend_ma=theirs), rated(recommend_ma=ours), 0.1, 0.9)
    assert result.verdict == "warn" and told in result.message and "formula" in result.message
    assert all(o["difference"] > 0.1 for o in result.offenders)


def test_one_rating_that_is_off_is_named_while_the_others_pass():
    theirs = rated(recommend_ma=[0.5, 0.5], recommend_other=[0.5, 0.5])
    ours = rated(recommend_ma=[0.5, 0.5], recommend_other=[-0.5, 0.4])
    result = parity_result(theirs, ours, 0.1, 0.9)
    (worst,) = result.offenders
    assert result.verdict == "warn"
    assert (worst["symbol"], worst["rating"], worst["difference"]) == ("V:A/USDT", "recommend_other", 1.0)


@pytest.mark.parametrize("ours", [
    pd.DataFrame({"symbol": ["V:A/USDT"]}),
    rated(recommend_ma=[np.nan]),
    rated(recommend_ma=[0.5]).assign(symbol="V:ELSE/USDT"),
    pd.DataFrame(columns=["symbol"]),
])  # fmt: skip
def test_nothing_in_common_is_said_and_does_not_warn(ours):
    result = parity_result(rated(recommend_ma=[0.5]), ours, 0.1, 0.9)
    assert (result.verdict, result.checked) == ("pass", 0) and "nothing was compared" in result.message


@given(pairs=st.lists(st.tuples(RATING, RATING), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_parity_is_symmetric_and_within_its_bounds(pairs):
    theirs, ours = (rated(recommend_all=list(side)) for side in zip(*pairs, strict=True))
    (one,), (other,) = parity_figures(theirs, ours), parity_figures(ours, theirs)
    known = [(a, b) for a, b in pairs if a == a and b == b]
    assert one.markets == other.markets == len(known)
    assert repr(one) == repr(other)
    if known:
        assert one.error == pytest.approx(np.mean([abs(a - b) for a, b in known]), abs=1e-15)


def test_a_snapshot_with_a_double_name_or_an_impossible_rating_is_an_error():
    sound = rated(recommend_ma=[0.5, np.nan], recommend_other=[-1.0, 1.0], recommend_all=[0.0, 0.0])
    assert snapshot_result(sound).verdict == "pass"
    assert snapshot_result(sound.assign(recommend_all=[0.0, 1.2])).breaches == 1
    assert snapshot_result(sound.assign(symbol="V:A/USDT")).verdict == "fail"
