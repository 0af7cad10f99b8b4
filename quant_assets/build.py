"""Assembly: from a profile to Dagster definitions, with overrides for tests. No asset is implemented here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from quant_assets.allocation.assets import weights_asset
from quant_assets.factory import LAKEHOUSE, VENUE, BuiltAsset
from quant_assets.features.assets import feature_assets
from quant_assets.market.assets import market_assets
from quant_assets.meta.assets import meta_weights_asset
from quant_assets.meta.returns_assets import meta_returns_asset
from quant_assets.profiles.load import load_profile
from quant_assets.profiles.model import Profile
from quant_assets.reports.assets import report_asset
from quant_assets.returns.assets import return_assets
from quant_assets.selection.assets import selection_asset
from quant_assets.simulation.assets import sleeve_returns_asset
from quant_assets.universe.assets import universe_assets
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.venues.factory import build_venue
from sensors.orphaned_runs import orphaned_runs_sensor

LAKEHOUSE_VARIABLE = "QUANT_LAKEHOUSE"
DEFAULT_LAKEHOUSE = "lakehouse"


def lakehouse_root() -> str:
    """Root of the lakehouse: ``QUANT_LAKEHOUSE`` (a folder or an object-store URL), else ``./lakehouse``."""
    chosen = os.environ.get(LAKEHOUSE_VARIABLE, DEFAULT_LAKEHOUSE)
    return chosen if "://" in chosen else str(Path(chosen).absolute())


def build_assets(profile: Profile) -> list[BuiltAsset]:
    """All published assets of a profile, in graph order."""
    assets = [
        *market_assets(profile), *universe_assets(profile), *feature_assets(profile), *return_assets(profile)
    ]  # fmt: skip
    for sleeve in profile.sleeves:
        assets += [
            selection_asset(profile, sleeve), weights_asset(profile, sleeve), sleeve_returns_asset(profile, sleeve)
        ]  # fmt: skip
    for meta in profile.metas:
        assets += [meta_weights_asset(profile, meta), meta_returns_asset(profile, meta)]
    return assets


def build_resources(profile: Profile) -> dict[str, Any]:
    """The lakehouse and the venue; the venue is built when a run needs it, not when definitions load."""
    return {
        LAKEHOUSE: dg.ResourceDefinition(lambda _: Lakehouse(lakehouse_root())),
        VENUE: dg.ResourceDefinition(lambda _: build_venue(profile.venue)),
    }


def build_defs(
    profile: Profile | None = None, *, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Definitions of a profile (default: the one that ``QUANT_PROFILE`` names); tests replace resources."""
    chosen = profile or load_profile()
    return dg.Definitions(
        assets=[
            *(built.definition for built in build_assets(chosen)),
            *(report_asset(chosen, meta) for meta in chosen.metas),
        ],
        resources={**build_resources(chosen), **(resource_overrides or {})},
        sensors=[orphaned_runs_sensor],
        executor=dg.in_process_executor,
    )
