"""What a report is made of: plain data, nothing read from anywhere.

Belongs here: the input of the renderers and the verdict that follows from it. Does not belong here: figures, charts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from quant_assets.errors import EmptyResult, UsageError

DAILY_COLUMNS = ("date", "gross", "costs", "net", "turnover")
CHECK_COLUMNS = ("asset", "level", "rule", "pass", "warn", "fail", "waived", "message")
WITHHELD_COLUMNS = ("asset", "partition", "rule", "reason")
WEIGHT_COLUMNS = ("week", "member", "weight")
PHYSICAL_COLUMNS = ("symbol", "weight", "gross_before_netting", "contributors")

DataKind = Literal["real", "synthetic"]
Outcome = Literal["PASS", "PASS WITH WARNINGS", "WITHHELD"]


@dataclass(frozen=True)
class Flag:
    """One statement a reader must see before any figure: whether it holds, and why."""

    name: str
    holds: bool
    explanation: str


@dataclass(frozen=True)
class ReportInput:
    """All that one report shows.

    ``daily``: the portfolio's realised days (date, gross, costs, net, turnover; simple returns, fractions of equity).
    ``members``: the same of every member. ``baselines``: label -> (date, net); the first one is compared most closely
    (1/N over the members). ``weights``: week, member, weight. ``physical``: the newest week's flattened book.
    ``checks``: one row per asset, level and rule with counts of partitions (pass, warn, fail, waived) and the newest
    message. ``withheld``: partitions not published (asset, partition, rule, reason). ``annualisation``: days a year.
    ``point_in_time`` and ``survivorship`` are the two flags of the data. ``cost_assumptions`` and ``provenance`` are
    label -> text; ``commands`` reproduce the report.
    """

    name: str
    title: str
    profile: str
    data_kind: DataKind
    annualisation: int
    daily: pd.DataFrame
    members: Mapping[str, pd.DataFrame]
    baselines: Mapping[str, pd.DataFrame]
    weights: pd.DataFrame
    physical: pd.DataFrame
    checks: pd.DataFrame
    withheld: pd.DataFrame
    point_in_time: Flag
    survivorship: Flag
    cost_assumptions: Mapping[str, str]
    input_digest: str
    config_hash: str
    code_version: str
    commands: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require("daily", self.daily, DAILY_COLUMNS)
        for name, frame in self.members.items():
            _require(f"members[{name}]", frame, ("date", "net"))
        for name, frame in self.baselines.items():
            _require(f"baselines[{name}]", frame, ("date", "net"))
        _require("weights", self.weights, WEIGHT_COLUMNS)
        _require("physical", self.physical, PHYSICAL_COLUMNS)
        _require("checks", self.checks, CHECK_COLUMNS)
        _require("withheld", self.withheld, WITHHELD_COLUMNS)
        if self.data_kind not in ("real", "synthetic"):
            raise UsageError(f"report {self.name}: data_kind is {self.data_kind!r}, must be 'real' or 'synthetic'")
        if len(self.daily) < 2:
            raise EmptyResult(f"report {self.name}: {len(self.daily)} days of returns; materialize its returns first")
        if self.checks.empty:
            raise EmptyResult(f"report {self.name}: no contract verdict at all; a report without checks proves nothing")
        if not self.baselines:
            raise EmptyResult(f"report {self.name}: no baseline; give at least 1/N over the members")

    @property
    def outcome(self) -> Outcome:
        """The verdict: WITHHELD when any partition is withheld or any ERROR rule fails unwaived."""
        if len(self.withheld) or int(self.checks["fail"].sum()):
            return "WITHHELD"
        if self.warnings or int(self.checks[["warn", "waived"]].to_numpy().sum()):
            return "PASS WITH WARNINGS"
        return "PASS"

    @property
    def synthetic(self) -> bool:
        """True when the market is made up."""
        return self.data_kind == "synthetic"


def _require(what: str, frame: pd.DataFrame, columns: tuple[str, ...]) -> None:
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise UsageError(f"report input {what} lacks the columns {', '.join(missing)}")
