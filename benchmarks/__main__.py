"""Run every `bench_*.py` beside this file, or those named, and print one table: `python -m benchmarks [NAME...]`."""

from __future__ import annotations

import importlib
import platform
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measurement


def names() -> list[str]:
    """Names of the benchmarks, without `bench_`."""
    return sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def table(found: list[Measurement]) -> Table:
    """Name, median, bar and note of each measurement; one over its bar is marked."""
    made = Table(
        "work",
        "median",
        "CPU",
        "runs",
        "bar",
        "note",
        title=f"Python {platform.python_version()}, {platform.machine()}",
    )
    for m in found:
        median = f"{m.seconds:.3f} s" if m.within else f"[bold red]{m.seconds:.3f} s over[/]"
        made.add_row(m.name, median, f"{m.cpu:.2f} s", str(m.runs), f"{m.bar:g} s" if m.bar else "", m.note)
    return made


def main(wanted: list[str]) -> int:
    """Measure and print; 2 for an unknown name, 0 otherwise: a bar missed is shown, never a failure of the run."""
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        print(f"error: no benchmark {unknown}; there are {names()}", file=sys.stderr)
        return 2
    found: list[Measurement] = []
    for name in wanted or names():
        found += importlib.import_module(f"benchmarks.bench_{name}").measurements()
    Console().print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
