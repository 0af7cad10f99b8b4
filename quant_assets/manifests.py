"""The ledger: one manifest for every attempt to publish a partition, appended to a lakehouse table, never rewritten.

A manifest names each input by table version, partitions and content hashes, and the code, configuration and
environment that made the partition. The newest manifest of a partition is its state: published or refused. Dagster's
events show the manifest's digest; the ledger is the durable copy, because event logs can be wiped.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from quant_resources.lakehouse.hashing import digest_of
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.lakehouse.tables import Column, TableSpec

_DAYS_AND_HASHES = b"0123456789abcdef-"
PUBLISHED = "published"
REFUSED = "refused"

MANIFESTS = TableSpec(
    name="manifests",
    columns=(
        Column("asset", "string", "asset key"),
        Column("partition", "date", "partition key"),
        Column("status", "string", "published or refused"),
        Column("recorded_at", "timestamp", "when the attempt was recorded (UTC)"),
        Column("run_id", "string", "Dagster run"),
        Column("data_version", "string", "content hash of the partition, '' where it was refused"),
        Column("table", "string", "lakehouse table that holds the partition"),
        Column("table_version", "int64", "version of the table right after this commit, -1 where it was refused"),
        Column("rows", "int64", "rows published"),
        Column("config_hash", "string", "hash of the resolved profile"),
        Column("code_version", "string", "hash of the pure modules used"),
        Column("env_hash", "string", "hash of the versions of Python and the numerical libraries"),
        Column("inputs_digest", "string", "hash over all inputs"),
        Column("inputs", "string", "JSON list of input slices"),
        Column("verdicts", "string", "JSON object: level to rule records"),
    ),
    partition_column="partition",
    keys=("asset",),
    physical="asset",
)

REFUSALS = TableSpec(
    name="refusals",
    columns=(
        Column("asset", "string", "asset key"),
        Column("partition", "date", "partition key"),
        Column("recorded_at", "timestamp", "when it was refused (UTC)"),
        Column("run_id", "string", "Dagster run"),
        Column("rules", "string", "ids of the broken ERROR rules, comma separated"),
        Column("reason", "string", "messages of the broken rules"),
        Column("frame", "string", "the refused rows as JSON records"),
    ),
    partition_column="partition",
    keys=("asset",),
    physical="asset",
)


@dataclass(frozen=True)
class InputSlice:
    """Exactly what a partition read of one input: which partitions, with which content, at which table version.

    ``partitions`` rise, as the keys of every look-back do.
    """

    asset: str
    table: str
    table_version: int
    partitions: tuple[str, ...]
    data_versions: tuple[str, ...]

    @cached_property
    def digest(self) -> str:
        """Hash over asset, partitions and their contents (not over the table version: equal content is equal input)."""
        return digest_of([self.asset, *self.partitions, *self.data_versions])

    @cached_property
    def newest(self) -> str:
        """Newest partition read, '' where none was needed."""
        return self.partitions[-1] if self.partitions else ""

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Plain record of everything but the partitions one by one."""
        return {
            "asset": self.asset,
            "table": self.table,
            "table_version": self.table_version,
            "count": len(self.partitions),
            "first": self.partitions[0] if self.partitions else "",
            "last": self.newest,
            "digest": self.digest,
        }

    @cached_property
    def json(self) -> str:
        """The manifest's record of the input: the summary, then ``partitions`` and ``data_versions``."""
        told = json.dumps(self.summary, separators=(",", ":"))[:-1]
        return f'{told},"partitions":{_json_list(self.partitions)},"data_versions":{_json_list(self.data_versions)}}}'


def _json_list(texts: Sequence[str]) -> str:
    """JSON of a list of texts; every partition names the partitions of its whole look-back, so it is made at once."""
    joined = '","'.join(texts)
    # Days and hashes hold nothing that JSON would escape.
    plain = joined.encode().translate(None, _DAYS_AND_HASHES) == b'","' * (len(texts) - 1)
    return f'["{joined}"]' if plain and texts else json.dumps(list(texts), separators=(",", ":"))


@dataclass(frozen=True)
class Manifest:
    """The record of one attempt to publish one partition."""

    asset: str
    partition: str
    status: str
    run_id: str
    data_version: str
    table: str
    table_version: int
    rows: int
    config_hash: str
    code_version: str
    env_hash: str
    inputs: tuple[InputSlice, ...]
    verdicts: Mapping[str, Sequence[Mapping[str, Any]]]

    @cached_property
    def inputs_digest(self) -> str:
        """Hash over all inputs, in the order in which the asset declares them."""
        return digest_of([i.digest for i in self.inputs])

    @cached_property
    def digest(self) -> str:
        """Hash of everything that determines the partition, and of its content; the same for an equal re-run."""
        return digest_of(
            [
                self.asset,
                self.partition,
                self.status,
                self.data_version,
                self.config_hash,
                self.code_version,
                self.env_hash,
                self.inputs_digest,
            ]
        )

    def to_row(self, recorded_at: dt.datetime) -> dict[str, Any]:
        """Row of the ledger table."""
        return {
            "asset": self.asset,
            "partition": pd.Timestamp(self.partition),
            "status": self.status,
            "recorded_at": recorded_at,
            "run_id": self.run_id,
            "data_version": self.data_version,
            "table": self.table,
            "table_version": self.table_version,
            "rows": self.rows,
            "config_hash": self.config_hash,
            "code_version": self.code_version,
            "env_hash": self.env_hash,
            "inputs_digest": self.inputs_digest,
            "inputs": f"[{','.join(i.json for i in self.inputs)}]",
            "verdicts": json.dumps(self.verdicts, separators=(",", ":"), default=str),
        }


