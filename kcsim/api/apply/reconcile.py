"""Brings stored field sets in line with a schema that has changed since: what became atomic is owned as a whole.

Imitates: structured-merge-diff v6 typed/reconcile_schema.go. As there, a change from atomic to granular needs nothing.
"""

from __future__ import annotations

from kcsim.api.apply.elements import Path
from kcsim.api.apply.fieldset import EMPTY, FieldSet
from kcsim.api.apply.schema import DEDUCED, MapType, Type


def reconcile_field_set(fields: FieldSet, root: Type) -> FieldSet:
    """The set in terms of this schema; the same set when nothing changed."""
    if fields.settled_for is root:
        return fields
    found: list[Path] = []
    _find_atomic(fields, root, (), found, is_atomic=False)
    out = fields
    if found:
        atomic = FieldSet.of(*found)
        out = fields.recursive_difference(atomic).union(atomic)
    out.settled_for = root
    return out


def _find_atomic(fields: FieldSet, type: Type, path: Path, found: list[Path], *, is_atomic: bool) -> None:
    """Collects the paths that are atomic now but have children in the set."""
    maps, lists = type.map, type.list
    if maps is not None:
        if maps.element is DEDUCED and not maps.fields:
            return
        if maps.atomic and not is_atomic:
            if fields and path:
                found.append(path)
            return
    elif type.scalar is not None or lists is None:
        return
    elif lists.atomic and not is_atomic:
        if path:
            found.append(path)
        return
    for element in sorted(fields.members | fields.children.keys()):
        if maps is not None:
            child = _member_type(maps, element)
        else:
            assert lists is not None
            child = lists.element
        if child is not None:
            below = fields.children.get(element)
            whole = element in fields.members and below is None
            _find_atomic(below or EMPTY, child, (*path, element), found, is_atomic=whole)


def _member_type(maps: MapType, element: str) -> Type | None:
    """The declared type of a member; None for fields that the schema does not know (any more)."""
    declared = maps.fields.get(element[2:]) if element[0] == "f" else None
    return declared or maps.element
