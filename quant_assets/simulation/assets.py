"""Asset of the simulation room: ``<sleeve>/sleeve_returns``."""

from __future__ import annotations

from quant_assets import keys
from quant_assets.factory import BuiltAsset
from quant_assets.profiles.model import Profile
from quant_assets.realised import realised_asset
from quant_assets.sleeves.config import SleeveConfig
from quant_assets.tables import SLEEVE_CONTRIBUTIONS_TABLE, SLEEVE_RETURNS_TABLE, WEIGHTS_TABLE


def sleeve_returns_asset(profile: Profile, sleeve: SleeveConfig) -> BuiltAsset:
    """Realised returns of one sleeve."""
    return realised_asset(
        profile,
        key=keys.sleeve_key(sleeve.name, keys.SLEEVE_RETURNS),
        weights=(keys.sleeve_key(sleeve.name, keys.SLEEVE_WEIGHTS), WEIGHTS_TABLE),
        tables=(SLEEVE_RETURNS_TABLE, SLEEVE_CONTRIBUTIONS_TABLE),
        scope={"sleeve": sleeve.name},
        level="L3",
        costs=sleeve.costs or profile.costs,
        title=sleeve.title,
        first_week=profile.first_week,
    )
