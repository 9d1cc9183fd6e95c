"""Drops the nulls that a merge leaves behind, where decoding into the kind's own types would.

Imitates: the round trip of an applied object through Go structs (built-in kinds) or ObjectMeta (custom resources):
          an explicit null, and a map or list that pruning emptied, are then absent. Free-form parts keep theirs.
"""

from __future__ import annotations

from typing import Any

from kcsim.api.apply.schema import ATOMIC, DEDUCED, Type, TypeSchema


def drop_nulls(obj: dict[str, Any], schema: TypeSchema) -> dict[str, Any]:
    """The object without nulls in typed places; shared parts without any stay shared."""
    if not schema.custom:
        out: dict[str, Any] = _drop(obj, schema.root)
        return out
    metadata = obj.get("metadata")
    maps = schema.root.map
    if isinstance(metadata, dict) and maps is not None:
        kept = _drop_all(metadata)
        if kept is not metadata:
            return {**obj, "metadata": kept}
    return obj


def _drop(value: Any, type: Type) -> Any:
    if type is ATOMIC or type is DEDUCED:
        return value
    if isinstance(value, dict) and type.map is not None:
        maps = type.map
        kept = {k: _drop(v, maps.type_of(k)) for k, v in value.items() if v is not None}
        same = len(kept) == len(value) and all(item is value[key] for key, item in kept.items())
        return value if same else kept
    if isinstance(value, list) and type.list is not None:
        items = [_drop(item, type.list.element) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value


def _drop_all(value: Any) -> Any:
    if isinstance(value, dict) and (None in value.values() or any(map(_is_container, value.values()))):
        kept = {k: _drop_all(v) for k, v in value.items() if v is not None}
        same = len(kept) == len(value) and all(item is value[key] for key, item in kept.items())
        return value if same else kept
    return value


def _is_container(value: Any) -> bool:
    return isinstance(value, dict)
