"""The one reader and the one writer of the lakehouse.

A write replaces exactly the partition keys it names, in one commit. A read names its columns and its date range and,
in the alpha part, the ``as_of`` date at or after which nothing may be read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from quant_assets.errors import ContractViolation, EmptyResult, UsageError
from quant_resources.lakehouse.files import dataset_of
from quant_resources.lakehouse.tables import MONTH, TableSpec, ascends
from quant_resources.lakehouse.writing import append_rows, replace_rows

# Old versions are what replays a manifest: Delta's own clean-up must never remove them behind our back.
KEEP_HISTORY = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}

_retry_on_conflict = retry(
    retry=retry_if_exception_type(CommitFailedError),
    stop=stop_after_attempt(30),
    wait=wait_random_exponential(multiplier=0.02, max=1.0),
    reraise=True,
)


class Lakehouse:
    """All Delta tables under one root: a local folder, or any object-store URL with its ``storage_options``."""

    def __init__(self, root: str | Path, storage_options: Mapping[str, str] | None = None) -> None:
        self.root = str(root).rstrip("/")
        self.storage_options = dict(storage_options or {})

    def uri(self, table: str) -> str:
        """Address of a table; refuses names that are not plain identifiers, before they reach a path."""
        if not table.isidentifier():
            raise UsageError(f'lakehouse: {table!r} is not a table name; see `quant sql "show tables"`')
        return f"{self.root}/{table}"

    def open(self, table: str, version: int | None = None) -> DeltaTable | None:
        """The Delta table, at a version if one is named, or None where it does not exist yet."""
        try:
            return DeltaTable(self.uri(table), version=version, storage_options=self.storage_options or None)
        except TableNotFoundError:
            return None

    def version(self, table: str) -> int | None:
        """Newest version of a table, None where it does not exist yet."""
        found = self.open(table)
        return None if found is None else found.version()

    def read(
        self,
        spec: TableSpec,
        *,
        columns: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
        as_of: str | None = None,
        scope: Mapping[str, str] | None = None,
        version: int | None = None,
        categories: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Rows of ``spec`` with ``start <= partition <= end`` (ISO days, inclusive), in canonical order.

        ``as_of``: the moment (ISO day, 00:00 UTC) of the reader; asking for a partition that was not known then, or
        leaving ``end`` open together with ``as_of``, raises ``ContractViolation``. ``scope`` fixes columns such as the
        sleeve. ``categories``: columns of text that come as pandas categories in ascending order, for a fraction of the
        time where texts repeat.
        Returns an empty typed frame where the range has no rows; raises ``EmptyResult`` where the table is missing.
        """
        if as_of is not None and (end is None or spec.known_at(end) > as_of):
            raise ContractViolation(
                f"{spec.name}: a read up to {end} was asked as of {as_of} 00:00 UTC: look-ahead. "
                f"Partition {end} is known at {'no time' if end is None else spec.known_at(end)}."
            )
        table = self.open(spec.name, version)
        if table is None:
            raise EmptyResult(f"{spec.name}: the table does not exist in {self.root}. Materialize {spec.name} first.")
        names = list(columns) if columns is not None else spec.column_names
        needed = list(dict.fromkeys([*names, *spec.sort_columns]))
        condition = _condition(spec, start, end, scope or {})
        scanned = dataset_of(table, categories).to_table(columns=needed, filter=condition)
        return spec.from_arrow(scanned, names)

    def replace(
        self,
        spec: TableSpec,
        canonical: pd.DataFrame,
        partitions: Sequence[str],
        scope: Mapping[str, str] | None = None,
    ) -> int:
        """Replace exactly these partition keys of a table by a canonical frame, in one commit; returns its version.

        Rows outside ``partitions`` and ``scope`` are refused with ``ValueError``: a write never touches anything else.
        Concurrent writers of other keys are waited out; a conflict is retried on the newest version.
        """
        _refuse_strays(spec, canonical, partitions, scope or {})
        data = spec.to_arrow(canonical)
        _refuse_repeats(spec, canonical, data)
        return self._replace(spec, data, partitions, scope or {})

    def append(self, spec: TableSpec, frame: pd.DataFrame) -> int:
        """Add rows to a ledger table (one that is never rewritten); returns the version."""
        return self._append(spec, spec.to_arrow(spec.canonical(frame)))

    @_retry_on_conflict
    def _replace(self, spec: TableSpec, data: pa.Table, partitions: Sequence[str], scope: Mapping[str, str]) -> int:
        return replace_rows(self.open(spec.name) or self._create(spec), spec, data, partitions, scope)

    @_retry_on_conflict
    def _append(self, spec: TableSpec, data: pa.Table) -> int:
        return append_rows(self.open(spec.name) or self._create(spec), spec, data)

    def _create(self, spec: TableSpec) -> DeltaTable:
        """A new, empty table; the one that another process made in the meantime, where it did."""
        try:
            return DeltaTable.create(
                self.uri(spec.name),
                spec.arrow_schema,
                mode="error",
                partition_by=[spec.physical],
                configuration=KEEP_HISTORY,
                # With retries, the loser of a race for version 0 would commit a second creation on top.
                commit_properties=CommitProperties(max_commit_retries=0),
                storage_options=self.storage_options or None,
            )
        except DeltaError:
            # Another process may have created it between the look and the call; anything else is a real fault.
            found = self.open(spec.name)
            if found is None:
                raise
            return found

    def tables(self) -> list[str]:
        """Names of the tables that exist, sorted."""
        import pyarrow.fs as pafs

        if "://" in self.root:
            filesystem, path = pafs.FileSystem.from_uri(self.root)
        else:
            filesystem, path = pafs.LocalFileSystem(), str(Path(self.root).absolute())
        found = filesystem.get_file_info(pafs.FileSelector(path, allow_not_found=True))
        folders = [i.base_name for i in found if i.type == pafs.FileType.Directory and i.base_name.isidentifier()]
        return sorted(name for name in folders if self.open(name) is not None)


