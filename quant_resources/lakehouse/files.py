"""The files of a Delta table as Arrow sees them: in the order of their paths, each with the range of its days."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
from deltalake import DeltaTable

_NO_FILE = "1 = 0"


@dataclass(frozen=True, eq=False)
class TableFiles:
    """``fragments`` in the order of their paths; ``logged[i]`` is what the table's log says of fragment ``i``."""

    schema: pa.Schema
    filesystem: pafs.FileSystem
    format: ds.ParquetFileFormat
    fragments: list[ds.ParquetFileFragment]
    logged: list[dict[str, Any]]

    @property
    def dataset(self) -> ds.Dataset:
        """All rows, month after month: what comes is then nearly always in canonical order already."""
        return ds.FileSystemDataset(self.fragments, self.schema, self.format, self.filesystem)


def dataset_of(table: DeltaTable, categories: Collection[str] = ()) -> ds.Dataset:
    """Rows of ``table`` as an Arrow data set; see ``files_of``."""
    return files_of(table, categories).dataset


def files_of(table: DeltaTable, categories: Collection[str] = ()) -> TableFiles:
    """Files of ``table`` at its version; the columns ``categories`` are read as Arrow dictionaries.

    ``DeltaTable.to_pyarrow_dataset`` states the range of every column of every file, which for many files takes as
    long as reading them, and reads a local file through Python. Here a file states what its path says and the ranges
    of its days. Raises what that function does for a table with features that Arrow would misread.
    """
    empty = table.to_pyarrow_dataset(
        filesystem=_local_files(table.table_uri),
        file_pruning_predicate=_NO_FILE,
        parquet_read_options=ds.ParquetReadOptions(dictionary_columns=set(categories)),
    )
    found = pa.table(table.get_add_actions(flatten=True))
    told = [f for f in empty.schema if pa.types.is_date(f.type) or f"partition.{f.name}" in found.column_names]
    logged = found.select(_said(found.column_names, told)).sort_by("path").to_pylist()
    # The log names a file as an address does, with its special characters in percent signs.
    fragments = [
        empty.format.make_fragment(unquote(f["path"]), empty.filesystem, partition_expression=_stated(f, told))
        for f in logged
    ]
    return TableFiles(empty.schema, empty.filesystem, empty.format, fragments, logged)


def _said(names: list[str], told: list[pa.Field]) -> list[str]:
    """Columns of the log that are read: of a file as a whole, and of these columns."""
    wanted = {f"{kind}.{field.name}" for field in told for kind in ("partition", "min", "max", "null_count")}
    return [name for name in names if name in wanted or name in ("path", "size_bytes")]


def _local_files(uri: str) -> pafs.FileSystem | None:
    """Arrow's own access to a folder of this machine; None for an address elsewhere."""
    if not uri.startswith("file:"):
        return None
    filesystem, folder = pafs.FileSystem.from_uri(uri)
    return pafs.SubTreeFileSystem(folder, filesystem)


def _stated(file: dict[str, Any], told: list[pa.Field]) -> ds.Expression:
    """What the log says of all rows of a file: values in its path, first and last of its days where none is missing."""
    statements = []
    for field in told:
        column, at = ds.field(field.name), file.get(f"partition.{field.name}")
        if at is not None:
            statements.append(column == pa.scalar(at, field.type))
        least, most = file.get(f"min.{field.name}"), file.get(f"max.{field.name}")
        if file.get(f"null_count.{field.name}") == 0 and least is not None and most is not None:
            statements += [column >= pa.scalar(least, field.type), column <= pa.scalar(most, field.type)]
    return reduce(and_, statements, ds.scalar(True))
