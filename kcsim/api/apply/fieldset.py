"""Sets of field paths: what a manager owns, what a write changed.

A FieldSet is an immutable trie. `members` are the elements that are in the set at this level; `children` lead to
longer paths. Membership of a parent says nothing about its children and the other way round.

Imitates: structured-merge-diff v6 fieldpath/{set,serialize,fromvalue}.go. Left out: wildcard matchers other than
          `only_below`, which is the one form the API server uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kcsim.api.apply.elements import (
    ElementError,
    Path,
    key_element,
    parse_element,
    path_text,
    sort_elements,
)

_NONE: frozenset[str] = frozenset()
_NO_CHILDREN: dict[str, FieldSet] = {}

# The fields by which a list item is told apart when no schema says how (fromvalue.go).
_GUESSED_KEYS = ("key", "id", "name")


class FieldSet:
    """An immutable set of field paths."""

    __slots__ = ("_json", "children", "members", "settled_for")

    members: frozenset[str]
    children: dict[str, FieldSet]
    settled_for: object
    """The schema in whose terms this set is known to be written (see reconcile.py); a memo, no part of the value."""

    def __init__(self, members: frozenset[str] = _NONE, children: dict[str, FieldSet] = _NO_CHILDREN) -> None:
        """Takes the parts as they are; children must not be empty sets."""
        self.members = members
        self.children = children
        self.settled_for = None
        self._json: dict[str, Any] | None = None

    @staticmethod
    def of(*paths: Iterable[str]) -> FieldSet:
        """The set of exactly these paths."""
        out = EMPTY
        for path in paths:
            elements = tuple(path)
            node = FieldSet(frozenset(elements[-1:]))
            for element in reversed(elements[:-1]):
                node = FieldSet(_NONE, {element: node})
            out = out.union(node)
        return out

    def __bool__(self) -> bool:
        return bool(self.members or self.children)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FieldSet):
            return NotImplemented
        return self is other or (self.members == other.members and self.children == other.children)

    def __hash__(self) -> int:
        return hash(self.members)

    def __repr__(self) -> str:
        return "FieldSet(" + " ".join(path_text(path) for path in self.paths()) + ")"

    def has(self, path: Path) -> bool:
        """Is this very path in the set?"""
        node: FieldSet | None = self
        for element in path[:-1]:
            assert node is not None
            node = node.children.get(element)
            if node is None:
                return False
        return bool(path) and node is not None and path[-1] in node.members

    def below(self, element: str) -> FieldSet:
        """The paths that begin with `element`, without it."""
        return self.children.get(element, EMPTY)

    def paths(self, prefix: Path = ()) -> Iterator[Path]:
        """All paths: the own members of a level come before deeper ones, each in upstream's order."""
        for element in sort_elements(self.members):
            yield (*prefix, element)
        for element in sort_elements(self.children):
            yield from self.children[element].paths((*prefix, element))

    def union(self, other: FieldSet) -> FieldSet:
        """Paths in either set."""
        if self is other or not other:
            return self
        if not self:
            return other
        children = self.children
        if other.children:
            children = dict(children)
            for element, theirs in other.children.items():
                mine = children.get(element)
                children[element] = theirs if mine is None else mine.union(theirs)
        return FieldSet(self.members | other.members, children)

    def intersection(self, other: FieldSet) -> FieldSet:
        """Paths in both sets."""
        if self is other:
            return self
        children = {}
        if self.children and other.children:
            for element, mine in self.children.items():
                theirs = other.children.get(element)
                if theirs is not None and (both := mine.intersection(theirs)):
                    children[element] = both
        return FieldSet(self.members & other.members, children)

    def difference(self, other: FieldSet) -> FieldSet:
        """Paths of this set that are not in the other; children of a removed path stay."""
        return _minus(self, other, FieldSet.difference)

    def recursive_difference(self, other: FieldSet) -> FieldSet:
        """Like difference, but everything below a path of the other set goes too."""
        rest = self
        if self.children and other.members:
            kept = {e: child for e, child in self.children.items() if e not in other.members}
            rest = FieldSet(self.members, kept)
        return _minus(rest, other, FieldSet.recursive_difference)

    def leaves(self) -> FieldSet:
        """Paths that are no prefix of another path of the set."""
        children = {element: child.leaves() for element, child in self.children.items()}
        return FieldSet(self.members - self.children.keys(), children)

    def to_json(self) -> dict[str, Any]:
        """FieldsV1, elements sorted. The result is shared: do not change it."""
        if self._json is None:
            out: dict[str, Any] = {}
            for element in sort_elements({*self.members, *self.children}):
                child = self.children.get(element)
                if child is None:
                    out[element] = {}
                elif element in self.members:
                    out[element] = {".": {}, **child.to_json()}
                else:
                    out[element] = child.to_json()
            self._json = out
        return self._json

    @staticmethod
    def from_json(fields: Mapping[str, Any]) -> FieldSet:
        """Reads FieldsV1. Elements of unknown kinds are dropped, as upstream does for versions to come.

        Raises:
            ElementError: a key is no path element or a value no object.
        """
        members: set[str] = set()
        children: dict[str, FieldSet] = {}
        for text, below in fields.items():
            if text == ".":
                continue
            if not isinstance(below, Mapping):
                raise ElementError(f"{text}: expected an object, got {below!r}")
            element = parse_element(text)
            if element is None:
                continue
            if not below or "." in below:
                members.add(element)
            if below and (child := FieldSet.from_json(below)):
                children[element] = child
        return FieldSet(frozenset(members), children)

    @staticmethod
    def from_value(value: Any) -> FieldSet:
        """All leaves of an object without a schema; list items with a `key`, `id` or `name` are told apart by it."""
        if isinstance(value, Mapping):
            items = [("f:" + key, item) for key, item in value.items()]
        else:
            items = [(_guess_element(index, item), item) for index, item in enumerate(value)]
        out = EMPTY
        for element, item in items:
            if isinstance(item, (Mapping, list)):
                below = FieldSet.from_value(item)
                out = out.union(FieldSet(_NONE, {element: below}) if below else EMPTY)
            else:
                out = out.union(FieldSet(frozenset((element,))))
        return out


