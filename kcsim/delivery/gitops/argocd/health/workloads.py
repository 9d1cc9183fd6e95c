"""Health of what runs pods, and of pods.  Decides; never acts.

**Imitates:** gitops-engine pkg/health/health_{deployment,statefulset,daemonset,replicaset,pod,job,hpa}.go.

**Walk:** `check.assess` -> the function of the kind in `CHECKS` -> `Health`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.health.status import (
    DEGRADED,
    HEALTHY,
    PROGRESSING,
    SUSPENDED,
    UNKNOWN,
    Health,
    number,
    quoted,
    unsupported,
)
from kcsim.delivery.gitops.argocd.resources import (
    IGNORE_RESTART_POLICY,
    annotations_of,
    metadata_of,
    name_of,
)
from kcsim.delivery.gitops.argocd.sync import hooks

_HPA_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
_HPA_FAILURES = frozenset(
    {
        ("AbleToScale", "FailedGetScale"),
        ("AbleToScale", "FailedUpdateScale"),
        ("ScalingActive", "FailedGetResourceMetric"),
        ("ScalingActive", "FailedGetObjectMetric"),
        ("ScalingActive", "FailedGetPodsMetric"),
        ("ScalingActive", "FailedGetExternalMetric"),
        ("ScalingActive", "FailedComputeMetricsReplicas"),
        ("ScalingActive", "InvalidSelector"),
    }
)


def deployment(obj: Object) -> Health:
    """A rollout, as `kubectl rollout status` judges it; past its progress deadline it is Degraded."""
    spec, status = _parts(obj)
    if spec.get("paused"):
        return Health(SUSPENDED, "Deployment is paused")
    if _behind(obj, status):
        return _rollout("observed deployment generation less than desired generation")
    progressing = _condition(status, "Progressing")
    if progressing is not None and progressing.get("reason") == "ProgressDeadlineExceeded":
        return Health(DEGRADED, f"Deployment {quoted(name_of(obj))} exceeded its progress deadline")
    wanted, updated = spec.get("replicas"), number(status, "updatedReplicas")
    if wanted is not None and updated < wanted:
        return _rollout(f"{updated} out of {wanted} new replicas have been updated...")
    if (old := number(status, "replicas") - updated) > 0:
        return _rollout(f"{old} old replicas are pending termination...")
    if (available := number(status, "availableReplicas")) < updated:
        return _rollout(f"{available} of {updated} updated replicas are available...")
    return Health(HEALTHY)


def stateful_set(obj: Object) -> Health:
    """A rollout of a StatefulSet; it is never Degraded."""
    spec, status = _parts(obj)
    if not status.get("observedGeneration") or _behind(obj, status):
        return Health(PROGRESSING, "Waiting for statefulset spec update to be observed...")
    wanted, ready = spec.get("replicas"), number(status, "readyReplicas")
    if wanted is not None and ready < wanted:
        return Health(PROGRESSING, f"Waiting for {wanted - ready} pods to be ready...")
    strategy = spec.get("updateStrategy") or {}
    updated = number(status, "updatedReplicas")
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "RollingUpdate" and rolling is not None:
        partition = rolling.get("partition")
        if wanted is not None and partition is not None and updated < wanted - partition:
            text = f"{updated} out of {wanted - partition} new pods have been updated..."
            return Health(PROGRESSING, f"Waiting for partitioned roll out to finish: {text}")
        return Health(HEALTHY, f"partitioned roll out complete: {updated} new pods have been updated...")
    if strategy.get("type") == "OnDelete":
        return Health(HEALTHY, f"statefulset has {ready} ready pods")
    current, update = status.get("currentRevision", ""), status.get("updateRevision", "")
    if update != current:
        text = f"waiting for statefulset rolling update to complete {updated} pods at revision {update}..."
        return Health(PROGRESSING, text)
    replicas = number(status, "currentReplicas")
    return Health(HEALTHY, f"statefulset rolling update complete {replicas} pods at revision {current}...")


def daemon_set(obj: Object) -> Health:
    """A rollout of a DaemonSet."""
    spec, status = _parts(obj)
    if _behind(obj, status):
        return _rollout("observed daemon set generation less than desired generation")
    updated, desired = number(status, "updatedNumberScheduled"), number(status, "desiredNumberScheduled")
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return Health(HEALTHY, f"daemon set {updated} out of {desired} new pods have been updated")
    waiting = f"Waiting for daemon set {quoted(name_of(obj))} rollout to finish: "
    if updated < desired:
        return Health(PROGRESSING, f"{waiting}{updated} out of {desired} new pods have been updated...")
    if (available := number(status, "numberAvailable")) < desired:
        return Health(PROGRESSING, f"{waiting}{available} of {desired} updated pods are available...")
    return Health(HEALTHY)


def replica_set(obj: Object) -> Health:
    """A ReplicaSet: Degraded when it cannot create pods."""
    spec, status = _parts(obj)
    if _behind(obj, status):
        return _rollout("observed replica set generation less than desired generation")
    failure = _condition(status, "ReplicaFailure")
    if failure is not None and failure.get("status") == "True":
        return Health(DEGRADED, failure.get("message", ""))
    wanted, available = spec.get("replicas"), number(status, "availableReplicas")
    if wanted is not None and available < wanted:
        return _rollout(f"{available} out of {wanted} new replicas are available...")
    return Health(HEALTHY)


def pod(obj: Object) -> Health:
    """A pod: one that is meant to run on is healthy once ready, one that is meant to end only once it has."""
    spec, status = _parts(obj)
    ignored = annotations_of(obj).get(IGNORE_RESTART_POLICY) == "true" and not hooks.is_hook(obj)
    policy = spec.get("restartPolicy", "")
    runs_on = policy == "Always" or ignored
    containers: Sequence[Mapping[str, Any]] = status.get("containerStatuses") or ()
    if runs_on:
        # Not for pods that end: a hook would count as failed while its image may still come.
        waiting = [(c.get("state") or {}).get("waiting") or {} for c in containers]
        broken = [w for w in waiting if _is_broken(w)]
        if broken:
            return Health(DEGRADED, ", ".join(w.get("message", "") for w in broken))
    message = status.get("message", "")
    match status.get("phase"):
        case "Pending":
            return Health(PROGRESSING, message)
        case "Succeeded":
            return Health(HEALTHY, message)
        case "Failed":
            return Health(DEGRADED, message or _pod_failure(status))
        case "Running" if runs_on:
            ready = _condition(status, "Ready")
            if ready is not None and ready.get("status") == "True":
                return Health(HEALTHY, message)
            ended = any((c.get("lastState") or {}).get("terminated") is not None for c in containers)
            return Health(DEGRADED if ended else PROGRESSING, message)
        case "Running" if policy in ("OnFailure", "Never"):
            return Health(PROGRESSING, message)
        case _:
            return Health(UNKNOWN, message)


def job(obj: Object) -> Health:
    """A Job by its conditions.  A condition counts whatever its status is; only Suspended is looked at more closely."""
    _, status = _parts(obj)
    failed = complete = suspended = False
    failure = message = ""
    for condition in status.get("conditions") or ():
        match condition.get("type"):
            case "Failed":
                failed = complete = True
                failure = condition.get("message", "")
            case "Complete":
                complete, message = True, condition.get("message", "")
            case "Suspended":
                complete, message = True, condition.get("message", "")
                suspended = suspended or condition.get("status") == "True"
            case _:
                continue
    if not complete:
        return Health(PROGRESSING, message)
    if failed:
        return Health(DEGRADED, failure)
    return Health(SUSPENDED if suspended else HEALTHY, message)


def autoscaler(obj: Object) -> Health:
    """A HorizontalPodAutoscaler by its conditions, which version 1 keeps in an annotation."""
    version = str(obj.get("apiVersion") or "").rpartition("/")[2]
    if version == "v1":
        text = annotations_of(obj).get(_HPA_CONDITIONS)
        try:
            conditions = json.loads(text) if text is not None else []
        except ValueError as error:
            return Health(UNKNOWN, f"failed to convert conditions annotation to typed: {error}", failed=True)
    elif version == "v2":
        conditions = _parts(obj)[1].get("conditions") or []
    else:
        return unsupported("HPA", obj)
    for condition in conditions or ():
        if (condition.get("type"), condition.get("reason")) in _HPA_FAILURES:
            return Health(DEGRADED, condition.get("message", ""))
    for condition in conditions or ():
        if condition.get("type") in ("AbleToScale", "ScalingLimited") and condition.get("status") == "True":
            return Health(HEALTHY, condition.get("message", ""))
    return Health(PROGRESSING, "Waiting to Autoscale")


def only(version: str, kind: str, check: Callable[[Object], Health]) -> Callable[[Object], Health]:
    """A check that knows one API version of its kind, as upstream's typed ones do."""
    return lambda obj: check(obj) if obj.get("apiVersion") == version else unsupported(kind, obj)


