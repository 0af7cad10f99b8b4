"""A source that stops, and a toxic bar, are each told once to a webhook, and once more when they are over.

Everything is real but the market, which is synthetic, and the clock: the files venue, the assets, the lakehouse, the
Dagster instance, the sensors, apprise and a web server that receives.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

import dagster as dg
import pandas as pd
import pytest

from quant_assets.build import build_defs
from quant_assets.running import GraphRunner
from quant_resources.alerts import DeliveryFailed
from tests.e2e.worlds import TINY_END, Place, tiny_bars, tiny_profile
from tests.sensors.webhook import Webhook, receiving

STARTED = "2023-03-18"
MARKET = ("listings", "ohlcv")
PRICED = ("open", "high", "low", "close", "quote_volume")
SICK = "TOY:COIN3/USDT"


@dataclass
class Desk:
    """The world, its clock, its webhook, and one tick of each sensor with the cursor that the daemon would keep."""

    place: Place
    runner: GraphRunner
    webhook: Webhook
    now: dt.datetime = dt.datetime(2023, 4, 5, 4, 0, tzinfo=dt.UTC)
    cursors: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.defs = build_defs(
            self.place.profile, resource_overrides={"lakehouse": self.place.lakehouse}, clock=lambda: self.now
        )

    def deliver(self, last: str, bars: pd.DataFrame | None = None) -> None:
        """The source's file now reaches up to this day."""
        rows = tiny_bars() if bars is None else bars
        rows[(rows["date"] >= STARTED) & (rows["date"] <= last)].to_parquet(self.place.bars_file, index=False)

    def publish(self, first: str, last: str) -> list[str]:
        return [f"{r.asset} {r.published}/{r.asked}" for r in self.runner.backfill(MARKET, first, last)]

    def tick(self, name: str) -> str:
        """One tick of a sensor, as the daemon makes it; returns what the tick log says."""
        context = dg.build_sensor_context(
            instance=self.runner.instance,
            cursor=self.cursors.get(name),
            resources={"lakehouse": self.place.lakehouse},
        )
        with context:
            data = self.defs.get_sensor_def(name).evaluate_tick(context)
        self.cursors[name] = data.cursor
        assert not data.run_requests
        return str(data.skip_message)

    def fresh(self) -> bool | None:
        """What the pages show as the check `fresh` of the bars."""
        key = dg.AssetCheckKey(dg.AssetKey("ohlcv"), "fresh")
        storage = self.runner.instance.event_log_storage
        record = storage.get_latest_asset_check_execution_by_key([key]).get(key)
        return None if record is None else record.status.value == "SUCCEEDED"

    def tick_all(self) -> list[str]:
        return [self.tick(name) for name in ("stale_data", "broken_contracts", "failed_runs")]


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Iterator[Desk]:
    profile = tiny_profile(start=STARTED, first_week="2023-04-03", end=TINY_END)
    place = Place(tmp_path / "world").write(profile, tiny_bars())
    with receiving() as webhook, place.runner() as runner:
        monkeypatch.setenv("QUANT_ALERT_URLS", webhook.url)
        monkeypatch.setenv("QUANT_UI_URL", "http://127.0.0.1:3417/")
        yield Desk(place, runner, webhook)


def at(moment: str) -> dt.datetime:
    return dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)


def planted(day: str) -> pd.DataFrame:
    """The coins' bars with one toxic bar: a thousand times the price for one day."""
    bars = tiny_bars()
    bad = (bars["symbol"] == SICK) & (bars["date"] == day)
    return bars.assign(**{c: bars[c].where(~bad, bars[c] * 1e3) for c in PRICED})


def test_a_source_that_stops_is_told_once_and_its_return_once(desk):
    desk.deliver("2023-03-21")
    desk.publish(STARTED, "2023-03-21")
    for moment in ("2023-03-22 04:00", "2023-03-23 02:59"):
        desk.now = at(moment)
        desk.tick_all()
    assert desk.webhook.take() == []
    assert desk.fresh() is True

    desk.now = at("2023-03-23 03:00")
    desk.tick_all()
    (stale,) = desk.webhook.take()
    assert stale["type"] == "failure" and stale["title"] == "[STALE DATA] ohlcv 2023-03-22 PARTITION.DUE"
    for line in (
        "Asset: ohlcv",
        "Partition: 2023-03-22",
        "Rule: PARTITION.DUE (ERROR, stale data)",
        "Counts: 1 of 1 checked",
        "Profile: tiny, SYNTHETIC market",
        "Page: http://127.0.0.1:3417/assets/ohlcv?view=checks",
    ):
        assert line in stale["message"].splitlines()
    assert desk.fresh() is False

    desk.now = at("2023-03-24 05:00")
    assert "extended ohlcv PARTITION.DUE 2023-03-22 .. 2023-03-23" in desk.tick("stale_data")
    desk.tick_all()
    assert desk.webhook.take() == []

    desk.deliver("2023-03-23")
    desk.publish("2023-03-22", "2023-03-23")
    desk.tick_all()
    desk.tick_all()
    (back,) = desk.webhook.take()
    assert back["type"] == "success" and back["title"].startswith("[RECOVERED] ohlcv 2023-03-22 .. 2023-03-23")
    assert desk.fresh() is True


def test_a_toxic_bar_is_told_once_and_its_mending_once(desk):
    desk.deliver("2023-03-22", planted("2023-03-22"))
    desk.publish(STARTED, "2023-03-22")
    desk.now = at("2023-03-23 00:30")

    desk.webhook.refuse = True
    with pytest.raises(DeliveryFailed, match="NOT delivered, tried again at the next tick") as told:
        desk.tick("broken_contracts")
    assert desk.webhook.url not in str(told.value)
    desk.webhook.refuse = False

    desk.tick_all()
    (toxic,) = desk.webhook.take()
    assert toxic["type"] == "warning" and toxic["title"] == "[TOXIC DATA] ohlcv 2023-03-22 L1.RETURN_CAP"
    assert "Counts: 1 of 8 checked" in toxic["message"]
    assert f"Worst: symbol {SICK}, date 2023-03-22, reason return +" in toxic["message"]
    assert "/assets/ohlcv?view=partitions&partition=2023-03-22" in toxic["message"]

    desk.tick_all()
    desk.cursors.clear()
    desk.tick_all()
    assert desk.webhook.take() == []

    desk.deliver("2023-03-22")
    desk.runner.backfill(MARKET, "2023-03-22", "2023-03-22", force=True)
    desk.tick_all()
    desk.tick_all()
    assert [m["title"] for m in desk.webhook.take()] == ["[RECOVERED] ohlcv 2023-03-22 L1.RETURN_CAP"]


def test_a_source_that_cannot_be_read_is_told_as_a_failed_run(desk):
    desk.place.bars_file.unlink()
    desk.publish("2023-03-21", "2023-03-21")
    desk.now = at("2023-03-22 00:30")

    for _ in range(2):
        desk.tick("failed_runs")
    (failed,) = desk.webhook.take()
    assert failed["title"] == "[RUN FAILURE] listings 2023-03-21 RUN.SUCCEEDED"
    assert "/runs/" in failed["message"]

    desk.deliver("2023-03-21")
    desk.publish("2023-03-21", "2023-03-21")
    for _ in range(2):
        desk.tick("failed_runs")
    assert [m["title"] for m in desk.webhook.take()] == ["[RECOVERED] listings RUN.SUCCEEDED"]
