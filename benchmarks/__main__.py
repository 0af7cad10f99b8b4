"""Run every `bench_*.py` beside this file and write `docs/reference/benchmarks.md`, or run and print those named.

`python -m benchmarks [NAME...]`
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from benchmarks.page import PAGE, page, shown


def names() -> list[str]:
    """Names of the benchmarks, without `bench_`."""
    return sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def main(wanted: list[str]) -> int:
    """Measure and print; 2 for an unknown name, 0 otherwise: a bar missed is shown, never a failure of the run."""
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        print(f"error: no benchmark {unknown}; there are {names()}", file=sys.stderr)
        return 2
    results = {
        name: list(importlib.import_module(f"benchmarks.bench_{name}").measurements()) for name in wanted or names()
    }
    shown(results)
    if not wanted:
        PAGE.write_text(page(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
