"""Ranks and scores at a date: only the symbols of that date count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.errors import UsageError
from quant_assets.features.cross_section import date_ranks, date_scores

DAY = np.array([1, 2, 1, 2, 1, 3, 1, 2])
VALUES = np.array([5.0, 1.0, 7.0, np.nan, 5.0, 4.0, 1.0, 9.0])


def test_ranks_run_from_zero_to_one_and_ties_share_their_mean():
    np.testing.assert_array_equal(date_ranks(DAY, VALUES), [0.5, 0.0, 1.0, np.nan, 0.5, 0.5, 0.0, 1.0])


def test_scores_are_the_textbook_ones():
    first = VALUES[DAY == 1]
    plain, robust = date_scores(DAY, VALUES), date_scores(DAY, VALUES, robust=True)

    np.testing.assert_allclose(plain[DAY == 1], (first - first.mean()) / first.std(), rtol=1e-12)
    np.testing.assert_allclose(robust[DAY == 1], (first - 5.0) / (1.4826 * 1.0), rtol=1e-12)
    assert np.isnan(plain[5]) and np.isnan(robust[5]) and np.isnan(plain[3])


def test_equal_values_have_a_rank_and_no_score():
    day, values = np.zeros(4), np.full(4, 0.1)

    assert (date_ranks(day, values) == 0.5).all()
    assert np.isnan(date_scores(day, values)).all()
    assert np.isnan(date_scores(day, values, robust=True)).all()


@pytest.mark.parametrize("function", [date_ranks, date_scores])
def test_an_infinite_value_is_refused_with_its_row(function):
    with pytest.raises(UsageError, match="value -inf in row 2 on 1 is infinite"):
        function(DAY, np.where(np.arange(8) == 2, -np.inf, VALUES))


@pytest.mark.parametrize("function", [date_ranks, date_scores])
def test_nothing_gives_nothing_and_unequal_lengths_are_refused(function):
    assert len(function(np.array([]), np.array([]))) == 0
    assert np.isnan(function(DAY, np.full(8, np.nan))).all()
    with pytest.raises(UsageError, match="8 dates do not match 7 values"):
        function(DAY, VALUES[:7])


CELLS = st.lists(
    st.tuples(st.integers(0, 4), st.one_of(st.just(float("nan")), st.integers(-5, 5).map(float))), max_size=40
)


@given(CELLS)
def test_they_agree_with_pandas_and_dates_do_not_touch_each_other(cells):
    day, values = np.array([c[0] for c in cells]), np.array([c[1] for c in cells], dtype=float)
    groups = pd.Series(values).groupby(day)
    size = groups.transform("count")
    expected = ((groups.rank() - 1) / (size - 1)).where(size > 1, 0.5).where(~np.isnan(values)).to_numpy()
    spread = groups.transform(lambda x: x.std(ddof=0))
    scores = ((values - groups.transform("mean")) / spread.where(spread > 1e-9)).to_numpy()
    centre = groups.transform("median")
    mad = 1.4826 * (pd.Series(values) - centre).abs().groupby(day).transform("median")
    robust = ((values - centre) / mad.where(mad > 0)).to_numpy()

    np.testing.assert_allclose(date_ranks(day, values), expected, rtol=1e-12)
    np.testing.assert_allclose(date_scores(day, values), scores, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(date_scores(day, values, robust=True), robust, rtol=1e-9, atol=1e-12)
    alone = day == 2
    np.testing.assert_array_equal(date_ranks(day[alone], values[alone]), date_ranks(day, values)[alone])
    np.testing.assert_array_equal(date_scores(day[alone], values[alone]), date_scores(day, values)[alone])