def _condition(spec: TableSpec, start: str | None, end: str | None, scope: Mapping[str, str]) -> ds.Expression | None:
    """Filter on the exact partition and scope, and on the physical month, which prunes files."""
    parts: list[ds.Expression] = []
    for bound, is_start in ((start, True), (end, False)):
        if bound is None:
            continue
        day, value = ds.field(spec.partition_column), pa.scalar(dt.date.fromisoformat(bound), pa.date32())
        parts.append(day >= value if is_start else day <= value)
        if spec.physical == MONTH:
            month = ds.field(MONTH)
            parts.append(month >= bound[:7] if is_start else month <= bound[:7])
    parts += [ds.field(name) == value for name, value in scope.items()]
    if not parts:
        return None
    condition = parts[0]
    for part in parts[1:]:
        condition = condition & part
    return condition


def _refuse_strays(
    spec: TableSpec, canonical: pd.DataFrame, partitions: Sequence[str], scope: Mapping[str, str]
) -> None:
    if set(scope) != set(spec.scope):
        raise ValueError(f"table {spec.name}: scope must fix {list(spec.scope)}, received {sorted(scope)}")
    for name, value in scope.items():
        if not value.isidentifier():
            raise UsageError(f"table {spec.name}: {name} {value!r} is not a plain name")
        if not (canonical[name] == value).all():
            raise ValueError(f"table {spec.name}: rows of another {name} than {value!r} in this write")
    days = pd.to_datetime(canonical[spec.partition_column].unique()).strftime("%Y-%m-%d")
    strays = sorted(set(days) - set(partitions), key=str)
    if strays:
        raise ValueError(f"table {spec.name}: rows of partitions that are not being written: {strays[:3]}")


def _refuse_repeats(spec: TableSpec, canonical: pd.DataFrame, data: pa.Table) -> None:
    # Rows in canonical order show it for the price of one comparison each.
    if not ascends(data, spec.sort_columns, strictly=True) and canonical.duplicated(spec.sort_columns).any():
        raise ValueError(f"table {spec.name}: duplicate keys {[spec.partition_column, *spec.keys]} in this write")
