"""How an object that kubectl holds as a Go struct is printed: Go shows structs and times that are empty.

**Imitates:** the struct fields of ``k8s.io/api`` (v1.33) without ``omitempty``, or for which it says nothing. Since
v1.34 a time of creation that is not set is left out; the client here is the older one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcsim.api.objects import Object

_BUDGET = {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0}
_BALANCER: Mapping[str, Any] = {"loadBalancer": {}}
_STATUS: Mapping[str, Mapping[str, Any]] = {
    "CronJob": {},
    "DaemonSet": {},
    "Deployment": {},
    "HorizontalPodAutoscaler": {"currentMetrics": None, "desiredReplicas": 0},
    "Ingress": _BALANCER,
    "Job": {},
    "Namespace": {},
    "Pod": {},
    "ReplicaSet": {},
    "ReplicationController": {},
    "StatefulSet": {},
    "PodDisruptionBudget": _BUDGET,
    "ResourceQuota": {},
    "Service": _BALANCER,
}


_METADATA = (
    "name generateName namespace uid resourceVersion generation creationTimestamp deletionTimestamp "
    "deletionGracePeriodSeconds labels annotations ownerReferences finalizers managedFields"
).split()
"""The order of the fields of an ObjectMeta."""
_NOT_CREATED: Mapping[str, Any] = {"creationTimestamp": None}


def printed(obj: Object) -> Object:
    """The object with the empty structs that Go prints."""
    kind = obj["kind"]
    metadata = {**_NOT_CREATED, **(obj.get("metadata") or {})}
    shown = {key: metadata[key] for key in (*(k for k in _METADATA if k in metadata), *metadata)}
    obj = {"kind": kind, "apiVersion": obj["apiVersion"], "metadata": shown} | {
        key: value for key, value in obj.items() if key not in {"kind", "apiVersion", "metadata"}
    }
    if kind not in _STATUS:
        return obj
    spec = obj.get("spec") or {}
    if kind == "Pod":
        spec = _pod(spec)
    elif kind == "Deployment":
        spec = {**spec, "strategy": spec.get("strategy", {}), "template": _template(spec["template"])}
    elif kind == "Job":
        spec = {**spec, "template": _template(spec["template"])}
    elif kind == "CronJob":
        job = spec["jobTemplate"]
        inner = {**job["spec"], "template": _template(job["spec"]["template"])}
        metadata = {**_NOT_CREATED, **(job.get("metadata") or {})}
        spec = {**spec, "jobTemplate": {**job, "metadata": metadata, "spec": inner}}
    elif kind in {"ReplicaSet", "DaemonSet", "StatefulSet", "ReplicationController"} and spec.get("template"):
        spec = {**spec, "template": _template(spec["template"])}
    return {**obj, "spec": spec, "status": {**_STATUS[kind], **(obj.get("status") or {})}}


def _template(template: Object) -> Object:
    metadata = {**_NOT_CREATED, **(template.get("metadata") or {})}
    return {**template, "metadata": metadata, "spec": _pod(template["spec"])}


def _pod(spec: Object) -> Object:
    return {**spec, "containers": [{"resources": {}, **container} for container in spec["containers"]]}
