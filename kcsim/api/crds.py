"""Custom resources: kinds that a CustomResourceDefinition adds while the server runs.

**Imitates:** apiextensions-apiserver (kubernetes-api reference, section 14) for serving, naming and the end of a
definition. Schemas are compiled for pruning and type checks; CEL rules are evaluated where the library for them is
installed, and else warned about on creation. Left out: conversion webhooks. Differs: the controllers for naming,
establishing and finalizing act in the instant of the write that wakes them; upstream takes some milliseconds. A new
storage version is written to all objects at once, as the storage version migrator would.

**Walk:** a definition is written -> its names are accepted or refused, which is a status of its own -> established, its
versions are served. It is deleted -> held by a finalizer -> its objects are deleted -> when the last is gone, so is it.
"""

from __future__ import annotations

from kcsim.api import crd_status, objects, status
from kcsim.api.admission.chain import NOT_ENFORCED
from kcsim.api.catalog import Catalog
from kcsim.api.cel import library
from kcsim.api.log import Log, Version
from kcsim.api.objects import Object
from kcsim.api.ownership import Ownership
from kcsim.api.request import Operation, User
from kcsim.api.resources import Resource
from kcsim.api.schemas.definitions import compile_crd_schema, crd_has_rules
from kcsim.api.store import Store
from kcsim.engine.clock import SECOND, rfc3339
from kcsim.engine.core import Engine

SERVER = User("system:apiserver", ("system:masters", "system:authenticated"))
"""The server's own controllers act as this user."""
LOOKS_EVERY = 5 * SECOND
"""How often the finalizer looks whether the last object is gone (crd_finalizer.go)."""


class CustomResources:
    """Keeps the catalog and the schemas in step with the CustomResourceDefinitions stored."""

    def __init__(self, engine: Engine, store: Store, ownership: Ownership) -> None:
        self._engine = engine
        self._store = store
        self._log: Log = store.log
        self._catalog: Catalog = store.catalog
        self._ownership = ownership
        self._terminating: set[str] = set()
        definitions = self._catalog.by_gvk(("apiextensions.k8s.io", "v1", "CustomResourceDefinition"))
        assert definitions is not None
        self._definitions = definitions

    def changed(self, resource: Resource, made: Version) -> None:
        """A write happened: serve, change or stop serving what a definition says."""
        if resource is not self._definitions:
            return
        if made.deleted:
            self._terminating.discard(objects.name(made.object))
            self._catalog.remove_crd(made.object)
            # Names that it held are free for others of its group.
            for other in self._others(made.object):
                self._settle(other)
            return
        if self._log.get(resource, *made.key) is not made:
            return  # a dry run
        self._settle(made)
        if objects.is_deleting(made.object) and crd_status.CLEANUP in made.object["metadata"].get(
            "finalizers", ()
        ):
            self._finalize(made.key)

    def check_creation(self, resource: Resource) -> None:
        """Refuse new objects of a definition that is being deleted."""
        if resource.custom and resource.group_resource in self._terminating:
            text = "create not allowed while custom resource definition is terminating"
            details = {"group": resource.group, "kind": resource.plural}
            raise status.StatusError(405, "MethodNotAllowed", text, details)

    def warnings_for(self, resource: Resource, obj: Object) -> tuple[str, ...]:
        """What kcsim stores but does not act on, said where the user meets it."""
        if resource.kind in NOT_ENFORCED and not resource.custom:
            return (f"kcsim stores {resource.kind} objects but does not enforce them yet",)
        if resource is self._definitions and crd_has_rules(obj) and not library.available():
            return (library.MISSING,)
        return ()

    # --- names and serving --------------------------------------------------------------------------------------

    def _others(self, crd: Object) -> list[Version]:
        """The definitions of the same group."""
        group, uid = crd["spec"]["group"], objects.uid(crd)
        return [
            version
            for version in self._log.list(self._definitions)
            if version.object["spec"]["group"] == group and objects.uid(version.object) != uid
        ]

    def _settle(self, version: Version) -> None:
        crd = version.object
        others = [other.object for other in self._others(crd)]
        settled = crd_status.settled(crd, others, rfc3339(self._engine.now))
        if settled is not crd["status"]:
            version = self._write(version, {**crd, "status": settled})
        self._serve(version.object)

    def _serve(self, crd: Object) -> None:
        if not crd_status.is_established(crd):
            return
        for served in self._catalog.add_crd(crd):
            for version in crd["spec"]["versions"]:
                schema = (version.get("schema") or {}).get("openAPIV3Schema")
                if version["name"] == served.version and schema:
                    compiled = compile_crd_schema(schema)
                    self._store.typed.custom_schemas[served.gvk] = compiled
                    self._ownership.define(served, schema, compiled)
        stored = self._stored(crd)
        if stored is not None:
            self._migrate(stored)

    def _migrate(self, stored: Resource) -> None:
        """Write what is stored in another version again in this one."""
        wanted = stored.group_version
        for version in self._log.list(stored):
            if version.object["apiVersion"] != wanted:
                op = Operation("update", stored, SERVER, *version.key, field_manager="kube-apiserver")
                self._store.rewrite(op, version, lambda old: {**old, "apiVersion": wanted}, "migrate")

    # --- the end ------------------------------------------------------------------------------------------------

    def _finalize(self, key: tuple[str, str]) -> None:
        """Delete what is left of a definition's objects; when nothing is, let it go."""
        version = self._log.get(self._definitions, *key)
        if version is None or crd_status.CLEANUP not in version.object["metadata"].get("finalizers", ()):
            return
        now = rfc3339(self._engine.now)
        first = key[1] not in self._terminating
        self._terminating.add(key[1])
        stored = self._stored(version.object)
        if first and stored is not None and self._log.count(stored):
            going = crd_status.with_termination(version.object, "InstanceDeletionInProgress", now)
            version = self._write(version, going)
            for each in self._log.list(stored):
                op = Operation("delete", stored, SERVER, *each.key, field_manager="kube-apiserver")
                self._store.delete(op, each)
        if stored is not None and self._log.count(stored):
            self._engine.after(LOOKS_EVERY, self._finalize, key)
            return
        done = crd_status.with_termination(version.object, "InstanceDeletionCompleted", now)
        finalizers = [name for name in done["metadata"]["finalizers"] if name != crd_status.CLEANUP]
        self._write(version, objects.with_metadata(done, finalizers=finalizers or None))

    def _stored(self, crd: Object) -> Resource | None:
        """The resource in the version that its objects are stored in."""
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        name = next((v["name"] for v in crd["spec"]["versions"] if v.get("storage")), "")
        return self._catalog.find(group, name, plural)

    def _write(self, version: Version, crd: Object) -> Version:
        op = Operation("update", self._definitions, SERVER, "", objects.name(crd), "status")
        op.field_manager = "kube-apiserver"
        written = self._store.rewrite(op, version, lambda _: crd, "update")
        if written.deleted:
            self.changed(self._definitions, written)
        return written
