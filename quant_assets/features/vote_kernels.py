"""Compiled voting of a whole panel: the side of a line that a price is on, and the tally of votes.

Belongs here: arithmetic on arrays. Does not belong here: what a vote means (``ratings``, ``oscillator_votes``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quant_assets.features.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    from quant_assets.features.series import FloatArray

    BoolArray = npt.NDArray[np.bool_]


@kernel
def side_of_line(price: FloatArray, line: FloatArray, tie: float, out: FloatArray) -> None:
    """+1 above the line, -1 below, 0 within ``tie`` of the price, NaN where either is unknown."""
    for i in range(len(out)):
        gap, near = price[i] - line[i], tie * abs(price[i])
        side = 1.0 if gap > near else (-1.0 if gap < -near else 0.0)
        out[i] = side if gap == gap else np.nan


@kernel
def tally(votes: FloatArray, total: FloatArray, known: FloatArray) -> None:
    """Add the votes that exist to ``total`` and their number to ``known``."""
    for i in range(len(votes)):
        exists = votes[i] == votes[i]
        total[i] += votes[i] if exists else 0.0
        known[i] += 1.0 if exists else 0.0


@kernel
def cast_votes(buy: BoolArray, sell: BoolArray, known: BoolArray, out: FloatArray) -> None:
    """+1 where ``buy``, -1 where ``sell``, else 0; NaN where not ``known``."""
    for i in range(len(out)):
        vote = (1.0 if buy[i] else 0.0) - (1.0 if sell[i] else 0.0)
        out[i] = vote if known[i] else np.nan
