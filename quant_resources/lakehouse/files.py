"""The files of a Delta table as an Arrow dataset: in the order of their paths, each with the range of its days."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
from deltalake import DeltaTable

_NO_FILE = "1 = 0"


def dataset_of(table: DeltaTable) -> ds.Dataset:
    """Files of ``table``, month after month: what comes is then nearly always in canonical order already.

    ``DeltaTable.to_pyarrow_dataset`` states the range of every column of every file, which for many files takes as
    long as reading them, and reads a local file through Python. Here a file states what its path says and the ranges
    of its days. Raises what that function does for a table with features that Arrow would misread.
    """
    empty = table.to_pyarrow_dataset(filesystem=_local_files(table.table_uri), file_pruning_predicate=_NO_FILE)
    files = pa.table(table.get_add_actions(flatten=True)).sort_by("path").to_pylist()
    # The log names a file as an address does, with its special characters in percent signs.
    fragments = [
        empty.format.make_fragment(unquote(f["path"]), empty.filesystem, partition_expression=_stated(f, empty.schema))
        for f in files
    ]
    return ds.FileSystemDataset(fragments, empty.schema, empty.format, empty.filesystem)


def _local_files(uri: str) -> pafs.FileSystem | None:
    """Arrow's own access to a folder of this machine; None for an address elsewhere."""
    if not uri.startswith("file:"):
        return None
    filesystem, folder = pafs.FileSystem.from_uri(uri)
    return pafs.SubTreeFileSystem(folder, filesystem)


def _stated(file: dict[str, Any], schema: pa.Schema) -> ds.Expression:
    """What the log says of all rows of a file: values in its path, first and last of its days where none is missing."""
    statements = []
    for field in schema:
        column, at = ds.field(field.name), file.get(f"partition.{field.name}")
        if at is not None:
            statements.append(column == pa.scalar(at, field.type))
        least, most = file.get(f"min.{field.name}"), file.get(f"max.{field.name}")
        complete = file.get(f"null_count.{field.name}") == 0 and least is not None and most is not None
        if pa.types.is_date(field.type) and complete:
            statements += [column >= pa.scalar(least, field.type), column <= pa.scalar(most, field.type)]
    return reduce(and_, statements, ds.scalar(True))
