"""What installation compiles: every registered feature, each in one of the shares."""

from __future__ import annotations

import numpy as np

from quant_assets.features import compiling
from quant_assets.features.catalogue import build_registry
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.loading import synthetic_series


def test_the_shares_hold_every_feature_once_and_those_of_one_function_together(monkeypatch):
    computed = []

    def compute(series, rows, features):
        computed.append(list(features))
        return {feature.id: np.zeros(len(rows)) for feature in features}

    monkeypatch.setattr(compiling, "compute_features", compute)

    numbers = [compiling.compile_share(share, 3) for share in range(3)]

    assert numbers == [len(features) for features in computed]
    registered = [feature.id for feature in build_registry(FeaturesConfig(), compiling.DAYS_PER_YEAR)]
    assert sorted(f.id for features in computed for f in features) == sorted(registered)
    functions = [{f.function for f in features} for features in computed]
    assert sum(len(own) for own in functions) == len(set.union(*functions))


def test_the_series_that_is_computed_gives_every_feature_a_value():
    series, features = synthetic_series(), list(build_registry(FeaturesConfig(), compiling.DAYS_PER_YEAR))

    columns = compiling.compute_features(series, np.arange(len(series)), features)

    assert [name for name, values in columns.items() if np.isnan(values).all()] == []
