"""`quant quarantine`: look at rejected bars, decide on single ones, and see the decision carried out and recorded."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.cli.command import one_error
from tests.e2e.worlds import Place, tiny_bars, tiny_profile

FIRST, LAST = "2023-01-02", "2023-01-16"
DAY, COIN = "2023-01-10", "TOY:COIN3/USDT"
WHY = "compared with a second venue"


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    """Fifteen days in which one bar's high lies below its open, and one bar is dated with a wrong quote volume."""
    bars = tiny_bars()
    bars.loc[_at(bars, COIN, DAY), "high"] = bars.loc[_at(bars, COIN, DAY), "open"] * 0.99
    bars.loc[_at(bars, "TOY:COIN5/USDT", "2023-01-12"), "quote_volume"] *= 30
    place = Place(tmp_path_factory.mktemp("dirty")).write(tiny_profile(market={"bad_ohlc_free_rows": 1}), bars)
    with place.runner() as runner:
        assert not [s for s in runner.backfill(["listings", "ohlcv"], FIRST, LAST) if s.exit_code]
    return place


def _at(bars, symbol, day):
    return bars.index[(bars["symbol"] == symbol) & (bars["date"] == day)]


def listed(quant, place, *options):
    result = quant(place, "quarantine", "list", *options, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["quarantine"]


def test_the_list_shows_rule_and_reason_and_can_be_narrowed(quant, dirty):
    rows = listed(quant, dirty)
    assert {(r["symbol"], r["date"], r["rule"]) for r in rows} == {
        (COIN, DAY, "L0.OHLC"), ("TOY:COIN5/USDT", "2023-01-12", "L0.VOLUME"),
    }  # fmt: skip
    assert all(r["reason"] and r["bar"] and r["decision"] == "" for r in rows)
    assert len(listed(quant, dirty, "--rule", "L0.OHLC")) == len(listed(quant, dirty, "--symbol", COIN)) == 1
    assert listed(quant, dirty, "--from", "2023-01-13") == []


def test_a_release_is_recorded_carried_out_shown_and_can_be_taken_back(quant, dirty, tmp_path):
    place = dirty.copy_to(tmp_path / "copy")
    before = place.contents("ohlcv")
    release = ("quarantine", "release", COIN, DAY, "--reason", WHY, "--by", "anna")
    assert quant(place, *release, "--dry-run").exit_code == 0 and place.table("quarantine_decisions").empty
    told = json.loads(quant(place, *release, "--json").stdout)
    assert (told["rule"], told["decided_by"], told["reason"]) == ("L0.OHLC", "anna", WHY)
    assert told["next"] == f"quant backfill --select ohlcv --from {DAY} --to {DAY}"

    with place.runner() as runner:
        assert runner.not_current("ohlcv", FIRST, LAST) == [DAY], "the decision, and nothing else, is to be carried out"
        assert not [s for s in runner.backfill(["ohlcv"], FIRST, LAST) if s.exit_code]
        assert runner.not_current("ohlcv", FIRST, LAST) == []
    bars = place.table("ohlcv")
    assert ((bars["symbol"] == COIN) & (pd.to_datetime(bars["date"]) == DAY)).sum() == 1
    after = place.contents("ohlcv")
    assert {day for _, day in after if before["ohlcv", day] != after["ohlcv", day]} == {DAY}
    rules = json.loads(quant(place, "check", "ohlcv", "--from", DAY, "--to", DAY, "--json").stdout)["rules"]
    shown = next(r for r in rules if r["rule"] == "L0.RELEASED")
    assert shown["warn"] == 1 and f"released by anna: {WHY} (accepted)" in shown["message"]

    assert quant(place, "quarantine", "reject", COIN, DAY, "--reason", "the second venue was wrong").exit_code == 0
    with place.runner() as runner:
        assert runner.not_current("ohlcv", FIRST, LAST) == [DAY]
        runner.backfill(["ohlcv"], FIRST, LAST)
    assert place.contents("ohlcv") == before
    audit = place.table("quarantine_decisions")
    assert sorted(audit["decision"]) == ["reject", "release"], "every decision is kept"
    assert [r["decision"] for r in listed(quant, place, "--symbol", COIN)] == ["reject"]


def test_a_release_does_not_accept_another_bar_of_that_day(quant, dirty, tmp_path):
    place = dirty.copy_to(tmp_path / "copy")
    assert quant(place, "quarantine", "release", COIN, DAY, "--reason", WHY).exit_code == 0
    bars = pd.read_parquet(place.bars_file)
    bars.loc[_at(bars, COIN, DAY), "high"] *= 0.98
    bars.to_parquet(place.bars_file, index=False)
    with place.runner() as runner:
        runner.backfill(["ohlcv"], FIRST, LAST)
    stored = place.table("ohlcv")
    assert not ((stored["symbol"] == COIN) & (pd.to_datetime(stored["date"]) == DAY)).any()
    rules = json.loads(quant(place, "check", "ohlcv", "--from", DAY, "--to", DAY, "--json").stdout)["rules"]
    shown = next(r for r in rules if r["rule"] == "L0.RELEASED")
    assert "not accepted: the received bar is another one" in shown["message"]


def test_confirming_a_rejection_changes_no_partition(quant, dirty, tmp_path):
    place = dirty.copy_to(tmp_path / "copy")
    assert quant(place, "quarantine", "reject", COIN, DAY, "--reason", WHY).exit_code == 0
    with place.runner() as runner:
        assert runner.not_current("ohlcv", FIRST, LAST) == []


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("TOY:COIN1/USDT", DAY, "--reason", WHY), 4, "no bar in quarantine"),
        ((COIN, "yesterday", "--reason", WHY), 2, "YYYY-MM-DD"),
        ((COIN, DAY, "--reason", "fine"), 2, "says too little"),
    ],
)
def test_a_decision_on_nothing_or_for_no_reason_is_refused(quant, dirty, arguments, code, told):
    result = quant(dirty, "quarantine", "release", *arguments)
    assert result.exit_code == code and told in one_error(result)
    assert dirty.table("quarantine_decisions").empty


def test_a_withheld_days_bars_cannot_be_released_one_by_one(quant, dirty, tmp_path):
    place = dirty.copy_to(tmp_path / "copy")
    bars = pd.read_parquet(place.bars_file)
    bars[(bars["date"] != "2023-01-14") | (bars["symbol"] == COIN)].to_parquet(place.bars_file, index=False)
    with place.runner() as runner:
        runner.backfill(["ohlcv"], "2023-01-14", "2023-01-14", force=True)
    result = quant(place, "quarantine", "release", COIN, "2023-01-14", "--reason", WHY)
    assert result.exit_code == 3 and "L0.COVERAGE cannot be released" in one_error(result)
