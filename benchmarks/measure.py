"""One measurement: a name, the median of some runs, the bar it should stay under."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """Medians in seconds over `runs`, with the project's own bar for the elapsed one (None where there is none).

    `cpu` counts every core and child process: far below `seconds`, the machine was busy with something else.
    """

    name: str
    seconds: float
    cpu: float
    runs: int
    bar: float | None = None
    note: str = ""

    @property
    def within(self) -> bool:
        """True when there is no bar or the median stays under it."""
        return self.bar is None or self.seconds <= self.bar


def median_of(
    name: str, work: Callable[[], object], *, runs: int, bar: float | None = None, note: str = ""
) -> Measurement:
    """Time `work` `runs` times and keep the median; the first run counts too, warm up before if it should not."""
    elapsed, cpu = [], []
    for _ in range(runs):
        start, used = time.perf_counter(), sum(os.times()[:4])
        work()
        elapsed.append(time.perf_counter() - start)
        cpu.append(sum(os.times()[:4]) - used)
    return Measurement(name, statistics.median(elapsed), statistics.median(cpu), runs, bar, note)
