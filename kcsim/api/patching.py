"""The four kinds of PATCH, from a request to the object it asks for.

**Imitates:** apiserver ``pkg/endpoints/handlers/patch.go`` (v1.36). The algorithms are in ``patch`` and ``apply``; here
their failures become the answers a real server gives (kubernetes-api reference, sections 0 and 7).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from kcsim.api import status
from kcsim.api.apply.managed import ManagedFieldsError, is_reset
from kcsim.api.apply.managed_fields import ApplyConflict, ApplyError, Managed, apply_patch, track_update
from kcsim.api.gotext import go_value, json_word
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.ownership import Ownership
from kcsim.api.patch import json_patch, merge_patch, strategic
from kcsim.api.patch.schema import FreeFormSchema, OpenAPIPatchSchema, PatchSchema
from kcsim.api.patch.values import PatchError
from kcsim.api.request import Operation
from kcsim.api.resources import GVK, split_api_version
from kcsim.api.schemas.check import prune
from kcsim.api.schemas.definitions import definition_name, definitions
from kcsim.api.schemas.printed import with_printed
from kcsim.api.typed import Typed
from kcsim.engine.clock import rfc3339


def patched(
    typed: Typed, op: Operation, old: Object, managed: Callable[[], list[Object]] = list
) -> tuple[Object, tuple[str, ...]]:
    """The object that a JSON, merge or strategic patch makes of ``old``, and warnings.

    ``managed`` gives the managedFields of ``old``, which error texts show.

    Raises:
        StatusError: 400, 415, or 422 for a result that is no object of the kind.
    """
    new = patched_plain(op, old)
    if not op.field_validation:
        check_identity(op, new)
        return new, ()

    def refuse(why: str) -> status.StatusError:
        if op.patch_type == "strategic":
            return status.patch_invalid(go_value(op.body), _unstructured_words(why))
        return status.patch_invalid(document_text(new, old, managed()), why)

    mismatch = _kind_mismatch(op, new)
    if mismatch:
        raise refuse(mismatch)
    known, wrong, unknown = typed.check(op.resource, new)
    if wrong:
        raise refuse(wrong)
    if unknown and op.patch_type != "strategic":
        # Upstream decodes the patched document, whose touched parts stand in order of keys.
        unknown = typed.check(op.resource, {key: _touched(new[key], old.get(key)) for key in sorted(new)})[2]
    errors = [*op.duplicates, *unknown]
    if errors and op.field_validation == "Strict":
        raise refuse(f"strict decoding error: {', '.join(errors)}")
    check_identity(op, known)
    return known, tuple(errors) if op.field_validation != "Ignore" else ()


_MOST_OPERATIONS = 10_000
_UNMARSHAL = re.compile(
    r"json: cannot unmarshal (\w+)(?: \S+)? into Go (?:struct field \S+|value) of type (\S+)"
)
_GO_KINDS = {"string": "string", "bool": "bool", "array": "slice", "object": "map", "number": "int64"}
_BASIC = frozenset({"string", "bool", "int", "int32", "int64", "float64"})


def _unstructured_words(why: str) -> str:
    """A type error as the converter from unstructured objects says it, through which strategic patches go
    (apimachinery ``pkg/runtime/converter.go``).
    """
    found = _UNMARSHAL.fullmatch(why)
    if found is None:
        return why
    given, wanted = _GO_KINDS.get(found[1], found[1]), found[2]
    if wanted in _BASIC:
        return f"unrecognized type: {wanted}"
    if wanted.startswith("["):
        return f"cannot restore slice from {given}"
    return (
        f"cannot restore map from {given}"
        if wanted.startswith("map[")
        else f"cannot restore struct from: {given}"
    )


def _kind_mismatch(op: Operation, new: Object) -> str:
    """Why the result is of another kind or version, "" when it is not."""
    resource = op.resource
    group, version = split_api_version(str(new.get("apiVersion") or resource.group_version))
    kind = str(new.get("kind") or resource.kind)
    if (group, version, kind) == resource.gvk:
        return ""
    if definition_name((group, version, kind)) is None:
        given = f"{group}/{version}" if group else version
        return f'no kind "{kind}" is registered for version "{given}" in scheme "{SCHEME}"'
    target = resource.group.partition(".")[0] or "core"
    return f"converting ({version}.{kind}) to ({target}.{resource.kind}): unknown conversion"


TYPE_META = (
    r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'
)
"""What apiVersion and kind are first read into, as errors name it."""
SCHEME = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"
_METADATA_ORDER = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)


def document_text(new: Object, old: Object, managed: list[Object]) -> str:
    """A patched object as error texts show it: what the patch touched in order of keys, the rest as Go prints it."""
    metadata = new.get("metadata")
    if isinstance(metadata, dict):
        full = (
            {**metadata, "managedFields": managed}
            if managed and "managedFields" not in metadata
            else metadata
        )
        touched = metadata is not old.get("metadata") and metadata != old.get("metadata")
        order = sorted(full) if touched else sorted(full, key=_metadata_place)
        new = {**new, "metadata": {key: full[key] for key in order}}
    shown = {key: _touched(new[key], old.get(key)) for key in sorted(new)}
    return json.dumps(shown, separators=(",", ":"), ensure_ascii=False)


def _metadata_place(key: str) -> int:
    return _METADATA_ORDER.index(key) if key in _METADATA_ORDER else len(_METADATA_ORDER)


def _touched(new: Any, old: Any) -> Any:
    if isinstance(new, dict) and isinstance(old, dict) and new != old and "name" not in new:
        return {key: _touched(new[key], old.get(key)) for key in sorted(new)}
    return new


def patched_plain(op: Operation, old: Object) -> Any:
    """The document after the patch, whatever it now is."""
    if op.patch_type == "merge":
        if not isinstance(op.body, dict):
            raise status.bad_request(f"error decoding patch: {_no_map(op.body)}")
        return merge_patch.apply(old, op.body)
    if op.patch_type == "json":
        return _json(op, old)
    if op.patch_type == "strategic":
        return _strategic(op, old)
    raise status.unsupported_media_type("415: Unsupported Media Type")


def _json(op: Operation, old: Object) -> Any:
    if not isinstance(op.body, list):
        raise status.bad_request(
            f"error decoding patch: json: cannot unmarshal {json_word(op.body)} into Go value of type "
            "[]handlers.jsonPatchOp"
        )
    if len(op.body) > _MOST_OPERATIONS:
        raise status.too_large(
            f"The allowed maximum operations in a JSON patch is {_MOST_OPERATIONS}, got {len(op.body)}"
        )
    try:
        new = json_patch.apply(old, op.body, as_server=True)
    except json_patch.JSONPatchError:
        raise status.unprocessable() from None
    if not isinstance(new, dict):
        why = f"json: cannot unmarshal {json_word(new)} into Go value of type {TYPE_META}"
        raise status.patch_invalid(
            json.dumps(new, separators=(",", ":")), f"couldn't get version/kind; json parse error: {why}"
        )
    return new


def _strategic(op: Operation, old: Object) -> Any:
    if not op.resource.strategic:
        raise status.unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        )
    if not isinstance(op.body, dict):
        raise status.bad_request(_no_map(op.body))
    try:
        return strategic.apply(old, op.body, patch_schema(op.resource.gvk))
    except PatchError as error:
        raise status.unclassified(str(error)) from None


def _no_map(value: Any) -> str:
    return f"json: cannot unmarshal {json_word(value)} into Go value of type map[string]interface {{}}"


@lru_cache(maxsize=512)
def patch_schema(gvk: GVK) -> PatchSchema:
    """The merge keys and strategies of a kind, from the real schemas."""
    name = definition_name(gvk)
    return OpenAPIPatchSchema(definitions(), name) if name is not None else FreeFormSchema()


def check_identity(op: Operation, new: Object) -> None:
    """Refuse an object that is another than the path names.

    Raises:
        StatusError: 400.
    """
    metadata = new.get("metadata") or {}
    if not metadata.get("name"):
        raise status.bad_request(
            f"the name of the object ({op.name} based on URL) was undeterminable: name must be provided"
        )
    if metadata["name"] != op.name:
        raise status.bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({op.name})"
        )
    namespace = metadata.get("namespace") or ""
    if op.resource.namespaced and namespace and namespace != op.namespace:
        raise status.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def rewrites_managers(op: Operation) -> bool:
    """Whether a patch is about metadata.managedFields, which other requests leave to the server."""
    if op.subresource:
        return False
    if op.patch_type == "json":
        return any(
            isinstance(item, dict) and str(item.get("path", "")).startswith("/metadata/managedFields")
            for item in op.body or ()
        )
    metadata = op.body.get("metadata") if isinstance(op.body, dict) else None
    return isinstance(metadata, dict) and "managedFields" in metadata


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
    if not managed.fields:
        return new, managed, warnings
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
    group, version = split_api_version(str(config.get("apiVersion") or ""))
    kind = str(config.get("kind") or "")
    if (group, version, kind) != op.resource.gvk:
        raise status.bad_request(f"invalid object type: {group}/{version}, Kind={kind}")
    metadata = config.get("metadata")
    if not isinstance(metadata, dict):
        metadata = {}  # the conversion to typed values refuses it by name
    namespace = metadata.get("namespace") or ""
    if op.resource.namespaced and namespace and namespace != op.namespace:
        raise status.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if metadata.get("managedFields"):
        raise status.bad_request("metadata.managedFields must be nil")
    if not op.field_manager:
        raise status.bad_request("fieldManager is required for apply patch")
    name = metadata.get("name")
    if isinstance(name, str) and name not in {"", op.name}:
        raise status.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({op.name})"
        )
    if op.duplicates and op.field_validation == "Strict":
        repeats = "\n  ".join(op.duplicates)
        raise status.bad_request(
            f"error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  {repeats}"
        )
    if current is None and metadata.get("uid"):
        why = f"uid mismatch: the provided object specified uid {metadata['uid']}, and no existing object was found"
        raise status.conflict(op.resource, op.name, why)
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
    if not op.resource.custom:
        # The merged value is decoded into the kind's Go type.
        new = with_printed(prune(new, op.resource.gvk), op.resource.gvk)
    return {**new, "metadata": {**(new.get("metadata") or {}), **identity}}, managed
