"""How an object that kubectl made and never sent is printed: Go shows structs that are empty.

**Imitates:** the struct fields of ``k8s.io/api`` (v1.36) without ``omitempty``, or for which it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcsim.api.objects import Object

_BUDGET = {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0}
_BALANCER: Mapping[str, Any] = {"loadBalancer": {}}
_STATUS: Mapping[str, Mapping[str, Any]] = {
    "CronJob": {},
    "Deployment": {},
    "HorizontalPodAutoscaler": {"currentMetrics": None, "desiredReplicas": 0},
    "Ingress": _BALANCER,
    "Job": {},
    "Namespace": {},
    "Pod": {},
    "PodDisruptionBudget": _BUDGET,
    "ResourceQuota": {},
    "Service": _BALANCER,
}


def printed(obj: Object) -> Object:
    """The object with the empty structs that Go prints."""
    kind = obj["kind"]
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
        spec = {**spec, "jobTemplate": {**job, "spec": inner}}
    return {**obj, "spec": spec, "status": dict(_STATUS[kind])}


def _template(template: Object) -> Object:
    return {"metadata": {}, **template, "spec": _pod(template["spec"])}


def _pod(spec: Object) -> Object:
    return {**spec, "containers": [{"resources": {}, **container} for container in spec["containers"]]}
