"""Custom resources against their structural schema: defaults, and what their values may be.

**Imitates:** apiextensions-apiserver ``pkg/apiserver/schema/defaulting`` and kube-openapi ``pkg/validation`` (v1.36), as
far as the words ``default``, ``required``, ``type``, ``enum``, ``pattern``, times, sets and maps, and the limits of lengths and
numbers go. CEL rules have a room of their own (``api/cel/rules.py``). Left out: the other JSON Schema words, ratcheting.

**Walk:** object -> ``with_defaults`` (new spine where something was missing) -> ``problems`` (field errors, in order).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from kcsim.api.schemas.schema import Schema
from kcsim.api.validation.field import FieldError, duplicate, invalid, not_supported, required, too_long

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
_INT_OR_STRING = (int, str)
_TIMES = {
    "date-time": re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z"),
    "date": re.compile(r"\d{4}-\d\d-\d\d\Z"),
}
_BLOCKING = ("NotSupported", "Required", "TooLong", "TooMany", "TypeInvalid")
_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)
_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object", list: "array"}


def with_defaults(value: Any, node: Schema) -> Any:
    """The value with what its schema gives for missing fields; the same value when nothing is missing."""
    if not node.has_defaults:
        return value
    if node.kind == "struct" and isinstance(value, dict):
        changed = {}
        for name, child in node.fields.items():
            if child.name:
                continue  # metadata and other definitions of Kubernetes' own have no defaults here
            if value.get(name) is None:
                if child.default is not None:
                    changed[name] = with_defaults(child.default, child)
                continue
            new = with_defaults(value[name], child)
            if new is not value[name]:
                changed[name] = new
        return {**value, **changed} if changed else value
    inner = node.element
    if inner is None:
        return value
    if isinstance(value, list):
        items = [with_defaults(item, inner) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if isinstance(value, dict):
        entries = {key: with_defaults(item, inner) for key, item in value.items()}
        return entries if any(entries[key] is not value[key] for key in value) else value
    return value


def problems(value: Any, node: Schema, path: str = "") -> Iterator[FieldError]:
    """What is wrong with a value that its schema does not allow, outside in."""
    if node.name or (value is None and (node.nullable or not path)):
        return
    wanted = _INT_OR_STRING if node.int_or_string else _TYPES.get(node.type)
    if wanted is not None and not _is_a(value, wanted):
        given = _NAMES.get(type(value), "null")
        yield _of_type(path, "integer,string" if node.int_or_string else node.type, given)
        if given == "number":
            text = f"Checked value must be of type integer (default format) in {path}"
            yield FieldError("Invalid", "<nil>", "", text)
        return
    yield from _limits(value, node, path)
    if node.kind == "struct" and isinstance(value, dict):
        for name in node.raw.get("required") or ():
            if value.get(name) is None:
                yield required(_below(path, name))
        for name, child in sorted(node.fields.items()):
            if name in value:
                yield from problems(value[name], child, _below(path, name))
    elif isinstance(value, list) and node.element is not None:
        for i, item in enumerate(value):
            yield from problems(item, node.element, f"{path}[{i}]")
    elif isinstance(value, dict) and node.element is not None:
        for key in sorted(value):
            yield from problems(value[key], node.element, _below(path, key))


def unchecked(errors: list[FieldError], schema: Schema) -> list[FieldError]:
    """The errors, and that CEL rules were not even asked, where the schema has any and the object is too wrong."""
    if not any(error.type in _BLOCKING for error in errors) or not schema.has_rules:
        return errors
    return [*errors, FieldError("Invalid", "<nil>", None, _UNCHECKED)]


def _of_type(path: str, wanted: str, given: str) -> FieldError:
    return FieldError("TypeInvalid", path, given, f'{path} in body must be of type {wanted}: "{given}"')


def _limits(value: Any, node: Schema, path: str) -> Iterator[FieldError]:
    raw = node.raw
    if node.enum and value not in node.enum:
        yield not_supported(path, value, [e if isinstance(e, str) else json.dumps(e) for e in node.enum])
    if isinstance(value, str):
        pattern = raw.get("pattern")
        if pattern and not _compiled(pattern).search(value):
            yield invalid(path, value, f"{path} in body should match '{pattern}'")
        if len(value) < raw.get("minLength", 0):
            yield invalid(path, value, f"{path} in body should be at least {raw['minLength']} chars long")
        if "maxLength" in raw and len(value) > raw["maxLength"]:
            yield too_long(path, raw["maxLength"])
        if node.format in _TIMES and not _TIMES[node.format].match(value):
            yield _of_type(path, node.format, value)
    elif isinstance(value, list):
        yield from _items(value, node, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in raw and value < raw["minimum"]:
            yield invalid(path, value, f"{path} in body should be greater than or equal to {raw['minimum']}")
        if "maximum" in raw and value > raw["maximum"]:
            yield invalid(path, value, f"{path} in body should be less than or equal to {raw['maximum']}")


def _items(value: list[Any], node: Schema, path: str) -> Iterator[FieldError]:
    raw = node.raw
    if len(value) < raw.get("minItems", 0):
        yield invalid(path, len(value), f"{path} in body should have at least {raw['minItems']} items")
    if "maxItems" in raw and len(value) > raw["maxItems"]:
        text = f"must have at most {raw['maxItems']} items"
        yield FieldError("TooMany", path, "", f"{len(value)}: {text}")
    if node.list_type not in ("set", "map"):
        return
    seen: list[Any] = []
    for i, item in enumerate(value):
        key = item
        if node.list_type == "map":
            key = (
                {name: item[name] for name in node.list_map_keys if name in item}
                if isinstance(item, dict)
                else item
            )
        if key in seen:
            yield duplicate(f"{path}[{i}]", key)
        seen.append(key)


def _is_a(value: Any, wanted: tuple[type, ...]) -> bool:
    return isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    # RE2's $ is the end of the text, Python's also comes before a last line break.
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern))
