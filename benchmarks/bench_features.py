"""The feature matrix of a whole panel."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from benchmarks.measure import Measurement, median_of
from benchmarks.panel import accepted_bars
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.matrix import features_frame

ANNUALISATION = 365.0


def measurements() -> Iterator[Measurement]:
    """All features of the default configuration on every day, kernels compiled before."""
    bars, config = accepted_bars(), FeaturesConfig()
    days = pd.DatetimeIndex(bars["date"].unique())
    features = features_frame(bars, days[-1:], config, ANNUALISATION).columns.size - 2
    note = f"{features} features, {len(bars):,} rows, compiled"
    yield median_of(
        "features of 500 symbols x 5 years",
        lambda: features_frame(bars, days, config, ANNUALISATION),
        runs=3,
        bar=5.0,
        note=note,
    )
