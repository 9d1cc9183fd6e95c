"""Takes paths out of a value, or takes only them.

Imitates: structured-merge-diff v6 typed/remove.go and TypedValue.ExtractItems.
"""

from __future__ import annotations

from typing import Any

from kcsim.api.apply.elements import Path, key_fields
from kcsim.api.apply.fieldset import EMPTY, FieldSet
from kcsim.api.apply.schema import LIST, MAP, ListType, MapType, Type
from kcsim.api.apply.typed import to_field_set


def remove_items(value: Any, paths: FieldSet, type: Type) -> Any:
    """The value without these paths and what is below them; a map or list that becomes empty becomes null."""
    return _walk(value, paths, type, extract=False) if paths else value


def extract_items(value: Any, paths: FieldSet, type: Type, *, with_key_fields: bool = False) -> Any:
    """Only these paths of the value; optionally also the key fields of the list items on the way."""
    if with_key_fields:
        paths = paths.union(_key_field_paths(paths, to_field_set(value, type)))
    return _walk(value, paths, type, extract=True)


def _key_field_paths(paths: FieldSet, present: FieldSet) -> FieldSet:
    out = EMPTY
    found: list[Path] = [path for path in paths.paths() if present.has(path)]
    for path in found:
        for depth, element in enumerate(path):
            for name in key_fields(element):
                out = out.union(FieldSet.of((*path[: depth + 1], "f:" + name)))
    return out


def _walk(value: Any, paths: FieldSet, type: Type, *, extract: bool) -> Any:
    kind = type.kind_of(value)
    if kind is MAP:
        if not isinstance(value, dict):
            return None
        if not value or type.as_map.atomic:
            return value if extract else None
        kept = _map_items(value, paths, type.as_map, extract=extract)
        return (value if len(kept) == len(value) and _same(kept, value) else kept) if kept else None
    if kind is LIST:
        if not isinstance(value, list):
            return None
        if not value or type.as_list.atomic:
            return value if extract else None
        return _list_items(value, paths, type.as_list, extract=extract) or None
    return value


def _same(kept: dict[str, Any], value: dict[str, Any]) -> bool:
    return all(item is value[key] for key, item in kept.items())


def _list_items(value: list[Any], paths: FieldSet, type: ListType, *, extract: bool) -> list[Any]:
    out = []
    for item in value:
        element = type.element_of(item)
        below = paths.children.get(element)
        is_member = element in paths.members
        if extract and not is_member and below is None:
            continue
        if is_member and not extract:
            continue
        out.append(item if below is None else _walk(item, below, type.element, extract=extract))
    return out


def _map_items(value: dict[str, Any], paths: FieldSet, type: MapType, *, extract: bool) -> dict[str, Any]:
    out = {}
    for key, item in value.items():
        element = "f:" + key
        if element in paths.members:
            if extract:
                # Upstream goes on with the same, not the deeper set here: granular parts below come out empty.
                out[key] = _walk(item, paths, type.type_of(key), extract=True)
            continue
        below = paths.children.get(element)
        if below is not None:
            out[key] = _walk(item, below, type.type_of(key), extract=extract)
        elif not extract:
            out[key] = item
    return out
