"""Assembly: from a profile to Dagster definitions, with overrides for tests. No asset is implemented here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from quant_assets.allocation.assets import weights_asset
from quant_assets.factory import CROSS_VENUE, LAKEHOUSE, SCREENER, VENUE, BuiltAsset
from quant_assets.features.assets import feature_assets
from quant_assets.keys import FEATURES_MATRIX, META_WEIGHTS, OHLCV, asset_name, meta_key
from quant_assets.market.assets import market_assets
from quant_assets.meta.assets import meta_weights_asset
from quant_assets.meta.returns_assets import meta_returns_asset
from quant_assets.profiles.load import load_profile
from quant_assets.profiles.model import Profile
from quant_assets.reports.assets import report_asset
from quant_assets.returns.assets import return_assets
from quant_assets.selection.assets import selection_asset
from quant_assets.simulation.assets import sleeve_returns_asset
from quant_assets.universe.assets import screener_assets, universe_assets
from quant_resources.lakehouse.location import lakehouse_root
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.screener import Screener
from quant_resources.venues.factory import build_venue
from quant_resources.venues.port import utc_now
from sensors.alerts import alert_sensors, freshness_checks
from sensors.automation import automated, automation_sensor, daily_schedule, market_job
from sensors.orphaned_runs import orphaned_runs_sensor
from sensors.repair import repair_job, repair_sensor
from sensors.watching import Clock, Watch, WatchedAsset


def build_assets(profile: Profile) -> list[BuiltAsset]:
    """All published assets of a profile, in graph order."""
    assets = [
        *market_assets(profile), *universe_assets(profile), *feature_assets(profile), *return_assets(profile),
        *screener_assets(profile),
    ]  # fmt: skip
    for sleeve in profile.sleeves:
        assets += [
            selection_asset(profile, sleeve), weights_asset(profile, sleeve), sleeve_returns_asset(profile, sleeve)
        ]  # fmt: skip
    for meta in profile.metas:
        assets += [meta_weights_asset(profile, meta), meta_returns_asset(profile, meta)]
    return assets


def build_resources(profile: Profile) -> dict[str, Any]:
    """The lakehouse and the venues; a venue is built when a run needs it, not when definitions load."""
    screener, second = profile.screener, profile.cross_check
    extra: dict[str, Any] = {}
    if screener is not None:
        extra[SCREENER] = dg.ResourceDefinition(lambda _: Screener(screener))
    if second is not None:
        extra[CROSS_VENUE] = dg.ResourceDefinition(lambda _: build_venue(second.venue))
    return {
        LAKEHOUSE: dg.ResourceDefinition(lambda _: Lakehouse(lakehouse_root())),
        VENUE: dg.ResourceDefinition(lambda _: build_venue(profile.venue)),
        **extra,
    }


def watched_assets(profile: Profile, assets: Sequence[BuiltAsset]) -> list[WatchedAsset]:
    """The assets that must not fall behind, upstream first: bars, features, and the weights of each meta."""
    keys = [OHLCV, FEATURES_MATRIX, *(meta_key(meta.name, META_WEIGHTS) for meta in profile.metas)]
    found = {built.declaration.key: built.declaration.partitions for built in assets}
    return [
        WatchedAsset(key, found[key], tuple(asset_name(k) for k in keys[: min(place, 2)]))
        for place, key in enumerate(keys)
    ]


def watch_of(profile: Profile, assets: Sequence[BuiltAsset], clock: Clock) -> Watch:
    """What the alerts of a profile share."""
    return Watch(
        source=f"{profile.name}{', SYNTHETIC market' if profile.synthetic else ''}",
        config=profile.alerts,
        clock=clock,
        steps={b.declaration.name: WatchedAsset(b.declaration.key, b.declaration.partitions).step_days for b in assets},
    )


def build_defs(
    profile: Profile | None = None,
    *,
    built: Sequence[BuiltAsset] | None = None,
    resource_overrides: Mapping[str, Any] | None = None,
    clock: Clock = utc_now,
) -> dg.Definitions:
    """Definitions of a profile (default: the one that ``QUANT_PROFILE`` names); tests replace resources and clock.

    ``built``: the profile's assets, where the caller has built them already.
    """
    chosen = profile or load_profile()
    assets = build_assets(chosen) if built is None else built
    watched, watch = watched_assets(chosen, assets), watch_of(chosen, assets, clock)
    goes_on, market_days = chosen.end is None, market_job()
    mending = repair_job(chosen)
    asks_again = repair_sensor(chosen, mending, heals=chosen.venue.kind not in ("sample", "files"))
    return dg.Definitions(
        assets=[
            *(automated(asset.definition) for asset in assets),
            *(report_asset(chosen, meta) for meta in chosen.metas),
        ],
        asset_checks=freshness_checks(watch, watched),
        resources={**build_resources(chosen), **(resource_overrides or {})},
        jobs=[market_days, mending],
        schedules=[daily_schedule(market_days, watched[0].partitions, goes_on)],
        sensors=[orphaned_runs_sensor, asks_again, *alert_sensors(watch, watched), automation_sensor(goes_on)],
        executor=dg.in_process_executor,
    )
