"""What a benchmark yields: a measurement against its bar, a comparison with another library, or what was left out."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """Medians in seconds over `runs`, with the project's own bar for the elapsed one (None where there is none).

    `cpu` counts every core and child process: far below `seconds`, the machine was busy with something else.
    `memory` is the peak of the process in MB, with `memory_bar`, where it was measured.
    """

    name: str
    seconds: float
    cpu: float
    runs: int
    bar: float | None = None
    note: str = ""
    memory: float | None = None
    memory_bar: float | None = None

    @property
    def within(self) -> bool:
        """True when no bar is exceeded."""
        fast = self.bar is None or self.seconds <= self.bar
        return fast and (self.memory is None or self.memory_bar is None or self.memory <= self.memory_bar)


@dataclass(frozen=True)
class Comparison:
    """CPU seconds of ours and of another library for the same work; `unit` says for how much of it.

    `least` is the bar: how many times as fast as the other ours must be (0.5: at most twice its cost).
    """

    name: str
    library: str
    unit: str
    ours: float
    theirs: float
    least: float | None = None
    note: str = ""

    @property
    def times(self) -> float:
        """How many times as fast ours is."""
        return self.theirs / self.ours

    @property
    def within(self) -> bool:
        """True when there is no bar or ours is fast enough."""
        return self.least is None or self.times >= self.least


@dataclass(frozen=True)
class LeftOut:
    """A comparison that was not made because the other library is not installed; it has no number."""

    name: str
    library: str


Found = Measurement | Comparison | LeftOut


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


def least_cpu(work: Callable[[], object], runs: int = 3) -> float:
    """Least CPU seconds of this process in some runs: what else the machine does must not flatter either side."""
    best = math.inf
    for _ in range(runs):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best
