"""Where the lakehouse lies: the environment says it, or the current folder."""

from __future__ import annotations

import os
from pathlib import Path

LAKEHOUSE_VARIABLE = "QUANT_LAKEHOUSE"
DEFAULT_LAKEHOUSE = "lakehouse"


def lakehouse_root() -> str:
    """Root of the lakehouse: ``QUANT_LAKEHOUSE`` (a folder or an object-store URL), else ``./lakehouse``."""
    chosen = os.environ.get(LAKEHOUSE_VARIABLE, DEFAULT_LAKEHOUSE)
    return chosen if "://" in chosen else str(Path(chosen).absolute())
