"""Writing a Delta table: Arrow writes the files, two at a time, and one commit exchanges them for what they replace.

The same effect as ``write_deltalake`` with a predicate, in less than half its time: there every row passes a query
engine and is copied for each file. A commit is made on the version that was read or not at all; the files of one that
is not made are nobody's, and vacuum deletes them.
"""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import and_, or_
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Field
from deltalake.transaction import AddAction, RemoveAction

from quant_resources.lakehouse.files import TableFiles, files_of
from quant_resources.lakehouse.tables import TableSpec, ascends

FILES_AT_ONCE = 2
# Another commit in the meantime is an error: what this one replaces was read before it.
ON_THE_VERSION_READ = CommitProperties(max_commit_retries=0)

Rows = dict[str, pa.Table]
"""Rows by the value of the physical partition, without its column."""


def append_rows(table: DeltaTable, spec: TableSpec, data: pa.Table) -> int:
    """Add rows in one commit; the version it made. Raises CommitFailedError where another commit came first."""
    _add_columns(table, data.schema)
    return _commit(table, spec, _write(files_of(table), spec, dict(_by_partition(spec, data))), [])


def replace_rows(
    table: DeltaTable, spec: TableSpec, data: pa.Table, partitions: Sequence[str], scope: Mapping[str, str]
) -> int:
    """Exchange the rows of ``partitions`` (ISO days) within ``scope`` for ``data``, in one commit; its version.

    A file without any of those rows stays as it is; one with others too is written anew with those. Raises
    CommitFailedError where another commit came first.
    """
    _add_columns(table, data.schema)
    files = files_of(table)
    replaced, kept = _conditions(spec, partitions, scope)
    gone, staying = _touched(files, spec, replaced, kept)
    rows = dict(_by_partition(spec, data))
    for value, others in staying:
        together = [others, *([rows[value]] if value in rows else [])]
        order = [(name, "ascending") for name in spec.sort_columns if name != spec.physical]
        rows[value] = pa.concat_tables(together, promote_options="default").sort_by(order)
    return _commit(table, spec, _write(files, spec, rows), gone)


def _conditions(
    spec: TableSpec, partitions: Sequence[str], scope: Mapping[str, str]
) -> tuple[ds.Expression, ds.Expression]:
    """What is replaced and what is not; a row whose day or scope is missing is none of what is replaced."""
    days = sorted({dt.date.fromisoformat(p) for p in partitions})
    if not days:
        raise ValueError(f"table {spec.name}: a write must name at least one partition")
    day = ds.field(spec.partition_column)
    if (days[-1] - days[0]).days + 1 == len(days):
        # A range is told from the range of a file without reading it.
        replaced, kept = [(day >= days[0]) & (day <= days[-1])], [(day < days[0]) | (day > days[-1])]
    else:
        listed = day.isin(pa.array(days, pa.date32()))
        replaced, kept = [listed], [~listed]
    for name, value in scope.items():
        replaced.append(ds.field(name) == value)
        kept.append(ds.field(name) != value)
    kept += [ds.field(name).is_null() for name in (spec.partition_column, *scope)]
    return reduce(and_, replaced), reduce(or_, kept)


def _touched(
    files: TableFiles, spec: TableSpec, replaced: ds.Expression, kept: ds.Expression
) -> tuple[list[dict[str, Any]], list[tuple[str, pa.Table]]]:
    """Files that hold replaced rows, and what else those files hold by the value of their physical partition."""
    some = {f.path for f in files.dataset.get_fragments(filter=replaced)}
    mixed = {f.path for f in files.dataset.get_fragments(filter=kept)}
    bare = files.schema.remove(files.schema.get_field_index(spec.physical))
    gone, staying = [], []
    for fragment, logged in zip(files.fragments, files.logged, strict=True):
        if fragment.path not in some:
            continue
        if fragment.path in mixed:
            rows = fragment.to_table(schema=bare, filter=kept)
            if len(rows) == fragment.count_rows():
                continue
            if len(rows):
                staying.append((logged[f"partition.{spec.physical}"], rows))
        gone.append({**logged, "path": fragment.path})
    return gone, staying


