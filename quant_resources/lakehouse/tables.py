"""What a lakehouse table looks like: its columns with units, its partition column, its keys.

Belongs here: table declarations as data. Does not belong here: any particular table (the rooms declare theirs).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

MONTH = "month"

ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


@dataclass(frozen=True)
class Column:
    """One column: name, type (a key of ``ARROW_TYPES``), what it means, its unit ('' where it has none)."""

    name: str
    type: str
    description: str
    unit: str = ""
    hashed: bool = True
    """False for provenance such as ingestion times, which must not make equal content look different."""


@dataclass(frozen=True)
class TableSpec:
    """A Delta table, physically partitioned by the month of ``partition_column`` (a ledger: by ``physical``).

    ``keys`` identify a row within a partition and give its canonical order; ``scope`` names columns with one fixed
    value for each asset that writes here (several sleeves share one table). ``known_after_days`` says when partition
    K can be known: at 00:00 UTC of K plus so many days (a daily bar 1, a decision of Monday K 0, a week's returns 7).
    """

    name: str
    columns: tuple[Column, ...]
    partition_column: str = "date"
    keys: tuple[str, ...] = ("symbol",)
    scope: tuple[str, ...] = ()
    physical: str = MONTH
    known_after_days: int = 1
    plain_numbers: bool = False
    """True where most columns are computed numbers: compressing them saves little space for more time at each writing
    (prices are worth it), and no reader skips a file by the range of one."""

    def known_at(self, partition: str) -> str:
        """First moment (ISO day, 00:00 UTC) at which a partition can be known."""
        return (dt.date.fromisoformat(partition) + dt.timedelta(days=self.known_after_days)).isoformat()

    @cached_property
    def column_names(self) -> list[str]:
        """Names of the columns in storage order, without the physical month."""
        return [c.name for c in self.columns]

    @cached_property
    def hashed_columns(self) -> list[Column]:
        """Columns that make up the content, in storage order."""
        return [c for c in self.columns if c.hashed]

    @cached_property
    def sort_columns(self) -> list[str]:
        """Canonical row order: partition, scope, keys."""
        return [self.partition_column, *self.scope, *(k for k in self.keys if k != self.partition_column)]

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """Arrow schema of the stored table, with the physical month column last where it is partitioned by month."""
        fields = [pa.field(c.name, ARROW_TYPES[c.type]) for c in self.columns]
        return pa.schema([*fields, pa.field(MONTH, pa.string())] if self.physical == MONTH else fields)

    def canonical(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Frame with exactly the declared columns, in order, rows in canonical order.

        Raises ``ValueError`` naming missing and unexpected columns.
        """
        missing = [n for n in self.column_names if n not in frame.columns]
        extra = [str(n) for n in frame.columns if n not in self.column_names]
        if missing or extra:
            raise ValueError(f"table {self.name}: missing columns {missing}, unexpected columns {extra}")
        ordered = frame if list(frame.columns) == self.column_names else frame[self.column_names]
        # A frame that stands in canonical order already is not copied: the largest ones are built in it.
        if _stands_in_order(ordered, self.sort_columns):
            return ordered.reset_index(drop=True)
        return ordered.sort_values(self.sort_columns, kind="stable", ignore_index=True)

    def to_arrow(self, canonical: pd.DataFrame) -> pa.Table:
        """Arrow table of a canonical frame with the physical month added; raises on values of a wrong type."""
        if canonical.empty:
            return self.arrow_schema.empty_table()
        for column in self.columns:
            if column.type == "date":
                days = pd.DatetimeIndex(pd.to_datetime(canonical[column.name]).unique()).dropna()
                if (days != days.normalize()).any():  # Arrow would cut the time of day off without a word
                    raise ValueError(f"table {self.name}: {column.name} holds times of day; UTC midnights are expected")
        if self.physical == MONTH:
            # Each day is written out once, not once a row; a row without a day (-1) gets no month.
            day, found = pd.factorize(canonical[self.partition_column])
            months = pd.Series(pd.DatetimeIndex(found).strftime("%Y-%m"), dtype="str").reindex(day).array
            canonical = canonical.assign(**{MONTH: months})
        arrays = [_array(canonical[field.name], field.type) for field in self.arrow_schema]
        return pa.Table.from_arrays(arrays, schema=self.arrow_schema)

    def from_arrow(self, table: pa.Table, columns: list[str]) -> pd.DataFrame:
        """Pandas frame in canonical order; dates come back as naive ``datetime64[us]`` midnights (UTC days).

        Arrow's dictionaries become pandas categories in ascending order.
        """
        coded = [i for i, f in enumerate(table.schema) if pa.types.is_dictionary(f.type)]
        for place in coded:
            table = table.set_column(place, table.schema.field(place), _ascending(table.column(place)))
        instants = pa.schema([f.with_type(pa.timestamp("us")) if pa.types.is_date(f.type) else f for f in table.schema])
        # Of several chunks each column is a copy of its own, taken where memory is free; a single one is not copied
        # at all in that way, and could not be written to.
        several = any(column.num_chunks > 1 for column in table.columns)
        frame: pd.DataFrame = table.cast(instants).to_pandas(split_blocks=several)
        order = [c for c in self.sort_columns if c in frame.columns]
        if not ascends(table, order):
            frame = frame.sort_values(order, kind="stable", ignore_index=True)
        return frame[columns]


def _ascending(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same values with one dictionary in ascending order, so that their codes compare as they do."""
    chunks = texts.unify_dictionaries().chunks
    if not chunks:
        return texts
    known = chunks[0].dictionary
    order = pc.sort_indices(known)
    ranks, known = pc.sort_indices(order).cast(pa.int32()), known.take(order)
    coded = [pa.DictionaryArray.from_arrays(ranks.take(chunk.indices), known) for chunk in chunks]
    return pa.chunked_array(coded, texts.type)


def _array(values: pd.Series, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """Arrow array of a column, NaN as null; raises on values of a wrong type.

    Numbers are not copied and their nulls not looked for one by one, which takes Arrow ten times as long.
    """
    if kind != pa.float64() or values.dtype != np.float64:
        return pa.Array.from_pandas(values, type=kind)
    numbers = np.ascontiguousarray(values.to_numpy())
    known = ~np.isnan(numbers)
    missing = len(known) - int(np.count_nonzero(known))
    present = pa.py_buffer(np.packbits(known, bitorder="little")) if missing else None
    return pa.Array.from_buffers(kind, len(numbers), [present, pa.py_buffer(numbers)], null_count=missing)


def _stands_in_order(frame: pd.DataFrame, names: list[str]) -> bool:
    """Whether the rows of a frame ascend by these columns; False for what Arrow cannot compare."""
    try:
        return ascends(pa.Table.from_pandas(frame[names], preserve_index=False), names)
    except pa.ArrowException:
        return False


def ascends(table: pa.Table, names: list[str], *, strictly: bool = False) -> bool:
    """Whether the rows stand in ascending order of these columns; a look that costs a tenth of sorting them.

    ``strictly``: and no two of them are equal. Dictionaries are taken to ascend themselves.
    """
    tied: pa.ChunkedArray | None = None
    for name in names:
        values = _codes(table[name]) if pa.types.is_dictionary(table.schema.field(name).type) else table[name]
        before, after = values.slice(0, max(len(table) - 1, 0)), values.slice(1)
        falls, equal = pc.greater(before, after), pc.equal(before, after)
        if falls.null_count or pc.any(falls if tied is None else pc.and_(falls, tied)).as_py():
            return False
        tied = equal if tied is None else pc.and_(equal, tied)
    return not (strictly and tied is not None and pc.any(tied).as_py())


def _codes(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([chunk.indices for chunk in texts.chunks], pa.int32())
