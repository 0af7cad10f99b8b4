"""When a window counts as flat: the one threshold shared by definitions and kernels."""

from __future__ import annotations

import numpy as np

from quant_assets.features.series import FloatArray

FLAT = 1e-18  # a variance below this share of the squared mean is rounding, not movement


def moves(values: FloatArray) -> bool:
    """Whether the values differ by more than rounding; False with fewer than two or with a NaN."""
    mean = values.mean() if len(values) else 0.0
    return bool(np.sum((values - mean) ** 2) > len(values) * FLAT * mean**2)
