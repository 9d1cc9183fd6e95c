"""Filling in missing fields by spine copy: what does not change is shared, and nothing missing gives the same object."""

from collections.abc import Callable
from typing import Any

Object = dict[str, Any]


def fill(obj: Object, **defaults: Any) -> Object:
    """The object with each default whose field is absent or null."""
    missing = {name: value for name, value in defaults.items() if obj.get(name) is None}
    return {**obj, **missing} if missing else obj


def put(obj: Object, name: str, value: Any) -> Object:
    """The object with one field set; the same object when it holds that very value."""
    return obj if obj.get(name) is value else {**obj, name: value}


def within(obj: Object, name: str, change: Callable[[Any], Any]) -> Object:
    """The object with one field changed, where it is present and not null."""
    value = obj.get(name)
    return obj if value is None else put(obj, name, change(value))


def each(items: Any, change: Callable[[Any], Any]) -> Any:
    """The list with every item changed; the same list when no item was."""
    changed = [change(item) for item in items]
    same = all(new is old for new, old in zip(changed, items, strict=True))
    return items if same else changed


def each_in(obj: Object, name: str, change: Callable[[Any], Any]) -> Object:
    """The object with every item of one of its lists changed, where the list is present."""
    return within(obj, name, lambda items: each(items, change))