@dataclass(frozen=True)
class PartitionState:
    """Newest state of a partition according to the ledger."""

    status: str
    data_version: str
    table_version: int
    run_id: str


class Ledger:
    """Reads and appends manifests."""

    def __init__(self, lakehouse: Lakehouse) -> None:
        self._lakehouse = lakehouse

    def record(self, manifests: Iterable[Manifest], recorded_at: dt.datetime) -> None:
        """Append manifests in one commit."""
        rows = [m.to_row(recorded_at) for m in manifests]
        if rows:
            self._lakehouse.append(MANIFESTS, pd.DataFrame(rows))

    def record_refusals(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append refused frames, with the rules that refused them, in one commit."""
        if rows:
            self._lakehouse.append(REFUSALS, pd.DataFrame(rows))

    def latest(self, asset: str | None = None, columns: Sequence[str] = ()) -> pd.DataFrame:
        """Newest manifest row of every partition (of one asset): asset, partition, status and the named columns."""
        names = ["asset", "partition", "status", "recorded_at", *columns]
        if self._lakehouse.open(MANIFESTS.name) is None:
            return pd.DataFrame(columns=names)
        scope = None if asset is None else {"asset": asset}
        rows = self._lakehouse.read(MANIFESTS, columns=names, scope=scope)
        ordered = rows.sort_values(["asset", "partition", "recorded_at"], kind="stable")
        return ordered.drop_duplicates(["asset", "partition"], keep="last", ignore_index=True)

    def states(self, asset: str) -> dict[str, PartitionState]:
        """Newest state of every partition of an asset that was ever attempted, by ISO partition key."""
        rows = self.latest(asset, ["data_version", "table_version", "run_id"])
        values = zip(rows["status"], rows["data_version"], rows["table_version"], rows["run_id"], strict=True)
        return {key: PartitionState(s, d, int(v), r) for key, (s, d, v, r) in zip(_keys(rows), values, strict=True)}

    def withheld(self) -> dict[str, set[str]]:
        """Partitions of each asset that may not be read: refused ones, and published ones that rest on them.

        A partition that was good once and refused on a re-run takes with it everything that was made from it.
        """
        newest = self.latest(columns=["data_version"])
        refused = newest[newest["status"] == REFUSED]
        bad: dict[str, set[str]] = {}
        for asset, partition in zip(refused["asset"], _keys(refused), strict=True):
            bad.setdefault(asset, set()).add(partition)
        if not bad:
            return {}
        rows = self.latest(columns=["inputs"])
        edges = [
            (asset, partition, [(i["asset"], i["partitions"]) for i in json.loads(inputs)])
            for asset, partition, inputs in zip(rows["asset"], _keys(rows), rows["inputs"], strict=True)
        ]
        return _closure(bad, edges)

    def referenced_versions(self) -> dict[str, list[int]]:
        """Table versions that the newest manifests refer to, as output or as input: vacuum must keep them."""
        rows = self.latest(columns=["table", "table_version", "inputs"])
        kept: dict[str, set[int]] = {}
        for table, version, inputs in zip(rows["table"], rows["table_version"], rows["inputs"], strict=True):
            kept.setdefault(table, set()).add(int(version))
            for item in json.loads(inputs):
                kept.setdefault(item["table"], set()).add(int(item["table_version"]))
        return {table: sorted(v for v in versions if v >= 0) for table, versions in kept.items()}


def _keys(rows: pd.DataFrame) -> list[str]:
    return [str(day) for day in np.datetime_as_string(rows["partition"].to_numpy(dtype="datetime64[D]"))]


def _closure(
    bad: dict[str, set[str]], edges: list[tuple[str, str, list[tuple[str, list[str]]]]]
) -> dict[str, set[str]]:
    """Everything that can be reached downstream of ``bad`` along the recorded inputs."""
    grown = True
    while grown:
        grown = False
        for asset, partition, inputs in edges:
            if partition in bad.get(asset, ()):
                continue
            if any(not bad.get(name, set()).isdisjoint(partitions) for name, partitions in inputs):
                bad.setdefault(asset, set()).add(partition)
                grown = True
    return bad
