"""`python -m quant_assets` is `quant`, for where the command is not on the path."""

from quant_assets.cli.main import app

app()
