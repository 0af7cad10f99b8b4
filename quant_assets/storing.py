"""Storing what a body made and the rules judged: data, refusals, manifests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import pandas as pd

from quant_assets.code_version import code_version, env_hash
from quant_assets.contracts.verdict import Verdict
from quant_assets.declaration import Batch, PublishedAsset
from quant_assets.manifests import PUBLISHED, REFUSED, InputSlice, Ledger, Manifest
from quant_resources.lakehouse.hashing import content_hashes
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.lakehouse.tables import TableSpec

CONTENT = "content"
"""Column of a record that names the data version of the partition it is about."""


@dataclass(frozen=True)
class Outcome:
    """One partition after the attempt; ``companion_rows`` counts its rows in each companion's table."""

    manifest: Manifest
    verdicts: tuple[Verdict, ...]
    facts: Mapping[str, Any]
    companion_rows: Mapping[str, int]

    @property
    def published(self) -> bool:
        """Whether the partition was published."""
        return self.manifest.status == PUBLISHED


@dataclass(frozen=True)
class Judged:
    """What a run made of some partitions: judged, not stored yet. ``ready`` are those whose inputs were all there."""

    asset: PublishedAsset
    run_id: str
    config_hash: str
    batch: Batch
    verdicts: Mapping[str, tuple[Verdict, ...]]
    inputs: Mapping[str, tuple[InputSlice, ...]]
    ready: list[str]

    @cached_property
    def good(self) -> list[str]:
        """Partitions that break no ERROR rule."""
        return [key for key, levels in self.verdicts.items() if all(v.passed for v in levels)]

    @cached_property
    def rows(self) -> dict[str, int]:
        """Rows of each partition."""
        return rows_by_key(self.batch.frame[self.asset.table.partition_column])

    @cached_property
    def companion_rows(self) -> dict[str, dict[str, int]]:
        """Rows of each partition in the table of each companion that was made."""
        made = [(c.table, self.batch.companions.get(c.table.name)) for c in self.asset.companions]
        return {t.name: rows_by_key(frame[t.partition_column]) for t, frame in made if frame is not None}


def store(lakehouse: Lakehouse, ledger: Ledger, judged: Judged) -> list[Outcome]:
    """Commit the good partitions, then what is recorded of them, the refused frames, the manifests; in this order on
    purpose: whatever is cut off, no record and no manifest speaks of data that are not there.
    """
    asset, good = judged.asset, judged.good
    canonical = asset.table.canonical(rows_of(judged.batch.frame, asset.table, good))
    # Storing waits for files, hashing for the processor, and the texts of the manifests need neither of their results.
    with ThreadPoolExecutor(max_workers=2) as others:
        hashing = others.submit(content_hashes, asset.table, canonical, good)
        storing = others.submit(_commit, lakehouse, judged, canonical)
        records = {key: {v.level: v.to_records() for v in levels} for key, levels in judged.verdicts.items()}
        for item in chain.from_iterable(judged.inputs.values()):
            _ = item.json
        hashes, version = hashing.result(), storing.result()
    _record(lakehouse, judged, hashes)
    # Read only where a partition rests on its asset's own past.
    past = {} if asset.self_dependent is None else ledger.states(asset.name)
    versions = {**{key: state.data_version for key, state in past.items()}, **hashes}
    outcomes = _outcomes(judged, records, version, hashes, versions)
    stamp = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    ledger.record_refusals([_refusal(judged, o, stamp) for o in outcomes if not o.published])
    ledger.record((o.manifest for o in outcomes), stamp)
    return outcomes


def _commit(lakehouse: Lakehouse, judged: Judged, canonical: pd.DataFrame) -> int:
    """Commit what goes with the partitions, then the good ones themselves; the version of their table, -1 for none."""
    asset, batch, good = judged.asset, judged.batch, judged.good
    for companion in asset.companions:
        _replace(lakehouse, companion.table, batch.companions.get(companion.table.name), judged.ready, {})
    for side in asset.side_tables:
        _replace(lakehouse, side, batch.sides.get(side.name), good, dict(asset.scope))
    return lakehouse.replace(asset.table, canonical, good, dict(asset.scope)) if good else -1


