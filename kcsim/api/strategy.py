"""What is special about a kind when it is created, updated or deleted.

**Imitates:** the strategies of kubernetes ``pkg/registry/*/strategy.go``: the fields a client may not set, initial
status, generation. Each is a pure function from the object sent (and the one stored) to the object to store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.api import crd_status, objects
from kcsim.api.defaults.workloads import job_selector
from kcsim.api.objects import Object
from kcsim.api.qos import qos_class
from kcsim.api.request import User
from kcsim.api.resources import Resource
from kcsim.api.scheduling_fields import gated_condition, with_label_keys

Create = Callable[[Object], Object]


# --- create -----------------------------------------------------------------------------------------------------


def _create_pod(obj: Object) -> Object:
    status: Object = {"phase": "Pending", "qosClass": qos_class(obj["spec"])}
    gated = gated_condition(obj)
    if gated is not None:
        status = {"phase": "Pending", "conditions": [gated], "qosClass": status["qosClass"]}
    return {**with_label_keys(obj), "status": status}


def _create_namespace(obj: Object) -> Object:
    finalizers = (obj.get("spec") or {}).get("finalizers") or []
    if "kubernetes" not in finalizers:
        finalizers = [*finalizers, "kubernetes"]
    return {**obj, "spec": {"finalizers": finalizers}, "status": {"phase": "Active"}}


_NODE_INFO = (
    "machineID",
    "systemUUID",
    "bootID",
    "kernelVersion",
    "osImage",
    "containerRuntimeVersion",
    "kubeletVersion",
    "kubeProxyVersion",
    "operatingSystem",
    "architecture",
)


def _create_node(obj: Object) -> Object:
    # Nodes keep the status they are registered with (the kubelet creates them complete).
    status = {
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
        "nodeInfo": dict.fromkeys(_NODE_INFO, ""),
        **(obj.get("status") or {}),
    }
    return {**obj, "spec": obj.get("spec") or {}, "status": status}


def _create_volume(obj: Object) -> Object:
    since = obj["metadata"].get("creationTimestamp")
    return {**obj, "status": {"phase": "Pending", "lastPhaseTransitionTime": since}}


def _pending(obj: Object) -> Object:
    return {**obj, "status": {"phase": "Pending"}}


def _create_job(obj: Object) -> Object:
    return {**job_selector(obj, objects.uid(obj)), "status": {}}


def _create_service(obj: Object) -> Object:
    return {**obj, "status": {"loadBalancer": {}}}


def _create_definition(obj: Object) -> Object:
    return {**obj, "status": crd_status.initial(obj)}


_OLD_SOURCES = (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot"))
"""What the older field for data sources may name; anything else in it is dropped without a word."""


def _create_claim(obj: Object) -> Object:
    """A claim whose two fields for its data source say the same (persistentvolumeclaim/util.go, NormalizeDataSources)."""
    spec = obj.get("spec") or {}
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source and (source.get("apiGroup") or "", source.get("kind")) not in _OLD_SOURCES:
        spec = {key: value for key, value in spec.items() if key != "dataSource"}
        source = None
    if source and not reference:
        spec = {**spec, "dataSourceRef": source}
    elif reference and not source:
        spec = {**spec, "dataSource": {key: v for key, v in reference.items() if key != "namespace"}}
    return _pending(obj if spec is obj.get("spec") else {**obj, "spec": spec})


_CREATE: dict[str, Create] = {
    "CustomResourceDefinition": _create_definition,
    "Pod": _create_pod,
    "Job": _create_job,
    "Namespace": _create_namespace,
    "Node": _create_node,
    "PersistentVolume": _create_volume,
    "PersistentVolumeClaim": _create_claim,
    "Service": _create_service,
}


def _asked_by(obj: Object, user: User) -> Object:
    """A signing request with who makes it, which nobody says of himself (certificates/strategy.go)."""
    given = {
        k: v for k, v in (obj.get("spec") or {}).items() if k not in {"username", "uid", "groups", "extra"}
    }
    return {**obj, "spec": {**given, "username": user.name, "groups": list(user.groups)}}


def prepare_for_create(resource: Resource, obj: Object, user: User) -> Object:
    """The object with the status and spec fields a client may not choose set to their initial values."""
    if resource.custom:
        return (
            {k: v for k, v in obj.items() if k != "status"}
            if resource.has_status and "status" in obj
            else obj
        )
    special = _CREATE.get(resource.kind)
    if special is not None:
        return special(obj)
    initial = _INITIAL_STATUS.get(resource.group_version, _INITIAL_STATUS[""]).get(resource.kind)
    if initial is not None:
        return _printed(resource, {**obj, "status": initial})
    if resource.has_status and "status" in obj:
        obj = {k: v for k, v in obj.items() if k != "status"}
    if resource.kind == "CertificateSigningRequest":
        return _asked_by(obj, user)
    return _printed(resource, obj)


# Members without omitempty in the Go types: what the server answers shows them also when they are empty.
_PRINTED: dict[tuple[str, str], dict[str, Any]] = {
    ("rbac.authorization.k8s.io", "Role"): {"rules": None},
    ("rbac.authorization.k8s.io", "ClusterRole"): {"rules": None},
    ("discovery.k8s.io", "EndpointSlice"): {"endpoints": None, "ports": None},
    ("coordination.k8s.io", "Lease"): {"spec": {}},
    ("", "Event"): {
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": None,
        "reportingComponent": "",
        "reportingInstance": "",
    },
    ("events.k8s.io", "Event"): {
        "eventTime": None,
        "deprecatedSource": {},
        "deprecatedFirstTimestamp": None,
        "deprecatedLastTimestamp": None,
    },
}


def _printed(resource: Resource, obj: Object) -> Object:
    if resource.kind == "LimitRange" and not (obj.get("spec") or {}).get("limits"):
        return {**obj, "spec": {**(obj.get("spec") or {}), "limits": None}}
    if resource.kind == "StatefulSet" and "serviceName" not in (obj.get("spec") or {}):
        return {**obj, "spec": {**(obj.get("spec") or {}), "serviceName": ""}}
    shown = _PRINTED.get((resource.group, resource.kind))
    if shown is None:
        return obj
    # Storage does not know an empty list from none.
    new = {**shown, **obj}
    for field, empty in shown.items():
        if empty is None and new[field] == []:
            new[field] = None
    return new


# Statuses of new objects: counters and members without omitempty in the Go types are in what the server answers.
_INITIAL_STATUS: dict[str, dict[str, dict[str, Any]]] = {
    "autoscaling/v1": {"HorizontalPodAutoscaler": {"currentReplicas": 0, "desiredReplicas": 0}},
    "": {
        "CronJob": {},
        "DaemonSet": {
            "currentNumberScheduled": 0,
            "numberMisscheduled": 0,
            "desiredNumberScheduled": 0,
            "numberReady": 0,
        },
        "Deployment": {},
        "HorizontalPodAutoscaler": {"desiredReplicas": 0, "currentMetrics": None},
        "Ingress": {"loadBalancer": {}},
        "PodDisruptionBudget": {
            "disruptionsAllowed": 0,
            "currentHealthy": 0,
            "desiredHealthy": 0,
            "expectedPods": 0,
        },
        "ReplicaSet": {"replicas": 0},
        "ReplicationController": {"replicas": 0},
        "ResourceQuota": {},
        "StatefulSet": {"replicas": 0, "availableReplicas": 0},
        "ValidatingAdmissionPolicy": {},
    },
}


# --- update -----------------------------------------------------------------------------------------------------


_FIXED_SPEC = frozenset({"Namespace", "CertificateSigningRequest"})


def prepare_for_update(resource: Resource, new: Object, old: Object) -> Object:
    """The object to store for a write through the main path: status is the stored one, and so are specs of Namespaces
    and signing requests.
    """
    if resource.has_status and new.get("status") is not old.get("status"):
        new = (
            {**new, "status": old["status"]}
            if "status" in old
            else {k: v for k, v in new.items() if k != "status"}
        )
    if resource.kind in _FIXED_SPEC and not resource.custom:
        new = {**new, "spec": old["spec"]}
    if resource.kind == "DaemonSet" and not resource.custom:
        new = _template_generation(new, old)
    return new if resource.custom else _printed(resource, new)


TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def _template_generation(new: Object, old: Object) -> Object:
    """The old counter of a DaemonSet's template, which lives on as an annotation nobody else may set."""
    before = int(objects.annotations(old).get(TEMPLATE_GENERATION, "0"))
    changed = _differ((new.get("spec") or {}).get("template"), (old.get("spec") or {}).get("template"))
    return objects.with_annotations(new, {TEMPLATE_GENERATION: str(before + 1 if changed else before)})


