"""Dynamic resources: device classes, claims, templates of claims, slices.

**Imitates:** ``printResourceClaim`` and its neighbours (pkg/printers/internalversion/printers.go, v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.tables.cells import Kind, View, age, columns, name, spec, status
from kcsim.api.tables.cluster import NAMED


def _claim(obj: Object, view: View) -> list[Any]:
    deleted, allocated = objects.is_deleting(obj), status(obj).get("allocation") is not None
    words = {
        "deleted": deleted,
        "pending": not (deleted or allocated),
        "allocated": allocated,
        "reserved": allocated and bool(status(obj).get("reservedFor")),
    }
    return [name(obj), ",".join(word for word, holds in words.items() if holds), age(obj, view)]


def _slice(obj: Object, view: View) -> list[Any]:
    body = spec(obj)
    pool = (body.get("pool") or {}).get("name", "")
    return [name(obj), body.get("nodeName", ""), body.get("driver", ""), pool, age(obj, view)]


_GROUP = "resource.k8s.io"
DEVICES: dict[tuple[str, str], Kind] = {
    (_GROUP, "DeviceClass"): NAMED,
    (_GROUP, "ResourceClaim"): Kind(columns("Name State Age"), _claim),
    (_GROUP, "ResourceClaimTemplate"): NAMED,
    (_GROUP, "ResourceSlice"): Kind(columns("Name Node Driver Pool Age"), _slice),
}
