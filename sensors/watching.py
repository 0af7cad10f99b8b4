"""The edge of the alerts: what the ledger and Dagster's runs say now, what is told, and to whom it is sent.

Belongs here: reading and sending. Does not belong here: decisions (``alerting.py``) or Dagster sensors (``alerts.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg
import pandas as pd
from dagster import partition_loading_context

from quant_assets.keys import asset_name
from quant_assets.manifests import MANIFESTS, PUBLISHED, REFUSED, Ledger
from quant_resources.alerts import (
    TONE_ERROR,
    TONE_RECOVERED,
    TONE_WARNING,
    AlertsConfig,
    DeliveryFailed,
    Target,
    pages_url,
    targets,
)
from quant_resources.lakehouse.files import dataset_of
from quant_resources.lakehouse.store import Lakehouse
from sensors.alert_history import Account, AlertHistory, Message
from sensors.alerting import ERROR, RECOVERED, Finding, decide
from sensors.findings import Standing, Verdicts
from sensors.messages import span

Clock = Callable[[], dt.datetime]
ONE_DAY_CRON = "0 0 * * *"


@dataclass(frozen=True)
class WatchedAsset:
    """An asset that must not fall behind: its key, its daily or weekly partitions, the watched assets upstream."""

    key: dg.AssetKey
    partitions: dg.TimeWindowPartitionsDefinition
    rests_on: tuple[str, ...] = ()

    @property
    def step_days(self) -> int:
        """Days between two partitions."""
        return 1 if self.partitions.cron_schedule == ONE_DAY_CRON else 7


@dataclass(frozen=True)
class Watch:
    """What all alerts of a profile share: its name as messages show it, its thresholds, and the clock."""

    source: str
    config: AlertsConfig
    clock: Clock
    steps: Mapping[str, int]
    """Days between two partitions, by asset name."""


def standing(lakehouse: Lakehouse, asset: WatchedAsset, config: AlertsConfig, now: dt.datetime) -> Standing:
    """How far an asset has come at ``now`` (UTC-aware), according to the ledger."""
    name = asset_name(asset.key)
    hours = config.daily_grace_hours if asset.step_days == 1 else config.weekly_grace_hours
    with partition_loading_context(effective_dt=now - dt.timedelta(hours=hours)):
        first, due = asset.partitions.get_first_partition_key(), asset.partitions.get_last_partition_key()
    rows = Ledger(lakehouse).latest(name)
    published = rows[rows["status"] == PUBLISHED].sort_values("partition")
    if published.empty:
        return Standing(name, asset.step_days, first, due, None, asset.rests_on)
    newest = published.iloc[-1]
    age = pd.Timestamp(now.astimezone(dt.UTC).replace(tzinfo=None)) - newest["recorded_at"]
    new = pd.Timedelta(0) <= age < pd.Timedelta(hours=config.follow_hours)
    key = newest["partition"].strftime("%Y-%m-%d")
    return Standing(name, asset.step_days, first, due, key, asset.rests_on, bool(new))


def recent_verdicts(lakehouse: Lakehouse, recent_days: int, also: Collection[tuple[str, str]]) -> list[Verdicts]:
    """Newest verdicts of all refused partitions, of each asset's recent published ones, and of those in ``also``."""
    newest = Ledger(lakehouse).latest()
    if newest.empty:
        return []
    last = newest.groupby("asset")["partition"].transform("max")
    names = pd.to_datetime(newest["partition"]).dt.strftime("%Y-%m-%d")
    named = [pair in also for pair in zip(newest["asset"], names, strict=True)]
    recent = newest["partition"] > last - pd.Timedelta(days=recent_days)
    chosen = newest[(newest["status"] == REFUSED) | recent | pd.Series(named, index=newest.index)]
    rows = _manifest_verdicts(lakehouse, sorted(chosen["partition"].unique()))
    found = chosen.merge(rows, on=["asset", "partition", "recorded_at"], how="inner")
    days = found["partition"].dt.strftime("%Y-%m-%d")
    return list(zip(found["asset"], days, found["verdicts"], strict=True))


def _manifest_verdicts(lakehouse: Lakehouse, partitions: Sequence[pd.Timestamp]) -> pd.DataFrame:
    """Verdicts of all attempts at these partitions: asset, partition, recorded_at, verdicts."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    columns = ["asset", "partition", "recorded_at", "verdicts"]
    table = lakehouse.open(MANIFESTS.name)
    if table is None:
        return pd.DataFrame({name: [] for name in columns})
    wanted = ds.field("partition").isin(pa.array([p.date() for p in partitions], pa.date32()))
    scanned = dataset_of(table).to_table(columns=columns, filter=wanted)
    return MANIFESTS.from_arrow(scanned, columns).drop_duplicates(columns[:3], keep="last")


@dataclass(frozen=True)
class Post:
    """Raises, delivers and closes the alerts of some kinds."""

    lakehouse: Lakehouse
    watch: Watch
    kinds: frozenset[str]

    @property
    def addresses(self) -> list[Target]:
        """Configured addresses, read from the environment now."""
        return targets(self.watch.config.url_variables)

    def accounts(self) -> list[Account]:
        """Alerts of these kinds that are open or not delivered."""
        return [a for a in AlertHistory(self.lakehouse).accounts() if a.alert.kind in self.kinds]

    def settle(
        self, findings: Sequence[Finding], accounts: Sequence[Account], unknown: Collection[tuple[str, str]] = ()
    ) -> str:
        """Record what follows from the findings, send what is not delivered, and say in one line what was done.

        Raises ``DeliveryFailed`` after everything that could be delivered is; the rest is sent by the next tick.
        """
        history, addresses, now = AlertHistory(self.lakehouse), self.addresses, self.watch.clock()
        open_alerts = [a.alert for a in accounts if not a.recovered]
        events = decide(findings, open_alerts, unknown, now.isoformat())
        history.record(events, [t.name for t in addresses], now, self.watch.source, pages_url())
        known = self.accounts() if events else list(accounts)
        messages = [m for a in known for m in a.pending([t.name for t in addresses])]
        sent, failures = _send(messages, {t.name: t for t in addresses})
        history.delivered(sent, self.watch.clock())
        done = ", ".join(f"{e.event} {e.alert.asset} {e.alert.rule} {span(e.alert.partitions)}".strip() for e in events)
        nobody = "" if addresses else f"; nobody is told: {' '.join(self.watch.config.url_variables)} is empty"
        said = f"{len(findings)} findings; {done or 'nothing new'}; {len(sent)} messages delivered{nobody}"
        if failures:
            raise DeliveryFailed(f"{said}; NOT delivered, tried again at the next tick: {'; '.join(failures)}")
        return said


def _send(messages: Sequence[Message], addresses: Mapping[str, Target]) -> tuple[list[Message], list[str]]:
    """Messages as far as they were delivered, each with the addresses that took it, and what failed."""
    sent, failures = [], []
    for message in messages:
        reached = []
        for name in message.targets:
            try:
                addresses[name].send(message.title, message.body, _tone(message))
                reached.append(name)
            except DeliveryFailed as error:
                failures.append(f"{message.title}: {error}")
        if reached:
            sent.append(replace(message, targets=tuple(reached)))
    return sent, failures


def _tone(message: Message) -> str:
    """How an address shows the message: as a recovery, a failure or a warning."""
    if message.event == RECOVERED:
        return TONE_RECOVERED
    return TONE_ERROR if message.alert.severity == ERROR else TONE_WARNING