CHECKS: Mapping[str, Callable[[Object], Health]] = {
    "apps/Deployment": only("apps/v1", "Deployment", deployment),
    "apps/StatefulSet": only("apps/v1", "StatefulSet", stateful_set),
    "apps/DaemonSet": only("apps/v1", "DaemonSet", daemon_set),
    "apps/ReplicaSet": only("apps/v1", "ReplicaSet", replica_set),
    "Pod": only("v1", "Pod", pod),
    "batch/Job": only("batch/v1", "Job", job),
    "autoscaling/HorizontalPodAutoscaler": autoscaler,
}
"""`group/Kind` (the kind alone in the core group) -> its check."""


def _parts(obj: Object) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return obj.get("spec") or {}, obj.get("status") or {}


def _behind(obj: Object, status: Mapping[str, Any]) -> bool:
    return number(metadata_of(obj), "generation") > number(status, "observedGeneration")


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    return next((c for c in status.get("conditions") or () if c.get("type") == kind), None)


def _rollout(text: str) -> Health:
    return Health(PROGRESSING, f"Waiting for rollout to finish: {text}")


def _is_broken(waiting: Mapping[str, Any]) -> bool:
    reason = str(waiting.get("reason") or "")
    return reason.startswith("Err") or reason.endswith(("Error", "BackOff"))


def _pod_failure(status: Mapping[str, Any]) -> str:
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or ():
            ended = (container.get("state") or {}).get("terminated") or {}
            if ended.get("message"):
                return str(ended["message"])
            if ended.get("reason") == "OOMKilled":
                return "OOMKilled"
            if code := ended.get("exitCode"):
                return f"container {quoted(container.get('name', ''))} failed with exit code {code}"
    return ""
