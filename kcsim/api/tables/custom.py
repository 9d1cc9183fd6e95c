"""Custom resources: the columns that a CustomResourceDefinition declares.

**Imitates:** apiextensions-apiserver ``pkg/registry/customresource/tableconvertor`` (v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.api import jsonpath
from kcsim.api.jsonpath import JsonPathError
from kcsim.api.objects import Object
from kcsim.api.tables.cells import AGE, NAME, Column, Kind, View, name, since

_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "date": (str,),
}
_DEFAULT = ({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},)


def custom_kind(definition: Object, version: str) -> Kind:
    """How the resources of a definition's version are shown: Name and its columns, or Name and Age."""
    versions = definition["spec"].get("versions") or ()
    declared = next((v.get("additionalPrinterColumns") for v in versions if v["name"] == version), None)
    if not declared:
        return Kind((NAME, AGE), _cells(list(_DEFAULT)))
    described = tuple(
        Column(c["name"], c["type"], c.get("priority", 0), c.get("format", ""), c.get("description", ""))
        for c in declared
    )
    return Kind((NAME, *described), _cells(declared))


def _cells(declared: list[Object]) -> Any:
    paths = [(c["type"], f"{{{c['jsonPath']}}}") for c in declared]

    def cells(obj: Object, view: View) -> list[Any]:
        return [name(obj), *(_cell(kind, path, obj, view) for kind, path in paths)]

    return cells


def _cell(kind: str, path: str, obj: Object, view: View) -> Any:
    try:
        found = jsonpath.find(path, obj)
    except JsonPathError:
        return None  # as upstream: a path that leads nowhere gives an empty cell
    if not found:
        return None
    value = found[0] if len(found) == 1 else found
    if kind == "date":
        return since(value, view) if isinstance(value, str) else None
    if kind == "string":
        return value if isinstance(value, str) else jsonpath.show(value)
    fits = isinstance(value, _SCALARS[kind]) and isinstance(value, bool) == (kind == "boolean")
    return value if fits else None
