"""The table ``alerts``: every alert that was raised, extended, delivered or recovered, appended and never rewritten.

It is the alerts' only memory: a lost cursor, a new daemon or a wiped event log neither repeats nor forgets one.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from quant_resources.lakehouse.store import Lakehouse
from quant_resources.lakehouse.tables import Column, TableSpec
from sensors.alerting import EXTENDED, OPENED, RECOVERED, Alert, Event
from sensors.messages import render

DELIVERED = "delivered"

ALERTS = TableSpec(
    name="alerts",
    columns=(
        Column("day", "date", "UTC day of the event"),
        Column("recorded_at", "timestamp", "moment of the event (UTC)"),
        Column("number", "int64", "order of the events"),
        Column("event", "string", "opened, extended (not told), recovered, or delivered"),
        Column("alert", "string", "identifier of the alert"),
        Column("kind", "string", "stale data, toxic data, coverage, contract or run failure"),
        Column("severity", "string", "ERROR or WARN"),
        Column("asset", "string", "asset key; of a failed run what it ran"),
        Column("rule", "string", "rule that did not hold"),
        Column("partitions", "string", "JSON list of the partitions that the alert covers by now"),
        Column("about", "string", "of a delivery: the event that was told, opened or recovered"),
        Column("targets", "string", "JSON list of addresses by scheme and fingerprint: to be told, or told"),
        Column("title", "string", "title of the message"),
        Column("body", "string", "text of the message"),
        Column("page", "string", "path of the Dagster page"),
    ),
    partition_column="day",
    keys=("number", "alert"),
    known_after_days=0,
)


@dataclass(frozen=True)
class Message:
    """A message of an alert's event, and the addresses that still have to get it.

    ``addressed`` is false where no address was configured when it was written.
    """

    alert: Alert
    event: str
    title: str
    body: str
    targets: tuple[str, ...]
    addressed: bool = True


@dataclass(frozen=True)
class Account:
    """One alert as its recorded events leave it."""

    alert: Alert
    recovered: bool
    messages: tuple[Message, ...]

    def pending(self, configured: Sequence[str]) -> list[Message]:
        """Messages to send now to the configured addresses.

        An alert that was raised while no address was configured is told as soon as there is one, if it is still open.
        """
        found = []
        for message in self.messages:
            late = not message.addressed and message.event == OPENED and not self.recovered
            wanted = tuple(configured) if late else tuple(t for t in message.targets if t in configured)
            if wanted:
                found.append(replace(message, targets=wanted))
        return found


class AlertHistory:
    """Reads and appends the table ``alerts``."""

    def __init__(self, lakehouse: Lakehouse) -> None:
        self._lakehouse = lakehouse

    def accounts(self) -> list[Account]:
        """Every alert that is open or has undelivered messages, oldest first."""
        if self._lakehouse.open(ALERTS.name) is None:
            return []
        return fold(self._lakehouse.read(ALERTS))

    def record(
        self, events: Sequence[Event], targets: Sequence[str], moment: dt.datetime, source: str, pages: str
    ) -> None:
        """Append events with their messages, before anything is sent."""
        told = [(e, render(e, source, pages) if e.event != EXTENDED else ("", "")) for e in events]
        self._append([(e.event, e.alert, "", targets, title, body) for e, (title, body) in told], moment)

    def delivered(self, messages: Iterable[Message], moment: dt.datetime) -> None:
        """Append that these messages reached the addresses they name."""
        self._append([(DELIVERED, m.alert, m.event, m.targets, m.title, "") for m in messages], moment)

    def _append(self, rows: Sequence[tuple[str, Alert, str, Sequence[str], str, str]], moment: dt.datetime) -> None:
        if not rows:
            return
        first = self._next_number()
        stamp = pd.Timestamp(moment.astimezone(dt.UTC).replace(tzinfo=None))
        frame = pd.DataFrame(
            [
                {
                    "day": stamp.normalize(), "recorded_at": stamp, "number": number, "event": event,
                    "alert": alert.alert, "kind": alert.kind, "severity": alert.severity, "asset": alert.asset,
                    "rule": alert.rule, "partitions": json.dumps(alert.partitions), "about": about,
                    "targets": json.dumps(list(targets)), "title": title, "body": body, "page": alert.page,
                }
                for number, (event, alert, about, targets, title, body) in enumerate(rows, first)
            ]
        )  # fmt: skip
        self._lakehouse.append(ALERTS, frame)

    def _next_number(self) -> int:
        """One more than the newest event's number: events of one moment keep their order."""
        if self._lakehouse.open(ALERTS.name) is None:
            return 0
        return int(self._lakehouse.read(ALERTS, columns=["number"])["number"].max()) + 1


def fold(rows: pd.DataFrame) -> list[Account]:
    """Alerts from their recorded events (rows of ``alerts`` in order); those over and done with are left out."""
    accounts: dict[str, Account] = {}
    for row in rows.to_dict("records"):
        name, event, targets = row["alert"], row["event"], tuple(json.loads(row["targets"]))
        partitions = tuple(json.loads(row["partitions"]))
        if event == OPENED:
            values = {n: row[n] for n in ("alert", "kind", "asset", "rule", "severity", "page")}
            accounts[name] = Account(Alert(**values, partitions=partitions), False, ())
        account = accounts[name]
        alert = replace(account.alert, partitions=partitions)
        messages = account.messages
        if event == DELIVERED:
            messages = tuple(_without(m, row["about"], targets) for m in messages)
        elif event != EXTENDED:
            messages = (*messages, Message(alert, event, row["title"], row["body"], targets, bool(targets)))
        accounts[name] = Account(alert, account.recovered or event == RECOVERED, messages)
    return [a for a in accounts.values() if not a.recovered or any(m.targets for m in a.messages)]


def _without(message: Message, about: str, targets: tuple[str, ...]) -> Message:
    if message.event != about:
        return message
    return replace(message, targets=tuple(t for t in message.targets if t not in targets), addressed=True)
