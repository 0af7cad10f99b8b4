"""Compiled search in sorted values: what kernels that keep order or look for a day share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quant_assets.features.compiled import kernel

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray, IntArray


@kernel
def first_from(values: FloatArray | IntArray, least: float, low: int, high: int) -> int:
    """First of the places ``low .. high - 1`` whose value is ``least`` or more, else ``high``; values never fall."""
    while low < high:
        middle = (low + high) // 2
        if values[middle] < least:
            low = middle + 1
        else:
            high = middle
    return low
