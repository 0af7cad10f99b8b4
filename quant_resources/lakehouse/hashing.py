"""Content hashes: equal content gives an equal hash, whatever the run, the row order or the ingestion time."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from quant_resources.lakehouse.tables import Column, TableSpec

HASH_LENGTH = 16


def content_hashes(spec: TableSpec, canonical: pd.DataFrame, partitions: list[str]) -> dict[str, str]:
    """SHA-256 (first 16 hex digits) of the content of each partition of a canonical frame.

    Input: a frame from ``TableSpec.canonical`` and the ISO partition keys that it covers. Output: one hash for each
    key; a partition without rows has the hash of the empty table. Columns marked ``hashed=False`` do not count.
    """
    days = canonical[spec.partition_column].to_numpy(dtype="datetime64[D]")
    keys = np.array(partitions, dtype="datetime64[D]")
    starts = np.searchsorted(days, keys, side="left")
    stops = np.searchsorted(days, keys, side="right")
    encoded = [(c.name.encode(), _encoded(canonical[c.name], c)) for c in spec.hashed_columns]
    hashes = {}
    for key, start, stop in zip(partitions, starts, stops, strict=True):
        digest = hashlib.sha256(spec.name.encode())
        for name, values in encoded:
            digest.update(name)
            digest.update(_bytes(values, int(start), int(stop)))
        hashes[key] = digest.hexdigest()[:HASH_LENGTH]
    return hashes


def digest_of(parts: list[str]) -> str:
    """SHA-256 (first 16 hex digits) of an ordered list of strings."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:HASH_LENGTH]


def _encoded(values: pd.Series, column: Column) -> np.ndarray | list[str | None]:
    """Column in a canonical form: one NaN, no negative zero, integers for time."""
    if column.type == "float64":
        numbers = values.to_numpy(dtype=np.float64, copy=True)
        numbers[np.isnan(numbers)] = np.nan
        return numbers + 0.0
    if column.type == "string":
        return [None if v is None or v != v else str(v) for v in values.tolist()]
    if column.type == "date":
        return values.to_numpy(dtype="datetime64[D]").astype(np.int64)
    if column.type == "timestamp":
        return values.to_numpy(dtype="datetime64[us]").astype(np.int64)
    return values.to_numpy(dtype=np.bool_ if column.type == "bool" else np.int64)


def _bytes(values: np.ndarray | list[str | None], start: int, stop: int) -> bytes:
    if isinstance(values, np.ndarray):
        return values[start:stop].tobytes()
    # The lengths (-1: missing) say where one text ends, so no character needs to be a separator.
    texts = values[start:stop]
    lengths = np.array([-1 if t is None else len(t) for t in texts], dtype=np.int64)
    return lengths.tobytes() + "".join(t for t in texts if t is not None).encode()
