"""One weekly solve of the allocation room, compiled once and called again with new numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.measure import Measurement, median_of
from quant_assets.allocation.covariance import shrunk_covariance
from quant_assets.allocation.min_variance import min_variance

ASSETS, DAYS = 20, 250
CAP, MAX_CONDITION, SHRINKAGES = 0.25, 5000.0, (0.0, 0.01, 0.1, 0.5)


def measurements() -> Iterator[Measurement]:
    """Minimum variance of 20 synthetic streams under a cap, warm."""
    returns = pd.DataFrame(np.random.default_rng(11).normal(0.0, 0.03, (DAYS, ASSETS)))
    matrix = shrunk_covariance(returns, MAX_CONDITION, SHRINKAGES).matrix
    min_variance(matrix, CAP)
    yield median_of(
        f"minimum variance of {ASSETS} streams, compiled",
        lambda: min_variance(matrix, CAP),
        runs=15,
        bar=0.015,
        note=f"{DAYS} synthetic days",
    )
