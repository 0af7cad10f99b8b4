"""What Dagster loads."""

from quant_assets.collection import rare_collections

with rare_collections():
    from quant_assets.build import build_defs

    defs = build_defs()
