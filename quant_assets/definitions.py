"""What Dagster loads."""

from quant_assets.collection import no_collection_while_loading

with no_collection_while_loading():
    from quant_assets.build import build_defs

    defs = build_defs()
