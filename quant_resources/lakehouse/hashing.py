"""Content hashes: equal content gives an equal hash, whatever the run, the row order or the ingestion time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3

from quant_resources.lakehouse.tables import Column, TableSpec

HASH_LENGTH = 16
# Rows brought into canonical form at a time: few steps, each long, because this one thread gives the interpreter lock
# back in every step and waits for it after, while others prepare and store the same rows.
ROWS_AT_ONCE = 12_000


def content_hashes(spec: TableSpec, canonical: pd.DataFrame, partitions: list[str]) -> dict[str, str]:
    """BLAKE3 (first 16 hex digits) of the content of each partition of a canonical frame.

    Input: a frame from ``TableSpec.canonical`` and the ISO partition keys that it covers. Output: one hash for each
    key; a partition without rows has the hash of the empty table. Columns marked ``hashed=False`` do not count.
    """
    days = canonical[spec.partition_column].to_numpy(dtype="datetime64[D]")
    keys = np.array(partitions, dtype="datetime64[D]")
    starts = np.searchsorted(days, keys, side="left")
    stops = np.searchsorted(days, keys, side="right")
    names = [c.name for c in spec.hashed_columns if c.type == "float64"]
    numbers, head = _numbers(canonical, names), "\x1f".join([spec.name, *names]).encode()
    others = {c: canonical[c.name] for c in spec.hashed_columns if c.type != "float64"}
    rows = list(zip(starts.tolist(), stops.tolist(), strict=True))
    hashes = [h for some in _chunks(rows) for h in _hashes_of(head, numbers, others, rows[some])]
    return dict(zip(partitions, hashes, strict=True))


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


def _numbers(canonical: pd.DataFrame, names: list[str]) -> np.ndarray:
    """These columns as an array (columns, rows); a view where they stand together as they were computed."""
    columns = list(canonical.columns)
    first = columns.index(names[0]) if names else 0
    together = columns[first : first + len(names)] == names
    found = canonical.iloc[:, first : first + len(names)] if together else canonical[names]
    values: np.ndarray = found.to_numpy(np.float64)
    return values.T


def _hashes_of(
    head: bytes, numbers: np.ndarray, others: dict[Column, pd.Series], rows: Sequence[tuple[int, int]]
) -> list[str]:
    """Hash of each stretch ``start .. stop`` of rows: the numbers row by row, then every other column by itself."""
    low = min(start for start, _ in rows)
    high = max(stop for _, stop in rows)
    block = _block(numbers[:, low:high])
    encoded = {c.name: _encoded(values.iloc[low:high], c) for c, values in others.items()}
    hashes = []
    for start, stop in rows:
        content = blake3(head)
        content.update(block[start - low : stop - low].reshape(-1).view(np.uint8).data)
        for name, values in encoded.items():
            content.update(name.encode())
            for part in _parts(values, start - low, stop - low):
                content.update(part)
        hashes.append(_written(content))
    return hashes


def digest_of(parts: list[str]) -> str:
    """BLAKE3 (first 16 hex digits) of an ordered list of strings."""
    return _written(blake3("\x1f".join(parts).encode()))


def _written(content: blake3) -> str:
    return content.hexdigest(length=HASH_LENGTH // 2)


def _block(numbers: np.ndarray) -> np.ndarray:
    """Numbers in a canonical form, one NaN and no negative zero, as an array (rows, columns).

    Made and hashed in few long steps that give the interpreter lock back.
    """
    block = np.add(numbers, 0.0, order="C")
    np.copyto(block, np.nan, where=np.isnan(block))
    return np.ascontiguousarray(block.T)


@dataclass(frozen=True)
class _Texts:
    """Strings in one piece of UTF-8: where each begins (one more than there are), how long it is (-1: missing)."""

    starts: np.ndarray
    lengths: np.ndarray
    characters: memoryview


def _encoded(values: pd.Series, column: Column) -> np.ndarray | _Texts:
    """Column in a canonical form: integers for time."""
    if column.type == "string":
        return _texts(values)
    if column.type == "date":
        return values.to_numpy(dtype="datetime64[D]").astype(np.int64)
    if column.type == "timestamp":
        return values.to_numpy(dtype="datetime64[us]").astype(np.int64)
    return values.to_numpy(dtype=np.bool_ if column.type == "bool" else np.int64)


def _texts(values: pd.Series) -> _Texts:
    given = pa.array(values, type=pa.large_string(), from_pandas=True)
    filled = pc.fill_null(given, "")
    # Put together anew: in one chunk, and without an offset into the column that this may be a slice of.
    chunks = filled.chunks if isinstance(filled, pa.ChunkedArray) else [filled]
    whole = pa.concat_arrays([*chunks, pa.array([], pa.large_string())])
    _, offsets, characters = whole.buffers()
    starts = np.frombuffer(offsets, dtype=np.int64, count=len(whole) + 1)
    lengths = np.where(pc.is_null(given).to_numpy(zero_copy_only=False), -1, np.diff(starts))
    return _Texts(starts, lengths, memoryview(characters if characters is not None else b""))


def _parts(values: np.ndarray | _Texts, start: int, stop: int) -> tuple[memoryview, ...]:
    if isinstance(values, np.ndarray):
        return (values[start:stop].view(np.uint8).data,)
    # The lengths say where one text ends, so no character needs to be a separator.
    texts = values.characters[values.starts[start] : values.starts[stop]]
    return values.lengths[start:stop].view(np.uint8).data, texts
