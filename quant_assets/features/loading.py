"""The compiler's run time and the kernels, loaded while bars are read and put in order.

Each leaves the other half of the processor's time: loading is Python on one core, reading and sorting wait or run
without the interpreter lock.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from quant_assets.features.registry import Feature
    from quant_assets.features.series import BarSeries

BARS = 700
ROOM = "quant_assets.features."
_asked: set[str] = set()


def load_meanwhile(features: Sequence[Feature]) -> None:
    """Start to load what ``features`` need, in a thread of its own; a call of a kernel waits for that kernel alone.

    Each feature is asked for once in a process. Functions of others are left alone: what they do is not known here.
    """
    from quant_assets.features.custom import CUSTOM

    own = [f for f in features if f.base is None and CUSTOM not in f.tags and f.function.__module__.startswith(ROOM)]
    new = [f for f in own if f.id not in _asked]
    _asked.update(f.id for f in new)
    if new:
        threading.Thread(target=_compute_little, args=(new,), name="loads kernels", daemon=True).start()


def _compute_little(features: Sequence[Feature]) -> None:
    """Compute ``features`` of a few synthetic bars: every kernel is called once, with arrays of the kinds it gets."""
    from quant_assets.features.bar_kernels import are_lives
    from quant_assets.features.engine import compute_features

    are_lives(np.zeros(1, dtype=np.int64))  # the compiler's own run time, by far the longest of it
    series = synthetic_series()
    with suppress(RuntimeError):  # a process that ends meanwhile starts no threads; what else fails, fails again in use
        compute_features(series, np.arange(len(series), dtype=np.int64), features)


@cache
def synthetic_series() -> BarSeries:
    """Two SYNTHETIC coins on random walks, long enough for every feature to have values."""
    import pandas as pd

    from quant_assets.features.series import build_series

    rng = np.random.default_rng(1)
    walk = np.exp(np.cumsum(rng.normal(0.0, 0.03, (2, BARS)), axis=1)).ravel()
    frame = pd.DataFrame({"symbol": np.repeat(["X:A/USDT", "X:B/USDT"], BARS)})
    frame["date"] = np.tile(pd.date_range("2020-01-01", periods=BARS), 2)
    frame["open"], frame["high"], frame["low"], frame["close"] = walk, walk * 1.02, walk * 0.97, walk * 1.01
    frame["volume"] = rng.lognormal(7.0, 1.0, 2 * BARS)
    frame["quote_volume"] = frame["volume"] * walk
    frame["life_start"], frame["adj_factor"] = frame["date"].iloc[0], 1.0
    return build_series(frame)
