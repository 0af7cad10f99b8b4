"""First backfills from a local venue server of Binance's shape that enforces its weights, in a process of their own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.fresh import fresh
from benchmarks.measure import Measurement
from benchmarks.panel import synthetic_bars

BAR_SECONDS, BAR_MEMORY = 45.0, 1000.0


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Serve the panel from another process; yields its address."""
    bars = synthetic_bars()
    # As many decimals as the exchange tells.
    numbers = bars.select_dtypes("float").round(8)
    named = bars.assign(
        **{name: numbers[name] for name in numbers}, symbol=bars["symbol"].str.replace("SYNTHETIC:", "")
    )
    named.to_parquet(folder / "bars.parquet")
    command = [sys.executable, "-m", "tests.venue.server", "--bars", str(folder / "bars.parquet")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def told(url: str) -> dict[str, Any]:
    """What the server saw."""
    with urllib.request.urlopen(f"{url}/_log", timeout=10) as answer:
        log: dict[str, Any] = json.load(answer)
    return log


def measurements() -> Iterator[Measurement]:
    """The fetch alone, then all of `quant ingest`; each from a server of its own, so that neither waits for weight."""
    yield _fetch()
    yield _ingest()


def _fetch() -> Measurement:
    """One run, as a second would wait for the weight of the first; the server's CPU is included."""
    with tempfile.TemporaryDirectory() as name:
        folder, before = Path(name), resource.getrusage(resource.RUSAGE_CHILDREN)
        with server(folder) as url:
            done = fresh("benchmarks.fetch", url, str(folder / "staging"))
            log = told(url)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    note = (
        f"{done.told['rows']:,} bars, {log['requests']:,} requests, weight {log['weight'].get('spot', 0):,}, "
        f"{len(log['violations'])} violations, {os.cpu_count()} cores"
    )
    return Measurement("ccxt venue, first backfill", done.seconds, used, 1, BAR_SECONDS, note, done.memory)


def _ingest() -> Measurement:
    """Fetched, judged by every L0 and L1 rule, published and told to Dagster: two assets of as many partitions."""
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as url:
        done = fresh("benchmarks.ingest", url, name)
        log = told(url)
    note = (
        f"{done.told['published']:,} partitions published, {done.told['refused']} refused (listings "
        f"{done.told['listings']} s, ohlcv {done.told['ohlcv']} s), {log['requests']:,} requests, "
        f"{len(log['violations'])} violations"
    )
    return Measurement(
        "quant ingest of the same market", done.seconds, done.cpu, 1, None, note, done.memory, BAR_MEMORY
    )
