"""Asset of the meta room: ``<meta>/meta_returns``, the flattened book through the reference loop."""

from __future__ import annotations

from quant_assets import keys
from quant_assets.factory import BuiltAsset
from quant_assets.meta.config import MetaConfig
from quant_assets.profiles.model import Profile, meta_first_week
from quant_assets.realised import realised_asset
from quant_assets.tables import META_CONTRIBUTIONS_TABLE, META_RETURNS_TABLE, META_WEIGHTS_TABLE


def meta_returns_asset(profile: Profile, meta: MetaConfig) -> BuiltAsset:
    """Realised returns of one meta's physical book."""
    return realised_asset(
        profile,
        key=keys.meta_key(meta.name, keys.META_RETURNS),
        weights=(keys.meta_key(meta.name, keys.META_WEIGHTS), META_WEIGHTS_TABLE),
        tables=(META_RETURNS_TABLE, META_CONTRIBUTIONS_TABLE),
        scope={"meta": meta.name},
        level="L4",
        costs=profile.costs,
        title=meta.label,
        first_week=meta_first_week(profile, meta.name),
    )
