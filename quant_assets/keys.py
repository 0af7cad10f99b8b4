"""Names of the graph: asset keys, groups and check names. Edges between rooms are made of these, never of imports."""

from __future__ import annotations

import dagster as dg

LISTINGS = dg.AssetKey("listings")
OHLCV = dg.AssetKey("ohlcv")
OHLCV_QUARANTINE = dg.AssetKey("ohlcv_quarantine")
CANDIDATES = dg.AssetKey("candidates")
SCREENER_SNAPSHOT = dg.AssetKey("screener_snapshot")
FEATURES_MATRIX = dg.AssetKey("features_matrix")
RETURNS_MATRIX = dg.AssetKey("returns_matrix")

SELECTION = "selection"
SLEEVE_WEIGHTS = "sleeve_weights"
SLEEVE_RETURNS = "sleeve_returns"
META_WEIGHTS = "meta_weights"
META_RETURNS = "meta_returns"
REPORT = "report"

GROUP_MARKET = "market"
GROUP_UNIVERSE = "universe"
GROUP_FEATURES = "features"
GROUP_RETURNS = "returns"


def sleeve_key(sleeve: str, artifact: str) -> dg.AssetKey:
    """Key of a sleeve's artifact: ``<sleeve>/selection``, ``<sleeve>/sleeve_weights``, ``<sleeve>/sleeve_returns``."""
    return dg.AssetKey([sleeve, artifact])


def meta_key(meta: str, artifact: str) -> dg.AssetKey:
    """Key of a meta's artifact: ``<meta>/meta_weights``, ``<meta>/meta_returns``, ``<meta>/report``."""
    return dg.AssetKey([meta, artifact])


def check_name(level: str) -> str:
    """Name of an asset's check of one contract level, for example ``l2_contract``."""
    return f"{level.lower()}_contract"


def asset_name(key: dg.AssetKey) -> str:
    """Name of an asset in manifests, messages and the command line, for example ``ma_long/selection``."""
    return key.to_user_string()
