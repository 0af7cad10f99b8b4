"""Kernels are loaded ahead: those of this project's own features, each once, and nothing of anybody else."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from quant_assets.features import loading
from quant_assets.features.catalogue import DAYS_PER_YEAR, build_registry
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.custom import CUSTOM


@pytest.fixture
def computed(monkeypatch):
    """Ids of the features that were computed ahead, thread after thread."""
    asked: list[list[str]] = []
    monkeypatch.setattr(loading, "_asked", set())
    monkeypatch.setattr(loading, "_compute_little", lambda features: asked.append([f.id for f in features]))
    return asked


def ahead(*features):
    loading.load_meanwhile(features)
    for thread in [t for t in threading.enumerate() if t.name == "loads kernels"]:
        thread.join()


def test_each_feature_is_computed_ahead_once(computed):
    rsi, atr = build_registry(FeaturesConfig(), DAYS_PER_YEAR).select(["rsi_14", "atr_14"])
    ahead(rsi)
    ahead(rsi, atr)
    ahead(atr)
    assert computed == [["rsi_14"], ["atr_14"]]


def test_what_others_wrote_is_not_called_ahead(computed):
    def theirs(series, begin, end, parameters):
        raise AssertionError("called before anybody asked for it")

    (rsi, rank) = build_registry(FeaturesConfig(), DAYS_PER_YEAR).select(["rsi_14", "rank_rsi_14"])
    ahead(replace(rsi, id="mine", tags=(CUSTOM,)), replace(rsi, id="yours", function=theirs), rank)
    assert computed == []


def test_features_computed_ahead_leave_their_kernels_loaded():
    from quant_assets.features.recursive_kernels import relative_strength

    (rsi,) = build_registry(FeaturesConfig(), DAYS_PER_YEAR).select(["rsi_14"])
    loading._compute_little([rsi])
    assert relative_strength.signatures, "the kernel of the RSI has code for the arrays that it gets"
