"""How the kernels of this room are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on first call, keep the code on disk, run without the interpreter lock; x / 0 is inf or NaN, no error."""
    compiled: Callable[..., Any] = njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled
