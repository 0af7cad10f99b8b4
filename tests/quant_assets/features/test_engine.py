"""The engine: windows of a symbol's own bars, the same bits whatever else is computed, the reference formulas."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.errors import UsageError
from quant_assets.features import oscillators, ratings, statistics
from quant_assets.features.catalogue import build_registry, selected_features
from quant_assets.features.config import RELEASE_FEATURES, FeaturesConfig
from quant_assets.features.engine import compute_features
from quant_assets.features.matrix import days_needed, features_frame
from quant_assets.features.moving_averages import sma, vwma
from quant_assets.features.registry import Feature, Registry
from quant_assets.features.series import BarSeries, build_series
from quant_assets.features.trend import adx_di, donchian
from tests.quant_assets.features.conftest import START, synthetic_bars


def reference(feature: Feature, s: BarSeries, a: int, b: int) -> float:
    """The whole-array function applied to the bars ``a .. b`` alone, last value: independent of the kernels."""
    o, h, low, c, v = (x[a : b + 1] for x in (s.open, s.high, s.low, s.close, s.volume))
    n, year = len(o), feature.parameters.get("annualisation", np.nan)
    table = {
        "momentum": lambda: statistics.momentum(c, n - 1, year),
        "realised_volatility": lambda: statistics.realised_volatility(c, n - 1, year),
        "stability": lambda: statistics.stability(c, n - 1, year),
        "efficiency": lambda: statistics.efficiency(c, n - 1),
        "adx_14": lambda: adx_di(h, low, c)[0],
        "dmp_14": lambda: adx_di(h, low, c)[1],
        "dmn_14": lambda: adx_di(h, low, c)[2],
        "rsi_14": lambda: oscillators.rsi(c),
        "sma_50": lambda: sma(c, 50),
        "sma_200": lambda: sma(c, 200),
        "vwma_20": lambda: vwma(c, v, 20),
        "donchian_upper_20": lambda: donchian(h, low)[0],
        "donchian_lower_20": lambda: donchian(h, low)[1],
        "recommend_ma": lambda: ratings.recommend_ma(h, low, c, v),
        "close": lambda: c,
    }
    return float(table[feature.id]()[-1])


def first_bar_read(feature: Feature, s: BarSeries, row: int) -> int:
    """A window ends at its row; a memory begins with the block of days before the row's own."""
    block = s.day[row] // feature.span_days
    oldest = (block - 1) * feature.span_days if feature.memory else s.day[row] - feature.span_days + 1
    start = s.first[row] if feature.memory else max(s.first[row], row - feature.window + 1)
    while s.day[start] < oldest:
        start += 1
    return start


@pytest.mark.parametrize("name", RELEASE_FEATURES)
def test_each_feature_is_its_published_formula_on_its_window(config, bars, name: str) -> None:
    s = build_series(bars)
    (feature,) = build_registry(config, 365.0).select([name])
    rows = np.arange(7, len(s), 23)
    values = compute_features(s, rows, [feature])[name]
    checked = 0
    for row, value in zip(rows, values, strict=True):
        start = first_bar_read(feature, s, row)
        if row - start + 1 < feature.min_bars:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(reference(feature, s, start, row), rel=1e-10)
            checked += 1
    assert checked > 10


def test_one_day_alone_gives_the_same_bits_as_the_whole_range(config, bars, days) -> None:
    together = features_frame(bars, days, config, 365.0)
    for day in days[::40]:
        past = bars[bars["date"] <= day]
        alone = features_frame(past, [day], config, 365.0)
        same = together[together["date"] == day].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, same, check_exact=True)


def test_reading_only_the_days_needed_gives_the_same_bits_even_after_halts(config, bars, days) -> None:
    together = features_frame(bars, days, config, 365.0)
    reach = pd.Timedelta(days=days_needed(config, 365.0) - 1)
    for day in days[::40]:
        window = bars[(bars["date"] <= day) & (bars["date"] >= day - reach)]
        alone = features_frame(window, [day], config, 365.0)
        pd.testing.assert_frame_equal(alone, together[together["date"] == day].reset_index(drop=True), check_exact=True)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(300, 419))
