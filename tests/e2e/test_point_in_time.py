"""Nothing that happens after a day changes what was decided up to it: features, pools, choices and weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.e2e.worlds import BAR_COLUMNS, SMALL_END, SMALL_FIRST_WEEK, Place, small_profile

CUT = "2022-12-25"  # a Sunday: the decisions of the Monday after it rest on it
LOOKED_AT = ("ohlcv", "candidates", "features_matrix", "returns_matrix", "selection", "sleeve_weights", "meta_weights")
ALPHA = ("market", "universe", "features", "returns", "ma_long/selection", "trend_short/selection",
         "ma_long/sleeve_weights", "trend_short/sleeve_weights")  # fmt: skip


def decided_by(place: Place, cut: str) -> dict[tuple[str, str], str]:
    """Content hash of every partition that knows nothing after ``cut``: days up to it, Mondays up to the day after."""
    monday = str((pd.Timestamp(cut) + pd.Timedelta(days=1)).date())
    newest = {"ohlcv": cut, "candidates": cut, "features_matrix": cut, "returns_matrix": cut}
    return {
        (asset, key): version
        for (asset, key), version in place.contents(*LOOKED_AT).items()
        if key <= newest.get(asset, monday)
    }


def another_future(bars: pd.DataFrame, cut: str, seed: int) -> pd.DataFrame:
    """After ``cut``: prices of every other coin times random factors, the days of the others in random order."""
    rng = np.random.default_rng(seed)
    past, future = bars[bars["date"] <= cut], bars[bars["date"] > cut].copy()
    number = {name: i for i, name in enumerate(sorted(bars["symbol"].unique()))}
    odd = future["symbol"].map(number) % 2 == 1
    prices = ["open", "high", "low", "close"]
    factors = rng.uniform(0.4, 2.5, int(odd.sum()))
    future.loc[odd, prices] = future.loc[odd, prices].mul(factors, axis=0)
    even = future.loc[~odd]
    shuffled = [g.assign(date=rng.permutation(g["date"].to_numpy())) for _, g in even.groupby("symbol")]
    return pd.concat([past, future[odd], *shuffled], ignore_index=True)[list(bars.columns)]


def the_same_past(full: Place, other: Place, cut: str) -> None:
    wanted, found = decided_by(full, cut), decided_by(other, cut)
    assert wanted and "" not in wanted.values(), "the undisturbed world must have published everything"
    different = {
        k: (wanted.get(k), found.get(k)) for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k)
    }
    assert different == {}


def test_cutting_all_bars_after_a_day_changes_nothing_up_to_it(small, tmp_path):
    bars = pd.read_parquet(small.bars_file)
    shorter = Place(tmp_path).write(small_profile(), bars[bars["date"] <= CUT])
    shorter.backfill(last="2022-12-26")
    the_same_past(small, shorter, CUT)
    assert len(decided_by(small, CUT)) > 359 * 2, "the comparison covers the whole history"


def test_altering_and_shuffling_all_bars_after_a_day_changes_nothing_up_to_it(small, tmp_path):
    """The past is computed in one batch with the future in reach, so that a leak would have something to see."""
    bars = pd.read_parquet(small.bars_file)
    altered = Place(tmp_path).write(small_profile(), another_future(bars, CUT, seed=3))
    altered.backfill(last="2023-01-09")
    the_same_past(small, altered, CUT)
    mine, others = small.contents("features_matrix"), altered.contents("features_matrix")
    later = [k for k in others if k[1] > CUT]
    assert later and all(mine[k] != others[k] for k in later), (
        "the future was changed: after the day everything differs"
    )


def test_on_real_bars_no_past_decision_knows_the_future(shared_folder: Path, tmp_path):
    """LUNA's collapse lies right after the cut: it may show in no feature, choice or weight before it."""
    start, first_week, end, cut = "2021-07-01", "2022-05-02", "2022-05-22", "2022-05-08"
    source = shared_folder / "data" / "binance_spot_daily.parquet"
    bars = pd.read_parquet(source, columns=list(BAR_COLUMNS))
    bars["date"] = pd.to_datetime(bars["date"])
    bars = bars[(bars["date"] >= start) & (bars["date"] <= end) & bars["symbol"].str.endswith("/USDT")]
    steady = bars.groupby("symbol")["quote_volume"].median().nlargest(30).index
    bars = bars[bars["symbol"].isin({*steady, "LUNA/USDT"})].reset_index(drop=True)
    settings = small_profile(
        start=start,
        first_week=first_week,
        end=end,
        venue={"kind": "files", "path": "bars", "venue_name": "BINANCE", "data_kind": "real"},
        metas=[],
    )
    full = Place(tmp_path / "full").write(settings, bars)
    other = Place(tmp_path / "other").write(settings, another_future(bars, cut, seed=5))
    for place in (full, other):
        place.backfill(*ALPHA)
    the_same_past(full, other, cut)
    stored = full.table("ohlcv")
    crash = stored[(stored["symbol"] == "BINANCE:LUNA/USDT") & (pd.to_datetime(stored["date"]) > cut)]
    assert crash["low"].min() < 0.001, "the crash itself is kept"


@pytest.mark.parametrize("asset", ["features_matrix", "ma_long/selection", "trend_short/sleeve_weights"])
def test_the_small_world_covers_what_is_compared(small, asset):
    keys = sorted(k for a, k in small.contents(asset) if a == asset)
    first = str((pd.Timestamp(SMALL_FIRST_WEEK) - pd.Timedelta(days=7)).date())
    assert keys[0] == (first if asset == "features_matrix" else SMALL_FIRST_WEEK)
    assert keys[-1] >= str((pd.Timestamp(SMALL_END) - pd.Timedelta(days=6)).date())
