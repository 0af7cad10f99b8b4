"""A daemon left alone: the schedule asks for the days that are missing, the conditions for all that rests on them.

The evaluations are Dagster's own, at moments that the test chooses; the runs they ask for are made in process.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from quant_assets.keys import asset_name
from quant_assets.running import QUIET, GraphRunner
from tests.e2e.worlds import Place, tiny_bars, tiny_profile

FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def at(moment: str) -> dt.datetime:
    return dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)


@pytest.fixture
def world(tiny, tmp_path) -> Place:
    """The finished world up to Sunday 2023-04-09, one more week of bars, its long sleeve only, and no end any more."""
    bars = tiny_bars()
    more = bars[bars["date"] >= "2023-04-03"].assign(date=lambda rows: rows["date"] + pd.Timedelta(days=7))
    return tiny.copy_to(tmp_path / "left_alone").write(going_on(), pd.concat([bars, more]))


def going_on() -> dict[str, Any]:
    """The tiny profile without its end, with its long sleeve alone in the meta."""
    whole = tiny_profile(end=None)
    meta = {**whole["metas"][0], "members": ["up"], "single": True, "max_weight": 1.0, "opposites": []}
    return {**whole, "sleeves": whole["sleeves"][:1], "metas": [meta]}


class Daemon:
    """What Dagster's daemon does with the schedule and the conditions, one tick at a time."""

    def __init__(self, runner: GraphRunner) -> None:
        self.runner = runner
        self.defs = runner.defs
        self.cursor = None

    def schedule(self, moment: str) -> dg.RunRequest | str:
        """The run that the schedule asks for, or why it asks for none."""
        context = dg.build_schedule_context(
            instance=self.runner.instance,
            scheduled_execution_time=at(moment),
            repository_def=self.defs.get_repository_def(),
            resources={"lakehouse": self.runner.lakehouse},
        )
        with context:
            data = self.defs.get_schedule_def("daily_market").evaluate_tick(context)
        return data.run_requests[0] if data.run_requests else str(data.skip_message)

    def automation(self, moment: str) -> dict[str, list[str]]:
        """Partitions that the conditions ask for, by asset."""
        found = dg.evaluate_automation_conditions(
            self.defs, self.runner.instance, evaluation_time=at(moment), cursor=self.cursor
        )
        self.cursor = found.cursor
        asked = {asset_name(k): sorted(found.get_requested_partitions(k)) for k in self.runner.ordered()}
        return {name: keys for name, keys in asked.items() if keys}

    def run(self, assets: Sequence[str], first: str, last: str) -> None:
        """One run of these assets over the range, as the daemon launches it."""
        keys = [dg.AssetKey(name.split("/")) for name in assets]
        several = {"tags": {FIRST: first, LAST: last}}
        done = self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.runner.instance,
            asset_selection=keys,
            run_config=QUIET,
            raise_on_error=False,
            **({"partition_key": first} if first == last else several),
        )
        assert done.success, f"{assets} {first} .. {last}"

    def run_all(self, asked: dict[str, list[str]]) -> None:
        """The runs of one tick: assets with the same partitions together, in graph order."""
        groups = defaultdict(list)
        for name, keys in asked.items():
            partitions = self.runner.graph.get(dg.AssetKey(name.split("/"))).partitions_def
            groups[partitions, keys[0], keys[-1]].append(name)
        for (_, first, last), names in groups.items():
            self.run(names, first, last)


@contextmanager
def daemon_of(world: Place) -> Iterator[Daemon]:
    with world.runner() as runner:
        yield Daemon(runner)


def test_yesterday_is_asked_for_soon_after_midnight_and_what_was_missed_with_it(world):
    with daemon_of(world) as daemon:
        assert daemon.schedule("2023-04-10 00:05") == "all days up to 2023-04-09 were fetched"
        assert daemon.schedule("2023-04-11 00:05").partition_key == "2023-04-10"
        assert daemon.schedule("2023-04-11 07:05").partition_key == "2023-04-10"
        missed = daemon.schedule("2023-04-17 00:05")
        assert (missed.tags[FIRST], missed.tags[LAST]) == ("2023-04-10", "2023-04-16")


def test_a_profile_that_has_ended_asks_for_nothing_and_says_so(world):
    ended = world.write(tiny_profile())
    with daemon_of(ended) as daemon:
        assert daemon.schedule("2026-01-05 00:05") == "the profile ended on 2023-04-09"
        statuses = {s.name: s.default_status for s in daemon.defs.schedules or ()}
        assert statuses == {"daily_market": dg.DefaultScheduleStatus.STOPPED}
        assert daemon.defs.get_sensor_def("derived_assets").default_status is dg.DefaultSensorStatus.STOPPED


def test_on_a_monday_the_week_is_completed_and_the_new_weights_are_decided(world):
    sunday, monday = "2023-04-16", "2023-04-17"
    with daemon_of(world) as daemon:
        daemon.automation("2023-04-16 21:00")
        request = daemon.schedule(f"{monday} 00:05")
        daemon.run(["listings", "ohlcv", "ohlcv_quarantine"], request.tags[FIRST], request.tags[LAST])

        daily = daemon.automation(f"{monday} 00:06")
        assert set(daily) == {"candidates", "features_matrix", "returns_matrix"}
        assert {keys[-1] for keys in daily.values()} == {sunday}
        daemon.run_all(daily)

        decided = daemon.automation(f"{monday} 00:07")
        assert decided["up/selection"] == decided["up/sleeve_weights"] == [monday]
        assert decided["up/sleeve_returns"][-1] == "2023-04-10"
        daemon.run_all(decided)
        together = daemon.automation(f"{monday} 00:08")
        assert together == {"both/meta_weights": [monday]}
        daemon.run_all(together)
        assert daemon.automation(f"{monday} 00:09") == {}

    for asset in ("ohlcv", "features_matrix", "returns_matrix", "candidates"):
        assert world.statuses(asset)[sunday] == "published"
    for asset in ("up/selection", "up/sleeve_weights", "both/meta_weights"):
        assert world.statuses(asset)[monday] == "published"
    assert world.statuses("both/meta_returns")["2023-04-10"] == "published"
