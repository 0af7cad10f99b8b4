"""`quant backfill`, killed without warning at random moments and started again, ends where an undisturbed one ends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from quant_assets.manifests import PUBLISHED
from tests.e2e.worlds import Place, tiny_bars, tiny_profile

KILLS = 4
CLOCK_COLUMNS = {"ingested_at", "recorded_at", "run_id", "table_version", "seconds", "attempt"}
BOOKKEEPING = {"manifests", "refusals"}


def backfilling(place: Place) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "quant_assets.cli.main", "backfill", "--json"]
    environment = {**os.environ, **place.environment}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def written(place: Place) -> int:
    return sum(len(names) for _, _, names in os.walk(place.folder))


def kill_at_random(place: Place, rng: random.Random) -> bool:
    """Kill once a random number of files has been written, and a random moment later; False if it was done before."""
    process = backfilling(place)
    goal, deadline = written(place) + rng.randint(1, 40), time.monotonic() + 120
    while process.poll() is None and written(place) < goal and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(rng.uniform(0.0, 0.3))
    alive = process.poll() is None
    if alive:
        process.send_signal(signal.SIGKILL)
    process.communicate()
    return alive


def contents_of(place: Place) -> dict[str, pd.DataFrame]:
    """Every table without what the clock decides, in a canonical order."""
    found = {}
    for name in sorted(set(place.lakehouse.tables()) - BOOKKEEPING):
        frame = place.table(name).drop(columns=list(CLOCK_COLUMNS), errors="ignore")
        columns = sorted(frame.columns)
        found[name] = frame[columns].sort_values(columns, kind="stable", ignore_index=True)
    return found


def test_killed_backfills_end_like_an_undisturbed_one(tiny: Place, tmp_path: Path):
    rng = random.Random(20230102)
    place = Place(tmp_path).write(tiny_profile(), tiny_bars())
    killed = sum(kill_at_random(place, rng) for _ in range(KILLS))
    assert killed >= 3, "most kills must have hit a backfill at work"

    process = backfilling(place)
    told, _ = process.communicate(timeout=280)
    assert process.returncode == 0, told.decode()[-2000:]

    mine, undisturbed = contents_of(place), contents_of(tiny)
    assert mine.keys() == undisturbed.keys()
    for name, frame in undisturbed.items():
        pd.testing.assert_frame_equal(mine[name], frame, check_exact=True, obj=name)
    assert place.contents() == tiny.contents()

    with place.runner() as runner:
        for key in runner.ordered():
            keys = runner.partition_keys(key, None, None)
            if not keys:
                continue
            asset = key.to_user_string()
            assert set(keys) == set(runner.instance.get_materialized_partitions(key)), asset
            assert {place.statuses(asset)[k] for k in keys} == {PUBLISHED}, asset
        reports = runner.backfill()
    assert {r.asset: r.published for r in reports if r.asked and r.published} == {}, "afterwards all of it is current"
