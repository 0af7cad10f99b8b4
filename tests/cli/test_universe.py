"""`quant universe`: what there is, every rule of it, and why a market is in or out on a day."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from quant_assets.universe.config import Universe
from tests.cli.command import one_error
from tests.e2e.worlds import TINY_END, tiny_bars, tiny_profile

DAY = "2023-03-15"
COIN = "TOY:COIN0/USDT"


def told(quant, place, *arguments, code=0):
    result = quant(place, "universe", *arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_list_names_the_profiles_universes_first_and_the_shipped_ones(quant, fresh):
    rows = told(quant, fresh, "list")["universes"]
    assert [(r["universe"], r["in_profile"]) for r in rows] == [
        ("all", True), ("binance_perp", False), ("binance_spot", False),
    ]  # fmt: skip
    assert rows[0]["rules_hash"] == fresh.profile.universes[0].rules_hash


def test_show_prints_every_rule_with_the_layer_that_states_it(quant, fresh):
    fresh.write(tiny_profile(universes=[
        *tiny_profile()["universes"], {"name": "mine", "extends": "binance_spot", "+quotes": ["TRY"]},
    ]))  # fmt: skip
    shown = told(quant, fresh, "show", "mine")
    rules = {r["rule"]: (r["value"], r["stated_in"]) for r in shown["rules"]}
    assert set(rules) == set(Universe.model_fields) - {"name"}, "no rule is hidden"
    assert shown["lineage"] == ["mine", "binance_spot"]
    assert rules["quotes"][0][-1] == "TRY" and rules["quotes"][1] == "binance_spot + mine"
    assert rules["min_value_traded"] == (1e6, "binance_spot") and rules["gap_window"] == (60, "default")
    assert {r["veto"] for r in shown["always"]} == {"not_trading", "no_bar", "redenominated", "toxic"}
    assert shown["rules_hash"] == fresh.profile.universes[1].rules_hash


def test_explain_gives_the_pool_that_was_published(quant, worked):
    pool = told(quant, worked, "explain", "all", "--date", DAY)
    stored = worked.table("candidates")
    stored = stored[pd.to_datetime(stored["date"]) == DAY].sort_values("rank")
    assert pool["recorded"] == "as published"
    assert (pool["markets"], pool["candidates"]) == (8, int(stored["passed"].sum()))
    assert [r["symbol"] for r in pool["pool"]] == stored["symbol"].tolist()
    assert [r["value_traded"] for r in pool["pool"]] == stored["value_traded"].tolist()


def test_explain_tells_each_rule_on_one_symbol(quant, worked):
    answer = told(quant, worked, "explain", "all", "--date", DAY, "--symbol", COIN)
    assert answer["passed"] is True and answer["rank"] >= 1
    rules = {r["rule"]: r for r in answer["rules"]}
    assert len(rules) == 15 and all(r["passed"] for r in rules.values())
    assert rules["liquidity"]["asks"] == "value_traded at least 100,000"


def test_explain_of_a_shipped_universe_computes_and_says_so_and_an_empty_pool_exits_4(quant, worked):
    pool = told(quant, worked, "explain", "binance_perp", "--date", DAY, code=4)
    assert pool["candidates"] == 0 and pool["vetoes"]["kind"] == 8
    assert "computed for this answer only" in pool["recorded"]
    out = told(quant, worked, "explain", "binance_perp", "--date", DAY, "--symbol", COIN)
    assert out["passed"] is False and {r["rule"] for r in out["rules"] if not r["passed"]} >= {"kind"}


def test_tables_are_for_people(quant, worked):
    for arguments in (["list"], ["show", "all"], ["explain", "all", "--date", DAY]):
        result = quant(worked, "universe", *arguments)
        assert result.exit_code == 0 and "all" in result.stdout
    assert "in, rank" in quant(worked, "universe", "explain", "all", "--date", DAY, "--symbol", COIN).stdout


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (["show", "nope"], 2, "known: all, binance_perp, binance_spot"),
    (["explain", "all", "--date", "yesterday"], 2, "YYYY-MM-DD"),
    (["explain", "all", "--date", DAY, "--symbol", "../../etc/passwd"], 2, "VENUE:BASE/QUOTE"),
    (["explain", "all", "--date", DAY, "--symbol", "TOY:COIN0/EUR"], 2, "listed for its base: TOY:COIN0/USDT"),
    (["explain", "all", "--date", "2031-01-01"], 3, "2031-01-01 (missing)"),
])  # fmt: skip
def test_mistakes_are_told_with_the_next_step(quant, worked, arguments, code, words):
    result = quant(worked, "universe", *arguments)
    assert result.exit_code == code
    assert words in one_error(result)


def test_a_day_without_candidates_is_refused_with_the_nearest_market(quant, tiny, tmp_path):
    place = tiny.copy_to(tmp_path / "copy")
    strict = {**tiny_profile()["universes"][0], "min_value_traded": 1e12}
    place.write(tiny_profile(universes=[strict]), tiny_bars())
    result = quant(place, "run", "candidates", "--date", TINY_END)
    assert result.exit_code == 4
    assert "liquidity floor 1,000,000,000,000: best is TOY:COIN" in one_error(result)
    answer = told(quant, place, "explain", "all", "--date", TINY_END, code=4)
    assert answer["recorded"] == "candidates of that day: refused"
    assert answer["nearest"][0]["text"] in place.refusals("candidates", TINY_END, "reason")
