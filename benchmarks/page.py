"""The results as tables: on the terminal, and as the page of the documentation."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.measure import Comparison, Found, LeftOut, Measurement

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "benchmarks.md"
LIBRARIES = (
    "numpy", "numba", "pandas", "pyarrow", "deltalake", "dagster", "TA-Lib", "pandas-ta-classic", "antropy", "nolds",
)  # fmt: skip
TIMES = ("work", "elapsed", "CPU", "peak memory", "runs", "bar", "note")
RATIOS = ("work", "against", "per", "ours", "theirs", "ours is faster", "bar", "note")
HEAD = """\
<!-- Written by `make bench`; measure again instead of editing. -->

# Benchmarks

Written by `make bench`; each section is what `python -m benchmarks NAME` prints, from `benchmarks/bench_NAME.py`.
Machine: {machine}.

Bars are SYNTHETIC: geometric random walks from a fixed seed. *elapsed* far above *CPU* means that the machine was busy
with something else; work on both cores has an *elapsed* down to half of its *CPU*. A figure over its bar is marked
**over**. Comparisons are CPU seconds on one core, the least of some runs: of the other library as its users call it
(once a window, a symbol, or a column), against ours for all at once; a bar of 0.5 x allows ours twice its time.
*left out* means that the other library was not installed.
"""
QLIB = """\
The line "14 features ..., cold" has the size of the task of a table that Qlib publishes of itself and of data bases
(README of <https://github.com/microsoft/qlib>, "Performance of Qlib Data Server"; paper
<https://arxiv.org/abs/2009.11189>): 14 factors from the daily bars of 800 stocks, 2007 to 2020, in seconds. **Their
hardware is another one, their 14 factors are not named, and their bars are real**: the table says of what order
such a task is, not who is faster by how much. `E`, `D`: with (+) or without (-) Qlib's cache of expressions and of
data sets. Ours has no cache of results.

| | HDF5 | MySQL | MongoDB | InfluxDB | Qlib -E -D | Qlib +E -D | Qlib +E +D |
|---|---|---|---|---|---|---|---|
| 1 CPU | 184.4 ± 3.7 | 365.3 ± 7.5 | 253.6 ± 6.7 | 368.2 ± 3.6 | 147.0 ± 8.8 | 47.6 ± 1.0 | 7.4 ± 0.3 |
| 64 CPU | | | | | 8.8 ± 0.6 | 4.2 ± 0.2 | |
"""


def machine() -> str:
    """Cores, processor, memory and versions; nothing that names the machine."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").is_file() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown processor"
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {found}" for name in LIBRARIES if (found := version(name)))
    return (
        f"{len(os.sched_getaffinity(0))} cores ({model}), {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; {versions}"
    )


def version(distribution: str) -> str:
    """Installed version, '' where there is none."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def times(found: Sequence[Found]) -> list[tuple[str, ...]]:
    """Cells of the measurements."""
    return [
        (m.name, f"{m.seconds:.3f} s" + ("" if m.within else " **over**"), f"{m.cpu:.2f} s", _memory(m), str(m.runs),
         _bar(m), m.note)
        for m in found
        if isinstance(m, Measurement)
    ]  # fmt: skip


def ratios(found: Sequence[Found]) -> list[tuple[str, ...]]:
    """Cells of the comparisons, and of those that could not be made."""
    rows = []
    for c in found:
        if isinstance(c, LeftOut):
            rows.append((c.name, c.library, "", "", "", "*left out*", "", f"{c.library} is not installed"))
        elif isinstance(c, Comparison):
            mark = "" if c.within else " **over**"
            bar = "" if c.least is None else f"{c.least:g} x"
            rows.append(
                (c.name, c.library, c.unit, _seconds(c.ours), _seconds(c.theirs), f"{c.times:.3g} x{mark}", bar, c.note)
            )
    return rows


def page(results: Mapping[str, Sequence[Found]]) -> str:
    """The Markdown page: a section for each benchmark."""
    parts = [HEAD.format(machine=machine())]
    for name, found in results.items():
        parts.append(f"## {name}\n")
        parts += [_markdown(head, rows) for head, rows in ((TIMES, times(found)), (RATIOS, ratios(found))) if rows]
        if name == "features":
            parts.append(QLIB)
    return "\n".join(parts)


def shown(results: Mapping[str, Sequence[Found]]) -> None:
    """Print the same tables."""
    console = Console()
    console.print(machine(), highlight=False)
    for name, found in results.items():
        for head, rows in ((TIMES, times(found)), (RATIOS, ratios(found))):
            if not rows:
                continue
            table = Table(*head, title=name)
            for row in rows:
                table.add_row(*(escape(cell).replace("**over**", "[bold red]over[/]").strip("*") for cell in row))
            console.print(table)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "/") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _memory(m: Measurement) -> str:
    return "" if m.memory is None else f"{m.memory:,.0f} MB"


def _bar(m: Measurement) -> str:
    parts = [f"{m.bar:g} s" if m.bar else "", f"{m.memory_bar:,.0f} MB" if m.memory_bar else ""]
    return ", ".join(part for part in parts if part)


def _seconds(value: float) -> str:
    """Seconds in the unit that reads best."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"
