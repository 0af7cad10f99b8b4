"""Arguments of every indicator, checked: equally long arrays, whole lengths, and the life that each row belongs to.

``first`` is what makes one call serve one symbol or a whole panel: ``first[i]`` is the row of the first bar of the life
that row ``i`` belongs to (``BarSeries.first``). Without it all rows are one life.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quant_assets.errors import UsageError
from quant_assets.features.series import FloatArray, IntArray


def prepared(first: IntArray | None, *arrays: FloatArray) -> tuple[IntArray, list[FloatArray]]:
    """``first`` and contiguous, writable float arrays of one length; UsageError where they do not fit together."""
    checked = [_fit(a, np.float64) for a in arrays]
    shapes = {a.shape for a in checked}
    if len(shapes) > 1 or checked[0].ndim != 1:
        raise UsageError(f"an indicator needs one-dimensional arrays of equal length, not shapes {sorted(shapes)}")
    n = len(checked[0])
    if first is None:
        return np.zeros(n, dtype=np.int64), checked
    from quant_assets.features.bar_kernels import are_lives

    starts = _fit(first, np.int64)
    if starts.shape != (n,) or not are_lives(starts):
        raise UsageError(
            f"first must hold, for each of the {n} rows, the row where its life begins (BarSeries.first): it starts "
            "with 0, never falls, and each life's first row names itself"
        )
    return starts, checked


def _fit(values: NDArray[Any], kind: type[np.generic]) -> NDArray[Any]:
    """``values`` as kernels are compiled for them; most are already, and NumPy takes long to say so."""
    flags = values.flags if isinstance(values, np.ndarray) else None
    if flags is not None and values.dtype == kind and flags.c_contiguous and flags.writeable:
        return values
    return np.require(values, kind, ["C", "W"])


def whole(name: str, value: int, least: int = 1) -> int:
    """``value`` as an int of at least ``least``; UsageError otherwise (2.5 is not rounded)."""
    try:
        number = operator.index(value)
    except TypeError as error:
        raise UsageError(f"{name} must be a whole number of bars, not {value!r}") from error
    if number < least:
        raise UsageError(f"{name} must be at least {least}, not {number}")
    return number


def lagged(values: FloatArray, first: IntArray, bars: int) -> FloatArray:
    """Value ``bars`` bars earlier in the same life; NaN where the life is younger."""
    from quant_assets.features.bar_kernels import lag

    out = np.empty(len(values))
    lag(values, first, bars, out)
    return out


def quotient(part: FloatArray, whole_: FloatArray) -> FloatArray:
    """part / whole of each row, NaN where the whole is zero."""
    out = np.full(len(part), np.nan)
    np.divide(part, whole_, out=out, where=whole_ != 0.0)
    return out


def blank(count: int, rows: int) -> tuple[FloatArray, ...]:
    """``count`` arrays of ``rows`` items for a kernel to fill."""
    return tuple(np.empty(rows) for _ in range(count))
