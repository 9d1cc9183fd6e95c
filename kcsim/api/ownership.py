"""Who owns which field, worked out when somebody asks.

Every version in the log says who wrote it and how. managedFields follow from that by replaying an object's versions,
so they cost nothing until they are read: by a GET over HTTP, by a person, or by server-side apply.

**Imitates:** apimachinery ``pkg/util/managedfields`` through ``kcsim.api.apply``; here is only the replaying.
"""

from __future__ import annotations

from typing import Any

from kcsim.api.apply.managed_fields import Managed, track_update
from kcsim.api.apply.schema import TypeSchema
from kcsim.api.apply.schemas import custom_schema, schema_for
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.schemas.schema import Schema
from kcsim.api.schemas.structural import with_defaults
from kcsim.engine.clock import rfc3339

_UNTRACKED = frozenset({"bind", "delete", "evict"})
"""Writes that go past the field manager: the server makes them itself, for requests that carry no object."""


class Ownership:
    """Answers for one server; knows the schemas of its custom resources."""

    def __init__(self) -> None:
        self._custom: dict[Resource, TypeSchema] = {}
        self._structural: dict[Resource, Schema] = {}

    def define(self, resource: Resource, open_api_v3_schema: dict[str, Any], compiled: Schema) -> None:
        """Learn the schema of a custom resource, as written and as values are checked by it."""
        self._custom[resource] = custom_schema(open_api_v3_schema, has_status=resource.has_status)
        self._structural[resource] = compiled

    def with_defaults(self, resource: Resource, obj: Object) -> Object:
        """A custom resource with the defaults of its schema; any other object as it is."""
        schema = self._structural.get(resource)
        found: Object = obj if schema is None else with_defaults(obj, schema)
        return found

    def schema(self, resource: Resource) -> TypeSchema:
        """The merge schema of a resource's objects."""
        return self._custom.get(resource) or schema_for(resource.gvk)

    def managed_of(self, version: Version) -> Managed:
        """The managedFields of a version in their working form, kept for the next question."""
        pending: list[Version] = []
        walk: Version | None = version
        while walk is not None and walk.managed is None:
            pending.append(walk)
            walk = walk.previous
        managed: Managed = walk.managed if walk is not None else Managed.empty()
        for item in reversed(pending):
            before = item.previous
            if item.verb in _UNTRACKED:
                item.managed = managed
                continue
            managed = item.managed = track_update(
                before.object if before is not None else None,
                item.object if item.sent is None else item.sent,
                managed,
                item.manager,
                self.schema(item.resource),
                item.resource.group_version,
                rfc3339(item.time),
                item.subresource,
            )
        return managed

    def shown(self, version: Version) -> Object:
        """The object as the API shows it: with metadata.managedFields."""
        obj = version.object
        entries: list[dict[str, Any]] = self.managed_of(version).to_json()
        return {**obj, "metadata": {**obj["metadata"], "managedFields": entries}} if entries else obj
