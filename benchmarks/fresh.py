"""One module run in a process of its own, with exactly its own time and memory.

`python -m benchmarks.fresh MODULE ARGUMENTS` runs it and says after its last line how much memory it had at its peak.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Fresh:
    """A finished process: elapsed and CPU seconds, peak memory in MB, and the JSON object that it printed."""

    seconds: float
    cpu: float
    memory: float
    told: dict[str, Any]


def fresh(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Fresh:
    """Run `python -m module arguments` to its end; raises RuntimeError with what it said when it fails."""
    command = [sys.executable, "-m", "benchmarks.fresh", module, *arguments]
    began = time.perf_counter()
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        # The usage of this very child; getrusage would give the maximum over all children there ever were.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said}")
    *told, peak = said.splitlines()
    return Fresh(seconds, usage.ru_utime + usage.ru_stime, float(peak), json.loads("\n".join(told)))


def peak_memory() -> float:
    """Peak resident memory of this process in MB.

    Linux hands a child its parent's peak in ``getrusage``; the high-water mark in ``/proc`` is the process's own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        mark = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(mark.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    ended = None
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as stop:  # how a command ends
        ended = stop.code
    print(peak_memory())
    sys.exit(ended)
