"""Reading and writing the lakehouse's largest table."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from blake3 import blake3
from deltalake import DeltaTable, write_deltalake

from benchmarks.measure import Comparison, Found, Measurement, median_of
from benchmarks.panel import accepted_bars
from quant_assets.tables import OHLCV_TABLE
from quant_resources.lakehouse.files import dataset_of
from quant_resources.lakehouse.hashing import content_hashes
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.lakehouse.writing import replace_rows


def measurements() -> Iterator[Found]:
    """Five years of 500 symbols in, one day replaced, 400 days of closes and one day out, content hashed."""
    bars = OHLCV_TABLE.canonical(accepted_bars())
    days = [day.date().isoformat() for day in bars["date"].unique()]
    last = bars[bars["date"] == bars["date"].iloc[-1]]
    with tempfile.TemporaryDirectory() as folder:
        lakehouse = Lakehouse(Path(folder))
        yield median_of("write 500 symbols x 5 years", lambda: lakehouse.replace(OHLCV_TABLE, bars, days), runs=1)
        yield median_of(
            "replace one day", lambda: lakehouse.replace(OHLCV_TABLE, last, days[-1:]), runs=9, note="one commit"
        )
        yield median_of(
            "read 400 days of closes",
            lambda: lakehouse.read(OHLCV_TABLE, columns=["close"], start=days[-400], end=days[-1]),
            runs=5,
        )
        yield median_of(
            "read one day, all columns", lambda: lakehouse.read(OHLCV_TABLE, start=days[-1], end=days[-1]), runs=5
        )
    yield from _against_delta(OHLCV_TABLE.to_arrow(bars), days)
    yield median_of(
        "content hash of every day", lambda: content_hashes(OHLCV_TABLE, bars, days), runs=3, note=f"{len(days):,} days"
    )
    numbers = np.random.default_rng(1).normal(size=400_000_000 // 8)
    ours, theirs = (
        median_of(name, lambda make=make: make(numbers.data.cast("B")).digest(), runs=3).cpu
        for name, make in (("BLAKE3", blake3), ("SHA-256", hashlib.sha256))
    )
    yield Comparison("BLAKE3", "hashlib SHA-256", "400 MB", ours, theirs, None, "one core")


def _against_delta(data: pa.Table, days: list[str]) -> Iterator[Comparison]:
    """Every day replaced, and every row read, by us and by Delta's own functions; elapsed seconds on all cores."""
    predicate = f"date BETWEEN '{days[0]}' AND '{days[-1]}'"
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = (
            DeltaTable.create(f"{folder}/{name}", OHLCV_TABLE.arrow_schema, partition_by=["month"])
            for name in ("ours", "theirs")
        )
        writing = (
            median_of("ours", lambda: replace_rows(_newest(ours), OHLCV_TABLE, data, days, {}), runs=3),
            median_of(
                "theirs",
                lambda: write_deltalake(_newest(theirs), data, mode="overwrite", predicate=predicate),
                runs=3,
            ),
        )
        yield _elapsed("replace every day", "write_deltalake", writing)
        found = _newest(ours)
        reading = (
            median_of("ours", lambda: dataset_of(found).to_table(), runs=5),
            median_of("theirs", lambda: found.to_pyarrow_dataset().to_table(), runs=5),
        )
        yield _elapsed("read every row", "to_pyarrow_dataset", reading)


def _newest(table: DeltaTable) -> DeltaTable:
    return DeltaTable(table.table_uri)


def _elapsed(work: str, against: str, measured: tuple[Measurement, Measurement]) -> Comparison:
    seconds = [m.seconds for m in measured]
    return Comparison(work, against, "500 symbols x 5 years", *seconds, None, "elapsed, all cores")
