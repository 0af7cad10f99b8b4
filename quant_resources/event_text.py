"""An event as the text that Dagster stores, written several times as fast: Dagster calls that are not public.

Dagster turns every object within an event into a wrapper that its JSON encoder asks for its items, key after key; a
backfill spends more time there than on anything else that it tells Dagster. Here the text of an object is put together
from its fields in one step, and that of objects which every event of a step repeats is kept. The first event of each
type is written both ways: where the texts differ, as after a change in Dagster, its own is taken from then on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

import dagster as dg
from dagster._core.definitions.dependency import NodeHandle
from dagster._core.definitions.metadata import MetadataFieldSerializer
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.plan.handle import StepHandle
from dagster._serdes import serialize_value
from dagster_shared.serdes.serdes import _WHITELIST_MAP as KNOWN
from dagster_shared.serdes.serdes import ObjectSerializer

REPEATED = (dg.AssetKey, StepHandle, NodeHandle, dg.TextMetadataValue)
EVERY_FIELD = slice(None)


@dataclass(frozen=True)
class _Layout:
    """How an object of a class is written: for each of its fields what stands before it, its place, its own rule."""

    fields: tuple[tuple[str, int, Any], ...]
    end: str


_equal: dict[str, bool] = {}
_layouts: dict[type, _Layout | None] = {}


def event_text(event: EventLogEntry) -> str:
    """JSON text of an event, the same as Dagster's own to the last character."""
    kind = event.get_dagster_event().event_type_value if event.is_dagster_event else ""
    if kind not in _equal:
        _equal[kind] = _text(event) == serialize_value(event)
    return _text(event) if _equal[kind] else serialize_value(event)


def _text(value: Any) -> str:  # noqa: ANN401  # an event holds values of any plain type
    kind = type(value)
    if kind is str:
        return quoted(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int or (kind is float and math.isfinite(value)):
        return repr(value)
    if kind is dict:
        return f"{{{', '.join([f'{quoted(key)}: {_text(value[key])}' for key in sorted(value)])}}}"
    if kind is list:
        return f"[{', '.join([_text(item) for item in value])}]"
    return _kept(value) if kind in REPEATED else _object(value)


@lru_cache(maxsize=1_000, typed=True)  # tuples of different classes can be equal
def _kept(value: Any) -> str:  # noqa: ANN401
    return _object(value)


def _object(value: Any) -> str:  # noqa: ANN401
    kind = type(value)
    if kind not in _layouts:
        _layouts[kind] = _layout(value)
    layout = _layouts[kind]
    if layout is None:  # rare: sets, numbers that JSON does not know, classes with rules of their own
        return _member(value) if isinstance(value, Enum) else serialize_value(value)
    items, parts = tuple.__getitem__(value, EVERY_FIELD), []
    for before, place, rule in layout.fields:
        item = items[place]
        parts.append(before)
        if rule is not None:
            parts.append(_by_rule(rule, item))
        else:
            parts.append(quoted(item) if type(item) is str else _text(item))
    parts.append(layout.end)
    return "".join(parts)


@lru_cache(maxsize=100)
def _member(value: Enum) -> str:
    return serialize_value(value)


def _layout(value: Any) -> _Layout | None:  # noqa: ANN401
    """Keys of the objects of a value's class, in order; None where they are not simply the fields of a tuple."""
    serializer: Any = KNOWN.object_serializers.get(type(value).__name__)
    rules: Any = type(serializer)
    if (
        serializer is None
        or not isinstance(value, tuple)
        or rules.pack_items is not ObjectSerializer.pack_items
        or rules.before_pack is not ObjectSerializer.before_pack
        or serializer.skip_when_empty_fields
        or serializer.skip_when_none_fields
    ):
        return None
    fields = serializer.object_as_mapping(value)
    if any(tuple.__getitem__(value, i) is not item for i, item in enumerate(fields.values())):
        return None
    constants = {"__class__": serializer.get_storage_name(), **serializer.old_fields}
    keys = [serializer.storage_field_names.get(name, name) for name in fields]
    places = {key: place for place, key in enumerate(keys)}
    rule_of = {key: serializer.field_serializers.get(name) for key, name in zip(keys, fields, strict=True)}
    found, before, comma = [], "{", ""
    for key in sorted({**constants, **places}):
        before, comma = f"{before}{comma}{quoted(key)}: ", ", "
        if key in places:
            found.append((before, places[key], rule_of[key]))
            before = ""
        else:
            before += _text(constants[key])
    return _Layout(tuple(found), before + "}")


def _by_rule(rule: Any, value: Any) -> str:  # noqa: ANN401
    """A field that has a rule of its own; of metadata, the list of entries that it stands for."""
    if type(rule) is not MetadataFieldSerializer:
        return _text(rule.pack(value, whitelist_map=KNOWN, descent_path=""))
    entries = [
        f'{{"__class__": "EventMetadataEntry", "description": null, "entry_data": {_text(entry)}, '
        f'"label": {quoted(label)}}}'
        for label, entry in value.items()
    ]
    return f"[{', '.join(entries)}]"
