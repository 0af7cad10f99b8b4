"""Single inheritance of universes: layers of plain settings in, one complete set of settings with its sources out.

A layer is a mapping of keys of `Universe`, with `extends: NAME` for the layer below it. A key replaces what the layers
below say, lists too; `+key` on a list appends to theirs instead. Nothing is merged in any other way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quant_assets.errors import UsageError
from quant_assets.universe.config import Universe

EXTENDS = "extends"
DEFAULT = "default"
Layer = Mapping[str, Any]


@dataclass(frozen=True)
class ResolvedUniverse:
    """A universe with where each of its settings comes from: the name of a layer, or `default`.

    `lineage` names the layers from the universe itself down to its root.
    """

    universe: Universe
    sources: Mapping[str, str]
    lineage: tuple[str, ...]


def resolve_settings(name: str, layers: Mapping[str, Layer]) -> tuple[dict[str, Any], dict[str, str], tuple[str, ...]]:
    """Return the settings of universe `name`, the layer that each comes from, and the lineage.

    Raises UsageError for an unknown universe or parent (naming those known), a cycle, an unknown key, and a `+` where
    there is no list to append to.
    """
    lineage = _lineage(name, layers)
    settings: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for layer in reversed(lineage):
        _apply(layer, layers[layer], settings, sources)
    return {**settings, "name": name}, sources, lineage


def _lineage(name: str, layers: Mapping[str, Layer]) -> tuple[str, ...]:
    chain: list[str] = []
    wanted: Any = name
    while wanted is not None:
        if not isinstance(wanted, str):
            raise UsageError(
                f"universe {chain[-1]}: {EXTENDS} names one universe, received {wanted!r:.60}; inheritance is single"
            )
        if wanted in chain:
            raise UsageError(f"universe {name}: {EXTENDS} goes round in a circle: {' -> '.join([*chain, wanted])}")
        if wanted not in layers:
            child = f"universe {chain[-1]}: {EXTENDS} {wanted!r:.60}" if chain else f"universe {wanted!r:.60}"
            raise UsageError(f"{child} is unknown; known: {', '.join(sorted(layers))}")
        chain.append(wanted)
        wanted = layers[wanted].get(EXTENDS)
    return tuple(chain)


def _apply(name: str, layer: Layer, settings: dict[str, Any], sources: dict[str, str]) -> None:
    for written, value in layer.items():
        key = str(written).removeprefix("+")
        if written in (EXTENDS, "name"):
            continue
        if key not in Universe.model_fields:
            raise UsageError(
                f"universe {name}: unknown key {written!r:.60}; known: {', '.join(Universe.model_fields)}, {EXTENDS}"
            )
        if written == key:
            settings[key], sources[key] = value, name
        else:
            settings[key] = _appended(name, key, layer, settings)
            sources[key] = f"{sources[key]} + {name}" if key in sources else f"{DEFAULT} + {name}"


def _appended(name: str, key: str, layer: Layer, settings: Mapping[str, Any]) -> list[Any]:
    """The inherited list, or the default where no layer below states one, with the new items at its end."""
    if key in layer:
        raise UsageError(f"universe {name}: both {key} and +{key} are given; replace the list or append to it")
    inherited = settings.get(key, Universe.model_fields[key].default)
    added = layer[f"+{key}"]
    if not isinstance(inherited, list | tuple) or not isinstance(added, list | tuple):
        raise UsageError(f"universe {name}: +{key} appends a list to a list; write {key} to replace the value")
    return [*inherited, *added]
