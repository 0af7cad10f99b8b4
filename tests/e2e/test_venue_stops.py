"""An exchange's server goes away and comes back: one stale alert, one recovery, and no bar invented in between.

The market is synthetic; the rest is real: a loopback server in the exchange's shape, the ccxt client, the assets, the
Dagster instance, the sensors, apprise and a web server that receives.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pandas as pd

from quant_assets.running import GraphRunner
from tests.e2e.test_alerts import MARKET, STARTED, Desk, at
from tests.e2e.worlds import TINY_END, Place, tiny_bars, tiny_profile
from tests.sensors.webhook import receiving
from tests.venue.market import VenueMarket
from tests.venue.server import VenueServer, serving

QUICK = {"retry_wait_seconds": 0.005, "retry_wait_max_seconds": 0.02, "timeout_ms": 2_000, "max_attempts": 2}


def exchange(last: str) -> VenueServer:
    """The synthetic coins as an exchange that has traded up to this day."""
    bars = tiny_bars()
    bars = bars[(bars["date"] >= STARTED) & (bars["date"] <= last)]
    symbols = bars["symbol"].str.removeprefix("TOY:")
    return VenueServer(VenueMarket(bars.assign(symbol=symbols, trades=1.0).reset_index(drop=True)))


def publish(runner: GraphRunner, first: str, last: str) -> list[tuple[str, int, int]]:
    """Each market asset with what was published and the exit code, from a venue built anew."""
    fresh = GraphRunner(runner.profile, runner.instance, runner.lakehouse)
    return [(r.asset, r.published, r.exit_code) for r in fresh.backfill(MARKET, first, last)]


def stale(messages: list[dict[str, str]]) -> list[str]:
    return [m["title"] for m in messages if "ohlcv" in m["title"] and "RUN" not in m["title"]]


def test_a_stopped_server_is_one_stale_alert_and_its_return_one_recovery(tmp_path, monkeypatch):
    with serving(exchange("2023-03-21")) as url:
        venue = {"kind": "ccxt", "base_url": url, "data_kind": "synthetic", "resume": False, **QUICK}
        profile = tiny_profile(start=STARTED, first_week="2023-04-03", end=TINY_END, venue=venue)
        place = Place(tmp_path / "world").write(profile, tiny_bars())
        with place.runner() as runner:
            assert publish(runner, STARTED, "2023-03-21") == [("listings", 4, 0), ("ohlcv", 4, 0)]

    with receiving() as webhook, place.runner() as runner:
        monkeypatch.setenv("QUANT_ALERT_URLS", webhook.url)
        desk = Desk(place, runner, webhook)
        desk.now = at("2023-03-23 02:00")
        assert [code for _, _, code in publish(runner, "2023-03-22", "2023-03-22")][:1] == [1], "the server is gone"
        desk.tick_all()
        assert stale(webhook.take()) == []

        for moment in ("2023-03-23 03:00", "2023-03-23 09:00"):
            desk.now = at(moment)
            desk.tick_all()
        assert stale(webhook.take()) == ["[STALE DATA] ohlcv 2023-03-22 PARTITION.DUE"]
        assert desk.fresh() is False

        with serving(exchange("2023-03-23"), port=urlsplit(url).port or 0):
            assert publish(runner, "2023-03-22", "2023-03-23") == [("listings", 2, 0), ("ohlcv", 2, 0)]
        desk.tick_all()
        desk.tick_all()
        (back,) = stale(webhook.take())
        assert back.startswith("[RECOVERED] ohlcv 2023-03-22")
        assert desk.fresh() is True
    assert pd.to_datetime(place.table("ohlcv")["date"]).nunique() == 6
