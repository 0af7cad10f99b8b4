"""Ranks and scores at a date: only the symbols of that date count; as features, of any other feature, and certified."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.contracts.verdict import Verdict
from quant_assets.errors import UsageError
from quant_assets.features.catalogue import build_registry, selected_features
from quant_assets.features.certifying import certify
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.cross_section import among_dates, date_ranks, date_scores
from quant_assets.features.engine import Columns, compute_features
from quant_assets.features.matrix import features_frame
from quant_assets.features.registry import Feature, Registry
from quant_assets.features.rules import feature_verdicts
from quant_assets.features.series import BarSeries, build_series
from tests.quant_assets.features.conftest import synthetic_bars

DAY = np.array([1, 2, 1, 2, 1, 3, 1, 2])
VALUES = np.array([5.0, 1.0, 7.0, np.nan, 5.0, 4.0, 1.0, 9.0])


def test_ranks_are_shares_up_to_one_and_ties_share_their_mean():
    np.testing.assert_array_equal(date_ranks(DAY, VALUES), [0.625, 0.5, 1.0, np.nan, 0.625, 1.0, 0.25, 1.0])


def test_scores_are_the_textbook_ones():
    first = VALUES[DAY == 1]
    plain, robust = date_scores(DAY, VALUES), date_scores(DAY, VALUES, robust=True)

    np.testing.assert_allclose(plain[DAY == 1], (first - first.mean()) / first.std(), rtol=1e-12)
    np.testing.assert_allclose(robust[DAY == 1], (first - 5.0) / (1.4826 * 1.0), rtol=1e-12)
    assert plain[5] == robust[5] == 0.0 and np.isnan(plain[3])


def test_equal_values_share_one_rank_and_lie_at_the_mean():
    day, values = np.zeros(4), np.full(4, 0.1)

    assert (date_ranks(day, values) == 0.625).all()
    assert (date_scores(day, values) == 0.0).all()
    assert (date_scores(day, values, robust=True) == 0.0).all()
    most = np.where(np.arange(4) == 0, 7.0, values)
    np.testing.assert_array_equal(date_scores(day, most, robust=True), [np.nan, 0.0, 0.0, 0.0])


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
    expected = groups.rank(pct=True).to_numpy()
    spread = groups.transform(lambda x: x.std(ddof=0))
    scores = ((values - groups.transform("mean")) / spread.where(spread > 1e-9, 1.0)).to_numpy()
    gap = pd.Series(values) - groups.transform("median")
    mad = 1.4826 * gap.abs().groupby(day).transform("median")
    robust = (gap / mad.where(mad > 0)).where(gap != 0, 0.0).to_numpy()

    np.testing.assert_allclose(date_ranks(day, values), expected, rtol=1e-12)
    np.testing.assert_allclose(date_scores(day, values), scores, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(date_scores(day, values, robust=True), robust, rtol=1e-9, atol=1e-12)
    alone = day == 2
    np.testing.assert_array_equal(date_ranks(day[alone], values[alone]), date_ranks(day, values)[alone])
    np.testing.assert_array_equal(date_scores(day[alone], values[alone]), date_scores(day, values)[alone])


# --- as features ------------------------------------------------------------------------------------------------------

DERIVED = ("rank_momentum", "zscore_realised_volatility", "rank_rsi_14", "zscore_rsi_14")


@pytest.fixture(scope="module")
def across(config) -> FeaturesConfig:
    """One base is a column too, the others are not."""
    return config.model_copy(update={"features": ("rsi_14", *DERIVED)})


@pytest.fixture(scope="module")
def frame(bars, days, across) -> pd.DataFrame:
    return features_frame(bars, days, across, 365.0)


def broken(verdict: Verdict) -> set[str]:
    return {r.rule for r in verdict.errors}


def test_any_feature_has_a_rank_and_a_score_that_all_does_not_contain(bars, days, config, frame) -> None:
    registry = build_registry(config, 365.0)
    for id in registry.ids:
        rank, score = registry.select([f"rank_{id}", f"zscore_{id}"])
        assert rank.base == score.base == registry.select([id])[0]
        assert (rank.lower, rank.upper, rank.unit) == (0.0, 1.0, "share of symbols")
        assert score.unit == "deviations" and rank.reach_days == rank.root.reach_days and id in rank.formula
    everything = selected_features(FeaturesConfig(features=("all",)), 365.0)
    assert not [f.id for f in everything if f.base] and not [f.id for f in registry if f.base]
    more = selected_features(FeaturesConfig(features=("all", "rank_close")), 365.0)
    assert [f.id for f in more] == [*(f.id for f in everything), "rank_close"]
    bases = features_frame(bars, days, config, 365.0)
    expected = date_ranks(bases["date"].to_numpy(), bases["momentum"].to_numpy())
    np.testing.assert_array_equal(frame["rank_momentum"], expected)
    by_day = bases.groupby("date")["realised_volatility"]
    scores = (bases["realised_volatility"] - by_day.transform("mean")) / by_day.transform(lambda x: x.std(ddof=0))
    np.testing.assert_allclose(frame["zscore_realised_volatility"], scores, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("id", ["rank_momentun", "rank_rank_momentum", "zscore_", "rank_"])
def test_a_cross_section_of_nothing_registered_is_refused(id: str) -> None:
    with pytest.raises(UsageError, match=rf"unknown features \['{id}'\].*rank_<id> and zscore_<id>"):
        selected_features(FeaturesConfig(features=(id,)), 365.0)


def test_the_name_of_a_cross_section_cannot_be_taken() -> None:
    (close,) = selected_features(FeaturesConfig(features=("close",)), 365.0)
    with pytest.raises(UsageError, match="'rank_close' has the name of a cross-section of 'close'"):
        Registry([dataclasses.replace(close, id="rank_close"), close])
    Registry([dataclasses.replace(close, id="rank_of_close"), close])


def test_a_day_alone_and_some_rows_alone_have_the_bits_of_the_whole_range(bars, days, across, frame) -> None:
    for day in days[::40]:
        alone = features_frame(bars[bars["date"] <= day], [day], across, 365.0)
        pd.testing.assert_frame_equal(alone, frame[frame["date"] == day].reset_index(drop=True), check_exact=True)
    series = build_series(bars)
    rows = np.random.default_rng(1).permutation(series.rows_on(series.day[-40:]))
    features = selected_features(across, 365.0)
    whole, some = compute_features(series, rows, features), compute_features(series, rows[:17], features)
    for f in features:
        np.testing.assert_array_equal(some[f.id], whole[f.id][:17], err_msg=f.id)


def test_a_thousand_symbols_score_to_the_same_bits_whatever_days_are_beside_them() -> None:
    rng = np.random.default_rng(7)
    day, values = np.repeat(np.arange(5), 1001), rng.lognormal(0, 3, 5005)
    shuffled = rng.permutation(5005)
    for function in (date_ranks, date_scores):
        together = function(day, values)
        np.testing.assert_array_equal(function(day[shuffled], values[shuffled]), together[shuffled])
        for d in range(5):
            np.testing.assert_array_equal(function(day[day == d], values[day == d]), together[day == d])


def test_who_has_no_base_has_no_rank_and_who_is_alone_is_the_first(bars, days, across, frame) -> None:
    young = (frame["symbol"] == "SYN:LATE/USDT") & (frame["date"] == pd.Timestamp("2022-01-05"))
    assert young.sum() == 1 and frame.loc[young, list(DERIVED)].isna().all(axis=None)
    old = frame[(frame["date"] == pd.Timestamp("2022-01-05")) & ~young]
    assert old["rank_momentum"].max() == 1.0 and old["rank_momentum"].min() == 1.0 / old["rank_momentum"].count()
    one = features_frame(bars[bars["symbol"] == "SYN:OLD1/USDT"], days[-1:], across, 365.0)
    assert one["rank_momentum"].tolist() == [1.0] and one["zscore_rsi_14"].tolist() == [0.0]


@pytest.mark.parametrize("kind", ["constant", "one bar", "unknown volume", "giant", "tiny"])
def test_one_bad_symbol_shifts_ranks_and_nothing_else(config, bars, days, kind: str) -> None:
    bad, price = synthetic_bars("SYN:BAD/USDT", 420, seed=99), ["open", "high", "low", "close"]
    if kind == "constant":
        bad[price] = 7.0
    elif kind == "one bar":
        bad = bad[bad["date"] == days[-1]]
    elif kind == "unknown volume":
        bad[["volume", "quote_volume"]] = np.nan
    else:
        bad[price] *= 1e9 if kind == "giant" else 1e-9
    bases = ("momentum", "stability", "vwma_20", "close", "amihud", "efficiency")
    ids = [name for id in bases for name in (id, f"rank_{id}", f"zscore_{id}")]
    both = pd.concat([bars, bad])
    config = config.model_copy(update={"features": tuple(ids)})
    clean = features_frame(bars, days[-3:], config, 365.0)
    dirty = features_frame(both, days[-3:], config, 365.0)
    others = dirty[dirty["symbol"] != "SYN:BAD/USDT"].reset_index(drop=True)
    pd.testing.assert_frame_equal(clean[list(bases)], others[list(bases)], check_exact=True)
    for id in bases:
        order = [f.groupby("date")[f"rank_{id}"].rank() for f in (clean, others)]
        pd.testing.assert_series_equal(*order)
        assert not np.isinf(dirty[[f"rank_{id}", f"zscore_{id}"]].to_numpy()).any()
    verdicts = feature_verdicts(dirty, both, days[-3:], config, 365.0)
    assert not [v.summary() for v in verdicts.values() if not v.passed]


def test_an_infinite_base_is_left_out_and_moves_nobody() -> None:
    values = np.where(np.arange(8) == 2, np.inf, VALUES)
    for function in (date_ranks, date_scores):
        expected = function(DAY, np.where(np.arange(8) == 2, np.nan, VALUES))
        np.testing.assert_array_equal(among_dates(function, DAY, values), expected)


def test_ranks_and_scores_are_certified_with_their_bases(bars, days, across, frame) -> None:
    verdicts = feature_verdicts(frame, bars, days, across, 365.0)
    assert all(v.passed for v in verdicts.values())
    prefix = next(r for r in verdicts[days[-1]].results if r.rule == "L2.PREFIX")
    assert prefix.checked == 3 * 3 * 5 and "rank_momentum" in prefix.message and "whole day" in prefix.message
    longer = synthetic_bars("SYN:A/USDT", 1300, seed=5)
    declared = selected_features(across, 365.0)
    figures = certify(build_series(longer), list(longer["date"].iloc[-5:]), declared, across, 365.0).figures
    by_id = {f.feature: f for f in figures}
    assert {f.verdict for f in figures} == {"pass"} and by_id["rank_momentum"].drift_probes == 0
    assert by_id["zscore_rsi_14"].drift == by_id["rsi_14"].drift < by_id["rank_rsi_14"].tolerance
    assert by_id["rsi_14"].drift_probes == by_id["rank_rsi_14"].drift_probes > 0


def test_a_spoiled_rank_and_one_out_of_its_range_withhold_their_day(bars, days, across, frame) -> None:
    spoiled = frame.copy()
    today = frame["date"] == days[70]
    spoiled.loc[today, "rank_momentum"] = spoiled.loc[today, "rank_momentum"].sub(0.01)
    spoiled.loc[frame["date"] == days[71], "rank_rsi_14"] = 0.0 - 1e-6
    verdicts = feature_verdicts(spoiled, bars, days, across, 365.0)
    assert {d: broken(v) for d, v in verdicts.items() if not v.passed} == {
        days[70]: {"L2.PREFIX"}, days[71]: {"L2.PREFIX", "L2.BOUNDS"},
    }  # fmt: skip


def test_a_day_without_a_row_never_passes(bars, days, across, frame) -> None:
    (verdict,) = feature_verdicts(frame.iloc[:0], bars, days[-1:], across, 365.0).values()
    assert {"L2.LAG", "L2.PREFIX"} <= broken(verdict)


def mixed_days(series: BarSeries, rows: np.ndarray, features: list[Feature]) -> Columns:
    """An engine that ranks a value among all rows it is asked for, whatever their day."""
    found = compute_features(series, rows, features)
    for f in features:
        if f.base is not None:
            base = compute_features(series, rows, [f.base])[f.base.id]
            found[f.id] = among_dates(f.function, np.zeros(len(rows)), base)
    return found


def reads_tomorrow(series: BarSeries, rows: np.ndarray, features: list[Feature]) -> Columns:
    """An engine whose momentum is tomorrow's, as a column and as what is ranked."""
    tomorrow = np.minimum(rows + 1, series.last[rows])
    own = [f for f in features if f.base is None]
    later = {f.id: compute_features(series, tomorrow if f.id == "momentum" else rows, [f])[f.id] for f in own}
    base = {f.root.id: reads_tomorrow(series, series.rows_on(series.day[rows]), [f.root]) for f in features if f.base}
    for f in features:
        if f.base is not None:
            everyone = series.rows_on(series.day[rows])
            ranked = among_dates(f.function, series.day[everyone], base[f.root.id][f.root.id])
            later[f.id] = ranked[np.searchsorted(everyone, rows)]
    return later


@pytest.mark.parametrize("leak", [mixed_days, reads_tomorrow])
def test_planted_look_ahead_in_a_rank_is_caught_though_its_base_is_no_column(bars, days, config, leak) -> None:
    short = config.model_copy(update={"features": ("rank_momentum", "close")})
    some = days[-40:-1]
    matrix = features_frame(bars, some, short, 365.0, compute=leak)
    assert matrix["rank_momentum"].between(0.0, 1.0).any()
    verdicts = feature_verdicts(matrix, bars, some, short, 365.0, compute=leak)
    assert all("L2.PREFIX" in broken(v) for v in verdicts.values())
    found = next(r for r in verdicts[some[0]].results if r.rule == "L2.PREFIX").offenders
    assert {o["feature"] for o in found} == {"rank_momentum"}
