"""Several processes at once: nothing is lost, and nobody ever sees half a write."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quant_resources.lakehouse import Lakehouse
from tests.quant_resources.lakehouse import synthetic
from tests.quant_resources.lakehouse.synthetic import BARS, SYMBOLS, WEIGHTS, bars

WRITERS = 4
DAY = "2024-03-15"
NEIGHBOUR = "2024-03-16"
TIMES = 8


@contextmanager
def _at_once(work: Callable[..., None], arguments: Callable[[int], tuple[Any, ...]]) -> Iterator[list[Any]]:
    """Four spawned processes that begin together; all are ended when the block ends."""
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(WRITERS)
    processes = [context.Process(target=work, args=(*arguments(w), gate), daemon=True) for w in range(WRITERS)]
    for process in processes:
        process.start()
    try:
        yield processes
        for process in processes:
            process.join(120)
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
    assert [p.exitcode for p in processes] == [0] * WRITERS


def test_four_processes_that_write_different_partitions_lose_nothing(tmp_path: Path):
    with _at_once(synthetic.write_own_partitions, lambda w: (str(tmp_path), w)):
        pass
    lakehouse = Lakehouse(tmp_path)
    read = lakehouse.read(WEIGHTS)
    found = {
        (sleeve, week.strftime("%Y-%m-%d")): (set(rows["symbol"]), set(rows["weight"]))
        for (sleeve, week), rows in read.groupby(["sleeve", "week"])
    }
    expected = {
        (synthetic.own_partitions(w)[0], key): (set(SYMBOLS), {float(w)})
        for w in range(WRITERS)
        for key in synthetic.own_partitions(w)[1]
    }
    assert len(expected) == 60
    assert found == expected
    assert len(read) == 60 * len(SYMBOLS)
    assert lakehouse.version("weights") == 60, "version 0 creates the table once; then one commit for each write"


def _complete_writes() -> set[tuple[float, ...]]:
    """Every content that one of the writers puts into the partition, and the first one."""
    values = [1.0, *(1000.0 * (w + 1) + 10.0 * i for w in range(WRITERS) for i in range(TIMES))]
    return {tuple(bars([DAY], v)["close"]) for v in values}


def test_four_processes_that_overwrite_one_partition_leave_exactly_one_complete_write(tmp_path: Path):
    lakehouse, complete, reads, seen = Lakehouse(tmp_path), _complete_writes(), 0, set()
    first = lakehouse.replace(BARS, bars([DAY, NEIGHBOUR], 1.0), [DAY, NEIGHBOUR])
    with _at_once(synthetic.overwrite_same_day, lambda w: (str(tmp_path), w, DAY, TIMES)) as processes:
        while any(p.is_alive() for p in processes):
            content = tuple(lakehouse.read(BARS, start=DAY, end=DAY)["close"])
            assert content in complete, f"a torn read: {content}"
            neighbour = tuple(lakehouse.read(BARS, start=NEIGHBOUR, end=NEIGHBOUR)["close"])
            assert neighbour == (1.0, 2.0, 3.0), "a write to another day was visible here"
            reads += 1
            seen.add(content)
    final = tuple(lakehouse.read(BARS, start=DAY, end=DAY)["close"])
    last_of_each = {tuple(bars([DAY], 1000.0 * (w + 1) + 10.0 * (TIMES - 1))["close"]) for w in range(WRITERS)}
    assert final in last_of_each, "the last commit is the last write of one of the writers"
    assert lakehouse.version("bars") == first + WRITERS * TIMES
    assert reads >= 20 and len(seen) >= 3, "too few reads during the writes to show anything"
