"""What a contract level says about one partition: a rule's result, and a level's verdict.

Belongs here: the value types that every rule returns and that every caller reads.
Does not belong here: any rule, any threshold, anything of Dagster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MAX_OFFENDERS = 10


class Severity(StrEnum):
    """What a breach of a rule means: ``ERROR`` withholds the partition, ``WARN`` is shown and alerted."""

    ERROR = "ERROR"
    WARN = "WARN"


@dataclass(frozen=True)
class RuleResult:
    """One rule evaluated on one partition.

    ``checked`` counts what the rule looked at (rows, symbols, days: the rule's own unit) and ``breaches`` counts
    how many of those broke it. ``passed`` is false only when the breach has the stated ``severity``: rows that a
    rule moved to quarantine are counted in ``breaches`` while the rule itself may still pass.
    ``offenders`` are the worst breaches, at most ten, each a flat mapping of names to plain values.
    """

    rule: str
    passed: bool
    severity: Severity
    checked: int
    breaches: int
    message: str
    offenders: tuple[Mapping[str, Any], ...] = ()
    waiver: str = ""
    """Why a person tolerates this breach of an ERROR rule, and until when; '' where nobody does."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "passed", bool(self.passed))
        object.__setattr__(self, "checked", int(self.checked))
        object.__setattr__(self, "breaches", int(self.breaches))
        object.__setattr__(self, "offenders", tuple(self.offenders[:MAX_OFFENDERS]))

    def to_record(self) -> dict[str, Any]:
        """Flat record for tables and JSON: rule, verdict, severity, counts, message, offenders, a waiver if any."""
        waived = {"waiver": self.waiver} if self.verdict == "waived" else {}
        return {
            "rule": self.rule,
            "verdict": self.verdict,
            "severity": self.severity.value,
            "checked": self.checked,
            "breaches": self.breaches,
            "message": self.message,
            "offenders": [dict(o) for o in self.offenders],
            **waived,
        }

    @property
    def verdict(self) -> str:
        """``pass``, ``warn`` (a WARN rule broken), ``fail`` (an ERROR rule broken) or ``waived`` (one that may be)."""
        if self.passed:
            return "pass"
        if self.waiver and self.severity is Severity.ERROR:
            return "waived"
        return "fail" if self.severity is Severity.ERROR else "warn"


@dataclass(frozen=True)
class Verdict:
    """All rules of one contract level on one partition of one asset."""

    level: str
    results: tuple[RuleResult, ...] = field(default_factory=tuple)

    @property
    def passed(self) -> bool:
        """True when no ERROR rule is broken, that is, when the partition may be published."""
        return not self.errors

    @property
    def errors(self) -> tuple[RuleResult, ...]:
        """The broken ERROR rules."""
        return tuple(r for r in self.results if r.verdict == "fail")

    @property
    def warnings(self) -> tuple[RuleResult, ...]:
        """The broken WARN rules, and the broken ERROR rules that are waived."""
        return tuple(r for r in self.results if r.verdict in ("warn", "waived"))

    def summary(self) -> str:
        """One line: the broken rules with their messages, or how many rules passed."""
        broken = [*self.errors, *self.warnings]
        if not broken:
            return f"{self.level}: all {len(self.results)} rules pass"
        return f"{self.level}: " + "; ".join(f"{r.rule} {r.verdict}: {r.message}" for r in broken)

    def to_records(self) -> list[dict[str, Any]]:
        """One flat record for each rule."""
        return [r.to_record() for r in self.results]


def error_rule(
    rule: str,
    *,
    checked: int,
    breaches: int,
    message: str,
    offenders: Iterable[Mapping[str, Any]] = (),
    passed: bool | None = None,
) -> RuleResult:
    """Result of an ERROR rule; it passes when nothing breaches it, unless ``passed`` says otherwise."""
    ok = breaches == 0 if passed is None else passed
    return RuleResult(rule, ok, Severity.ERROR, checked, breaches, message, tuple(offenders))


def warn_rule(
    rule: str,
    *,
    checked: int,
    breaches: int,
    message: str,
    offenders: Iterable[Mapping[str, Any]] = (),
    passed: bool | None = None,
) -> RuleResult:
    """Result of a WARN rule; it passes when nothing breaches it, unless ``passed`` says otherwise."""
    ok = breaches == 0 if passed is None else passed
    return RuleResult(rule, ok, Severity.WARN, checked, breaches, message, tuple(offenders))
