"""What is special about a kind when it is created, updated or deleted.

**Imitates:** the strategies of kubernetes ``pkg/registry/*/strategy.go``: the fields a client may not set, initial
status, generation. Each is a pure function from the object sent (and the one stored) to the object to store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.api import objects
from kcsim.api.catalog import Resource
from kcsim.api.objects import Object
from kcsim.api.qos import qos_class

Create = Callable[[Object], Object]


# --- create -----------------------------------------------------------------------------------------------------


def _create_pod(obj: Object) -> Object:
    return {**obj, "status": {"phase": "Pending", "qosClass": qos_class(obj["spec"])}}


def _create_namespace(obj: Object) -> Object:
    name = obj["metadata"].get("name") or ""
    marked = objects.with_labels(obj, {"kubernetes.io/metadata.name": name}) if name else obj
    return {**marked, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}


def _create_node(obj: Object) -> Object:
    # Nodes keep the status they are registered with (the kubelet creates them complete).
    spec = obj.get("spec") or {}
    return {**obj, "spec": spec, "status": obj.get("status") or {}}


def _pending(obj: Object) -> Object:
    return {**obj, "status": {"phase": "Pending"}}


def _create_service(obj: Object) -> Object:
    return {**obj, "status": {"loadBalancer": {}}}


def _create_definition(obj: Object) -> Object:
    """Names accepted and Established at once.

    Differs: upstream's naming and establishing controllers do so some milliseconds later; two definitions that ask
    for the same names are not told apart.
    """
    spec = obj.get("spec") or {}
    when = obj["metadata"].get("creationTimestamp")
    conditions = [
        {
            "type": kind,
            "status": "True",
            "lastTransitionTime": when,
            "reason": reason,
            "message": message,
        }
        for kind, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    stored = [v["name"] for v in spec.get("versions") or () if v.get("storage")]
    status = {"conditions": conditions, "acceptedNames": spec.get("names") or {}, "storedVersions": stored}
    return {**obj, "status": status}


_CREATE: dict[str, Create] = {
    "CustomResourceDefinition": _create_definition,
    "Pod": _create_pod,
    "Namespace": _create_namespace,
    "Node": _create_node,
    "PersistentVolume": _pending,
    "PersistentVolumeClaim": _pending,
    "Service": _create_service,
}
_EMPTY_STATUS = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"})


def prepare_for_create(resource: Resource, obj: Object) -> Object:
    """The object with the status and spec fields a client may not choose set to their initial values."""
    special = _CREATE.get(resource.kind) if not resource.custom else None
    if special is not None:
        return special(obj)
    if resource.kind in _EMPTY_STATUS:
        return {**obj, "status": _INITIAL_STATUS.get(resource.kind, {})}
    if resource.has_status and "status" in obj:
        return {k: v for k, v in obj.items() if k != "status"}
    return obj


# Counters without omitempty in the Go types: always present in what the server answers.
_INITIAL_STATUS: dict[str, dict[str, Any]] = {
    "ReplicaSet": {"replicas": 0},
    "StatefulSet": {"replicas": 0, "availableReplicas": 0},
    "DaemonSet": {
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
    },
}


# --- update -----------------------------------------------------------------------------------------------------


def prepare_for_update(resource: Resource, new: Object, old: Object) -> Object:
    """The object to store for a write through the main path: status is the stored one, and so is a Namespace's spec."""
    if resource.has_status and new.get("status") is not old.get("status"):
        new = (
            {**new, "status": old["status"]}
            if "status" in old
            else {k: v for k, v in new.items() if k != "status"}
        )
    if resource.kind == "Namespace" and not resource.custom:
        new = {**new, "spec": old["spec"]}
    return new


def prepare_for_status_update(new: Object, old: Object) -> Object:
    """The object to store for a write through /status: only the status is new, and what metadata /status may carry.

    Annotations and finalizers are taken, labels and spec are not (measured on a real server; kubernetes-api
    reference, section 0).
    """
    metadata, before = new["metadata"], old["metadata"]
    taken = {k: metadata[k] for k in ("annotations", "finalizers") if metadata.get(k) is not None}
    kept = {**before, **taken} if taken else before
    stored = {**old, "metadata": kept}
    if "status" in new:
        stored["status"] = new["status"]
    else:
        stored.pop("status", None)
    return stored


def generation(resource: Resource, new: Object, old: Object) -> int | None:
    """metadata.generation after an update; None where the kind has none."""
    before = old["metadata"].get("generation")
    if resource.generation == "none" or before is None:
        return before  # type: ignore[no-any-return]
    return before + 1 if _moves(resource, new, old) else before  # type: ignore[no-any-return]


def _moves(resource: Resource, new: Object, old: Object) -> bool:
    rule = resource.generation
    if rule == "fixed":
        return False
    if rule in {"spec", "spec+annotations"}:
        if _differ(new.get("spec"), old.get("spec")):
            return True
        return rule == "spec+annotations" and _differ(objects.annotations(new), objects.annotations(old))
    if any(
        _differ(new.get(k), old.get(k))
        for k in sorted(new.keys() | old.keys())
        if k not in {"metadata", "status", "apiVersion", "kind"}
    ):
        return True
    return rule == "content+labels" and _differ(objects.labels(new), objects.labels(old))


def _differ(a: Any, b: Any) -> bool:
    return a is not b and a != b
