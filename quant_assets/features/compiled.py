"""How the kernels of this room are compiled, and where their code is kept."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

SETTINGS: Any = numba.config
_ONE_AT_A_TIME = threading.Lock()  # modules of kernels are imported by several threads
ROOM = Path(__file__).parent
SHARED = ("complexity", "elementwise_kernels", "lanes", "movement", "search_kernels")
"""Modules of this room whose functions and constants are compiled into the kernels of others."""


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on first call, keep the code on disk, run without the interpreter lock; x / 0 is inf or NaN, no error."""
    with _ONE_AT_A_TIME:
        before, SETTINGS.CACHE_DIR = SETTINGS.CACHE_DIR, str(cache_folder())
        try:
            compiled: Callable[..., Any] = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
        finally:
            SETTINGS.CACHE_DIR = before
    return compiled


@cache
def cache_folder() -> Path:
    """Folder of compiled code: another one for each content of what kernels share.

    The compiler looks at the file of a function alone, and would go on using what it made from an older shared one.
    Within ``NUMBA_CACHE_DIR`` where that is set, else beside the modules, where Python keeps its own.
    """
    shared = hashlib.sha256()
    for name in SHARED:
        shared.update((ROOM / f"{name}.py").read_bytes())
    return Path(SETTINGS.CACHE_DIR or ROOM / "__pycache__") / f"kernels-{shared.hexdigest()[:12]}"
