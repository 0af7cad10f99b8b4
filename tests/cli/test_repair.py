"""`quant ingest`, `quant repair`, `quant audit`: what is missing is named, asked for again, and never made up."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.cli.command import one_error
from tests.e2e.worlds import Place, tiny_bars, tiny_profile

FIRST, LAST, DAYS = "2023-01-05", "2023-01-14", 10
HOLE, COIN = "2023-01-10", "TOY:COIN3/USDT"
LOST = tuple(f"TOY:COIN{k}/USDT" for k in range(4))
LENIENT = {"coverage_error": 0.6, "retention_error": 0.6}


def bars_without(*days: str, coins: tuple[str, ...] = (COIN,)) -> pd.DataFrame:
    bars = tiny_bars()
    return bars[~(bars["date"].isin(pd.DatetimeIndex(days)) & bars["symbol"].isin(coins))]


def place_with(folder, bars: pd.DataFrame, **market: float) -> Place:
    return Place(folder).write(tiny_profile(market=market or LENIENT), bars)


def ingest(quant, place: Place, *more: object):
    return quant(place, "ingest", "--from", FIRST, "--to", LAST, *more)


def told(result) -> dict:
    assert result.exit_code in (0, 3), result.output
    return json.loads(result.stdout)


def ingested(folder, bars: pd.DataFrame) -> Place:
    place = place_with(folder, bars)
    with place.runner() as runner:
        runner.backfill(["listings", "ohlcv"], FIRST, LAST)
    return place


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A place without holes, ingested."""
    return ingested(tmp_path_factory.mktemp("whole"), tiny_bars())


@pytest.fixture(scope="module")
def holed(tmp_path_factory):
    """A place whose source lacked one bar, ingested."""
    return ingested(tmp_path_factory.mktemp("holed"), bars_without(HOLE))


@pytest.fixture(scope="module")
def red(tmp_path_factory):
    """A place whose source lacked half of the market on one day, ingested: that day is withheld."""
    return ingested(tmp_path_factory.mktemp("red"), bars_without(HOLE, coins=LOST))


def test_ingest_says_what_it_would_do_then_does_it_names_what_is_missing_and_is_done(quant, tmp_path):
    place = place_with(tmp_path / "place", bars_without(HOLE))
    planned = told(ingest(quant, place, "--dry-run", "--json"))
    assert {a["asset"]: a["days"] for a in planned["assets"]} == {"listings": DAYS, "ohlcv": DAYS}
    assert place.table("manifests").empty
    done = told(ingest(quant, place, "--json"))
    assert {a["asset"]: a["published"] for a in done["assets"]} == {"listings": DAYS, "ohlcv": DAYS}
    assert done["missing"] == {HOLE: [COIN]} and done["exit_code"] == 0
    again = told(ingest(quant, place, "--dry-run", "--json"))
    assert all(a["days"] == 0 for a in again["assets"])


def test_a_hole_is_named_asked_for_again_and_equals_a_fresh_ingest(quant, tmp_path, whole, holed):
    place = holed.copy_to(tmp_path / "copy")
    planned = told(quant(place, "repair", "--dry-run", "--json"))
    assert planned["would_ask"] == [{"date": HOLE, "symbol": COIN}] and place.table("repairs").empty

    place.write(tiny_profile(market=LENIENT), tiny_bars())
    mended = told(quant(place, "repair", "--json"))
    assert (mended["repaired"], mended["no_trading"], mended["unanswered"]) == (1, 0, 0)
    assert HOLE in mended["judged_again"]
    assert place.contents("ohlcv") == whole.contents("ohlcv"), "as if the bar had been there from the start"
    bars = place.table("ohlcv")
    marked = bars[bars["repaired_at"].notna()]
    assert list(zip(marked["symbol"], pd.to_datetime(marked["date"]).dt.strftime("%Y-%m-%d"), strict=True)) == [
        (COIN, HOLE)
    ]
    assert told(quant(place, "repair", "--json"))["gaps"] == 0
    assert all(a["days"] == 0 for a in told(ingest(quant, place, "--dry-run", "--json"))["assets"]), (
        "repaired is current"
    )


def test_where_the_venue_confirms_that_nothing_traded_that_is_recorded_and_nothing_is_made_up(quant, tmp_path, holed):
    place = holed.copy_to(tmp_path / "copy")
    asked = told(quant(place, "repair", "--json"))
    assert asked["no_trading"] == 1 and "2023-01-09 and 2023-01-11, none between" in asked["answers"][0]["reason"]
    health = place.table("symbol_health")
    here = health[(health["symbol"] == COIN) & (pd.to_datetime(health["date"]) == HOLE)]
    assert list(here["state"]) == ["no_trading"] and "the venue confirms" in here["reason"].iloc[0]
    bars = place.table("ohlcv")
    assert not ((bars["symbol"] == COIN) & (pd.to_datetime(bars["date"]) == HOLE)).any()
    coverage = place.table("coverage").set_index(pd.to_datetime(place.table("coverage")["date"]))
    assert coverage.loc[HOLE, "missing"] == "[]" and coverage.loc[HOLE, "expected"] == 7
    assert told(quant(place, "audit", "--json"))["gaps"] == []


