"""Universes from YAML: those shipped with the package, and those of a profile that extend them.

Belongs here: where layers are found, and the profile's `universes:` before the typed profile sees it.
Does not belong here: how layers combine (`quant_assets/universe/inheritance.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from quant_assets.errors import UsageError
from quant_assets.universe.config import Universe
from quant_assets.universe.inheritance import DEFAULT, Layer, ResolvedUniverse, resolve_settings

SHIPPED = Path(__file__).parent / "universes"


@cache
def shipped_layers() -> Mapping[str, Layer]:
    """The layers shipped with the package, by name (the file's name)."""
    layers = {}
    for path in sorted(SHIPPED.glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise UsageError(f"universe {path}: expected a mapping of settings, received {type(content).__name__}")
        layers[path.stem] = content
    return layers


def layers_of(entries: object) -> dict[str, Layer]:
    """Layers by name: the shipped ones, and the entries of a profile's `universes:`.

    An entry is a mapping with a `name`, or the name of a shipped universe that is used as it is. Raises UsageError for
    anything else, and for a name that is taken.
    """
    return {**shipped_layers(), **_own_layers(entries)}


def resolve(name: str, layers: Mapping[str, Layer]) -> ResolvedUniverse:
    """Return the typed universe `name`; raises UsageError naming the universe and each wrong setting."""
    settings, sources, lineage = resolve_settings(name, layers)
    try:
        universe = Universe.model_validate(settings)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'rules'}: {fault['msg']}, received {fault['input']!r:.80}"
            for fault in error.errors(include_url=False)
        )
        raise UsageError(f"universe {name} ({' -> '.join(lineage)}): {told}") from error
    return ResolvedUniverse(universe, {k: sources.get(k, DEFAULT) for k in Universe.model_fields}, lineage)


def resolve_profile_universes(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a profile's YAML with every entry of `universes:` complete; other keys as they are."""
    entries = content.get("universes")
    if not isinstance(entries, list):
        return dict(content)  # absent or of a wrong type: the typed profile says so
    layers = layers_of(entries)
    names = [entry if isinstance(entry, str) else entry["name"] for entry in entries]
    resolved = [resolve(name, layers).universe.model_dump(mode="json") for name in names]
    return {**content, "universes": resolved}


def _own_layers(entries: object) -> dict[str, Layer]:
    own: dict[str, Layer] = {}
    shipped = shipped_layers()
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, str):
            if entry not in shipped:
                raise UsageError(f"universe {entry!r:.60} is not shipped; shipped: {', '.join(sorted(shipped))}")
            continue
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            raise UsageError(
                f"universes: each entry is a mapping with a `name`, or the name of a shipped universe; "
                f"received {entry!r:.80}"
            )
        if name in shipped:
            raise UsageError(
                f"universe {name}: the name is taken by a shipped universe; choose another, extends: {name}"
            )
        if name in own:
            raise UsageError(f"universe names used twice: ['{name}']")
        own[name] = entry
    return own
