"""Compiled steps of one array operation each, that several kernels are put together from.

Each goes over the array it writes and compiles to vector instructions. Belongs here: what more than one module of
kernels needs. Does not belong here: windows, recursions, any formula.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quant_assets.features.compiled import kernel

if TYPE_CHECKING:
    from quant_assets.features.series import FloatArray


@kernel
def copy(items: FloatArray, into: FloatArray) -> None:
    """``into`` becomes ``items``."""
    for j in range(len(into)):
        into[j] = items[j]


@kernel
def add(left: FloatArray, right: FloatArray, out: FloatArray) -> None:
    """Sum of two items at each place; ``out`` may be one of them."""
    for j in range(len(out)):
        out[j] = left[j] + right[j]


@kernel
def increase(into: FloatArray, items: FloatArray) -> None:
    """``into`` grows by ``items``."""
    for j in range(len(into)):
        into[j] += items[j]
