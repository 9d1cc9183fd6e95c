"""The scale of a workload, built in or custom: one kind for the replicas of all.  Decides; never acts.

**Imitates:** kubernetes ``pkg/registry/apps/*/storage`` (v1.36), and apiextensions-apiserver
``pkg/registry/customresource/etcd.go`` with ``validator.go`` for definitions that say where replicas and selector stand.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import selectors
from kcsim.api.objects import Object
from kcsim.api.resources import Resource, ScalePaths
from kcsim.api.validation.field import FieldError

_SHOWN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
_MAX_INT32 = (1 << 31) - 1


class AccessorError(ValueError):
    """What stands where a number or a text should is something else; the text is apimachinery's."""


def scale_of(resource: Resource, obj: Object) -> Object:
    """The autoscaling/v1 Scale of a workload.

    Raises:
        AccessorError: a custom resource holds something else where its definition promised replicas or a selector.
    """
    if resource.scale is None:
        selector = str(selectors.from_object(obj["spec"].get("selector")))
        replicas = obj["spec"].get("replicas", 0)
        current = (obj.get("status") or {}).get("replicas", 0)
    else:
        replicas = _nested(obj, resource.scale.spec, int) or 0
        current = _nested(obj, resource.scale.status, int) or 0
        selector = (_nested(obj, resource.scale.selector, str) or "") if resource.scale.selector else ""
    metadata = obj["metadata"]
    shown = {"replicas": current, "selector": selector} if selector else {"replicas": current}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {k: metadata[k] for k in _SHOWN if k in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": shown,
    }


def scale_faults(paths: ScalePaths, obj: Object) -> list[FieldError]:
    """What is wrong with a custom resource where its replicas are (ValidateScaleSpec, ValidateScaleStatus)."""
    errors = _number_faults(paths.spec, obj) + _number_faults(paths.status, obj)
    if paths.selector:
        shown = f".{'.'.join(paths.selector)}"
        try:
            text = _nested(obj, paths.selector, str) or ""
        except AccessorError as error:
            return [*errors, FieldError("Invalid", shown, "", str(error))]
        try:
            selectors.parse(text)
        except selectors.SelectorError as error:
            errors.append(FieldError("Invalid", shown, text, str(error)))
    return errors


def replicas_path(resource: Resource) -> tuple[str, ...]:
    """Where the replicas wanted stand."""
    return resource.scale.spec if resource.scale is not None else ("spec", "replicas")


def missing_replicas(resource: Resource, obj: Object) -> str:
    """The path of the replicas that a custom resource does not have, "" when it has them."""
    paths = resource.scale
    return f".{'.'.join(paths.spec)}" if paths is not None and _nested(obj, paths.spec, int) is None else ""


def _nested(obj: Object, path: tuple[str, ...], kind: type) -> Any:
    """The value at a path, None when it is not there (unstructured.NestedInt64, NestedString)."""
    value: Any = obj
    for place, step in enumerate(path):
        if not isinstance(value, dict):
            raise _accessor_error(path[: place + 1], value, "map[string]interface{}")
        if step not in value:
            return None
        value = value[step]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _accessor_error(path, value, "int64" if kind is int else "string")
    return value


def _accessor_error(path: tuple[str, ...], value: Any, wanted: str) -> AccessorError:
    kinds = {
        str: "string",
        bool: "bool",
        int: "int64",
        float: "float64",
        list: "[]interface {}",
        dict: "map[string]interface {}",
    }
    shown = "<nil>" if value is None else value
    kind = kinds.get(type(value), "<nil>")
    return AccessorError(
        f".{'.'.join(path)} accessor error: {shown} is of the type {kind}, expected {wanted}"
    )


def _number_faults(path: tuple[str, ...], obj: Object) -> list[FieldError]:
    shown = f".{'.'.join(path)}"
    try:
        number = _nested(obj, path, int)
    except AccessorError as error:
        return [FieldError("Invalid", shown, 0, str(error))]
    if number is None:
        return []
    if number < 0:
        return [FieldError("Invalid", shown, number, "should be a non-negative integer")]
    if number > _MAX_INT32:
        text = f"should be less than or equal to {_MAX_INT32}"
        return [FieldError("Invalid", shown, number, text)]
    return []