EMPTY = FieldSet()


def _minus(mine: FieldSet, other: FieldSet, minus: Callable[[FieldSet, FieldSet], FieldSet]) -> FieldSet:
    if not other:
        return mine
    children = mine.children
    if children and other.children:
        children = {}
        for element, below in mine.children.items():
            theirs = other.children.get(element)
            rest = below if theirs is None else minus(below, theirs)
            if rest:
                children[element] = rest
    return FieldSet(mine.members - other.members, children)


def _guess_element(index: int, item: Any) -> str:
    if isinstance(item, Mapping):
        keys = [
            (name, item[name])
            for name in _GUESSED_KEYS
            if item.get(name) is not None and not isinstance(item[name], (Mapping, list))
        ]
        if keys:
            return key_element(keys)
    return f"i:{index}"


Filter = Callable[[FieldSet], FieldSet]
"""Drops from a set what an endpoint resets: those fields never become managed there."""


def keep_all(fields: FieldSet) -> FieldSet:
    """The filter of an endpoint that resets nothing."""
    return fields


def without(excluded: FieldSet) -> Filter:
    """A filter that drops these paths and everything below them."""
    return lambda fields: fields.recursive_difference(excluded)


def only_below(element: str, *rest: str) -> Filter:
    """A filter that keeps nothing but the field of this path (a custom resource's status endpoint, a pod's resize)."""
    inner = only_below(*rest) if rest else keep_all

    def keep(fields: FieldSet) -> FieldSet:
        child = inner(fields.below(element))
        members = _NONE if rest else fields.members & {element}
        return FieldSet(members, {element: child} if child else {})

    return keep
