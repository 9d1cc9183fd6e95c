"""The type model of a merge: what is one value, what is a set, what is merged item by item.

A Type says for each shape a value may have (scalar, list, map) how it is treated. Types refer to each other directly,
so recursive definitions are cyclic graphs; they are built once (openapi.py, smd_schema.py) and then only read.

Imitates: structured-merge-diff v6 schema/elements.go, typed/{helpers,parser}.go. Left out: unions (unused upstream).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kcsim.api.apply.elements import key_element, named_key_element, value_element

MAP, SCALAR, LIST = "map", "scalar", "list"

Errors = list[tuple[str, str]]
"""Validation errors: (path text, what is wrong)."""


class TypedError(ValueError):
    """A value does not fit its type."""

    def __init__(self, errors: Errors) -> None:
        lines = [f"{path}: {text}" if path else text for path, text in errors]
        super().__init__(lines[0] if len(lines) == 1 else "\n".join(["errors:", *("  " + x for x in lines)]))
        self.errors = errors


class Type:
    """How values of one type merge: any of a scalar, a list and a map may be allowed.

    A type may be given a `fill` instead of its shapes: it is called when they are first asked for. So a recursive
    definition can refer to itself, and definitions that no object uses are never read.
    """

    __slots__ = ("default_kind", "fill", "list", "map", "name", "scalar")

    scalar: str | None
    """"numeric", "string", "boolean" or "untyped"; None when scalars are not allowed."""
    list: ListType | None
    map: MapType | None
    default_kind: str
    """What a null, or a value of a shape that is not allowed, is treated as."""

    def __init__(self, name: str = "inlined", fill: Callable[[Type], object] | None = None) -> None:
        self.name = name
        self.fill = fill

    def allow(
        self, scalar: str | None = None, list: ListType | None = None, map: MapType | None = None
    ) -> Type:
        """Sets the shapes."""
        self.scalar, self.list, self.map = scalar, list, map
        self.default_kind = MAP if map else SCALAR if scalar else LIST if list else ""
        return self

    def __getattr__(self, attribute: str) -> Any:
        """Fills the type in: Python asks here only while a slot is still empty."""
        fill = self.fill if attribute in Type.__slots__ else None
        if fill is None:
            raise AttributeError(attribute)
        self.fill = None
        fill(self)
        return getattr(self, attribute)

    def kind_of(self, value: Any) -> str:
        """Which of the allowed shapes applies to this value (deduceAtom, handleAtom)."""
        cls = value.__class__
        if cls is dict:
            if self.map is not None:
                return MAP
        elif cls is list:
            if self.list is not None:
                return LIST
        elif value is not None and self.scalar is not None:
            return SCALAR
        if not self.default_kind:
            where = self.name if self.name == "inlined" else f"named type: {self.name}"
            raise TypedError([("", f"schema error: invalid atom: {where}")])
        return self.default_kind

    @property
    def as_list(self) -> ListType:
        """The list shape; only for a value whose kind is LIST."""
        assert self.list is not None
        return self.list

    @property
    def as_map(self) -> MapType:
        """The map shape; only for a value whose kind is MAP."""
        assert self.map is not None
        return self.map


@dataclass(slots=True)
class ListType:
    """A list: atomic (one value), a set (associative without keys), or items told apart by keys."""

    element: Type
    atomic: bool = True
    keys: tuple[str, ...] = ()
    key_defaults: Mapping[str, Any] = field(default_factory=dict)
    """Values of key fields that an item may omit."""

    def element_of(self, item: Any) -> str:
        """The path element of one item of an associative list.

        Raises:
            TypedError: the item cannot be told apart from others.
        """
        if not self.keys:
            return self._member_of_set(item)
        if item.__class__ is not dict:
            kind = "a null element" if item is None else "non-map elements"
            raise TypedError([("", f"associative list with keys may not have {kind}")])
        if len(self.keys) == 1:
            value = item.get(self.keys[0])
            if value.__class__ is str:
                return named_key_element(self.keys[0], value)
        found = [(key, item[key] if key in item else self.key_defaults[key]) for key in self._keys_of(item)]
        if not found:
            names = "[" + " ".join(f'"{key}"' for key in self.keys) + "]"
            text = f"associative list with keys has an element that omits all key fields {names}"
            defaults = "(and doesn't have default values for any key fields)"
            raise TypedError([("", f"{text} {defaults}")])
        return key_element(found)

    def _keys_of(self, item: dict[str, Any]) -> Iterable[str]:
        # A key that is neither given nor defaulted is no part of the element: such an item is another item.
        return (key for key in self.keys if key in item or self.key_defaults.get(key) is not None)

    @staticmethod
    def _member_of_set(item: Any) -> str:
        if isinstance(item, dict):
            raise TypedError([("", "associative list without keys has an element that's a map type")])
        if isinstance(item, list):
            raise TypedError([("", "not supported: associative list with lists as elements")])
        if item is None:
            raise TypedError([("", "associative list without keys has an element that's an explicit null")])
        return value_element(item)


@dataclass(slots=True)
class MapType:
    """A struct (declared fields) or a map (element type), or both; atomic ones are one value."""

    fields: Mapping[str, Type] = field(default_factory=dict)
    element: Type | None = None
    """The type of undeclared members; None forbids them."""
    atomic: bool = False

    def type_of(self, key: str) -> Type:
        """The type of a member. Differs: an undeclared member of a live object counts as untyped, not as an error."""
        return self.fields.get(key) or self.element or DEDUCED


ATOMIC = Type("__untyped_atomic_")
"""Any value, as one value."""
ATOMIC.allow("untyped", ListType(ATOMIC), MapType(element=ATOMIC, atomic=True))

DEDUCED = Type("__untyped_deduced_")
"""Any value: maps are granular, lists atomic. What objects without a schema are merged by."""
DEDUCED.allow("untyped", ListType(ATOMIC), MapType(element=DEDUCED))


@dataclass(frozen=True, slots=True, eq=False)
class TypeSchema:
    """What the server hands in per kind."""

    root: Type
    kind: str = ""
    zero: Mapping[str, Any] = field(default_factory=dict)
    """The new, empty object: members that are there before anyone sets them, so nobody owns their bare presence.

    Go structs held by value are such members (spec, metadata, spec.strategy); empty for custom resources.
    """
    custom: bool = True
    """Is it a custom resource? Built-in kinds are decoded into Go structs, where a null vanishes."""
    has_status: bool = False
    """Has the kind a status endpoint, so that its main one resets status?"""


DEDUCED_SCHEMA = TypeSchema(DEDUCED)
"""For kinds of which no schema is known."""
