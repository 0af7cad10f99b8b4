"""Which partitions are no longer current because an input was restated, told before anything is done about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from quant_assets.build import build_assets
from quant_assets.errors import ContractViolation
from quant_assets.factory import BuiltAsset
from quant_assets.gate import ContractGate
from quant_assets.keys import asset_name
from quant_assets.manifests import PUBLISHED, InputSlice, Ledger
from quant_assets.running import GraphRunner
from quant_assets.storing import own_slice

Contents = dict[str, dict[str, str]]
"""Data version by partition by input."""
UNREADABLE = "withheld"
OTHER = "code, configuration or environment changed"
MISSING, REFUSED, UNKNOWN = "never published", "refused", "not known to Dagster"


@dataclass(frozen=True)
class Cause:
    """An input that was restated: its first changed partition, and how many changed ones these partitions read."""

    input: str
    first: str
    changed: int


@dataclass(frozen=True)
class Restatement:
    """What a restatement means for one asset.

    ``partitions`` read something other than what is there now; ``following`` rest on partitions that are to be computed
    anew and will be computed too where these come out different; ``others`` counts partitions that are not current for
    another reason, by reason.
    """

    asset: str
    partitions: tuple[str, ...]
    causes: tuple[Cause, ...]
    following: tuple[str, ...] = ()
    others: dict[str, int] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """Plain record for tables and JSON."""
        causes = [{"input": c.input, "first": c.first, "changed": c.changed} for c in self.causes]
        return {
            "asset": self.asset, "partitions": list(self.partitions), "causes": causes,
            "following": list(self.following), "others": dict(self.others),
        }  # fmt: skip


def restatements(runner: GraphRunner, first: str | None = None, last: str | None = None) -> list[Restatement]:
    """What is restated in ``first .. last`` (ISO days), asset by asset in graph order; nothing is changed.

    Assets with nothing to tell are left out.
    """
    ledger = Ledger(runner.lakehouse)
    gate = ContractGate(ledger)
    declared = {built.declaration.key: built for built in build_assets(runner.profile)}
    anew: dict[str, set[str]] = {}
    found = []
    for key in runner.ordered():
        built = declared.get(key)
        if built is None or not (keys := runner.partition_keys(key, first, last)):
            continue
        pending = runner.not_current(asset_name(key), first, last)
        told = _restatement(runner, built, ledger, gate, pending) if pending else _nothing(built)
        following = _following(built, [k for k in keys if k not in set(pending)], anew)
        told = Restatement(told.asset, told.partitions, told.causes, tuple(following), told.others)
        for name in (built.declaration.name, *(asset_name(c.key) for c in built.declaration.companions)):
            anew[name] = {*told.partitions, *following}
        if told.partitions or told.following or told.others:
            found.append(told)
    return found


def _nothing(built: BuiltAsset) -> Restatement:
    return Restatement(built.declaration.name, (), ())


def _restatement(
    runner: GraphRunner, built: BuiltAsset, ledger: Ledger, gate: ContractGate, pending: Sequence[str]
) -> Restatement:
    """Sort the partitions that are not current by why they are not."""
    name = built.declaration.name
    rows = ledger.latest(name, ["inputs", "inputs_digest", "data_version"])
    keys = list(pd.to_datetime(rows["partition"]).dt.strftime("%Y-%m-%d"))
    status = dict(zip(keys, rows["status"], strict=True))
    recorded = dict(zip(keys, rows["inputs"], strict=True))
    versions = dict(zip(keys, rows["data_version"], strict=True))
    standing = built.declaration.standing_inputs(runner.lakehouse, list(pending))
    known = runner.instance.get_materialized_partitions(built.declaration.key)
    partitions, changed = [], _Changes()
    others: dict[str, int] = {}
    for key in pending:
        if status.get(key) != PUBLISHED:
            reason = REFUSED if key in status else MISSING
        else:
            now = _inputs_now(built, gate, key, versions, standing.get(key, ()))
            if changed.add(_recorded(recorded[key]), now):
                partitions.append(key)
                continue
            reason = UNKNOWN if key not in known else OTHER
        others[reason] = others.get(reason, 0) + 1
    return Restatement(name, tuple(partitions), changed.causes(), others=others)


class _Changes:
    """Collects the changed partitions of each input."""

    def __init__(self) -> None:
        self._found: dict[str, set[str]] = {}

    def add(self, before: Contents, now: Contents) -> bool:
        """Whether the two differ; remembers where."""
        differs = False
        for name in before.keys() | now.keys():
            old, new = before.get(name, {}), now.get(name, {})
            changed = {k for k in old.keys() | new.keys() if old.get(k) != new.get(k)}
            if changed:
                self._found.setdefault(name, set()).update(changed)
                differs = True
        return differs

    def causes(self) -> tuple[Cause, ...]:
        """One cause for each input, by name."""
        return tuple(Cause(name, min(keys), len(keys)) for name, keys in sorted(self._found.items()))


def _inputs_now(
    built: BuiltAsset, gate: ContractGate, key: str, versions: dict[str, str], standing: Iterable[InputSlice]
) -> Contents:
    """Contents that a run would read now; an input that may not be read is a change of all that it had."""
    asset = built.declaration
    found: Contents = {}
    for item in asset.inputs:
        partitions = item.lookback.keys(key)
        try:
            _put(found, gate.slice(item.name, item.table.name, partitions, -1))
        except ContractViolation:
            found.setdefault(item.name, {}).update(dict.fromkeys(partitions, UNREADABLE))
    for part in (*standing, *own_slice(asset, key, versions)):
        _put(found, part)
    return found


def _put(found: Contents, part: InputSlice) -> None:
    found.setdefault(part.asset, {}).update(zip(part.partitions, part.data_versions, strict=True))


def _recorded(inputs: str) -> Contents:
    """Contents that a manifest says were read."""
    found: Contents = {}
    for item in json.loads(inputs):
        found.setdefault(item["asset"], {}).update(zip(item["partitions"], item["data_versions"], strict=True))
    return found


def _following(built: BuiltAsset, keys: Sequence[str], anew: dict[str, set[str]]) -> list[str]:
    """Those of ``keys`` that read a partition which is to be computed anew."""
    reading = [(item.lookback, anew[item.name]) for item in built.declaration.inputs if anew.get(item.name)]
    return [k for k in keys if any(not again.isdisjoint(lookback.keys(k)) for lookback, again in reading)]
