"""Correlation clusters."""

from __future__ import annotations

import numpy as np
import pandas as pd

from quant_assets.selection.clusters import correlation_distance, ward_clusters


def test_distance_is_zero_for_twins_one_for_opposites_and_root_half_for_strangers() -> None:
    x = np.array([1.0, -1.0, 1.0, -1.0])
    y = np.array([1.0, 1.0, -1.0, -1.0])
    distance = correlation_distance(pd.DataFrame({"a": x, "b": 3 * x, "c": -x, "d": y})).loc["a"]
    np.testing.assert_allclose(distance, [0.0, 0.0, 1.0, np.sqrt(0.5)], atol=1e-8)


def test_planted_groups_are_found_and_numbered_by_name() -> None:
    rng = np.random.default_rng(3)
    factors = rng.normal(size=(120, 3))
    window = pd.DataFrame({f"S{i}": factors[:, (i + 1) % 3] + 0.1 * rng.normal(size=120) for i in range(9)})
    assert ward_clusters(window, 0.5).tolist() == [0, 1, 2] * 3
    assert ward_clusters(window[window.columns[::-1]], 0.5).tolist() == [0, 1, 2] * 3
    assert ward_clusters(window[["S4"]], 0.5).to_dict() == {"S4": 0}
    assert ward_clusters(window[[]], 0.5).empty