def test_a_withheld_day_is_mended_by_a_repair_alone(quant, tmp_path, red):
    place = red.copy_to(tmp_path / "copy")
    result = ingest(quant, place)
    assert result.exit_code == 3 and all(name in one_error(result) for name in LOST), "asked again, red again"
    bounded = told(quant(place, "repair", "--max-symbols", 1, "--max-days", 1, "--dry-run", "--json"))
    assert bounded["gaps"] == 4 and bounded["would_ask"] == [{"date": HOLE, "symbol": LOST[0]}]
    found = told(quant(place, "audit", "--json"))
    assert found["exit_code"] == 3 and {e["rule"] for e in found["errors"]} == {"L0.COVERAGE", "L0.RETENTION"}
    (day,) = [c for c in found["coverage"] if c["date"] == HOLE]
    assert day["missing"] == list(LOST) and (day["expected"], day["received"]) == (8, 4)

    place.write(tiny_profile(market=LENIENT), tiny_bars())
    mended = told(quant(place, "repair", "--json"))
    assert mended["repaired"] == 4 and mended["exit_code"] == 0
    assert set(place.statuses("ohlcv").values()) == {"published"}
    assert quant(place, "audit").exit_code == 0


def test_some_symbols_are_fetched_anew_over_days_that_are_there(quant, tmp_path, whole):
    place = whole.copy_to(tmp_path / "copy")
    bars = tiny_bars()
    bars.loc[(bars["symbol"] == COIN) & (bars["date"] == HOLE), "volume"] *= 1.001
    changed = bars.assign(close=bars["close"].where(bars["symbol"] != "TOY:COIN0/USDT", bars["close"] * 1.0001))
    place.write(tiny_profile(market=LENIENT), changed)
    done = told(quant(place, "ingest", "--from", FIRST, "--to", LAST, "--symbols", COIN, "--json"))
    assert done["failed"] == {}
    before, after = whole.contents("ohlcv"), place.contents("ohlcv")
    assert {day for _, day in before if before["ohlcv", day] != after["ohlcv", day]} == {HOLE}, (
        "no other symbol was asked"
    )
    never = quant(place, "ingest", "--from", FIRST, "--to", "2023-02-20", "--symbols", COIN)
    assert never.exit_code == 2 and "without --symbols first" in one_error(never)


def test_a_waiver_publishes_the_day_says_so_and_touches_no_other(quant, tmp_path, red):
    place = red.copy_to(tmp_path / "copy")
    waived = [
        {"rule": rule, "start": HOLE, "expires": HOLE, "reason": "half the venue was down that day"}
        for rule in ("L0.COVERAGE", "L0.RETENTION")
    ]
    place.write(tiny_profile(market=LENIENT, waivers=waived))
    done = told(ingest(quant, place, "--json"))
    ohlcv = next(a for a in done["assets"] if a["asset"] == "ohlcv")
    assert done["exit_code"] == 0 and (ohlcv["published"], ohlcv["current"]) == (1, DAYS - 1), "only the waived day ran"
    rules = {r["rule"]: r for r in told(quant(place, "check", "ohlcv", "--json"))["rules"]}
    assert rules["L0.COVERAGE"]["waived"] == 1 and "half the venue was down" in rules["L0.COVERAGE"]["message"]
    found = told(quant(place, "audit", "--json"))
    assert found["exit_code"] == 0
    assert {w["state"] for w in found["waivers"]} == {"expired before the last day"}
    assert next(c for c in found["coverage"] if c["date"] == HOLE)["waived"] == "L0.COVERAGE,L0.RETENTION"


def test_an_unknown_rule_in_a_waiver_is_a_mistake_in_the_profile(quant, tmp_path):
    wrong = {"rule": "L0.CLOSED", "start": HOLE, "expires": HOLE, "reason": "I would rather not know"}
    place = Place(tmp_path / "place").write(tiny_profile(waivers=[wrong]), tiny_bars())
    result = quant(place, "audit")
    assert result.exit_code == 2 and "L0.CLOSED" in one_error(result) and "L0.COVERAGE" in one_error(result)


def test_an_audit_of_nothing_is_an_empty_result(quant, fresh):
    assert quant(fresh, "audit").exit_code == 4
    assert "quant ingest" in one_error(quant(fresh, "audit"))
