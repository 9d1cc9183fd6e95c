"""Compares two values of one type: which fields did a write add, change and remove?

Parts that both values share by identity are not looked at, which is what makes comparing two versions of a stored
object cheap: versions are spine copies of each other.

Imitates: structured-merge-diff v6 typed/compare.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from kcsim.api.apply.fieldset import EMPTY, FieldSet, Filter
from kcsim.api.apply.schema import LIST, MAP, SCALAR, ListType, MapType, Type
from kcsim.api.apply.typed import equal


class Comparison(NamedTuple):
    """The paths by which two values differ."""

    removed: FieldSet = EMPTY
    modified: FieldSet = EMPTY
    added: FieldSet = EMPTY

    def filtered(self, keep: Filter) -> Comparison:
        """The comparison without what an endpoint resets."""
        return Comparison(*map(keep, self))

    def is_same(self) -> bool:
        """Does nothing differ?"""
        return not (self.removed or self.modified or self.added)


SAME = Comparison()


class _Level:
    """Collects the differences at one level."""

    __slots__ = ("added", "children", "modified", "removed")

    def __init__(self) -> None:
        self.removed: set[str] = set()
        self.modified: set[str] = set()
        self.added: set[str] = set()
        self.children: tuple[dict[str, FieldSet], ...] = ({}, {}, {})

    def descend(self, element: str, difference: tuple[bool, Comparison]) -> None:
        own, below = difference
        if own:
            self.modified.add(element)
        for children, fields in zip(self.children, below, strict=True):
            if fields:
                children[element] = children[element].union(fields) if element in children else fields

    def one_sided(self, element: str, value: Any, type: Type, *, is_added: bool) -> None:
        (self.added if is_added else self.removed).add(element)
        fields = _everything(value, type)
        if fields:
            children = self.children[2 if is_added else 0]
            children[element] = children[element].union(fields) if element in children else fields

    def result(self) -> Comparison:
        removed, modified, added = self.children
        return Comparison(
            FieldSet(frozenset(self.removed), removed),
            FieldSet(frozenset(self.modified), modified),
            FieldSet(frozenset(self.added), added),
        )


def compare(old: Any, new: Any, type: Type) -> Comparison:
    """The difference between two values. The whole value has no path, so scalars never differ here."""
    return _compare(old, new, type)[1]


def _compare(old: Any, new: Any, type: Type) -> tuple[bool, Comparison]:
    """(is the path of this very value modified, the differences below it)."""
    if old is new:
        return False, SAME
    before, after = type.kind_of(old), type.kind_of(new)
    if before == after:
        return _compare_as(after, old, new, type)
    first, second = _compare_as(before, old, new, type), _compare_as(after, old, new, type)
    union = Comparison(*(a.union(b) for a, b in zip(first[1], second[1], strict=True)))
    return first[0] or second[0], union


def _compare_as(kind: str, old: Any, new: Any, type: Type) -> tuple[bool, Comparison]:
    if kind is MAP:
        maps = type.as_map
        lefts = old if isinstance(old, dict) else {}
        rights = new if isinstance(new, dict) else {}
        # Two empty values are leaves: so the difference between null and {} is seen.
        if not maps.atomic and (lefts or rights):
            return False, _compare_maps(lefts, rights, maps)
    elif kind is LIST:
        lists = type.as_list
        left_items = old if isinstance(old, list) else []
        right_items = new if isinstance(new, list) else []
        if not lists.atomic and (left_items or right_items):
            return False, _compare_lists(left_items, right_items, lists)
    return not equal(old, new), SAME


def _compare_maps(old: dict[str, Any], new: dict[str, Any], type: MapType) -> Comparison:
    level: _Level | None = None
    for key, left in old.items():
        if key in new:
            right = new[key]
            if left is right:
                continue
            difference = _compare(left, right, type.type_of(key))
            if difference[0] or difference[1] is not SAME:
                level = level or _Level()
                level.descend("f:" + key, difference)
        else:
            level = level or _Level()
            level.one_sided("f:" + key, left, type.type_of(key), is_added=False)
    for key, right in new.items():
        if key not in old:
            level = level or _Level()
            level.one_sided("f:" + key, right, type.type_of(key), is_added=True)
    return SAME if level is None else level.result()


def _group(items: Iterable[Any], type: ListType) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(type.element_of(item), []).append(item)
    return groups


def _compare_lists(old: list[Any], new: list[Any], type: ListType) -> Comparison:
    lefts, rights = _group(old, type), _group(new, type)
    level = _Level()
    for element in lefts | rights:
        left, right = lefts.get(element, []), rights.get(element, [])
        if len(left) <= 1 and len(right) <= 1:
            if left and right:
                level.descend(element, _compare(left[0], right[0], type.element))
            else:
                level.one_sided(element, (left or right)[0], type.element, is_added=not left)
        elif len(left) > 1 and len(right) > 1:
            # Items with the same key are one value together.
            if not equal(left, right):
                level.modified.add(element)
        elif len(left) > 1:
            level.removed.add(element)
            if right:
                level.one_sided(element, right[0], type.element, is_added=True)
        else:
            level.added.add(element)
            if left:
                level.one_sided(element, left[0], type.element, is_added=False)
    return level.result()


def _everything(value: Any, type: Type) -> FieldSet:
    """All paths below a value that only one side has: unlike a field set, inner nodes are in it too."""
    kind = type.kind_of(value)
    if kind is SCALAR or not value:
        return EMPTY
    if kind is MAP:
        maps = type.as_map
        if maps.atomic or not isinstance(value, dict):
            return EMPTY
        children = {}
        for key, item in value.items():
            if item.__class__ is dict or item.__class__ is list:
                below = _everything(item, maps.type_of(key))
                if below:
                    children["f:" + key] = below
        return FieldSet(frozenset(["f:" + key for key in value]), children)
    lists = type.as_list
    if lists.atomic or not isinstance(value, list):
        return EMPTY
    groups = _group(value, lists)
    found = {e: _everything(items[0], lists.element) for e, items in groups.items() if len(items) == 1}
    return FieldSet(frozenset(groups), {element: below for element, below in found.items() if below})
