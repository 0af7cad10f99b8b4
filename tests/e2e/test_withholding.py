"""A breach of any level withholds its partition and everything that rests on it, in that run and in every later one."""

from __future__ import annotations

from dataclasses import replace

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from quant_assets.manifests import PUBLISHED, REFUSED, Ledger
from quant_assets.running import QUIET
from tests.e2e.worlds import Place, tiny_profile

DAY = "2023-03-15"  # a Wednesday in the week of 2023-03-13
WEEK, NEXT_WEEK = "2023-03-13", "2023-03-20"


@pytest.fixture
def place(tiny, tmp_path) -> Place:
    """The finished tiny world, to be broken."""
    return tiny.copy_to(tmp_path)


def run(place: Place, asset: str, key: str) -> int:
    """`quant run ASSET --date KEY`."""
    with place.runner() as runner:
        (report,) = runner.backfill([asset], key, key, force=True)
    return report.exit_code


def later(place: Place, *selection: str) -> dict[str, int]:
    """`quant backfill`: exit codes by asset."""
    return {r.asset: r.exit_code for r in place.backfill(*selection)}


def assert_nothing_rests_on_a_refused_partition(place: Place) -> None:
    """By the recorded inputs: no published partition has a refused one among what it read."""
    ledger = Ledger(place.lakehouse)
    withheld = ledger.withheld()
    refused = {a: {k for k, s in ledger.states(a).items() if s.status == REFUSED} for a in withheld}
    resting = {a: sorted(keys - refused[a]) for a, keys in withheld.items() if keys - refused[a]}
    assert resting == {}


def garbage(place: Place, day: str, rows: int = 2) -> None:
    bars = pd.read_parquet(place.bars_file)
    bad = bars.index[bars["date"] == day][:rows]
    bars.loc[bad, "high"] = bars.loc[bad, "low"] * 0.5
    bars.to_parquet(place.bars_file, index=False)


def test_l0_garbage_bars_withhold_the_day_and_all_that_rests_on_it(place):
    garbage(place, DAY)
    assert run(place, "ohlcv", DAY) == 3
    assert place.statuses("ohlcv")[DAY] == REFUSED
    assert "L0.OHLC" in place.refusals("ohlcv", DAY)

    codes = later(place)
    assert codes["ohlcv"] == codes["features_matrix"] == codes["up/selection"] == codes["both/meta_weights"] == 3
    assert place.statuses("features_matrix")[DAY] == REFUSED
    assert place.statuses("returns_matrix")[DAY] == REFUSED
    assert place.statuses("up/selection")[NEXT_WEEK] == REFUSED
    assert place.statuses("down/sleeve_returns")[WEEK] == REFUSED
    assert place.statuses("up/selection")[WEEK] == PUBLISHED, "the week that was decided before that day stands"
    assert_nothing_rests_on_a_refused_partition(place)


def test_l0_quarantine_conserves_every_received_row(place):
    garbage(place, DAY, rows=3)
    received = pd.read_parquet(place.bars_file)
    run(place, "ohlcv", DAY)
    rejected = place.table("ohlcv_quarantine")
    day = rejected[pd.to_datetime(rejected["date"]) == DAY]
    assert len(day) == (received["date"] == DAY).sum(), "a refused day lies in quarantine as a whole"
    assert sorted(day["symbol"]) == sorted(received.loc[received["date"] == DAY, "symbol"])
    assert day["rule"].str.startswith("L").all() and day["reason"].str.len().gt(0).all()

    accepted = place.table("ohlcv")
    others = accepted[pd.to_datetime(accepted["date"]) != DAY]
    elsewhere = rejected[pd.to_datetime(rejected["date"]) != DAY]
    assert len(others) + len(elsewhere) + len(day) == len(received)


def test_in_the_same_run_nothing_downstream_is_materialized(place):
    """One Dagster run of bars and returns of the day, as the UI would start it."""
    garbage(place, DAY)
    before = len(place.contents("returns_matrix"))
    with place.runner() as runner:
        keys = [dg.AssetKey("ohlcv"), dg.AssetKey("ohlcv_quarantine"), dg.AssetKey("returns_matrix")]
        result = dg.materialize(
            list(runner.defs.assets),
            selection=keys,
            resources=dict(runner.defs.resources),
            instance=runner.instance,
            partition_key=DAY,
            run_config=QUIET,
            raise_on_error=False,
        )
    assert not result.success
    assert result.asset_materializations_for_node("returns_matrix") == []
    assert result.asset_materializations_for_node("ohlcv") == []
    broken = {e.check_name for e in result.get_asset_check_evaluations() if not e.passed}
    assert broken == {"l0_contract"} or broken == {"l0_contract", "l1_contract"}
    assert len(place.contents("returns_matrix")) == before


def test_a_mended_day_heals_everything(place, tiny):
    clean = pd.read_parquet(place.bars_file)
    garbage(place, DAY)
    assert run(place, "ohlcv", DAY) == 3
    clean.to_parquet(place.bars_file, index=False)
    assert set(later(place).values()) == {0}
    assert place.contents() == tiny.contents()


