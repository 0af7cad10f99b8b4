"""Base of every typed configuration block: unknown keys are refused, values are frozen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class ConfigBlock(BaseModel):
    """A block of the profile YAML; an unknown key is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    OPERATIONAL: ClassVar[frozenset[str]] = frozenset()
    """Keys that change where data lies or how long it takes, never what it is: they are no part of a hash."""


def hash_of(*blocks: object) -> str:
    """SHA-256 (first 16 hex digits) of resolved configuration, defaults included, operational keys left out."""
    return hashlib.sha256(json.dumps([_plain(b) for b in blocks], sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: object) -> Any:  # noqa: ANN401  # whatever JSON can hold
    if isinstance(value, ConfigBlock):
        kept = set(type(value).model_fields) - value.OPERATIONAL
        return {name: _plain(getattr(value, name)) for name in kept}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)
