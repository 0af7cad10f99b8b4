"""A small synthetic graph of published assets: raw -> smooth -> pick, over a real lakehouse and a Dagster instance.

``World`` is what the outside does: which days are bad, empty or cannot be computed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from partitions.days import daily
from partitions.mappings import days_before_week, trailing_days, weeks_before
from partitions.weeks import decision_weeks
from quant_assets.contracts.verdict import Verdict, error_rule, warn_rule
from quant_assets.declaration import Batch, Companion, Input, PublishedAsset, day_after, the_monday
from quant_assets.errors import EmptyResult, QuantError
from quant_assets.factory import BuiltAsset, build_asset
from quant_assets.manifests import Ledger
from quant_assets.publishing import PartitionRun
from quant_resources.lakehouse import Column, Lakehouse, TableSpec

START, END = dt.date(2024, 3, 1), dt.date(2024, 3, 31)
FIRST_WEEK = dt.date(2024, 3, 11)
RAW, REJECTS, SMOOTH, PICK = (dg.AssetKey(k) for k in ("raw", "raw_rejects", "smooth", ["trend", "pick"]))
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SYMBOLS = ("AAA", "BBB")

_DATE, _SYMBOL = Column("date", "date", "UTC day"), Column("symbol", "string", "market")
_FETCHED = Column("fetched_at", "timestamp", "when it was fetched", hashed=False)
RAW_TABLE = TableSpec("raw", (_DATE, _SYMBOL, Column("value", "float64", "synthetic value", "USD"), _FETCHED))
REJECTS_TABLE = TableSpec("raw_rejects", (_DATE, _SYMBOL, Column("reason", "string", "why"), _FETCHED))
HEALTH_TABLE = TableSpec("raw_health", (_DATE, _SYMBOL, Column("state", "string", "state")))
SMOOTH_TABLE = TableSpec("smooth", (_DATE, _SYMBOL, Column("mean", "float64", "mean of three days", "USD")))
PICK_TABLE = TableSpec(
    "pick",
    (
        Column("sleeve", "string", "sleeve"),
        Column("week", "date", "Monday"),
        _SYMBOL,
        Column("score", "float64", "sum of means"),
    ),
    partition_column="week",
    scope=("sleeve",),
    known_after_days=0,
)


@dataclass
class World:
    """What the synthetic outside delivers."""

    bad: set[str] = field(default_factory=set)
    warned: set[str] = field(default_factory=set)
    empty: set[str] = field(default_factory=set)
    empty_on_purpose: dict[str, str] = field(default_factory=dict)
    failures: dict[str, QuantError] = field(default_factory=dict)
    forgotten_level: bool = False
    raises: Exception | None = None
    unreachable: set[str] = field(default_factory=set)
    offset: float = 0.0
    bodies: list[tuple[str, list[str]]] = field(default_factory=list)
    fetched_at: pd.Timestamp = field(default_factory=lambda: pd.Timestamp("2024-04-01"))

    def rows(self, keys: Iterable[str]) -> pd.DataFrame:
        """Two synthetic rows for each day that is not empty."""
        days = [k for k in keys if k not in self.empty and k not in self.empty_on_purpose and k not in self.failures]
        rows = [
            (pd.Timestamp(d), s, 100.0 * i + int(d[-2:]) + self.offset, self.fetched_at)
            for d in days
            for i, s in enumerate(SYMBOLS)
        ]
        return pd.DataFrame(rows, columns=RAW_TABLE.column_names).astype({"date": "datetime64[us]"})


class SmallGraph:
    """The graph, its lakehouse and its instance; ``run`` materializes as the UI would."""

    def __init__(
        self, folder: Path, instance: dg.DagsterInstance, config: str = "one", piece: int | None = None
    ) -> None:
        self.world = World()
        self.instance = instance
        self.lakehouse = Lakehouse(folder / "lakehouse")
        self.built = {
            b.declaration.key: b for b in (raw(self.world, config, piece), smooth(self.world), pick(self.world))
        }

    @property
    def ledger(self) -> Ledger:
        """The ledger as it is now."""
        return Ledger(self.lakehouse)

    def run(self, *keys: dg.AssetKey, first: str, last: str | None = None) -> dg.ExecuteInProcessResult:
        """One Dagster run of these assets, for one partition or for a range."""
        self.world.bodies.clear()
        arguments: dict[str, Any] = {"partition_key": first}
        if last is not None:
            tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
            arguments = {"tags": tags}
        companions = [c.key for k in keys for c in self.built[k].declaration.companions]
        return dg.materialize(
            [b.definition for b in self.built.values()],
            selection=dg.AssetSelection.assets(*keys, *companions),
            resources={"lakehouse": self.lakehouse},
            instance=self.instance,
            run_config=QUIET,
            raise_on_error=False,
            **arguments,
        )

    def status(self, asset: str) -> dict[str, str]:
        """Newest state of each partition of an asset according to the ledger."""
        return {k: s.status for k, s in self.ledger.states(asset).items()}

    def shown(self, key: dg.AssetKey) -> set[str]:
        """Partitions that Dagster shows as materialized."""
        return self.instance.get_materialized_partitions(key)


def raw(world: World, config: str, piece: int | None) -> BuiltAsset:
    """Daily synthetic values with two levels, a companion and a side table."""
    asset = PublishedAsset(
        key=RAW,
        table=RAW_TABLE,
        partitions=daily(START, END),
        levels=("L0", "L1"),
        description="Synthetic values.",
        group="market",
        rooms=("market",),
        knowable=day_after,
        companions=(Companion(REJECTS, REJECTS_TABLE, "Rejected synthetic rows."),),
        side_tables=(HEALTH_TABLE,),
        chart=lambda frame: f"{len(frame)} rows",
        piece=piece,
    )

    def body(run: PartitionRun) -> Batch:
        world.bodies.append(("raw", list(run.keys)))
        if world.raises is not None:
            raise world.raises
        if lost := sorted(world.unreachable.intersection(run.keys)):
            raise EmptyResult(f"the source does not answer for {lost[0]}")
        frame = world.rows(run.keys)
        verdicts = {k: _raw_verdicts(world, k) for k in run.keys}
        rejects = frame.assign(reason="synthetic")[REJECTS_TABLE.column_names]
        return Batch(
            frame,
            verdicts,
            facts={k: {"symbols": len(SYMBOLS)} for k in run.keys},
            empty=world.empty_on_purpose,
            failures={k: e for k, e in world.failures.items() if k in run.keys},
            companions={REJECTS_TABLE.name: rejects[rejects["symbol"] == "AAA"]},
            sides={HEALTH_TABLE.name: frame.assign(state="ok")[HEALTH_TABLE.column_names]},
        )

    return build_asset(asset, body, [config], "team:research")


def _raw_verdicts(world: World, key: str) -> tuple[Verdict, ...]:
    bad = int(key in world.bad)
    offenders = [{"symbol": "AAA", "value": -1.0}] if bad else []
    first = Verdict(
        "L0", (error_rule("L0.BAD", checked=2, breaches=bad, message=f"{bad} bad rows", offenders=offenders),)
    )
    second = Verdict("L1", (warn_rule("L1.ODD", checked=2, breaches=int(key in world.warned), message="odd"),))
    return (first,) if world.forgotten_level else (first, second)


def smooth(world: World) -> BuiltAsset:
    """Mean of three days of ``raw``."""
    asset = PublishedAsset(
        key=SMOOTH,
        table=SMOOTH_TABLE,
        partitions=daily(START, END),
        levels=("L2",),
        description="Synthetic mean of three days.",
        group="features",
        rooms=("features",),
        knowable=day_after,
        inputs=(Input(RAW, RAW_TABLE, trailing_days(3, START), ("date", "symbol", "value")),),
    )

    def body(run: PartitionRun) -> Batch:
        world.bodies.append(("smooth", list(run.keys)))
        parts = [
            run.read_for("raw", k).groupby("symbol", as_index=False)["value"].mean().assign(date=pd.Timestamp(k))
            for k in run.keys
        ]
        frame = pd.concat(parts, ignore_index=True).rename(columns={"value": "mean"})
        return Batch(frame, {k: (_passing("L2"),) for k in run.keys})

    return build_asset(asset, body, ["smooth"], "team:research")


def pick(world: World) -> BuiltAsset:
    """Weekly decision from the seven days before, which also reads its own week before."""
    asset = PublishedAsset(
        key=PICK,
        table=PICK_TABLE,
        partitions=decision_weeks(FIRST_WEEK, END),
        levels=("L3",),
        description="Synthetic weekly choice.",
        group="trend",
        rooms=("selection",),
        knowable=the_monday,
        scope={"sleeve": "trend"},
        inputs=(Input(SMOOTH, SMOOTH_TABLE, days_before_week(7, START)),),
        self_dependent=weeks_before(1, FIRST_WEEK),
    )

    def body(run: PartitionRun) -> Batch:
        world.bodies.append(("pick", list(run.keys)))
        parts = [
            run.read_for("smooth", k).groupby("symbol", as_index=False)["mean"].sum().assign(week=pd.Timestamp(k))
            for k in run.keys
        ]
        frame = pd.concat(parts, ignore_index=True).rename(columns={"mean": "score"}).assign(sleeve="trend")
        return Batch(frame, {k: (_passing("L3"),) for k in run.keys})

    return build_asset(asset, body, ["pick"], "team:research")


def _passing(level: str) -> Verdict:
    return Verdict(level, (error_rule(f"{level}.FINE", checked=1, breaches=0, message="fine"),))
