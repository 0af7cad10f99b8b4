"""Content hashes: equal content gives an equal hash, whatever the run, the row order or the ingestion time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from quant_resources.lakehouse.tables import Column, TableSpec

HASH_LENGTH = 16
# Rows brought into canonical form at a time: bounds memory, whatever the frame. Hashing releases the interpreter lock.
ROWS_AT_ONCE, THREADS = 50_000, 2


def content_hashes(spec: TableSpec, canonical: pd.DataFrame, partitions: list[str]) -> dict[str, str]:
    """SHA-256 (first 16 hex digits) of the content of each partition of a canonical frame.

    Input: a frame from ``TableSpec.canonical`` and the ISO partition keys that it covers. Output: one hash for each
    key; a partition without rows has the hash of the empty table. Columns marked ``hashed=False`` do not count.
    """
    days = canonical[spec.partition_column].to_numpy(dtype="datetime64[D]")
    keys = np.array(partitions, dtype="datetime64[D]")
    starts = np.searchsorted(days, keys, side="left")
    stops = np.searchsorted(days, keys, side="right")
    columns = [(c, canonical[c.name]) for c in spec.hashed_columns]
    rows = list(zip(starts.tolist(), stops.tolist(), strict=True))

    def hashed(some: slice) -> list[str]:
        return _hashes_of(spec.name, columns, rows[some])

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        parts = list(pool.map(hashed, _chunks(rows)))
    return dict(zip(partitions, (h for part in parts for h in part), strict=True))


def _chunks(rows: Sequence[tuple[int, int]]) -> Iterator[slice]:
    """Slices of the partitions that hold about ``ROWS_AT_ONCE`` rows each."""
    begin = held = 0
    for place, (start, stop) in enumerate(rows):
        held += stop - start
        if held >= ROWS_AT_ONCE:
            yield slice(begin, place + 1)
            begin, held = place + 1, 0
    if begin < len(rows):
        yield slice(begin, len(rows))


def _hashes_of(table: str, columns: list[tuple[Column, pd.Series]], rows: Sequence[tuple[int, int]]) -> list[str]:
    """Hash of each stretch ``start .. stop`` of rows."""
    low = min(start for start, _ in rows)
    high = max(stop for _, stop in rows)
    encoded = [(c.name.encode(), _encoded(values.iloc[low:high], c)) for c, values in columns]
    hashes = []
    for start, stop in rows:
        parts = [part for name, values in encoded for part in (name, _bytes(values, start - low, stop - low))]
        # In one piece: the lock is given back once a partition, not once a column.
        hashes.append(hashlib.sha256(b"".join((table.encode(), *parts))).hexdigest()[:HASH_LENGTH])
    return hashes


def digest_of(parts: list[str]) -> str:
    """SHA-256 (first 16 hex digits) of an ordered list of strings."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:HASH_LENGTH]


def _encoded(values: pd.Series, column: Column) -> np.ndarray | list[str | None]:
    """Column in a canonical form: one NaN, no negative zero, integers for time."""
    if column.type == "float64":
        numbers: np.ndarray = values.to_numpy(dtype=np.float64) + 0.0
        numbers[np.isnan(numbers)] = np.nan
        return numbers
    if column.type == "string":
        return [None if v is None or v != v else str(v) for v in values.tolist()]
    if column.type == "date":
        return values.to_numpy(dtype="datetime64[D]").astype(np.int64)
    if column.type == "timestamp":
        return values.to_numpy(dtype="datetime64[us]").astype(np.int64)
    return values.to_numpy(dtype=np.bool_ if column.type == "bool" else np.int64)


def _bytes(values: np.ndarray | list[str | None], start: int, stop: int) -> bytes | memoryview:
    if isinstance(values, np.ndarray):
        return values[start:stop].data
    # The lengths (-1: missing) say where one text ends, so no character needs to be a separator.
    texts = values[start:stop]
    lengths = np.array([-1 if t is None else len(t) for t in texts], dtype=np.int64)
    return lengths.tobytes() + "".join(t for t in texts if t is not None).encode()
