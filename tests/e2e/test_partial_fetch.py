"""A venue that fails: the day is red with the exact list of what is missing, never a green partial result."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import dagster as dg
import pandas as pd
import pytest

from quant_assets.build import build_defs
from quant_assets.errors import QuantError
from quant_assets.manifests import Ledger
from quant_assets.repairing import repair
from quant_assets.running import GraphRunner
from quant_resources.venues.factory import build_venue
from quant_resources.venues.port import BarsReceived, Venue
from sensors.repair import SENSOR
from tests.e2e.worlds import Place, tiny_bars, tiny_profile

FIRST, LAST, DAYS = "2023-01-02", "2023-01-10", 9
COINS = [f"TOY:COIN{k}/USDT" for k in range(8)]


class FailingVenue:
    """The files venue, some symbols of which fail to be fetched while `broken` says so. Counts what it is asked."""

    def __init__(self, venue: Venue, broken: dict[str, str]) -> None:
        self._venue = venue
        self.broken = broken
        self.down = False
        self.asked: list[tuple[tuple[str, ...] | None, date, date]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._venue, name)

    def bars(self, symbols, start: date, end: date) -> BarsReceived:
        self.asked.append((None if symbols is None else tuple(symbols), start, end))
        if self.down:
            raise QuantError("venue TOY: every symbol failed; run again later")
        whole = self._venue.bars(symbols, start, end)
        names = set(COINS if symbols is None else symbols)
        failed = {name: why for name, why in self.broken.items() if name in names}
        frame = whole.frame[~whole.frame["symbol"].isin(list(failed))].reset_index(drop=True)
        return BarsReceived(frame, replace(whole.report, attempts=len(names) + 4 * len(failed), failed=failed))


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "place").write(tiny_profile(), tiny_bars())


@pytest.fixture
def venue(place):
    return FailingVenue(build_venue(place.profile.venue), {})


def ingest(runner: GraphRunner, venue: FailingVenue):
    return GraphRunner(runner.profile, runner.instance, runner.lakehouse, venue).backfill(
        ["listings", "ohlcv"], FIRST, LAST
    )


def coverage(place: Place, day: str) -> dict:
    rows = place.table("coverage")
    return rows[pd.to_datetime(rows["date"]) == day].iloc[0].to_dict()


def test_losing_six_of_eight_is_red_with_their_names_and_mended_by_asking_for_exactly_them(place, venue):
    venue.broken = {name: "timeout after 5 attempts" for name in COINS[2:]}
    with place.runner() as runner:
        step = ingest(runner, venue)[1]
        assert step.exit_code == 3 and (step.published, step.refused) == (0, DAYS)
        assert all(name in step.message for name in COINS[2:]) and "timeout after 5 attempts" in step.message
        assert runner.instance.get_materialized_partitions(dg.AssetKey("ohlcv")) == set()
        record = coverage(place, "2023-01-06")
        assert json.loads(record["missing"]) == COINS[2:] and set(json.loads(record["failed"])) == set(COINS[2:])
        assert (record["expected"], record["received"], record["accepted"], record["attempt"]) == (8, 2, 0, 1)

        venue.broken, venue.asked = {COINS[7]: "HTTP 500"}, []
        partly = repair(runner, venue, max_days=40)
        assert [names for names, _, _ in venue.asked] == [tuple(COINS[2:])], "nothing else is asked for"
        assert partly.counts() == {"repaired": 5 * DAYS, "no_trading": 0, "unanswered": DAYS}
        assert partly.exit_code == 3 and set(place.statuses("ohlcv").values()) == {"refused"}, "7 of 8 is below 90 %"
        assert COINS[7] in partly.steps[0].message and COINS[6] not in partly.steps[0].message

        venue.broken = {}
        assert repair(runner, venue, max_days=40).exit_code == 0
    assert set(place.statuses("ohlcv").values()) == {"published"}
    record = coverage(place, "2023-01-06")
    assert (record["missing"], record["accepted"], record["attempt"]) == ("[]", 8, 3)


def _look_at_the_page(instance: dg.DagsterInstance) -> None:
    event = instance.get_latest_materialization_event(dg.AssetKey("ohlcv"))
    shown = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert (shown["fetch_requested"], shown["fetch_requests"], shown["fetch_failed"]) == (8, 12, 1)
    assert json.loads(shown["failed_symbols"]) == {COINS[3]: "HTTP 429 after 5 attempts"}
    assert json.loads(shown["missing_symbols"]) == [COINS[3]]
    assert shown["coverage"] == pytest.approx(7 / 8) and shown["retention"] == pytest.approx(1.0)
    assert shown["attempt"] == 1 and shown["fetch_seconds"] >= 0


def test_the_page_shows_how_the_fetch_went_the_sensor_asks_once_and_its_job_mends(place, venue):
    place.write(tiny_profile(market={"coverage_error": 0.5, "retention_error": 0.5}))
    venue.broken = {COINS[3]: "HTTP 429 after 5 attempts"}
    with place.runner() as runner:
        assert ingest(runner, venue)[1].exit_code == 0
        _look_at_the_page(runner.instance)
        defs = build_defs(runner.profile, resource_overrides={"lakehouse": place.lakehouse, "venue": venue})
        sensor = defs.get_sensor_def(SENSOR)

        def tick():
            with dg.build_sensor_context(runner.instance, resources={"lakehouse": place.lakehouse}) as context:
                return sensor.evaluate_tick(context)

        (request,) = tick().run_requests
        assert tick().run_requests[0].run_key == request.run_key, "the same state is one request"
        venue.broken = {}
        done = defs.resolve_job_def("repair").execute_in_process(instance=runner.instance)
        assert done.success
        after = tick()
        assert not after.run_requests and "no bar is missing" in after.skip_message
    assert json.loads(coverage(place, LAST)["missing"]) == []


def test_a_venue_that_is_down_fails_the_run_and_publishes_nothing(place, venue):
    venue.down = True
    with place.runner() as runner:
        step = ingest(runner, venue)[1]
    assert step.exit_code == 1 and "every symbol failed" in step.message and step.not_attempted
    assert Ledger(place.lakehouse).states("ohlcv") == {}
