"""What a person waits for before anything happens: the command's help, the definitions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Measurement, median_of


def ran(*command: str) -> None:
    """Run a command to its end; raises CalledProcessError when it fails."""
    subprocess.run(command, check=True, capture_output=True)


def measurements() -> Iterator[Measurement]:
    """Whole processes, interpreter included, after one run that fills the caches."""
    quant = str(Path(sys.executable).parent / "quant")
    load = "import quant_assets.definitions"
    ran(quant, "--help")
    yield median_of("quant --help", lambda: ran(quant, "--help"), runs=5, bar=0.5)
    ran(sys.executable, "-c", load)
    yield median_of("load the definitions", lambda: ran(sys.executable, "-c", load), runs=5, bar=3.0)
