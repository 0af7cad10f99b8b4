"""Findings: which rules do not hold now, from partition days, verdicts and runs. Pure: no clock, no reading.

Belongs here: how states become findings. Does not belong here: which of them are told (``alerting.py``).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sensors.alerting import CONTRACT, COVERAGE, ERROR, RUN, STALE, TOXIC, WARN, Finding, shifted

DUE_RULE = "PARTITION.DUE"
RUN_RULE = "RUN.SUCCEEDED"
INPUT_RULE = "INPUT.PUBLISHED"
MARKET_LEVELS = frozenset({"L0", "L1"})
PARTITION_PAGE = "/assets/{asset}?view=partitions&partition={partition}"
CHECKS_PAGE = "/assets/{asset}?view=checks"
RUN_PAGE = "/runs/{run}"

Verdicts = tuple[str, str, str]
"""Asset, partition, and the verdicts of its newest manifest as JSON."""


@dataclass(frozen=True)
class Standing:
    """How far an asset has come: the partition that is due by now, and the newest one that is published.

    ``first`` is the asset's first partition; ``rests_on`` are the watched assets upstream of it. Days are days of bars:
    when an event was written does not count.
    """

    asset: str
    step_days: int
    first: str | None
    due: str | None
    newest: str | None
    rests_on: tuple[str, ...] = ()
    just_published: bool = False
    """Whether the newest partition is so new that what rests on the asset is still being computed."""

    @property
    def fresh(self) -> bool:
        """Whether nothing is due, or what is due is published."""
        return self.due is None or (self.newest is not None and self.newest >= self.due)

    @property
    def missing(self) -> tuple[str, ...]:
        """Partitions after the newest published one up to the one that is due; all since the first where none is."""
        if self.fresh or self.due is None:
            return ()
        start = shifted(self.newest, self.step_days) if self.newest else (self.first or self.due)
        count = (dt.date.fromisoformat(self.due) - dt.date.fromisoformat(start)).days // self.step_days
        return tuple(shifted(start, i * self.step_days) for i in range(count + 1))

    @property
    def summary(self) -> str:
        """One sentence: the newest partition, the one that is due, how many are missing."""
        if self.due is None:
            return "no partition is due yet"
        newest = f"the newest published partition is {self.newest}" if self.newest else "nothing is published yet"
        return newest if self.fresh else f"{newest}, {self.due} is due: {len(self.missing)} missing"


def stale_findings(standings: Sequence[Standing]) -> list[Finding]:
    """One finding for each asset that is behind by itself: not because one that it rests on is, or was just now."""
    return [_stale(s, standings) for s in standings if not s.fresh and not _follows(s, standings)]


def consequences(standings: Sequence[Standing]) -> set[tuple[str, str]]:
    """(Asset, partition) missing because a watched asset upstream is or was behind: told with that one."""
    return {(s.asset, p) for s in standings if _follows(s, standings) for p in s.missing}


def _follows(standing: Standing, standings: Sequence[Standing]) -> bool:
    return any(s.asset in standing.rests_on and (not s.fresh or s.just_published) for s in standings)


def _stale(found: Standing, standings: Sequence[Standing]) -> Finding:
    first, last = found.missing[0], found.missing[-1]
    behind = [s.asset for s in standings if not s.fresh and found.asset in s.rests_on]
    also = f" Behind with it: {', '.join(behind)}." if behind else ""
    return Finding(
        kind=STALE,
        asset=found.asset,
        rule=DUE_RULE,
        severity=ERROR,
        partitions=found.missing,
        message=f"{found.summary}.{also} Look at the newest runs and at the source, then "
        f"`quant backfill --select {found.asset}+ --from {first} --to {last}`.",
        checked=len(found.missing),
        breaches=len(found.missing),
        page=CHECKS_PAGE.format(asset=found.asset),
        step_days=found.step_days,
    )


def contract_findings(rows: Iterable[Verdicts], step_days: Mapping[str, int]) -> list[Finding]:
    """One finding for each broken rule of each partition, at ERROR and at WARN.

    A partition withheld only because an input is (``INPUT.PUBLISHED``) is a consequence and no finding.
    """
    return [
        replace(
            _from_record(asset, partition, level, record),
            page=PARTITION_PAGE.format(asset=asset, partition=partition),
            step_days=step_days.get(asset, 1),
        )
        for asset, partition, verdicts in rows
        for level, records in json.loads(verdicts).items()
        for record in records
        if record["verdict"] != "pass" and record["rule"] != INPUT_RULE
    ]


def unjudged(rows: Iterable[Verdicts]) -> set[tuple[str, str]]:
    """(Asset, partition) of those not judged at all, because an input is withheld: they neither break nor pass."""
    return {
        (asset, partition)
        for asset, partition, verdicts in rows
        if any(r["rule"] == INPUT_RULE and r["verdict"] != "pass" for rs in json.loads(verdicts).values() for r in rs)
    }


@dataclass(frozen=True)
class RunEnd:
    """How a run ended: ``what`` it ran (assets or job), for which partitions, and its message where it failed."""

    run: str
    what: str
    place: str
    failed: bool
    message: str = ""


def run_findings(newest: Iterable[RunEnd]) -> list[Finding]:
    """One finding for each failed run among the newest runs of their kind."""
    return [
        Finding(
            kind=RUN,
            asset=end.what,
            rule=RUN_RULE,
            severity=ERROR,
            partitions=(),
            message=f"run {end.run[:8]}: {end.message}",
            checked=1,
            breaches=1,
            page=RUN_PAGE.format(run=end.run),
            place=end.place,
        )
        for end in newest
        if end.failed
    ]


def _from_record(asset: str, partition: str, level: str, record: Mapping[str, Any]) -> Finding:
    rule = str(record["rule"])
    kind = TOXIC if level in MARKET_LEVELS else CONTRACT
    if "COVERAGE" in rule or "RETENTION" in rule:
        kind = COVERAGE
    waiver = f" Waived: {record['waiver']}" if record.get("waiver") else ""
    return Finding(
        kind=kind,
        asset=asset,
        rule=rule,
        severity=ERROR if record["verdict"] == "fail" else WARN,
        partitions=(partition,),
        message=f"{record['message']}{waiver}",
        checked=int(record["checked"]),
        breaches=int(record["breaches"]),
        offenders=tuple(record.get("offenders", ())),
    )
