"""Publish or quarantine: the one way in which a partition becomes visible.

1. The gate splits the asked partitions: those whose inputs are all published, and those that are blocked.
2. The asset's body computes the ready ones and judges each by its contract levels.
3. Good partitions replace their keys in the asset's table, in one commit; refused ones go to ``refusals``.
4. Every attempt gets a manifest in the ledger.
5. Dagster learns last: a verdict for each level and partition, and a materialization for each *published* partition.

A process that dies between two of these steps leaves either an unpublished partition (computed again by the next run)
or a published one that Dagster does not show yet (``quant backfill`` announces it again).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from quant_assets.announcing import announce
from quant_assets.contracts.verdict import RuleResult, Verdict, error_rule
from quant_assets.declaration import Batch, Input, PublishedAsset
from quant_assets.errors import ContractViolation, EmptyResult, QuantError
from quant_assets.gate import ContractGate
from quant_assets.manifests import REFUSED, InputSlice, Ledger
from quant_assets.storing import Judged, Outcome, rows_by_key, rows_of, store
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.lakehouse.tables import TableSpec

INPUT_RULE = "INPUT.PUBLISHED"
NONEMPTY_RULE = "OUTPUT.NONEMPTY"
COMPUTED_RULE = "OUTPUT.COMPUTED"


@dataclass
class PartitionRun:
    """What an asset's body works with: the partitions that are ready, and point-in-time reads of the inputs."""

    asset: PublishedAsset
    lakehouse: Lakehouse
    ledger: Ledger
    keys: list[str]
    slices: dict[str, dict[str, InputSlice]]
    asked: list[str]
    resources: Any
    _cache: dict[str, pd.DataFrame] = field(default_factory=dict)

    def read(self, name: str) -> pd.DataFrame:
        """All rows of an input over the look-backs of the ready partitions, nothing at or after what they may know."""
        if name not in self._cache:
            item = self._input(name)
            days = set().union(*(self.slices[key][name].partitions for key in self.keys))
            if not days:
                raise EmptyResult(
                    f"{self.asset.name}: input {name} has no partitions in the look-back of {self.keys[0]}"
                )
            frame = self.lakehouse.read(
                item.table,
                columns=item.columns,
                start=min(days),
                end=max(days),
                as_of=max(self.asset.knowable(key) for key in self.keys),
                scope=item.scope,
                version=max(self.slices[key][name].table_version for key in self.keys),
                categories=item.categories,
            )
            # A withheld partition between two look-backs still has the rows of an older run in the table.
            held = frame[item.table.partition_column].isin(pd.DatetimeIndex(sorted(days)))
            self._cache[name] = frame if held.all() else frame[held].reset_index(drop=True)
        return self._cache[name]

    def read_for(self, name: str, key: str) -> pd.DataFrame:
        """Rows of an input in the look-back of one partition; never a row that this partition may not know."""
        item, partitions = self._input(name), self.slices[key][name].partitions
        if not partitions:
            columns = list(item.columns or item.table.column_names)
            return item.table.from_arrow(item.table.arrow_schema.empty_table(), columns)
        if item.table.known_at(max(partitions)) > self.asset.knowable(key):
            raise ContractViolation(
                f"{self.asset.name} {key}: look-back of {name} reaches {max(partitions)}: look-ahead"
            )
        frame = self.read(name)
        # Canonical order: the partition column rises, so a look-back is one slice.
        days = frame[item.table.partition_column].to_numpy()
        low = np.searchsorted(days, np.datetime64(min(partitions)), side="left")
        high = np.searchsorted(days, np.datetime64(max(partitions)), side="right")
        return frame.iloc[low:high]

    def read_before(
        self, table: TableSpec, key: str, columns: Sequence[str] | None = None, since: str | None = None
    ) -> pd.DataFrame:
        """Rows of a side table, or of this asset's own table, from ``since`` (else the first) to before a day.

        Empty where there is no table yet.
        """
        day = (dt.date.fromisoformat(key) - dt.timedelta(days=1)).isoformat()
        if self.lakehouse.open(table.name) is None:
            return pd.DataFrame({name: [] for name in (columns or table.column_names)})
        return self.lakehouse.read(table, columns=columns, start=since, end=day, as_of=key)

    def refused(self) -> list[str]:
        """Partitions of this asset whose newest state is refused; what an older run stored for them does not count."""
        return sorted(key for key, state in self.ledger.states(self.asset.name).items() if state.status == REFUSED)

    def own_previous(self, key: str) -> pd.DataFrame | None:
        """The asset's own partition before ``key``, published by an earlier run; None for the first partition.

        Raises ``ContractViolation`` where it exists in time but is not published.
        """
        if self.asset.self_dependent is None:
            raise ValueError(f"{self.asset.name} does not declare that it reads its own past")
        before = self.asset.self_dependent.keys(key)
        if not before:
            return None
        table = self.asset.table
        ContractGate(self.ledger).slice(self.asset.name, table.name, before, -1)
        return self.lakehouse.read(
            table, start=before[-1], end=before[-1], as_of=self.asset.knowable(key), scope=self.asset.scope
        )

    def _input(self, name: str) -> Input:
        return next(i for i in self.asset.inputs if i.name == name)


Body = Callable[[PartitionRun], Batch]


