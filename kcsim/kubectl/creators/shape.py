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


_ORDER: Mapping[str, str] = {
    "": (
        "kind apiVersion metadata rules subjects roleRef spec data binaryData stringData type secrets imagePullSecrets "
        "automountServiceAccountToken immutable value globalDefault description preemptionPolicy status"
    ),
    "containers": "name image command args ports env resources imagePullPolicy securityContext stdin stdinOnce tty",
    "env": "name value valueFrom",
    "jobTemplate": "metadata spec",
    "metadata": " ".join(_METADATA),
    "ports": "name hostPort containerPort protocol port targetPort nodePort",
    "rules": "verbs apiGroups resources resourceNames nonResourceURLs host http",
    "spec": (
        "hard scopes containers ports replicas parallelism completions minAvailable schedule timeZone concurrencyPolicy "
        "suspend jobTemplate selector clusterIP clusterIPs type externalIPs sessionAffinity loadBalancerIP externalName "
        "maxUnavailable template strategy ttlSecondsAfterFinished ingressClassName defaultBackend tls rules "
        "restartPolicy dnsPolicy serviceAccountName scaleTargetRef minReplicas maxReplicas metrics"
    ),
    "status": "disruptionsAllowed currentHealthy desiredHealthy expectedPods",
    "subjects": "kind apiGroup name namespace",
    "template": "metadata spec",
}
"""In which order Go's structs have the members of what commands make, by the member that holds them."""


def _in_order(value: Any, member: str = "") -> Any:
    """A value with its members as Go's structs have them; what is not told stays behind, as it was."""
    if isinstance(value, list):
        return [_in_order(item, member) for item in value]
    if not isinstance(value, dict):
        return value
    told = [key for key in _ORDER.get(member, "").split() if key in value]
    return {key: _in_order(value[key], key) for key in dict.fromkeys((*told, *value))}


def printed(obj: Object) -> Object:
    """The object as Go prints it: with structs that are empty, its members in their order."""
    shown: Object = _in_order(_with_empty(obj))
    return shown


def _with_empty(obj: Object) -> Object:
    kind = obj["kind"]
    metadata = {**_NOT_CREATED, **(obj.get("metadata") or {})}
    obj = {**obj, "metadata": metadata}
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
