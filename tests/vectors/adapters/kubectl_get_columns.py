"""Rows of ``kubectl get`` tables.

The cases are named by kind; ages count to ``now``, which is absent where an object has no creation time. Objects that
the upstream tests hold in Go's own form (IngressClass) are put into JSON's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kcsim.api.tables.cells import View
from kcsim.api.tables.table import KINDS, visible
from kcsim.engine.clock import EPOCH, SECOND

_OPS = {
    "pod": ("", "Pod"),
    "podSidecars": ("", "Pod"),
    "podConditions": ("", "Pod"),
    "podWide": ("", "Pod"),
    "deployment": ("apps", "Deployment"),
    "replicaSet": ("apps", "ReplicaSet"),
    "statefulSet": ("apps", "StatefulSet"),
    "daemonSet": ("apps", "DaemonSet"),
    "job": ("batch", "Job"),
    "cronJob": ("batch", "CronJob"),
    "hpa": ("autoscaling", "HorizontalPodAutoscaler"),
    "service": ("", "Service"),
    "serviceLoadBalancer": ("", "Service"),
    "podDisruptionBudget": ("policy", "PodDisruptionBudget"),
    "configMap": ("", "ConfigMap"),
    "secret": ("", "Secret"),
    "namespace": ("", "Namespace"),
    "serviceAccount": ("", "ServiceAccount"),
    "persistentVolume": ("", "PersistentVolume"),
    "persistentVolumeClaim": ("", "PersistentVolumeClaim"),
    "networkPolicy": ("networking.k8s.io", "NetworkPolicy"),
    "roleBinding": ("rbac.authorization.k8s.io", "RoleBinding"),
    "clusterRoleBinding": ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    "endpoints": ("", "Endpoints"),
    "endpointSlice": ("discovery.k8s.io", "EndpointSlice"),
    "ingressClass": ("networking.k8s.io", "IngressClass"),
    "storageClass": ("storage.k8s.io", "StorageClass"),
    "priorityClass": ("scheduling.k8s.io", "PriorityClass"),
    "controllerRevision": ("apps", "ControllerRevision"),
    "replicationController": ("", "ReplicationController"),
    "resourceQuota": ("", "ResourceQuota"),
    "event": ("", "Event"),
    "lease": ("coordination.k8s.io", "Lease"),
    "node": ("", "Node"),
}


# These make their wide cells whether asked or not; hiding them is left to the printer.
_ALWAYS_WIDE = {"persistentVolume", "persistentVolumeClaim"}


def _row(op: str) -> Any:
    kind = KINDS[_OPS[op]]

    def run(given: dict[str, Any]) -> dict[str, Any]:
        wide = given.get("wide", False)
        obj = _json(given["object"])
        cells = kind.cells(obj, View(_instant(given.get("now")), wide))
        conditions = kind.conditions(obj) if kind.conditions is not None else []
        shown = [cells[place] for place in visible(kind, wide or op in _ALWAYS_WIDE) if place < len(cells)]
        return {"cells": shown, "rowConditions": [c["type"] for c in conditions]}

    return run


def _instant(text: str | None) -> int:
    """Cut to microseconds: the clock's unit."""
    if text is None:
        return 0
    head, _, fraction = text.rstrip("Z").partition(".")
    delta = datetime.fromisoformat(f"{head}+00:00") - EPOCH
    return round(delta.total_seconds()) * SECOND + int(fraction[:6].ljust(6, "0") or 0)


def _json(obj: dict[str, Any]) -> dict[str, Any]:
    if "ObjectMeta" not in obj:
        return obj
    return {"metadata": obj["ObjectMeta"], "spec": _lower(obj["Spec"])}


def _lower(value: Any) -> Any:
    names = {"APIGroup": "apiGroup"}
    if isinstance(value, dict):
        return {names.get(key, key[:1].lower() + key[1:]): _lower(item) for key, item in value.items()}
    return value


ADAPTERS = {op: _row(op) for op in _OPS}
