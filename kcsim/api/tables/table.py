"""Tables of objects: columns, rows, and the ``meta.k8s.io/v1`` Table document.

**Imitates:** apiserver ``pkg/registry/rest/table.go`` and ``pkg/endpoints/handlers/response.go`` (v1.36).

**Walk:** resource -> ``kind_of`` (columns and a function of the object) -> ``rows`` -> ``document`` for the wire, or
kubectl's own layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kcsim.api.catalog import Resource
from kcsim.api.objects import Object
from kcsim.api.tables.cells import AGE, NAME, Column, Kind, View, age, name

KINDS: dict[tuple[str, str], Kind] = {}
"""By (group, kind)."""


def _plain(obj: Object, view: View) -> list[Any]:
    return [name(obj), age(obj, view)]


PLAIN = Kind((NAME, AGE), _plain)


def kind_of(resource: Resource) -> Kind:
    """How a resource's objects are shown."""
    return KINDS.get((resource.group, resource.kind), PLAIN)


def rows(kind: Kind, objects: Sequence[Object], view: View) -> list[list[Any]]:
    """The cells of each object."""
    return [kind.cells(obj, view) for obj in objects]


def visible(kind: Kind, wide: bool) -> list[int]:
    """Which columns kubectl shows."""
    return [place for place, column in enumerate(kind.columns) if wide or column.priority == 0]


__all__ = ["KINDS", "Column", "kind_of", "rows", "visible"]
