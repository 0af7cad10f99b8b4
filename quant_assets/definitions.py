"""What Dagster loads."""

from quant_assets.build import build_defs

defs = build_defs()
