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
        marks = flags[cuts[d] : cuts[d + 1]]
        for k in range(len(values)):
            row, bars = values[k, cuts[d] : cuts[d + 1]], held[shape[k], cuts[d] : cuts[d + 1]]
            low, high, enough = limits[k, 0], limits[k, 1], least[k]
            known = sound = warm = both = 0
            for i in range(len(marks)):
                is_known, is_warm = row[i] == row[i], bars[i] >= enough
                known += is_known
                sound += (row[i] >= low) & (row[i] <= high)
                warm += is_warm
                both += is_known & is_warm
                marks[i] |= WARM * is_warm + DEFINED * (is_known & is_warm) + LACKING * (not is_known)
            counts[0, d, k], counts[1, d, k], counts[2, d, k], counts[3, d, k] = known, known - sound, warm, both
