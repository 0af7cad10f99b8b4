"""Compiled counts over a matrix of values: what each day holds of each feature, in one pass over the values.

Belongs here: counting what is there, in range and past its warm-up. Does not belong here: what a count must be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quant_assets.features.compiled import kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from quant_assets.features.series import FloatArray, IntArray

WARM, DEFINED, LACKING = 1, 2, 4


@kernel
def tally(
    values: FloatArray,
    cuts: IntArray,
    days: tuple[int, int],
    limits: FloatArray,
    held: IntArray,
    shape: IntArray,
    least: IntArray,
    counts: IntArray,
    flags: NDArray[np.uint8],
) -> None:
    """Count the values of ``days[0] .. days[1] - 1`` into ``counts`` and mark their rows in ``flags``.

    ``values[k, i]`` is feature ``k`` at row ``i``, the rows of day ``d`` are ``cuts[d] .. cuts[d + 1] - 1``, ``limits``
    are (features, 2) the least and largest sound value. A value is warm where ``held[shape[k], i]`` bars are at least
    ``least[k]``. ``counts`` are (4, days, features): values, those outside their limits, warm places, warm values.
    A row is marked WARM and DEFINED where any of its places and values is warm, LACKING where any value is missing.
    """
    for d in range(days[0], days[1]):
        for k in range(len(values)):
            there = outside = ready = warm_values = 0
            for i in range(cuts[d], cuts[d + 1]):
                value = values[k, i]
                known = value == value
                warm = held[shape[k], i] >= least[k]
                sound = limits[k, 0] <= value and value <= limits[k, 1]
                there += known
                outside += known and not sound
                ready += warm
                warm_values += known and warm
                flags[i] |= WARM * warm | DEFINED * (known and warm) | LACKING * (not known)
            counts[0, d, k] = there
            counts[1, d, k] = outside
            counts[2, d, k] = ready
            counts[3, d, k] = warm_values
