"""What differs between two JSON values, leaf by leaf, with the path a person would write.

Lists whose items have a name (containers, ports, env, conditions by their type) are compared item by item, so that one
changed image is one leaf and not a whole list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_KEYS = ("name", "type", "key", "containerPort", "port")
MISSING = object()


@dataclass(frozen=True, slots=True)
class Leaf:
    """One difference: the path, and what stood there before and stands there after; None where nothing does."""

    path: str
    before: Any
    after: Any


def differences(before: Any, after: Any, path: str = "") -> Iterator[Leaf]:
    """Every leaf in which two values differ, in the order of the second."""
    if before is after or before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _of_maps(before, after, path)
        return
    if isinstance(before, list) and isinstance(after, list):
        key = _key_of(before, after)
        if key is not None:
            old = {item[key]: item for item in before}
            new = {item[key]: item for item in after}
            for name in [*new, *(name for name in old if name not in new)]:
                yield from _one(old.get(name, MISSING), new.get(name, MISSING), f"{path}[{name}]")
            return
    yield Leaf(path, before, after)


def _of_maps(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[Leaf]:
    for key in [*after, *(key for key in before if key not in after)]:
        yield from _one(before.get(key, MISSING), after.get(key, MISSING), _joined(path, key))


def _one(before: Any, after: Any, path: str) -> Iterator[Leaf]:
    if before is MISSING:
        yield from _all(after, path, added=True)
    elif after is MISSING:
        yield from _all(before, path, added=False)
    else:
        yield from differences(before, after, path)


def _all(value: Any, path: str, *, added: bool) -> Iterator[Leaf]:
    """The leaves of something that only one side has."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _all(item, _joined(path, key), added=added)
    else:
        yield Leaf(path, None, value) if added else Leaf(path, value, None)


def _key_of(*lists: Sequence[Any]) -> str | None:
    """The field by which the items of lists are told apart, if there is one."""
    items = [item for each in lists for item in each]
    if not items or not all(isinstance(item, Mapping) for item in items):
        return None
    for key in _KEYS:
        if all(isinstance(item.get(key), str | int) for item in items) and all(
            len({item[key] for item in each}) == len(each) for each in lists
        ):
            return key
    return None


def _joined(path: str, key: str) -> str:
    plain = key.replace("-", "").replace("_", "").isalnum()
    step = key if plain else f'["{key}"]'
    return f"{path}.{step}" if path and plain else f"{path}{step}"


def short(value: Any) -> str:
    """A value in a few words; a dash where there is none."""
    text = "-" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
