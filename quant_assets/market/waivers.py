"""Waivers: an ERROR that a person tolerates on named days, with a reason, written down in the profile.

Belongs here: what may be waived, and turning a broken rule into a recorded waived one. Does not belong here: rules.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from pydantic import Field, model_validator

from quant_assets.config import ConfigBlock
from quant_assets.contracts.verdict import RuleResult

WAIVABLE: dict[str, tuple[str, ...]] = {"ohlcv": ("L0.COVERAGE", "L0.RETENTION")}
"""Rules that say how much of the market is there. A rule that says what is true of a row cannot be waived."""


class Waiver(ConfigBlock):
    """A person's decision to publish partitions although one named ERROR rule is broken on them.

    It holds for the partitions from `start` to `expires`, both included, and for nothing else: after that day the rule
    withholds again. Only L0.COVERAGE and L0.RETENTION of `ohlcv` can be waived.
    """

    rule: str
    asset: str = "ohlcv"
    start: date
    expires: date
    reason: str = Field(min_length=10)

    @model_validator(mode="after")
    def _sensible(self) -> Waiver:
        if self.asset not in WAIVABLE:
            raise ValueError(f"waiver: nothing of asset {self.asset!r} can be waived; possible: {sorted(WAIVABLE)}")
        if self.rule not in WAIVABLE[self.asset]:
            raise ValueError(
                f"waiver: {self.rule!r} is no rule of {self.asset} that can be waived; "
                f"possible: {', '.join(WAIVABLE[self.asset])}"
            )
        if self.expires < self.start:
            raise ValueError(f"waiver of {self.rule}: expires {self.expires} is before start {self.start}")
        return self

    def covers(self, day: date) -> bool:
        """Whether the waiver holds for the partition of `day`."""
        return self.start <= day <= self.expires


def waived_results(
    results: Sequence[RuleResult], days: Iterable[date], waivers: Sequence[Waiver], asset: str
) -> list[RuleResult]:
    """Return one rule's results (one for each of `days`) with broken ones marked as waived where a waiver holds.

    A broken result whose waiver has expired stays broken, and its message names that waiver.
    """
    return [_applied(result, day, waivers, asset) for result, day in zip(results, days, strict=True)]


def _applied(result: RuleResult, day: date, waivers: Sequence[Waiver], asset: str) -> RuleResult:
    if result.verdict != "fail":
        return result
    mine = [w for w in waivers if (w.rule, w.asset) == (result.rule, asset)]
    for waiver in mine:
        if waiver.covers(day):
            told = f"waived until {waiver.expires}: {waiver.reason}"
            return replace(result, waiver=told, message=f"{told} - {result.message}")
    past = [w for w in mine if w.expires < day]
    if not past:
        return result
    newest = max(past, key=lambda w: w.expires)
    return replace(
        result,
        message=f"{result.message} (a waiver expired on {newest.expires} and has no effect: {newest.reason})",
    )


def waiver_digest(waivers: Sequence[Waiver], asset: str, day: date) -> str:
    """Return a hash of the waivers that hold for one partition, '' where none does.

    Only these make a partition another one: a new waiver elsewhere leaves it current.
    """
    mine = [w.model_dump(mode="json") for w in waivers if w.asset == asset and w.covers(day)]
    if not mine:
        return ""
    return hashlib.sha256(json.dumps(mine, sort_keys=True).encode()).hexdigest()[:16]
