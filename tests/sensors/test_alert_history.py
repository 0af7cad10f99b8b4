"""The table of alerts is their memory: what is open, who was told, who still has to be."""

from __future__ import annotations

import datetime as dt

import pytest

from quant_resources.lakehouse.store import Lakehouse
from sensors.alert_history import AlertHistory
from sensors.alerting import EXTENDED, OPENED, RECOVERED, TOXIC, WARN, Alert, Event, Finding

NOW = dt.datetime(2024, 3, 4, 5, 6, tzinfo=dt.UTC)
ALERT = Alert("a1", TOXIC, "ohlcv", "L1.X", WARN, ("2024-03-02",))
FOUND = Finding(TOXIC, "ohlcv", "L1.X", WARN, ("2024-03-02",), "said")
GROWN = Alert("a1", TOXIC, "ohlcv", "L1.X", WARN, ("2024-03-02", "2024-03-03"))


@pytest.fixture
def history(tmp_path) -> AlertHistory:
    return AlertHistory(Lakehouse(tmp_path / "lakehouse"))


def record(history: AlertHistory, event: str, alert: Alert = ALERT, targets: tuple[str, ...] = ("json:1",)) -> None:
    history.record([Event(event, alert, (FOUND,))], targets, NOW, "demo", "http://127.0.0.1:3000")


def pending(history: AlertHistory, *configured: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(m.event, m.targets) for a in history.accounts() for m in a.pending(configured)]


def test_nothing_is_open_before_anything_was_recorded(history):
    assert history.accounts() == []


def test_an_open_alert_is_remembered_and_waits_for_each_of_its_addresses(history):
    record(history, OPENED, targets=("json:1", "mailto:2"))

    assert [a.alert for a in history.accounts()] == [ALERT]
    assert pending(history, "json:1", "mailto:2") == [(OPENED, ("json:1", "mailto:2"))]


def test_what_one_address_took_is_sent_to_the_other_only(history):
    record(history, OPENED, targets=("json:1", "mailto:2"))
    (message,) = history.accounts()[0].pending(["json:1"])
    history.delivered([message], NOW)

    assert pending(history, "json:1", "mailto:2") == [(OPENED, ("mailto:2",))]


def test_an_address_that_is_new_does_not_get_what_others_were_told(history):
    record(history, OPENED)
    history.delivered(history.accounts()[0].pending(["json:1"]), NOW)

    assert pending(history, "json:1", "mailto:2") == []


def test_an_alert_raised_while_nobody_was_configured_is_told_once_somebody_is(history):
    record(history, OPENED, targets=())

    assert pending(history) == []
    assert pending(history, "json:1") == [(OPENED, ("json:1",))]
    history.delivered(history.accounts()[0].pending(["json:1"]), NOW)
    assert pending(history, "json:1") == []


def test_an_extension_changes_the_partitions_and_is_told_to_nobody(history):
    record(history, OPENED)
    history.delivered(history.accounts()[0].pending(["json:1"]), NOW)
    record(history, EXTENDED, GROWN)

    assert [a.alert for a in history.accounts()] == [GROWN]
    assert pending(history, "json:1") == []


def test_a_recovery_is_over_once_it_was_told(history):
    record(history, OPENED)
    record(history, RECOVERED)
    assert pending(history, "json:1") == [(OPENED, ("json:1",)), (RECOVERED, ("json:1",))]

    history.delivered([m for a in history.accounts() for m in a.pending(["json:1"])], NOW)
    assert history.accounts() == []
