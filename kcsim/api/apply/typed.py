"""Typed values: is a value of its type, and which fields does it have?

Imitates: structured-merge-diff v6 typed/{validate,tofieldset}.go. Map members are visited in sorted order (upstream's
          order is random), so of several undeclared fields the first by name is reported.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from kcsim.api.apply.elements import element_text
from kcsim.api.apply.fieldset import EMPTY, FieldSet
from kcsim.api.apply.schema import MAP, SCALAR, Errors, ListType, MapType, Type, TypedError
from kcsim.api.apply.texts import wrapped, wrapped_sharp
from kcsim.api.gotext import go_type


class Missing:
    """The type of MISSING, which is not null: no value at all."""


MISSING = Missing()


def equal(left: Any, right: Any) -> bool:
    """Are two JSON values equal? Numbers compare by value, but a boolean never equals a number."""
    if left is right:
        return True
    if left.__class__ is not right.__class__:
        return not isinstance(left, bool) and not isinstance(right, bool) and bool(left == right)
    if left.__class__ is dict:
        return len(left) == len(right) and all(
            key in right and equal(value, right[key]) for key, value in left.items()
        )
    if left.__class__ is list:
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def scalar_error(kind: str | None, value: Any) -> str | None:
    """What is wrong with a scalar, null being always right."""
    if value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "numeric" and not is_number:
        return f"expected numeric (int or float), got {go_type(value)}"
    if kind == "string" and not isinstance(value, str):
        return f"expected string, got {wrapped_sharp(value)}"
    if kind == "boolean" and not isinstance(value, bool):
        return f"expected boolean, got {wrapped(value)}"
    if kind == "untyped" and isinstance(value, (dict, list)):
        return f"expected any scalar, got {wrapped(value)}"
    return None


def validate(value: Any, type: Type, *, allow_duplicates: bool = False) -> None:
    """Checks a value against its type.

    Raises:
        TypedError: with every violation, in the server's words.
    """
    errors = _validate(value, type, allow_duplicates)
    if errors:
        raise TypedError(errors)


def _validate(value: Any, type: Type, allow_duplicates: bool) -> Errors:
    kind = type.kind_of(value)
    if kind is SCALAR:
        error = scalar_error(type.scalar, value)
        return [("", error)] if error else []
    if value is None:
        return []
    if kind is MAP:
        if not isinstance(value, dict):
            return [("", f"expected map, got {wrapped(value)}")]
        return _validate_map(value, type.as_map, allow_duplicates)
    if not isinstance(value, list):
        return [("", f"expected list, got {wrapped(value)}")]
    return _validate_list(value, type.as_list, allow_duplicates)


def _validate_map(value: dict[str, Any], type: MapType, allow_duplicates: bool) -> Errors:
    out: Errors = []
    for key in sorted(value):
        member = type.fields.get(key) or type.element
        if member is None:
            # Upstream stops at the first undeclared field.
            out.append(("." + key, "field not declared in schema"))
            break
        errors = _validate(value[key], member, allow_duplicates)
        if errors:
            out.extend((f".{key}{path}", text) for path, text in errors)
    return out


def _validate_list(value: list[Any], type: ListType, allow_duplicates: bool) -> Errors:
    out: Errors = []
    seen: set[str] = set()
    for index, item in enumerate(value):
        element = f"i:{index}"
        if not type.atomic:
            try:
                element = type.element_of(item)
            except TypedError as error:
                out.append(("", f"element {index}: {error}"))
                return out
            if element in seen and not allow_duplicates:
                out.append(("", f"duplicate entries for key {element_text(element)}"))
            seen.add(element)
        errors = _validate(item, type.element, allow_duplicates)
        if errors:
            prefix = element_text(element)
            out.extend((prefix + path, text) for path, text in errors)
    return out


def to_field_set(value: Any, type: Type) -> FieldSet:
    """All fields a value has: leaves, list items, and members of maps (ToFieldSet)."""
    return _fields(value, type)[1]


def _fields(value: Any, type: Type) -> tuple[bool, FieldSet]:
    """(is the value's own path in the set, the paths below it)."""
    kind = type.kind_of(value)
    if kind is SCALAR:
        return True, EMPTY
    if kind is MAP:
        maps = type.as_map
        if maps.atomic:
            return True, EMPTY
        return False, _map_fields(value, maps) if isinstance(value, dict) and value else EMPTY
    lists = type.as_list
    if lists.atomic:
        return True, EMPTY
    return False, _list_fields(value, lists) if isinstance(value, list) and value else EMPTY


def _map_fields(value: dict[str, Any], type: MapType) -> FieldSet:
    members: set[str] = set()
    children: dict[str, FieldSet] = {}
    declared = type.fields
    for key, item in value.items():
        own, below = _fields(item, type.type_of(key))
        # A struct's field is owned through what is in it; a map's member, a null and an empty map are owned themselves.
        if own or item is None or key not in declared or (not item and isinstance(item, dict)):
            members.add("f:" + key)
        if below:
            children["f:" + key] = below
    return FieldSet(frozenset(members), children)


def _list_fields(value: list[Any], type: ListType) -> FieldSet:
    elements = [type.element_of(item) for item in value]
    counts = Counter(elements)
    children: dict[str, FieldSet] = {}
    for element, item in zip(elements, value, strict=True):
        # Duplicated items are owned together, as one value.
        if counts[element] == 1:
            below = _fields(item, type.element)[1]
            if below:
                children[element] = below
    return FieldSet(frozenset(counts), children)


def named_fields_as_members(fields: FieldSet, type: Type | None) -> FieldSet:
    """Adds the declared struct fields on the way to each path (EnsureNamedFieldsAreMembers).

    A set of `spec.replicas` then also has `spec`, which a comparison of two sets during pruning needs.
    """
    if not fields.children:
        return fields
    maps = type.map if type else None
    lists = type.list if type else None
    named: set[str] = set()
    children: dict[str, FieldSet] = {}
    for element, below in fields.children.items():
        child: Type | None = None
        if element[0] == "f" and maps is not None:
            child = maps.fields.get(element[2:])
            if child is not None:
                named.add(element)
            else:
                child = maps.element
        elif element[0] == "k" and lists is not None:
            child = lists.element
        children[element] = named_fields_as_members(below, child)
    return FieldSet(fields.members | named, children)
