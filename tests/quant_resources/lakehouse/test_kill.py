"""A writer killed at any moment leaves complete partitions behind, and a rerun ends where it would have ended."""

from __future__ import annotations

import multiprocessing
import random
import time
from pathlib import Path

import pandas as pd
import pytest

from quant_resources.lakehouse import Lakehouse, content_hashes
from tests.quant_resources.lakehouse.synthetic import BARS, SYMBOLS, bars, month, replace_in_a_loop

KILLS = 20
ROUNDS = 400  # far more than fit between the start and the kill
DAYS = [*month(6, "2024-03"), *month(2, "2024-04")]


@pytest.fixture(scope="module")
def processes():
    """New processes from a clean one that has the libraries loaded, but has never written: they start at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([replace_in_a_loop.__module__])
    return context


def _commits(root: Path) -> int:
    return len(list((root / "bars" / "_delta_log").glob("*.json")))


def _kill_a_writer(processes, root: Path, commits: int, after_seconds: float) -> None:
    """Kill the writer a moment after it has made so many commits: on a busy machine it only takes longer."""
    started = processes.Event()
    writer = processes.Process(target=replace_in_a_loop, args=(str(root), DAYS, ROUNDS, started), daemon=True)
    writer.start()
    assert started.wait(60)
    goal, deadline = _commits(root) + commits, time.monotonic() + 60
    while _commits(root) < goal and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(after_seconds)
    assert writer.is_alive(), "the writer ended before it was killed"
    writer.kill()
    writer.join(30)
    assert writer.exitcode == -9


def _rounds_seen(lakehouse: Lakehouse) -> dict[str, float]:
    """The round that each partition holds; fails where a partition is not exactly one complete write."""
    if lakehouse.open("bars") is None:
        return {}
    read, rounds = lakehouse.read(BARS), {}
    for day, rows in read.groupby(read["date"].dt.strftime("%Y-%m-%d")):
        value = rows["close"].iloc[0]
        pd.testing.assert_frame_equal(
            rows.reset_index(drop=True), bars([str(day)], value), check_exact=True, check_dtype=False
        )
        assert value % 10.0 == 0.0 and len(rows) == len(SYMBOLS)
        rounds[str(day)] = value / 10.0
    return rounds


def test_kill_at_random_moments_never_leaves_half_a_partition(tmp_path, processes):
    lakehouse, moments, versions = Lakehouse(tmp_path / "killed"), random.Random(20240301), []
    for _ in range(KILLS):
        _kill_a_writer(processes, tmp_path / "killed", moments.randint(0, 4), moments.uniform(0.0, 0.05))
        rounds = _rounds_seen(lakehouse)
        pairs = [{rounds.get(d) for d in DAYS[k : k + 2]} for k in range(0, len(DAYS), 2)]
        assert all(len(pair) == 1 for pair in pairs), f"half of a commit over two partitions is visible: {rounds}"
        versions.append(lakehouse.version("bars"))
    assert len({v for v in versions if v is not None}) >= KILLS // 2, "the kills came too early to show anything"

    for root in ("killed", "undisturbed"):
        rerun = Lakehouse(tmp_path / root)
        for day in DAYS:
            rerun.replace(BARS, bars([day], 123.0), [day])
    finals = [content_hashes(BARS, Lakehouse(tmp_path / r).read(BARS), DAYS) for r in ("killed", "undisturbed")]
    assert finals[0] == finals[1]
