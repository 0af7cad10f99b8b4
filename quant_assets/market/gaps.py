"""Days without bars inside a symbol's life."""

from __future__ import annotations

import numpy as np

from quant_assets.market.config import MarketRules
from quant_assets.market.sequence import Sequence
from quant_assets.market.table import Floats, Ints


def gap_shares(sequence: Sequence, positions: Ints, rules: MarketRules) -> Floats:
    """Return the share of open days without an accepted bar in the window that ends at each bar.

    The window has `gap_window` open days, or as many as the life has so far.
    """
    now = sequence.ordinal[positions]
    first = sequence.first_from(positions, now - rules.gap_window + 1)
    span = now - (now - rules.gap_window + 1).clip(min=sequence.life[positions]) + 1
    bars = positions - first + 1
    return np.asarray(1.0 - bars / span, dtype=np.float64)