def publish_partitions(
    context: dg.AssetExecutionContext, lakehouse: Lakehouse, asset: PublishedAsset, body: Body, config_hash: str
) -> Iterator[Any]:
    """Run an asset's body for the partitions of this Dagster run and publish or refuse each of them.

    An asset with a ``piece`` is done that many partitions at a time, so that a long range needs no more memory. Where a
    piece cannot be attempted, the ones before it stay published.
    """
    ledger = Ledger(lakehouse)
    keys = list(context.partition_keys)
    size = asset.piece or len(keys)
    outcomes: list[Outcome] = []
    stopped: QuantError | None = None
    picture: str | None = None
    try:
        for start in range(0, len(keys), size):
            some = keys[start : start + size]
            made, picture = _publish(context, lakehouse, ledger, asset, body, config_hash, some)
            outcomes += made
    except QuantError as error:
        stopped = error
    if asset.settled is not None and stopped is None and all(o.published for o in outcomes):
        asset.settled(context.resources, keys)
    yield from announce(context, asset, keys, outcomes, picture, stopped)


def _publish(
    context: dg.AssetExecutionContext,
    lakehouse: Lakehouse,
    ledger: Ledger,
    asset: PublishedAsset,
    body: Body,
    config_hash: str,
    keys: list[str],
) -> tuple[list[Outcome], str | None]:
    """Outcome of each partition of one piece, and its picture; what was made is let go before the next piece."""
    # Taken before the body reads: what is decided meanwhile makes the partition not current, never unnoticed.
    standing = asset.standing_inputs(lakehouse, keys)
    ready, blocked = _pass_gate(lakehouse, ContractGate(ledger), asset, keys)
    run = PartitionRun(asset, lakehouse, ledger, list(ready), ready, keys, context.resources)
    batch = body(run) if ready else Batch(asset_frame(asset), {})
    verdicts = {**blocked, **_complete_verdicts(asset, batch, list(ready))}
    inputs = {k: (*ready.get(k, {}).values(), *standing.get(k, ())) for k in keys}
    judged = Judged(asset, context.run.run_id, config_hash, batch, verdicts, inputs, list(ready))
    return store(lakehouse, ledger, judged), _picture(judged)


def asset_frame(asset: PublishedAsset) -> pd.DataFrame:
    """Empty frame with the asset's columns."""
    return pd.DataFrame({name: [] for name in asset.table.column_names})


def _pass_gate(
    lakehouse: Lakehouse, gate: ContractGate, asset: PublishedAsset, keys: Sequence[str]
) -> tuple[dict[str, dict[str, InputSlice]], dict[str, tuple[Verdict, ...]]]:
    """Input slices of the partitions that may run, and a failed verdict for each of those that may not."""
    versions = {i.name: lakehouse.version(i.table.name) for i in asset.inputs}
    ready: dict[str, dict[str, InputSlice]] = {}
    blocked: dict[str, tuple[Verdict, ...]] = {}
    for key in keys:
        try:
            ready[key] = {
                i.name: gate.slice(
                    i.name, i.table.name, i.lookback.keys(key), -1 if (v := versions[i.name]) is None else v
                )
                for i in asset.inputs
            }
        except ContractViolation as error:
            broken = error_rule(INPUT_RULE, checked=len(asset.inputs), breaches=1, message=f"{key}: {error}")
            blocked[key] = tuple(Verdict(level, (broken,)) for level in asset.levels)
    return ready, blocked


def _complete_verdicts(asset: PublishedAsset, batch: Batch, keys: list[str]) -> dict[str, tuple[Verdict, ...]]:
    """The body's verdicts for every level, with the rule that a partition is not empty unless it says why."""
    counts = rows_by_key(batch.frame[asset.table.partition_column])
    complete = {}
    for key in keys:
        if key in batch.failures:
            complete[key] = _not_computed(asset, key, batch.failures[key])
            continue
        levels = {v.level: v for v in batch.verdicts.get(key, ())}
        if set(levels) != set(asset.levels):
            raise ContractViolation(
                f"{asset.name} {key}: verdicts for {sorted(levels)}, declared {sorted(asset.levels)}"
            )
        result = _nonempty(asset, key, counts.get(key, 0), batch.empty.get(key), all(v.passed for v in levels.values()))
        first = asset.levels[0]
        levels[first] = Verdict(first, (*levels[first].results, result))
        complete[key] = tuple(levels[level] for level in asset.levels)
    return complete


def _nonempty(asset: PublishedAsset, key: str, rows: int, purpose: str | None, sound: bool) -> RuleResult:
    """A partition has rows, or says why not; one that other rules withhold already is not blamed twice."""
    empty = rows == 0 and purpose is None and sound
    message = f"{rows} rows"
    if empty:
        message = f"{asset.name} {key} has no rows and no stated reason; look at its inputs with `quant status`"
    elif purpose is not None:
        message = f"empty on purpose: {purpose}"
    elif not sound:
        message = "not judged: other rules withhold the partition"
    return error_rule(NONEMPTY_RULE, checked=1, breaches=int(empty), message=message)


def _not_computed(asset: PublishedAsset, key: str, error: QuantError) -> tuple[Verdict, ...]:
    rule = NONEMPTY_RULE if isinstance(error, EmptyResult) else COMPUTED_RULE
    broken = error_rule(rule, checked=1, breaches=1, message=f"{asset.name} {key}: {error}")
    return tuple(Verdict(level, (broken,)) for level in asset.levels)


def _picture(judged: Judged) -> str | None:
    """Markdown picture of the published partitions, where the asset declares one."""
    asset, frame, good = judged.asset, judged.batch.frame, judged.good
    if asset.chart is None or not good or frame.empty:
        return None
    return asset.chart(rows_of(frame, asset.table, good))