def prepare_for_status_update(new: Object, old: Object) -> Object:
    """The object to store for a write through /status: only the status is new, and what metadata /status may carry.

    Annotations and finalizers are taken, labels only of pods, spec not (measured on a real server; kubernetes-api
    reference, section 0).
    """
    metadata, before = new["metadata"], old["metadata"]
    fields = (
        ("labels", "annotations", "finalizers") if new.get("kind") == "Pod" else ("annotations", "finalizers")
    )
    taken = {k: metadata[k] for k in fields if metadata.get(k) is not None}
    kept = {**before, **taken} if taken else before
    stored = {**old, "metadata": kept}
    if "status" in new:
        stored["status"] = new["status"]
    else:
        stored.pop("status", None)
    return stored


def _with_ephemeral_containers(new: Object, old: Object) -> Object:
    """registry/core/pod/strategy.go, dropNonEphemeralContainerUpdates: nothing else of the pod is taken."""
    spec = {k: v for k, v in old["spec"].items() if k != "ephemeralContainers"}
    wanted = (new.get("spec") or {}).get("ephemeralContainers")
    if wanted:
        spec["ephemeralContainers"] = wanted
    return {**old, "spec": spec}


def _resized(new: Object, old: Object) -> Object:
    """dropNonResizeUpdates: sizes alone, of the containers and of the pod; a pod with other containers is left to validation."""
    spec = dict(old["spec"])
    for field in ("containers", "initContainers"):
        before, after = spec.get(field) or [], (new.get("spec") or {}).get(field) or []
        if [c.get("name") for c in before] != [c.get("name") for c in after]:
            return {**old, "spec": {**old["spec"], **(new.get("spec") or {})}}
        if before:
            spec[field] = [_sized(now, was) for now, was in zip(after, before, strict=True)]
    spec.pop("resources", None)
    if (whole := (new.get("spec") or {}).get("resources")) is not None:
        spec["resources"] = whole
    return {**old, "spec": spec}


def _sized(new: Object, old: Object) -> Object:
    """A container with new sizes; the very same where they are the same."""
    sized = {key: value for key, value in old.items() if key not in _SIZES}
    sized |= {key: new[key] for key in _SIZES if key in new}
    return old if sized == old else sized


_SIZES = ("resources", "resizePolicy")
PARTS: dict[str, Callable[[Object, Object], Object]] = {
    "ephemeralcontainers": _with_ephemeral_containers,
    "resize": _resized,
}
"""Sub-resources through which a part of the spec is written: from the object sent and the one stored to that to store."""


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
