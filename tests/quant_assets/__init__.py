"""Mirrors quant_assets."""
