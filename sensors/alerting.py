"""What is worth an alert: pure functions from what is wrong now and what was said before to what must be said.

A *finding* is one rule that does not hold now on some partitions of one asset. An *open alert* is one that was raised
and has not recovered. Belongs here: decisions. Does not belong here: reading, clocks, sending (``watching.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

STALE, TOXIC, COVERAGE, CONTRACT, RUN = "stale data", "toxic data", "coverage", "contract", "run failure"
ERROR, WARN = "ERROR", "WARN"
OPENED, EXTENDED, RECOVERED = "opened", "extended", "recovered"

Identity = tuple[str, str, str]


@dataclass(frozen=True)
class Finding:
    """One rule of one asset that does not hold now.

    ``partitions`` are ISO days, ascending, ``step_days`` apart. A failed run has none: ``place`` then says where.
    ``page`` is the path of the Dagster page that shows it.
    """

    kind: str
    asset: str
    rule: str
    severity: str
    partitions: tuple[str, ...]
    message: str
    checked: int = 0
    breaches: int = 0
    offenders: tuple[Mapping[str, Any], ...] = ()
    page: str = ""
    step_days: int = 1
    place: str = ""

    @property
    def identity(self) -> Identity:
        """What one alert is about: asset, rule and severity."""
        return self.asset, self.rule, self.severity


@dataclass(frozen=True)
class Alert:
    """An alert that was raised, with all partitions it covers by now."""

    alert: str
    kind: str
    asset: str
    rule: str
    severity: str
    partitions: tuple[str, ...]
    page: str = ""

    @property
    def identity(self) -> Identity:
        """What one alert is about: asset, rule and severity."""
        return self.asset, self.rule, self.severity


@dataclass(frozen=True)
class Event:
    """What happens to an alert: it is opened or recovers (both are told), or covers more partitions (is not told).

    ``findings`` are those that open it.
    """

    event: str
    alert: Alert
    findings: tuple[Finding, ...] = ()


def decide(
    findings: Sequence[Finding],
    open_alerts: Sequence[Alert],
    unknown: Collection[tuple[str, str]] = (),
    moment: str = "",
) -> list[Event]:
    """Events that follow from the findings of now and the open alerts of the same kinds.

    All new partitions of one asset, rule and severity open one alert together; those next to an open alert extend it
    silently. An alert recovers when none of its partitions is found and none is ``unknown``, given as (asset,
    partition), with partition '' for alerts without partitions. ``moment`` tells an alert from an equal earlier one.
    """
    grouped: dict[Identity, list[Finding]] = {}
    for finding in findings:
        grouped.setdefault(finding.identity, []).append(finding)
    events = [Event(RECOVERED, a) for a in open_alerts if not _holds(a, grouped.get(a.identity, ()), unknown)]
    ended = {e.alert.alert for e in events}
    for identity, group in grouped.items():
        mine = [a for a in open_alerts if a.identity == identity and a.alert not in ended]
        events += _new(group, mine, moment)
    return events


def _holds(alert: Alert, group: Sequence[Finding], unknown: Collection[tuple[str, str]]) -> bool:
    """Whether what the alert is about is still so, or cannot be told."""
    if not alert.partitions:
        return bool(group) or (alert.asset, "") in unknown
    bad = _partitions(group)
    return any(p in bad or (alert.asset, p) in unknown for p in alert.partitions)


def _new(group: Sequence[Finding], mine: Sequence[Alert], moment: str) -> list[Event]:
    """New partitions of one identity: next to an open alert they extend it, all others together open one."""
    if not _partitions(group):
        return [] if mine else [_opened(group, (), moment)]
    known = {m.alert: m for m in mine}
    grown: dict[str, Alert] = {}
    rest = []
    for partition in sorted(_partitions(group) - {p for a in mine for p in a.partitions}):
        beside = next((a for a in known.values() if _adjacent(a.partitions, partition, group[0].step_days)), None)
        if beside is None:
            rest.append(partition)
        else:
            grown[beside.alert] = known[beside.alert] = replace(beside, partitions=(*beside.partitions, partition))
    events = [Event(EXTENDED, alert) for alert in grown.values()]
    return [*events, _opened(group, tuple(rest), moment)] if rest else events


def _opened(group: Sequence[Finding], partitions: tuple[str, ...], moment: str) -> Event:
    chosen = tuple(f for f in group if not f.partitions or set(f.partitions) & set(partitions))
    newest = max(chosen, key=lambda f: f.partitions[-1:])
    text = "|".join([*newest.identity, *partitions, moment])
    alert = Alert(
        alert=hashlib.sha256(text.encode()).hexdigest()[:16],
        kind=newest.kind,
        asset=newest.asset,
        rule=newest.rule,
        severity=newest.severity,
        partitions=partitions,
        page=newest.page,
    )
    return Event(OPENED, alert, chosen)


def _partitions(findings: Iterable[Finding]) -> set[str]:
    return {p for f in findings for p in f.partitions}


def _adjacent(known: Sequence[str], partition: str, step_days: int) -> bool:
    return any(shifted(partition, days) in known for days in (-step_days, step_days))


def shifted(partition: str, days: int) -> str:
    """The ISO day so many days after (before, where negative) another."""
    return (dt.date.fromisoformat(partition) + dt.timedelta(days=days)).isoformat()