def _record(lakehouse: Lakehouse, judged: Judged, hashes: Mapping[str, str]) -> None:
    """Commit what is recorded of every partition, refused ones included, with the content that it is about."""
    for record in judged.asset.records:
        frame = judged.batch.sides.get(record.name)
        if frame is not None and CONTENT in record.column_names:
            codes, days = pd.factorize(pd.to_datetime(frame[record.partition_column]))
            each = pd.Series([hashes.get(key, "") for key in pd.DatetimeIndex(days).strftime("%Y-%m-%d")], dtype="str")
            frame = frame.assign(**{CONTENT: each.array.take(codes)})
        _replace(lakehouse, record, frame, judged.ready, dict(judged.asset.scope))


def _replace(
    lakehouse: Lakehouse, table: TableSpec, frame: pd.DataFrame | None, keys: list[str], scope: dict[str, str]
) -> None:
    if not keys:
        return
    rows = pd.DataFrame({name: [] for name in table.column_names}) if frame is None else frame
    lakehouse.replace(table, table.canonical(rows_of(rows, table, keys)), keys, scope)


def _outcomes(
    judged: Judged,
    records: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]],
    version: int,
    hashes: Mapping[str, str],
    versions: Mapping[str, str],
) -> list[Outcome]:
    """Outcome of each partition of ``records``; ``versions`` are the data versions of the asset's own past."""
    asset, batch = judged.asset, judged.batch
    outcomes = []
    for key in records:
        manifest = Manifest(
            asset=asset.name,
            partition=key,
            status=PUBLISHED if key in hashes else REFUSED,
            run_id=judged.run_id,
            data_version=hashes.get(key, ""),
            table=asset.table.name,
            table_version=version if key in hashes else -1,
            rows=judged.rows.get(key, 0) if key in hashes else 0,
            config_hash=judged.config_hash,
            code_version=code_version(*asset.rooms),
            env_hash=env_hash(),
            inputs=(*judged.inputs[key], *own_slice(asset, key, versions)),
            verdicts=records[key],
        )
        facts = batch.facts.get(key, {}) | ({"empty_on_purpose": batch.empty[key]} if key in batch.empty else {})
        companion_rows = {name: n.get(key, 0) for name, n in judged.companion_rows.items()}
        outcomes.append(Outcome(manifest, judged.verdicts[key], facts, companion_rows))
    return outcomes


def rows_of(frame: pd.DataFrame, table: TableSpec, keys: Sequence[str]) -> pd.DataFrame:
    """Rows of these partitions, with the partition column as UTC days."""
    days = pd.to_datetime(frame[table.partition_column])
    kept = frame.assign(**{table.partition_column: days})
    held = days.isin(pd.to_datetime(list(keys)))
    return kept if held.all() else kept[held]


def rows_by_key(days: pd.Series) -> dict[str, int]:
    """Number of rows of each partition key (ISO day), for the partition column of a frame."""
    counts = pd.to_datetime(days).value_counts(sort=False)
    return dict(zip(pd.DatetimeIndex(counts.index).strftime("%Y-%m-%d"), counts.tolist(), strict=True))


def own_slice(asset: PublishedAsset, key: str, versions: Mapping[str, str]) -> tuple[InputSlice, ...]:
    """What a partition reads of its own asset's past, where it does; ``versions`` are data versions by partition."""
    before = [] if asset.self_dependent is None else asset.self_dependent.keys(key)
    if not before:
        return ()
    contents = tuple(versions.get(k, "") for k in before)
    return (InputSlice(asset.name, asset.table.name, -1, tuple(before), contents),)


def _refusal(judged: Judged, outcome: Outcome, stamp: dt.datetime) -> dict[str, Any]:
    broken = [r for v in outcome.verdicts for r in v.errors]
    rows = rows_of(judged.batch.frame, judged.asset.table, [outcome.manifest.partition])
    return {
        "asset": judged.asset.name,
        "partition": pd.Timestamp(outcome.manifest.partition),
        "recorded_at": stamp,
        "run_id": outcome.manifest.run_id,
        "rules": ",".join(dict.fromkeys(r.rule for r in broken)),
        "reason": "; ".join(dict.fromkeys(r.message for r in broken)),
        "frame": rows.to_json(orient="records", date_format="iso"),
    }
