"""The compiler's run time, loaded while bars are put in order: each leaves the other half of the processor's time."""

from __future__ import annotations

import threading

import numpy as np


def load_compiler_meanwhile() -> None:
    """Start to load what every kernel needs, in a thread of its own; the first call of a kernel waits for the rest."""
    threading.Thread(target=_call_one_kernel, name="loads the compiler", daemon=True).start()


def _call_one_kernel() -> None:
    from quant_assets.features.bar_kernels import are_lives

    are_lives(np.zeros(1, dtype=np.int64))
