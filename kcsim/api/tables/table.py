"""Tables of objects: columns, rows, and the ``meta.k8s.io/v1`` Table document.

**Imitates:** apiserver ``pkg/endpoints/handlers/response.go`` (asTable) and ``pkg/printers/storage`` (v1.36). Left out:
the descriptions of the columns, which only documentation shows.

**Walk:** resource -> ``kind_of`` (columns, and a function from an object to its cells) -> ``document`` for the wire, or
kubectl's own layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kcsim.api.catalog import Catalog
from kcsim.api.log import Log
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.tables.cells import Kind, View
from kcsim.api.tables.cluster import CLUSTER, CREATED
from kcsim.api.tables.custom import custom_kind
from kcsim.api.tables.devices import DEVICES
from kcsim.api.tables.network import NETWORK
from kcsim.api.tables.pod import POD
from kcsim.api.tables.storage import STORAGE
from kcsim.api.tables.workloads import WORKLOADS

KINDS: dict[tuple[str, str], Kind] = {
    ("", "Pod"): POD,
    **WORKLOADS,
    **NETWORK,
    **STORAGE,
    **CLUSTER,
    **DEVICES,
}
"""By (group, kind)."""


def kind_of(resource: Resource, catalog: Catalog, log: Log) -> Kind:
    """How a resource's objects are shown; custom ones as their definition in ``log`` says."""
    if resource.custom:
        definitions = catalog.by_gvk(("apiextensions.k8s.io", "v1", "CustomResourceDefinition"))
        found = log.get(definitions, "", resource.group_resource) if definitions is not None else None
        if found is not None:
            return custom_kind(found.object, resource.version)
    return KINDS.get((resource.group, resource.kind), CREATED)


def visible(kind: Kind, wide: bool) -> list[int]:
    """Which columns kubectl shows."""
    return [place for place, column in enumerate(kind.columns) if wide or column.priority == 0]


def document(kind: Kind, objects: Sequence[Object], view: View, metadata: Object, include: str) -> Object:
    """The Table of objects.

    Args:
        metadata: of the list, or of the one object (its resourceVersion).
        include: ``Metadata``, ``Object`` or ``None``, what each row carries of its object.
    """
    rows = []
    for obj in kind.in_order(objects):
        row: Object = {"cells": kind.cells(obj, view)}
        conditions = kind.conditions(obj) if kind.conditions is not None else []
        if conditions:
            row["conditions"] = conditions
        row["object"] = _included(obj, include)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions(kind),
        "rows": rows,
    }


def definitions(kind: Kind) -> list[dict[str, Any]]:
    """The columns as a Table declares them."""
    return [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        }
        for column in kind.columns
    ]


def _included(obj: Object, include: str) -> Object | None:
    if include == "None":
        return None
    if include == "Object":
        return obj
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj.get("metadata") or {},
    }
