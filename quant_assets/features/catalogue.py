"""The declared features of this release, bound to a profile's parameters."""

from __future__ import annotations

import math

from quant_assets.errors import UsageError
from quant_assets.features.catalogue_oscillators import oscillator_features
from quant_assets.features.catalogue_statistics import statistics_features
from quant_assets.features.catalogue_trend import trend_features
from quant_assets.features.config import ALL, FeaturesConfig
from quant_assets.features.custom import load_custom
from quant_assets.features.declaring import Declare
from quant_assets.features.registry import Feature, Registry

DAYS_PER_YEAR = 365.0


def selected_features(config: FeaturesConfig, annualisation: float) -> tuple[Feature, ...]:
    """The features a profile asks for, bound to its parameters; UsageError for unknown or repeated ids.

    ``all`` stands for every feature but those that are computed on request only, cross-sections among them; ids may
    stand beside it, those that it holds too.
    """
    registry = build_registry(config, annualisation)
    standard = tuple(feature.id for feature in registry if not feature.on_request)
    if ALL not in config.features:
        return registry.select(config.features)
    return registry.select(dict.fromkeys(i for name in config.features for i in (standard if name == ALL else (name,))))


def build_registry(config: FeaturesConfig, annualisation: float) -> Registry:
    """All features of this release, bound to ``config`` and ``annualisation`` (periods in a year: 365, 252)."""
    if not (math.isfinite(annualisation) and annualisation > 0):
        raise UsageError(f"annualisation must be a positive number of periods in a year, not {annualisation}")
    declare = Declare(config.memory_bars, config.max_missing_days, max(DAYS_PER_YEAR / annualisation, 1.0))
    return Registry(
        [
            *trend_features(declare),
            *oscillator_features(declare),
            *statistics_features(declare, config, annualisation),
            *load_custom(config.modules, declare),
        ]
    )
