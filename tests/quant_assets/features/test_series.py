"""Bars as a series: the same one from any order and kind of symbols, and where windows and memories begin in it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.errors import UsageError
from quant_assets.features.series import BarSeries, build_series
from tests.quant_assets.features.conftest import synthetic_bars


def same_series(ours: BarSeries, theirs: BarSeries) -> None:
    """Whether all bars are the same; the order in which they were given may differ."""
    for field in dataclasses.fields(BarSeries):
        if field.name != "given":
            np.testing.assert_array_equal(getattr(ours, field.name), getattr(theirs, field.name), err_msg=field.name)


@st.composite
def markets(draw: st.DrawFn) -> pd.DataFrame:
    """SYNTHETIC bars of a few symbols with holes between their days, some with a second life."""
    parts = []
    for i in range(draw(st.integers(1, 4))):
        count = draw(st.integers(1, 60))
        gaps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 30]), min_size=count, max_size=count))
        bars = synthetic_bars(f"SYN:C{i}/USDT", count, seed=i)
        bars["date"] = (bars["date"].iloc[0] + pd.to_timedelta(np.cumsum(gaps), unit="D")).to_numpy()
        bars["life_start"] = bars["date"].iloc[0]
        again = draw(st.integers(1, count))
        if again < count:
            bars.loc[again:, "life_start"] = bars["date"].iloc[again]
        parts.append(bars)
    return pd.concat(parts, ignore_index=True)


def shuffled(bars: pd.DataFrame, order: str) -> pd.DataFrame:
    if order == "any":
        return bars.sample(frac=1.0, random_state=7)
    return bars.sort_values({"by day": ["date", "symbol"], "by symbol": ["symbol", "date"]}[order])


@given(bars=markets(), order=st.sampled_from(["by day", "by symbol", "any"]))
def test_bars_in_any_order_make_the_same_series(bars: pd.DataFrame, order: str) -> None:
    ours, theirs = build_series(shuffled(bars, order)), build_series(bars)
    same_series(ours, theirs)
    by_day = np.lexsort((theirs.code, theirs.day))
    np.testing.assert_array_equal(ours.by_day, by_day)
    np.testing.assert_array_equal(theirs.by_day, by_day)


def test_symbols_read_as_categories_make_the_same_series(bars) -> None:
    names = sorted(bars["symbol"].unique())
    # In no order, and with one that is left over from rows that were filtered out.
    categories = [*names[::-1], "SYN:AAA/USDT"]
    coded = bars.assign(symbol=pd.Categorical(bars["symbol"], categories=categories)).sample(frac=1.0, random_state=5)
    ours, theirs = build_series(coded), build_series(bars)
    assert ours.symbols == theirs.symbols == tuple(names)
    same_series(ours, theirs)


def test_symbols_that_read_alike_are_one() -> None:
    first, second = synthetic_bars("1", 3, seed=1), synthetic_bars("1", 3, seed=2, start=pd.Timestamp("2021-02-01"))
    mixed = pd.concat([first.assign(symbol=1), second]).assign(life_start=first["date"].iloc[0])
    assert isinstance(mixed["symbol"].iloc[0], int)
    assert build_series(mixed).symbols == ("1",)


@given(bars=markets(), block_days=st.sampled_from([1, 7, 30, 365]), seed=st.integers(0, 1000))
def test_a_memory_begins_with_the_block_before_its_own(bars: pd.DataFrame, block_days: int, seed: int) -> None:
    series = build_series(bars)
    rows = np.random.default_rng(seed).integers(0, len(series), 50)

    def first_of(row: int) -> int:
        oldest = (series.day[row] // block_days - 1) * block_days
        return next(i for i in range(series.first[row], row + 1) if series.day[i] >= oldest)

    assert series.anchor_of(rows, block_days).tolist() == [first_of(row) for row in rows]


@given(bars=markets(), window=st.integers(1, 40), span_days=st.integers(1, 100), seed=st.integers(0, 1000))
def test_a_window_holds_its_bars_of_one_life_within_its_days(bars, window: int, span_days: int, seed: int) -> None:
    series = build_series(bars)
    rows = np.random.default_rng(seed).integers(0, len(series), 50)

    def first_of(row: int) -> int:
        least = max(series.first[row], row - window + 1)
        return next(i for i in range(least, row + 1) if series.day[i] > series.day[row] - span_days)

    assert series.start_of(rows, window, span_days).tolist() == [first_of(row) for row in rows]


@pytest.mark.parametrize("missing", [None, "", np.nan])
def test_a_bar_without_a_symbol_is_refused(missing: object) -> None:
    bars = synthetic_bars("SYN:A/USDT", 5, seed=1).astype({"symbol": "object"})
    bars.loc[[1, 3], "symbol"] = missing
    for named in (bars, bars.astype({"symbol": "category"})):
        with pytest.raises(UsageError, match="2 bars have no symbol"):
            build_series(named)
