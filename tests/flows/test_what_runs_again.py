"""A backfill makes anew what inputs, code or configuration changed, and nothing else; how it is cut does not matter."""

from __future__ import annotations

import pandas as pd
import pytest

from quant_assets import currency
from quant_assets.errors import UsageError
from tests.e2e.worlds import Place, tiny_profile


@pytest.fixture
def place(tiny, tmp_path) -> Place:
    return tiny.copy_to(tmp_path)


def published(reports) -> dict[str, int]:
    return {r.asset: r.published for r in reports if r.published}


def test_one_partition_at_a_time_gives_what_the_range_gave(tiny, place):
    with place.runner() as runner:
        for asset in ("ohlcv", "candidates", "features_matrix", "returns_matrix"):
            (report,) = runner.backfill([asset], "2023-04-05", "2023-04-05", force=True)
            assert (report.published, report.exit_code) == (1, 0), asset
        weekly = runner.backfill(
            ["up", "both/meta_weights", "both/meta_returns"], "2023-04-03", "2023-04-03", force=True
        )
    assert all(r.published == 1 for r in weekly) and len(weekly) == 5
    assert place.contents() == tiny.contents()


def test_a_changed_sleeve_runs_its_own_chain_and_the_meta_only(place):
    profile = tiny_profile()
    profile["sleeves"][0]["allocation"]["cap"] = 0.4
    place.write(profile)
    made = published(place.backfill())
    # Equal weights of an eighth touch neither cap: the weights are made again, come out equal, and stop the wave there.
    assert made == {"up/sleeve_weights": 7}

    profile["sleeves"][0]["selection"]["top_n"] = 4
    place.write(profile)
    made = published(place.backfill())
    assert made == {
        "up/selection": 7, "up/sleeve_weights": 7, "up/sleeve_returns": 6, "both/meta_weights": 5,
        "both/meta_returns": 4,
    }  # fmt: skip


def test_a_title_changes_nothing(place):
    place.write(tiny_profile(title="Another title"))
    assert published(place.backfill()) == {}


def test_a_revised_bar_reaches_exactly_what_rests_on_it(tiny, place):
    """The last day's close is corrected: no decision looked at it but the next Monday's."""
    bars = pd.read_parquet(place.bars_file)
    row = (bars["date"] == "2023-04-09") & (bars["symbol"] == "TOY:COIN2/USDT")
    bars.loc[row, "close"] = bars.loc[row, "low"]
    bars.to_parquet(place.bars_file, index=False)
    with place.runner() as runner:
        runner.backfill(["ohlcv"], "2023-04-09", "2023-04-09", force=True)
        made = published(runner.backfill())
    before = tiny.contents()
    changed = {k for k, v in place.contents().items() if before[k] != v}
    assert ("features_matrix", "2023-04-09") in changed and ("up/sleeve_returns", "2023-04-03") in changed
    assert {k for a, k in changed if a.endswith(("selection", "sleeve_weights", "meta_weights"))} <= {"2023-04-10"}
    assert made["features_matrix"] == made["returns_matrix"] == made["candidates"] == 1
    assert made["up/selection"] == made["down/selection"] == 1


def test_one_backfill_carries_a_revised_bar_through_all_weeks_that_follow(place):
    """Every week opens with the equity the week before it ended with: one changed week changes all after it."""
    bars = pd.read_parquet(place.bars_file)
    row = (bars["date"] == "2023-03-15") & (bars["symbol"] == "TOY:COIN2/USDT")
    bars.loc[row, "close"] = (bars.loc[row, "low"] + bars.loc[row, "close"]) / 2
    bars.to_parquet(place.bars_file, index=False)
    with place.runner() as runner:
        runner.backfill(["ohlcv"], "2023-03-15", "2023-03-15", force=True)
        made = published(runner.backfill())
        assert made["up/sleeve_returns"] == made["both/meta_returns"] == 4
        assert published(runner.backfill()) == {}, "nothing is left for another pass"


def test_new_code_makes_its_asset_run_again(place, monkeypatch):
    monkeypatch.setattr(currency, "code_version", lambda *rooms: "another" if rooms == ("returns",) else _real(*rooms))
    made = published(place.backfill("returns_matrix"))
    assert made == {"returns_matrix": 98}


def test_a_selection_with_a_plus_takes_everything_downstream(place):
    with place.runner() as runner:
        names = [key.to_user_string() for key in runner.ordered(["down/sleeve_weights+"])]
        everything = [key.to_user_string() for key in runner.ordered()]
        with pytest.raises(UsageError, match="no_such"):
            runner.ordered(["no_such+"])
    assert names == [
        "down/sleeve_weights",
        "down/sleeve_returns",
        "both/meta_weights",
        "both/meta_returns",
        "both/report",
    ]
    assert "ohlcv_quarantine" not in everything, "what another asset writes is run with it"


_real = currency.code_version
