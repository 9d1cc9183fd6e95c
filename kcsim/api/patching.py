"""The four kinds of PATCH, from a request to the object it asks for.

**Imitates:** apiserver ``pkg/endpoints/handlers/patch.go`` (v1.36). The algorithms are in ``patch`` and ``apply``; here
their failures become the answers a real server gives (kubernetes-api reference, sections 0 and 7).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from kcsim.api import status
from kcsim.api.apply.managed import ManagedFieldsError, is_reset
from kcsim.api.apply.managed_fields import ApplyConflict, ApplyError, Managed, apply_patch, track_update
from kcsim.api.catalog import GVK
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.ownership import Ownership
from kcsim.api.patch import json_patch, merge_patch, strategic
from kcsim.api.patch.schema import FreeFormSchema, OpenAPIPatchSchema, PatchSchema
from kcsim.api.patch.values import PatchError
from kcsim.api.request import Operation
from kcsim.api.schemas.definitions import definition_name, definitions
from kcsim.api.typed import Typed
from kcsim.engine.clock import rfc3339


def patched(typed: Typed, op: Operation, old: Object) -> tuple[Object, tuple[str, ...]]:
    """The object that a JSON, merge or strategic patch makes of ``old``, and warnings."""
    new = patched_plain(op, old)
    _check_identity(op, new, old)
    if not op.field_validation:
        return new, ()
    return typed.decode(op.resource, new, op.field_validation)


def patched_plain(op: Operation, old: Object) -> Any:
    """The document after the patch, whatever it now is."""
    if op.patch_type == "merge":
        if not isinstance(op.body, dict):
            raise status.bad_request("error decoding patch: a merge patch is a JSON object")
        return merge_patch.apply(old, op.body)
    if op.patch_type == "json":
        return _json(op, old)
    if op.patch_type == "strategic":
        return _strategic(op, old)
    raise status.unsupported_media_type("415: Unsupported Media Type")


def _json(op: Operation, old: Object) -> Any:
    if not isinstance(op.body, list):
        raise status.bad_request("error decoding patch: a JSON patch is a list of operations")
    try:
        return json_patch.apply(old, op.body, as_server=True)
    except json_patch.JSONPatchError:
        raise status.unprocessable() from None


def _strategic(op: Operation, old: Object) -> Any:
    if not op.resource.strategic:
        raise status.unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        )
    try:
        return strategic.apply(old, op.body, patch_schema(op.resource.gvk))
    except PatchError as error:
        raise status.unclassified(str(error)) from None


@lru_cache(maxsize=512)
def patch_schema(gvk: GVK) -> PatchSchema:
    """The merge keys and strategies of a kind, from the real schemas."""
    name = definition_name(gvk)
    return OpenAPIPatchSchema(definitions(), name) if name is not None else FreeFormSchema()


def _check_identity(op: Operation, new: Object, old: Object) -> None:
    metadata = new.get("metadata") or {}
    if metadata.get("name") != old["metadata"]["name"]:
        raise status.bad_request(
            f"the name of the object ({metadata.get('name') or ''}) does not match the name on the URL ({op.name})"
        )


def rewrites_managers(op: Operation) -> bool:
    """Whether a JSON patch is about metadata.managedFields, which other requests leave to the server."""
    return op.patch_type == "json" and any(
        isinstance(item, dict) and str(item.get("path", "")).startswith("/metadata/managedFields")
        for item in op.body or ()
    )


def with_managers(
    typed: Typed, op: Operation, current: Version, ownership: Ownership, now: int
) -> tuple[Object, Managed, tuple[str, ...]]:
    """The object and its managedFields after a JSON patch that rewrites the latter; and warnings."""
    shown, warnings = patched(typed, op, ownership.shown(current))
    entries = shown["metadata"].get("managedFields")
    metadata = {k: v for k, v in shown["metadata"].items() if k != "managedFields"}
    new = {**shown, "metadata": metadata}
    try:
        managed = Managed.empty() if is_reset(entries or []) else Managed.from_json(entries)
    except ManagedFieldsError as error:
        raise status.bad_request(str(error)) from None
    managed = track_update(
        current.object,
        new,
        managed,
        op.field_manager,
        ownership.schema(op.resource),
        op.resource.group_version,
        rfc3339(now),
        op.subresource,
    )
    return new, managed, warnings


def applied(op: Operation, current: Version | None, ownership: Ownership, now: int) -> tuple[Object, Managed]:
    """The object and its managedFields after a server-side apply at the instant ``now`` (µs)."""
    config = op.body
    if not isinstance(config, dict) or not config.get("apiVersion") or not config.get("kind"):
        raise status.bad_request("apiVersion and kind must be set in an apply patch")
    metadata = config.get("metadata") or {}
    if metadata.get("managedFields"):
        raise status.bad_request("metadata.managedFields must be nil")
    if not op.field_manager:
        raise status.bad_request("fieldManager is required for apply patch")
    if metadata.get("name") not in {None, "", op.name}:
        raise status.bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({op.name})"
        )
    live = current.object if current is not None else None
    managed = ownership.managed_of(current) if current is not None else Managed.empty()
    try:
        new, managed = apply_patch(
            live,
            config,
            managed,
            op.field_manager,
            ownership.schema(op.resource),
            op.force,
            rfc3339(now),
            op.subresource,
        )
    except ApplyConflict as conflict:
        raise status.apply_conflict(conflict.message, conflict.causes) from None
    except ApplyError as error:
        raise (status.bad_request if error.code == 400 else status.unclassified)(error.message) from None
    identity = {"name": op.name, "namespace": op.namespace} if op.resource.namespaced else {"name": op.name}
    return {**new, "metadata": {**(new.get("metadata") or {}), **identity}}, managed
