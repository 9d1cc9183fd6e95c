"""Dotted paths into objects, as replacements write them: `spec.containers.[name=web].image`, `rules.*.host`.

**Imitates:** kyaml yaml/match.go (`PathMatcher`) and utils (`SmarterPathSplitter`). Changes objects by spine copy.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from kcsim.delivery.kustomize.fieldspec import split_path
from kcsim.manifests import resolve

MISSING: Any = object()
"""What a change is given for a field that is being made."""

Change = Callable[[Any], Any]


class PathError(ValueError):
    """A path that does not fit the object."""


def split(path: str) -> list[str]:
    """The parts of a path; dots within brackets belong to the part."""
    result: list[str] = []
    pending: list[str] = []
    for part in split_path(path, "."):
        if pending or (part.startswith("[") and not part.endswith("]")):
            pending.append(part)
            if part.endswith("]"):
                whole = ".".join(pending)
                result.append(whole if "=" in whole else whole.strip("[]"))
                pending = []
        else:
            result.append(part)
    return result + ([".".join(pending)] if pending else [])


def change_at(value: Any, path: list[str], change: Change, create: Any = None) -> tuple[Any, int]:
    """(new value, number of fields changed); `create` is a sample of what a missing last field holds, None makes none.

    Raises: PathError.
    """
    if not path:
        return change(value), 1
    part = path[0]
    if part.isdecimal():
        return _at_index(value, path, change, create)
    if _is_match(part):
        return _at_match(value, path, change, create)
    if part == "*":
        return _each(value, path[1:], change, create, lambda _: True)
    return _at_field(value, path, change, create)


def look_up(value: Any, path: list[str]) -> Any:
    """The value at a path that leads to one place; None when there is none.

    Raises: PathError when the path is one of several places.
    """
    for part in path:
        if isinstance(value, list):
            if _is_match(part):
                name, wanted = _condition(part)
                value = next((item for item in value if _text_of(item, name) == wanted), None)
            elif part.lstrip("-").isdecimal():
                index = int(part)
                value = value[index] if -len(value) <= index < len(value) else None
            elif part == "-":
                value = value[-1] if value else None
            else:
                raise PathError(f"wrong node kind: expected MappingNode but got SequenceNode at '{part}'")
        elif isinstance(value, dict):
            value = value.get(part)
        elif value is None:
            return None
        else:
            raise PathError(f"wrong node kind: expected MappingNode but got ScalarNode at '{part}'")
    return value


def _at_field(value: Any, path: list[str], change: Change, create: Any) -> tuple[Any, int]:
    name = path[0]
    if not isinstance(value, dict):
        if value is None and create is None:
            return value, 0
        raise PathError(f"wrong node kind: expected MappingNode at '{name}'")
    if value.get(name) is None:
        if create is None:
            return value, 0
        start = _start(path, create)
    else:
        start = value[name]
    after, count = change_at(start, path[1:], change, create)
    return ({**value, name: after} if count or name not in value else value), count


def _at_index(value: Any, path: list[str], change: Change, create: Any) -> tuple[Any, int]:
    items = _items(value, path[0])
    index = int(path[0])
    if index == len(items) and create is not None:
        items = [*items, _start(path, create)]
    if index >= len(items):
        raise PathError(f"index {index} specified but only {len(items)} elements found")
    after, count = change_at(items[index], path[1:], change, create)
    return [*items[:index], after, *items[index + 1 :]], count


def _at_match(value: Any, path: list[str], change: Change, create: Any) -> tuple[Any, int]:
    items = _items(value, path[0])
    name, wanted = _condition(path[0])
    try:
        pattern = re.compile(wanted)
    except re.error as error:
        raise PathError(f"error parsing regexp {wanted!r}: {error}") from error

    def fits(item: Any) -> bool:
        text = _text_of(item, name)
        return text is not None and pattern.search(text) is not None

    after, count = _each(items, path[1:], change, create, fits)
    if count or create is None:
        return after, count
    made = {name: resolve(wanted)} if name else resolve(wanted)
    return _each([*items, made], path[1:], change, create, fits)


def _each(
    value: Any, rest: list[str], change: Change, create: Any, fits: Callable[[Any], bool]
) -> tuple[Any, int]:
    total = 0
    result = []
    for item in _items(value, "*"):
        count = 0
        if fits(item):
            item, count = change_at(item, rest, change, create)
        result.append(item)
        total += count
    return result, total


def _items(value: Any, part: str) -> list[Any]:
    if not isinstance(value, list):
        raise PathError(f"wrong node kind: expected SequenceNode at '{part}'")
    return value


def _start(path: list[str], create: Any) -> Any:
    """What stands in a field that is being made, seen from the next part of the path."""
    if len(path) == 1:
        return {} if isinstance(create, dict) else [] if isinstance(create, list) else MISSING
    following = path[1]
    return [] if following.isdecimal() or _is_match(following) or following == "*" else {}


def _is_match(part: str) -> bool:
    return part.startswith("[") and part.endswith("]") and "=" in part


def _condition(part: str) -> tuple[str, str]:
    name, _, wanted = part[1:-1].partition("=")
    return name, wanted


def _text_of(item: Any, name: str) -> str | None:
    value = item.get(name) if name and isinstance(item, dict) else None if name else item
    return None if value is None or isinstance(value, dict | list) else scalar_text(value)


def scalar_text(value: Any) -> str:
    """A scalar as YAML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None or value is MISSING else str(value)
