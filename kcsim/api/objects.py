"""Reading and re-making Kubernetes objects.

An object is plain JSON (dicts, lists, strings, numbers). Once it is stored or received it is never changed in place:
a new version is made by copying the spine, the dicts on the way to what changed, and sharing everything else.
"""

import json
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace ("" for cluster-scoped) and name."""

_EMPTY: dict[str, Any] = {}


# --- reading ----------------------------------------------------------------------------------------------------


def name(obj: Object) -> str:
    """metadata.name."""
    return obj["metadata"]["name"]  # type: ignore[no-any-return]


def namespace(obj: Object) -> str:
    """metadata.namespace, "" for cluster-scoped objects."""
    return obj["metadata"].get("namespace", "")  # type: ignore[no-any-return]


def key(obj: Object) -> Key:
    """(namespace, name)."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def uid(obj: Object) -> str:
    """metadata.uid."""
    return obj["metadata"].get("uid", "")  # type: ignore[no-any-return]


def resource_version(obj: Object) -> str:
    """metadata.resourceVersion."""
    return obj["metadata"].get("resourceVersion", "")  # type: ignore[no-any-return]


def labels(obj: Object) -> dict[str, str]:
    """metadata.labels, empty when there are none."""
    return obj["metadata"].get("labels") or _EMPTY


def annotations(obj: Object) -> dict[str, str]:
    """metadata.annotations, empty when there are none."""
    return obj["metadata"].get("annotations") or _EMPTY


def owner_refs(obj: Object) -> list[Object]:
    """metadata.ownerReferences."""
    return obj["metadata"].get("ownerReferences") or []


def controller_of(obj: Object) -> Object | None:
    """The owner reference with ``controller: true``, if there is one (metav1.GetControllerOf)."""
    for ref in obj["metadata"].get("ownerReferences") or ():
        if ref.get("controller"):
            return ref  # type: ignore[no-any-return]
    return None


def owner_reference(owner: Object, *, controller: bool = True) -> Object:
    """A reference to ``owner`` as metav1.NewControllerRef makes it."""
    ref = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name(owner),
        "uid": uid(owner),
    }
    return {**ref, "controller": True, "blockOwnerDeletion": True} if controller else ref


def is_deleting(obj: Object) -> bool:
    """Whether metadata.deletionTimestamp is set."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def conditions(obj: Object) -> list[Object]:
    """status.conditions."""
    status = obj.get("status")
    return (status.get("conditions") or []) if status else []


def condition(obj: Object, kind: str) -> Object | None:
    """The status condition of that type, if present."""
    status = obj.get("status")
    for item in (status.get("conditions") or ()) if status else ():
        if item.get("type") == kind:
            return item  # type: ignore[no-any-return]
    return None


def condition_is(obj: Object, kind: str, status: str = "True") -> bool:
    """Whether the condition exists with that status."""
    item = condition(obj, kind)
    return item is not None and item.get("status") == status


def get_in(obj: Any, path: tuple[str | int, ...], default: Any = None) -> Any:
    """The value at ``path``, or ``default`` when a step of it is missing."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(obj, list) or step >= len(obj):
                return default
            obj = obj[step]
        else:
            if not isinstance(obj, dict):
                return default
            obj = obj.get(step)
            if obj is None:
                return default
    return obj


# --- making new versions ----------------------------------------------------------------------------------------


def assoc(obj: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A version of ``obj`` with ``value`` at ``path``; missing dicts on the way are made."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        copy = list(obj)
        copy[step] = assoc(copy[step], rest, value)
        return copy
    new = dict(obj) if obj else {}
    new[step] = assoc(new.get(step), rest, value) if rest else value
    return new


def dissoc(obj: Any, path: tuple[str, ...]) -> Any:
    """A version of ``obj`` without what is at ``path``; the same object when nothing is there."""
    if not isinstance(obj, dict) or path[0] not in obj:
        return obj
    step, rest = path[0], path[1:]
    if not rest:
        return {k: v for k, v in obj.items() if k != step}
    child = dissoc(obj[step], rest)
    return obj if child is obj[step] else {**obj, step: child}


def with_metadata(obj: Object, **fields: Any) -> Object:
    """A version of ``obj`` with metadata fields set; a None removes the field."""
    metadata = {**obj["metadata"], **fields}
    return {**obj, "metadata": {k: v for k, v in metadata.items() if v is not None}}


def with_labels(obj: Object, extra: dict[str, str]) -> Object:
    """A version of ``obj`` with these labels added or replaced."""
    return with_metadata(obj, labels={**labels(obj), **extra})


def with_annotations(obj: Object, extra: dict[str, str]) -> Object:
    """A version of ``obj`` with these annotations added or replaced."""
    return with_metadata(obj, annotations={**annotations(obj), **extra})


def set_condition(items: list[Object], new: Object, now: str) -> list[Object]:
    """The conditions with ``new`` in place of the one of its type.

    ``lastTransitionTime`` is kept while the status stays the same (apimachinery's meta.SetStatusCondition). The same
    list is returned when nothing changes.
    """
    for i, old in enumerate(items):
        if old["type"] != new["type"]:
            continue
        same = old["status"] == new["status"]
        merged = {**new, "lastTransitionTime": old.get("lastTransitionTime", now) if same else now}
        return items if merged == old else [*items[:i], merged, *items[i + 1 :]]
    return [*items, {**new, "lastTransitionTime": now}]


# --- differences ------------------------------------------------------------------------------------------------


def difference(old: Any, new: Any) -> Any:
    """The JSON merge patch (RFC 7386) from ``old`` to ``new``; ``{}`` when they are equal.

    Parts that both share by identity are skipped without looking inside.
    """
    patch: dict[str, Any] = {}
    for k, value in new.items():
        before = old.get(k)
        if value is before:
            if value is None and k not in old:
                patch[k] = None
            continue
        if isinstance(value, dict) and isinstance(before, dict):
            inner = difference(before, value)
            if inner:
                patch[k] = inner
        elif value != before or type(value) is not type(before):
            patch[k] = value
    for k in old:
        if k not in new:
            patch[k] = None
    return patch


def copied(value: Any) -> Any:
    """A copy of a JSON value that shares nothing with it: for those who may change what they get."""
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [copied(item) for item in value]
    return value


def fingerprint(obj: Object) -> str:
    """A text that changes when anything inside the object does: the checking mode's seal."""
    return json.dumps(obj, sort_keys=True, separators=(",", ":"))
