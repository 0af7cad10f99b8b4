"""An event as the text that Dagster stores, written several times as fast: Dagster calls that are not public.

Dagster turns every object within an event into a wrapper that its JSON encoder asks for its items, key after key; a
backfill spends more time there than on anything else that it tells Dagster. Here the text of an object is put together
from its fields in one step, and that of objects which every event of a step repeats is kept. The first event of each
type is written both ways: where the texts differ, as after a change in Dagster, its own is taken from then on.
"""

from __future__ import annotations

from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

import dagster as dg
from dagster._core.definitions.metadata import MetadataFieldSerializer
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.plan.handle import StepHandle
from dagster._serdes import serialize_value
from dagster_shared.serdes.serdes import _WHITELIST_MAP as KNOWN
from dagster_shared.serdes.serdes import ObjectSerializer

REPEATED = (dg.AssetKey, StepHandle, dg.TextMetadataValue)
NO_FIELD = -1
Entry = tuple[str, str, int, Any]
"""One key of a stored object: itself, its constant text, or the place of its field and the field's own rule."""

_equal: dict[str, bool] = {}
_layouts: dict[type, list[Entry] | None] = {}


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
    if kind is int:
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
    if layout is None:  # rare: enumerations, sets, numbers that JSON does not know, classes with rules of their own
        return serialize_value(value)
    parts = []
    for key, constant, place, rule in layout:
        if place == NO_FIELD:
            parts.append(f"{key}: {constant}")
        else:
            item = tuple.__getitem__(value, place)
            parts.append(f"{key}: {_text(item if rule is None else _packed(rule, item))}")
    return f"{{{', '.join(parts)}}}"


def _layout(value: Any) -> list[Entry] | None:  # noqa: ANN401
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
    entries: dict[str, Entry] = {
        key: (quoted(key), _text(constant), NO_FIELD, None) for key, constant in constants.items()
    }
    for place, name in enumerate(fields):
        key = serializer.storage_field_names.get(name, name)
        entries[key] = (quoted(key), "", place, serializer.field_serializers.get(name))
    return [entries[key] for key in sorted(entries)]


def _packed(rule: Any, value: Any) -> Any:  # noqa: ANN401
    """What a field's own rule makes of it; of metadata before their values are packed."""
    if type(rule) is not MetadataFieldSerializer:
        return rule.pack(value, whitelist_map=KNOWN, descent_path="")
    return [
        {"__class__": "EventMetadataEntry", "label": label, "entry_data": entry, "description": None}
        for label, entry in value.items()
    ]
