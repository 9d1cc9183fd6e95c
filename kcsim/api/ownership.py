"""Who owns which field, worked out when somebody asks.

Every version in the log says who wrote it and how. managedFields follow from that by replaying an object's versions,
so they cost nothing until they are read: by a GET over HTTP, by a person, or by server-side apply.

**Imitates:** apimachinery ``pkg/util/managedfields`` through ``kcsim.api.apply``; here is only the replaying.
"""

from __future__ import annotations

from typing import Any

from kcsim.api.apply.managed_fields import Managed, track_update
from kcsim.api.apply.schema import TypeSchema
from kcsim.api.apply.schemas import schema_for
from kcsim.api.catalog import Resource
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.engine.clock import rfc3339


def managed_of(version: Version) -> Managed:
    """The managedFields of a version in their working form, kept for the next question."""
    pending: list[Version] = []
    walk: Version | None = version
    while walk is not None and walk.managed is None:
        pending.append(walk)
        walk = walk.previous
    managed: Managed = walk.managed if walk is not None else Managed.empty()
    for item in reversed(pending):
        before = item.previous.object if item.previous is not None else None
        managed = item.managed = track_update(
            before,
            item.object,
            managed,
            item.manager,
            schema(item.resource),
            item.resource.group_version,
            rfc3339(item.time),
            item.subresource,
        )
    return managed


def schema(resource: Resource) -> TypeSchema:
    """The merge schema of a resource's objects."""
    return schema_for(resource.gvk)


def with_managed_fields(version: Version) -> Object:
    """The object as the API shows it: with metadata.managedFields."""
    obj = version.object
    entries: list[dict[str, Any]] = managed_of(version).to_json()
    if not entries:
        return obj
    return {**obj, "metadata": {**obj["metadata"], "managedFields": entries}}
