"""Custom resources: kinds that a CustomResourceDefinition adds while the server runs.

**Imitates:** apiextensions-apiserver (kubernetes-api reference, section 14) for serving and naming. Schemas are
compiled for pruning and type checks; CEL rules are evaluated where the library for them is installed, and else warned
about on creation. Left out: conversion webhooks.
"""

from __future__ import annotations

from kcsim.api.admission.chain import NOT_ENFORCED
from kcsim.api.catalog import Catalog, Resource
from kcsim.api.cel import library
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.ownership import Ownership
from kcsim.api.schemas.definitions import compile_crd_schema
from kcsim.api.schemas.structural import has_rules
from kcsim.api.typed import Typed


class CustomResources:
    """Keeps the catalog and the schemas in step with the CustomResourceDefinitions stored."""

    def __init__(self, catalog: Catalog, typed: Typed, ownership: Ownership) -> None:
        self._catalog = catalog
        self._typed = typed
        self._ownership = ownership
        self._definitions = catalog.by_gvk(("apiextensions.k8s.io", "v1", "CustomResourceDefinition"))

    def changed(self, resource: Resource, made: Version) -> None:
        """A write happened: serve, change or stop serving what a definition says."""
        if resource is not self._definitions:
            return
        crd = made.object
        if made.deleted:
            self._catalog.remove_crd(crd)
            return
        for served in self._catalog.add_crd(crd):
            for version in crd["spec"]["versions"]:
                schema = (version.get("schema") or {}).get("openAPIV3Schema")
                if version["name"] == served.version and schema:
                    self._typed.custom_schemas[served.gvk] = compile_crd_schema(schema)
                    self._ownership.define(served, schema)

    def warnings_for(self, resource: Resource, obj: Object) -> tuple[str, ...]:
        """What kcsim stores but does not act on, said where the user meets it."""
        if resource.kind in NOT_ENFORCED and not resource.custom:
            return (f"kcsim stores {resource.kind} objects but does not enforce them yet",)
        if resource is self._definitions and has_rules(obj) and not library.available():
            return (library.MISSING,)
        return ()