def _add_columns(table: DeltaTable, schema: pa.Schema) -> None:
    """Give the table the columns of ``schema`` that it lacks; ValueError where it has one of another type."""
    known = pa.schema(table.schema().to_arrow())
    wrong = [f.name for f in schema if f.name in known.names and known.field(f.name).type != f.type]
    if wrong:
        raise ValueError(f"{table.table_uri}: columns {wrong} of this write have another type than those of the table")
    absent = [Field.from_arrow(f) for f in schema if f.name not in known.names]
    if absent:
        table.alter.add_columns(absent)


def _by_partition(spec: TableSpec, data: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Rows of each value of the physical partition, in the order in which they stand."""
    ordered = data if ascends(data, [spec.physical]) else data.sort_by(spec.physical)
    counts = pc.value_counts(ordered[spec.physical])
    bare, start = ordered.drop_columns([spec.physical]), 0
    for value, count in zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True):
        yield value, bare.slice(start, count)
        start += count


def _write(files: TableFiles, spec: TableSpec, rows: Rows) -> list[AddAction]:
    """Write one file for each value of the physical partition; what the log will say of them."""

    def written(item: tuple[str, pa.Table]) -> AddAction:
        value, part = item
        # As other writers name a folder; the log, which holds addresses, gets percent signs for the percent signs.
        path = f"{spec.physical}={quote(value, safe='')}/part-{uuid.uuid4()}.parquet"
        files.filesystem.create_dir(path.rpartition("/")[0])
        pq.write_table(part, path, filesystem=files.filesystem, **_format(spec))
        info = files.filesystem.get_file_info(path)
        now = int(time.time() * 1000)
        return AddAction(path, info.size, {spec.physical: value}, now, True, _statistics(part))

    if len(rows) < FILES_AT_ONCE:
        return [written(item) for item in rows.items()]
    with ThreadPoolExecutor(max_workers=FILES_AT_ONCE) as pool:
        return list(pool.map(written, rows.items()))


def _format(spec: TableSpec) -> dict[str, Any]:
    """Numbers are stored as they are: a dictionary of values that hardly repeat costs three times the processor time,
    twice the memory and a sixth more space before the writer gives it up.
    """
    others = [c.name for c in spec.columns if c.type != "float64" and c.name != spec.physical]
    return {
        "compression": "none" if spec.plain_numbers else "snappy",
        "use_dictionary": others,
        "write_statistics": others if spec.plain_numbers else True,
    }


def _statistics(rows: pa.Table) -> str:
    """Of the columns of days, what lets a reader pass by a file: JSON as Delta's protocol has it."""
    least, most, missing = {}, {}, {}
    for field in rows.schema:
        if pa.types.is_date(field.type):
            ends = pc.min_max(rows[field.name]).as_py()
            missing[field.name] = rows[field.name].null_count
            if ends["min"] is not None:
                least[field.name], most[field.name] = ends["min"].isoformat(), ends["max"].isoformat()
    return json.dumps({"numRecords": len(rows), "minValues": least, "maxValues": most, "nullCount": missing})


def _commit(table: DeltaTable, spec: TableSpec, added: list[AddAction], gone: list[dict[str, Any]]) -> int:
    now = int(time.time() * 1000)
    name = f"partition.{spec.physical}"
    removed = [RemoveAction(f["path"], True, now, f["size_bytes"], {spec.physical: f[name]}) for f in gone]
    table.create_write_transaction(
        [*added, *removed], "append", table.schema(), [spec.physical], commit_properties=ON_THE_VERSION_READ
    )
    # The handle stays at the version it was read at.
    return int(table.version()) + 1
