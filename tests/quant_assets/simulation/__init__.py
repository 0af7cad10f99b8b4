"""Mirrors quant_assets.simulation."""