def test_nothing_later_and_nobody_else_changes_a_value(config, bars, seed: int, cut: int) -> None:
    day = START + pd.Timedelta(days=cut)
    rng = np.random.default_rng(seed)
    before = features_frame(bars, [day], config, 365.0)
    altered = bars.copy()
    later = (altered["date"] > day).to_numpy()
    price = ["open", "high", "low", "close", "volume"]
    altered.loc[later, price] = altered.loc[later, price].to_numpy() * rng.uniform(0.1, 10, (later.sum(), 1))
    other = rng.choice(sorted(bars["symbol"].unique()))
    altered.loc[(altered["symbol"] == other).to_numpy(), price] *= 3.7
    altered = pd.concat([altered, synthetic_bars("SYN:NEW/USDT", 420, seed)]).sample(frac=1, random_state=seed)
    after = features_frame(altered, [day], config, 365.0)
    kept = before[before["symbol"] != other].reset_index(drop=True)
    same = after[~after["symbol"].isin([other, "SYN:NEW/USDT"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, same, check_exact=True)


def test_values_are_missing_exactly_in_the_warm_up(config) -> None:
    bars = synthetic_bars("SYN:A/USDT", 320, seed=1)
    frame = features_frame(bars, list(bars["date"]), config, 365.0)
    for feature in selected_features(config, 365.0):
        assert int(frame[feature.id].isna().sum()) == feature.min_bars - 1
        assert frame[feature.id].iloc[feature.min_bars - 1 :].notna().all()


def test_a_young_symbol_is_rated_from_200_bars_on_its_whole_history() -> None:
    bars = synthetic_bars("SYN:A/USDT", 260, seed=1)
    young = FeaturesConfig(features=("recommend_ma",))
    frame = features_frame(bars, list(bars["date"]), young, 365.0)
    arrays = (bars[c].to_numpy() for c in ("high", "low", "close", "volume"))
    np.testing.assert_allclose(frame["recommend_ma"], ratings.recommend_ma(*arrays), atol=1e-15, equal_nan=True)


def test_a_long_halt_restarts_the_warm_up_and_a_short_one_does_not(config) -> None:
    bars = synthetic_bars("SYN:A/USDT", 200, seed=1)
    for missing, valid in ((10, True), (12, False)):
        halted = bars.drop(index=range(150, 150 + missing))
        frame = features_frame(halted, [bars["date"].iloc[170]], config, 365.0)
        assert np.isfinite(frame["momentum"].iloc[0]) == valid
        assert np.isfinite(frame["close"].iloc[0])


def test_a_reused_ticker_starts_again(config) -> None:
    first = synthetic_bars("SYN:A/USDT", 100, seed=1)
    second = synthetic_bars("SYN:A/USDT", 100, seed=2, start=START + pd.Timedelta(days=100))
    frame = features_frame(pd.concat([first, second]), [second["date"].iloc[30]], config, 365.0)
    assert np.isnan(frame["sma_50"].iloc[0]) and np.isfinite(frame["momentum"].iloc[0])
    alone = features_frame(second, [second["date"].iloc[30]], config, 365.0)
    pd.testing.assert_frame_equal(frame, alone, check_exact=True)


def test_a_re_denomination_leaves_no_trace_in_adjusted_features(config) -> None:
    bars = synthetic_bars("SYN:A/USDT", 300, seed=1)
    split = bars.copy()
    after = split.index >= 250
    split.loc[after, ["open", "high", "low", "close"]] /= 1000.0
    split.loc[after, "volume"] *= 1000.0
    split.loc[after, "adj_factor"] = 1000.0
    day = [bars["date"].iloc[-1]]
    pd.testing.assert_frame_equal(features_frame(split, day, config, 365.0), features_frame(bars, day, config, 365.0))


@pytest.mark.parametrize("kind", ["constant", "one bar", "no volume", "unknown volume", "giant", "tiny"])
def test_one_bad_symbol_changes_nobody_and_crashes_nothing(config, bars, days, kind: str) -> None:
    bad = synthetic_bars("SYN:BAD/USDT", 420, seed=99)
    price = ["open", "high", "low", "close"]
    if kind == "constant":
        bad[price] = 7.0
    elif kind == "one bar":
        bad = bad[bad["date"] == days[-1]]
    elif kind in ("no volume", "unknown volume"):
        bad["volume"] = 0.0 if kind == "no volume" else np.nan
    else:
        bad[price] *= 1e9 if kind == "giant" else 1e-9
    clean = features_frame(bars, days[-3:], config, 365.0)
    dirty = features_frame(pd.concat([bars, bad]), days[-3:], config, 365.0)
    others = dirty[dirty["symbol"] != "SYN:BAD/USDT"].reset_index(drop=True)
    pd.testing.assert_frame_equal(clean, others, check_exact=True)
    values = dirty.loc[dirty["symbol"] == "SYN:BAD/USDT", list(RELEASE_FEATURES)].to_numpy()
    assert not np.isinf(values).any()


def test_the_annualisation_factor_is_the_callers(config) -> None:
    bars = synthetic_bars("SYN:A/USDT", 300, seed=1)
    day = [bars["date"].iloc[-1]]
    crypto, session = (features_frame(bars, day, config, year).iloc[0] for year in (365.0, 252.0))
    assert crypto["momentum"] / session["momentum"] == pytest.approx(365 / 252)
    assert crypto["realised_volatility"] / session["realised_volatility"] == pytest.approx(np.sqrt(365 / 252))
    assert crypto["stability"] * crypto["realised_volatility"] == pytest.approx(1.0)
    with pytest.raises(UsageError, match="annualisation"):
        features_frame(bars, day, config, 0.0)


def test_the_default_windows_are_the_documented_ones() -> None:
    registry = {feature.id: feature for feature in build_registry(FeaturesConfig(), 365.0)}
    assert max(feature.window for feature in selected_features(FeaturesConfig(), 365.0)) == 400
    assert days_needed(FeaturesConfig(), 365.0) == 800  # two blocks of the memory
    assert set(registry) >= set(RELEASE_FEATURES) and len(registry) > 80
    assert all(feature.description and feature.unit for feature in registry.values())


def test_unknown_and_repeated_features_are_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown features \['sma_49'\]"):
        selected_features(FeaturesConfig(features=("sma_50", "sma_49")), 365.0)
    with pytest.raises(UsageError, match="listed twice"):
        selected_features(FeaturesConfig(features=("sma_50", "sma_50")), 365.0)
    (one,) = selected_features(FeaturesConfig(features=("close",)), 365.0)
    with pytest.raises(UsageError, match="declared twice"):
        Registry([one, one])
    with pytest.raises(UsageError, match="min_bars"):
        Registry([dataclasses.replace(one, min_bars=one.window + 1)])


def test_bars_that_cannot_be_a_series_are_refused() -> None:
    bars = synthetic_bars("SYN:A/USDT", 5, seed=1)
    with pytest.raises(UsageError, match="lack the columns"):
        build_series(bars.drop(columns="life_start"))
    with pytest.raises(UsageError, match="SYN:A/USDT has two bars on 2021-01-03"):
        build_series(pd.concat([bars, bars.iloc[[2]]]))
    with pytest.raises(UsageError, match="midnights"):
        build_series(bars.assign(date=bars["date"] + pd.Timedelta(hours=1)))
    with pytest.raises(UsageError, match="overlapping lives"):
        build_series(bars.assign(life_start=[START, START + pd.Timedelta(days=1), START, START, START]))
    with pytest.raises(UsageError, match="no bar on 2022-01-01"):
        features_frame(bars, [pd.Timestamp("2022-01-01")], FeaturesConfig(), 365.0)


def test_rows_may_be_asked_for_in_any_order_and_more_than_once(config, bars) -> None:
    series, features = build_series(bars), selected_features(config, 365.0)
    all_rows = compute_features(series, np.arange(len(series)), features)
    rows = np.random.default_rng(2).integers(0, len(series), 300)
    for name, values in compute_features(series, rows, features).items():
        np.testing.assert_array_equal(values, all_rows[name][rows], err_msg=name)
    none = compute_features(series, np.empty(0, dtype=np.int64), features)
    assert {len(values) for values in none.values()} == {0}
