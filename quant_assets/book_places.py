"""Where a book lies, by its name in the profile: a sleeve's and a meta's are stored in tables of their own."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from quant_assets import keys
from quant_assets.profiles.model import Profile
from quant_assets.tables import META_RETURNS_TABLE, META_WEIGHTS_TABLE, SLEEVE_RETURNS_TABLE, WEIGHTS_TABLE
from quant_resources.lakehouse.tables import TableSpec


@dataclass(frozen=True)
class BookPlace:
    """Assets and tables of a book's weights and realised returns, and the scope that picks its rows."""

    is_meta: bool
    weights_key: dg.AssetKey
    weights_table: TableSpec
    returns_key: dg.AssetKey
    returns_table: TableSpec
    scope: dict[str, str]


def book_place(profile: Profile, name: str) -> BookPlace:
    """The place of the sleeve or meta called ``name``."""
    if name in {meta.name for meta in profile.metas}:
        return BookPlace(
            True,
            keys.meta_key(name, keys.META_WEIGHTS),
            META_WEIGHTS_TABLE,
            keys.meta_key(name, keys.META_RETURNS),
            META_RETURNS_TABLE,
            {"meta": name},
        )
    return BookPlace(
        False,
        keys.sleeve_key(name, keys.SLEEVE_WEIGHTS),
        WEIGHTS_TABLE,
        keys.sleeve_key(name, keys.SLEEVE_RETURNS),
        SLEEVE_RETURNS_TABLE,
        {"sleeve": name},
    )