def test_l1_an_impossible_return_withholds_its_day_and_the_weeks_on_it(place, monkeypatch):
    from quant_assets.returns import assets

    honest = assets.simple_returns

    def wild(*args, **kwargs):
        frame = honest(*args, **kwargs)
        frame.loc[frame["date"] == DAY, "return"] = np.inf
        return frame

    with monkeypatch.context() as patch:
        patch.setattr(assets, "simple_returns", wild)
        assert run(place, "returns_matrix", DAY) == 3
    assert "L1.RANGE" in place.refusals("returns_matrix", DAY)
    with place.runner() as runner:  # the breach is not mended: the day is left as it is, the rest is asked for
        reports = runner.backfill(["up/sleeve_returns", "up/selection", "both/meta_returns"], WEEK, NEXT_WEEK)
    assert {r.asset: r.exit_code for r in reports} == {
        "up/selection": 3, "up/sleeve_returns": 3, "both/meta_returns": 3
    }  # fmt: skip
    assert place.statuses("up/sleeve_returns")[WEEK] == REFUSED
    assert place.statuses("up/selection")[NEXT_WEEK] == REFUSED


def test_l2_a_feature_that_reads_tomorrow_is_refused(place, monkeypatch):
    """The planted leak is one bar long; the range is computed in one batch, so that it has a tomorrow to read."""
    from quant_assets.features import catalogue, matrix, rules

    def leaky(*args, **kwargs):
        return tuple(
            replace(f, function=_tomorrow(f.function)) if f.id == "momentum" else f
            for f in catalogue.selected_features(*args, **kwargs)
        )

    with monkeypatch.context() as patch:
        for module in (matrix, rules):
            if hasattr(module, "selected_features"):
                patch.setattr(module, "selected_features", leaky)
        with place.runner() as runner:
            (report,) = runner.backfill(["features_matrix"], DAY, "2023-03-19", force=True)
    assert report.exit_code == 3 and report.refused >= 4
    assert "L2.PREFIX" in place.refusals("features_matrix", DAY)
    with place.runner() as runner:
        reports = runner.backfill(["up/selection", "down/selection"], NEXT_WEEK, NEXT_WEEK)
    assert [r.exit_code for r in reports] == [3, 3]
    assert place.statuses("up/selection")[NEXT_WEEK] == REFUSED


def _tomorrow(function):
    def reads_one_bar_more(series, start, rows, parameters):
        last = np.minimum(rows + 1, len(series) - 1)
        same = series.code[last] == series.code[rows]
        return function(series, np.where(same, start + 1, start), np.where(same, last, rows), parameters)

    return reads_one_bar_more


def test_l3_weights_of_the_wrong_sign_are_refused(place, monkeypatch):
    from quant_assets.allocation import assets

    honest = assets.allocate

    def flipped(*args, **kwargs):
        result = honest(*args, **kwargs)
        result.frame["net_weight"] = -result.frame["net_weight"]
        return result

    with monkeypatch.context() as patch:
        patch.setattr(assets, "allocate", flipped)
        assert run(place, "down/sleeve_weights", NEXT_WEEK) == 3
    assert "L3.DIRECTION" in place.refusals("down/sleeve_weights", NEXT_WEEK)
    with place.runner() as runner:
        reports = runner.backfill(["down/sleeve_returns", "both"], NEXT_WEEK, NEXT_WEEK)
        shown = runner.instance.get_materialized_partitions(dg.AssetKey(["both", "meta_weights"]))
    codes = {r.asset: r.exit_code for r in reports if r.asset != "both/report"}
    assert codes == {"down/sleeve_returns": 3, "both/meta_weights": 3, "both/meta_returns": 3}
    assert place.statuses("both/meta_weights")[NEXT_WEEK] == REFUSED
    assert "2023-03-27" in shown, "other weeks are still shown as they were"
    for asset in ("both/meta_weights", "both/meta_returns", "down/sleeve_returns"):
        assert "INPUT.PUBLISHED" in place.refusals(asset, NEXT_WEEK), asset


def test_l4_a_twin_that_is_no_opposite_withholds_the_meta(place):
    """Both sleeves are long, and the profile claims that they are opposites."""
    profile = tiny_profile()
    profile["sleeves"][1] = {**profile["sleeves"][1], "direction": "LONG"}
    place.write(profile)
    codes = later(place, "down", "both/meta_weights", "both/meta_returns")
    assert codes["down/sleeve_weights"] == 0
    assert codes["both/meta_weights"] == 3 and codes["both/meta_returns"] == 3
    assert set(place.statuses("both/meta_weights").values()) == {REFUSED}
    assert "L4.OPPOSITES" in place.refusals("both/meta_weights", NEXT_WEEK)
    assert_nothing_rests_on_a_refused_partition(place)
