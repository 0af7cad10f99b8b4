"""Synthetic tables for the lakehouse tests, and the worker functions that other processes run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import pandas as pd

from quant_resources.lakehouse import Column, Lakehouse, TableSpec

BARS = TableSpec(
    "bars",
    (
        Column("date", "date", "UTC day"),
        Column("symbol", "string", "market"),
        Column("close", "float64", "last price"),
        Column("trades", "int64", "number of trades"),
        Column("ingested_at", "timestamp", "when it was fetched (UTC)", hashed=False),
    ),
)
WEIGHTS = TableSpec(
    "weights",
    (
        Column("sleeve", "string", "sleeve"),
        Column("week", "date", "Monday"),
        Column("symbol", "string", "market"),
        Column("weight", "float64", "net weight"),
    ),
    partition_column="week",
    scope=("sleeve",),
    known_after_days=0,
)
SYMBOLS = ("AAA", "BBB", "CCC")
FETCHED = pd.Timestamp("2024-06-01 12:34:56")


def bars(days: Iterable[str], value: float = 1.0, symbols: Sequence[str] = SYMBOLS) -> pd.DataFrame:
    """One synthetic bar for each day and symbol; every price says which write it belongs to."""
    rows = [
        {"date": pd.Timestamp(d), "symbol": s, "close": value + i, "trades": int(value) + i, "ingested_at": FETCHED}
        for d in days
        for i, s in enumerate(symbols)
    ]
    columns = {c.name: [] for c in BARS.columns}
    frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns).astype({"date": "datetime64[us]"})
    return BARS.canonical(frame)


def weights(sleeve: str, weeks: Iterable[str], value: float) -> pd.DataFrame:
    """Synthetic weights of one sleeve."""
    rows = [{"sleeve": sleeve, "week": pd.Timestamp(w), "symbol": s, "weight": value} for w in weeks for s in SYMBOLS]
    return WEIGHTS.canonical(pd.DataFrame(rows))


def month(days: int, name: str = "2024-03") -> list[str]:
    """The first ``days`` days of a month."""
    return [f"{name}-{d:02d}" for d in range(1, days + 1)]


def parquet_files(root: Path, table: str) -> set[Path]:
    """Data files of a table on disk, referenced or not."""
    return set((root / table).rglob("*.parquet"))


# ---------------------------------------------------------------- what other processes run


def own_partitions(writer: int) -> tuple[str, list[str]]:
    """Sleeve and 15 keys of one of four writers: two sleeves, each shared by two writers, all in one month."""
    return f"sleeve_{writer % 2}", month(30)[writer // 2 :: 2]


def write_own_partitions(root: str, writer: int, gate: Barrier) -> None:
    """Write one's own partitions, one commit each, starting when all writers are ready."""
    lakehouse = Lakehouse(root)
    sleeve, keys = own_partitions(writer)
    gate.wait(60)
    for key in keys:
        lakehouse.replace(WEIGHTS, weights(sleeve, [key], float(writer)), [key], {"sleeve": sleeve})


def overwrite_same_day(root: str, writer: int, day: str, times: int, gate: Barrier) -> None:
    """Replace one partition again and again; the value tells writer and round."""
    lakehouse = Lakehouse(root)
    gate.wait(60)
    for i in range(times):
        lakehouse.replace(BARS, bars([day], value=1000.0 * (writer + 1) + 10.0 * i), [day])


def replace_in_a_loop(root: str, days: Sequence[str], rounds: int, started: Event) -> None:
    """Replace all days, two at a time, round after round, until killed or done."""
    lakehouse = Lakehouse(root)
    started.set()
    for i in range(1, rounds + 1):
        for k in range(0, len(days), 2):
            pair = list(days[k : k + 2])
            lakehouse.replace(BARS, bars(pair, value=10.0 * i), pair)
