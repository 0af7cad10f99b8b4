"""The declared features of this release, bound to a profile's parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence

from quant_assets.errors import UsageError
from quant_assets.features.catalogue_oscillators import oscillator_features
from quant_assets.features.catalogue_statistics import statistics_features
from quant_assets.features.catalogue_trend import trend_features
from quant_assets.features.config import ALL, FeaturesConfig
from quant_assets.features.custom import load_custom
from quant_assets.features.declaring import Declare
from quant_assets.features.registry import Feature, Registry

DAYS_PER_YEAR = 365.0


def spelled_out(ids: Sequence[str], registry: Registry) -> list[str]:
    """``ids`` with every feature that is not on request only in the place of ``all``, each once where that is asked."""
    if ALL not in ids:
        return list(ids)
    standard = [feature.id for feature in registry if not feature.on_request]
    return list(dict.fromkeys(i for name in ids for i in (standard if name == ALL else (name,))))


def selected_features(config: FeaturesConfig, annualisation: float) -> tuple[Feature, ...]:
    """The features a profile asks for, bound to its parameters; UsageError for unknown or repeated ids.

    ``all`` stands for every feature but those that are computed on request only, cross-sections among them; ids may
    stand beside it, those that it holds too.
    """
    registry = build_registry(config, annualisation)
    return registry.select(spelled_out(config.features, registry))


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
