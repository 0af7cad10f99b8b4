"""What a feature's values are made from, as one hash: its declaration as bound to a profile, and the code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from quant_assets.config import hash_of
from quant_assets.features.registry import Feature

WORDS = frozenset({"title", "formula", "source", "drift_note", "on_request"})
"""Fields that describe a feature to people: another wording is the same feature."""


def declaration_hash(feature: Feature, code: Sequence[str]) -> str:
    """Hash (16 hex digits) of a declaration and of ``code``: the hashes of all code that computes it.

    Id, version, parameters, window, warm-up, memory, drift, bounds and whatever else a declaration states take part.
    """
    return hash_of(_stated(feature), tuple(code))


def _stated(feature: Feature) -> dict[str, Any]:
    stated = {f.name: getattr(feature, f.name) for f in fields(feature) if f.name not in WORDS}
    for name, value in stated.items():
        if isinstance(value, Feature):
            stated[name] = _stated(value)
        elif callable(value):
            stated[name] = f"{value.__module__}.{value.__qualname__}"
    return stated
