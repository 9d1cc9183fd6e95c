"""kstatus: how far an object is from what its spec asks for.  Decides; never acts.

**Imitates:** kubernetes-sigs/cli-utils pkg/kstatus/status (`Compute`: generic.go, core.go), as carried by
fluxcd/cli-utils; polling/statusreaders/pod_controller.go (`with_pods`); fluxcd/pkg runtime/statusreaders/job.go
(`job_status`). Left out: `Augment`, which writes the computed conditions into the object.

**Walk:** live object -> `compute` -> generic rules -> rules of its kind -> a Ready condition -> Current.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.engine.clock import parse_rfc3339, seconds

Object = Mapping[str, Any]

CURRENT = "Current"
IN_PROGRESS = "InProgress"
FAILED = "Failed"
TERMINATING = "Terminating"
NOT_FOUND = "NotFound"
UNKNOWN = "Unknown"

SCHEDULE_WINDOW = seconds("15s")
"""How long (µs) a pod may be unschedulable before that counts as failed (core.go `ScheduleWindow`)."""

_NO_DEADLINE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Result:
    """The status of one object; `condition` is (type, reason) of the computed Reconciling or Stalled condition."""

    status: str
    message: str
    condition: tuple[str, str] | None = None

    @property
    def conditions(self) -> list[dict[str, str]]:
        """The computed condition as Kubernetes writes conditions; empty when there is none."""
        if self.condition is None:
            return []
        type_, reason = self.condition
        return [{"type": type_, "status": "True", "reason": reason, "message": self.message}]


def compute(obj: Object | None, now: int) -> Result:
    """The status of an object at `now` (µs); None is an object that is not there."""
    if obj is None:
        return Result(NOT_FOUND, "Resource not found")
    generic = _generic(obj)
    if generic is not None:
        return generic
    rule = _RULES.get(_group_kind(obj))
    if rule is not None:
        return rule(obj, now)
    return _ready_condition(obj) or Result(CURRENT, "Resource is current")


def with_pods(result: Result, pods: Sequence[Object], now: int) -> Result:
    """The status of a Deployment, StatefulSet or ReplicaSet, given its own result and its pods.

    A controller in progress counts as failed once one of its pods has failed for good; pods that are being deleted
    or wait for a node do not count.
    """
    if result.status != IN_PROGRESS:
        return result
    failed = [pod for pod in pods if compute(pod, now).status == FAILED and not _transient(pod)]
    return Result(FAILED, f"{len(failed)} pods have failed") if failed else result


def job_status(obj: Object) -> Result:
    """Flux's own rule for Jobs, stricter than kstatus: a running Job is still in progress."""
    generic = _generic(obj)
    if generic is not None:
        return generic
    parallelism = _int(obj, "spec.parallelism", 1)
    completions = _int(obj, "spec.completions", parallelism)
    succeeded, failed = _int(obj, "status.succeeded"), _int(obj, "status.failed")
    for condition in _conditions(obj):
        if condition.get("status") != "True":
            continue
        match condition.get("type"):
            case "Complete":
                return Result(CURRENT, f"Job Completed. succeeded: {succeeded}/{completions}")
            case "Failed":
                return _failed("JobFailed", f"Job Failed. failed: {failed}/{completions}")
            case "Suspended":
                return Result(CURRENT, "Job is suspended")
            case _:
                continue
    return _in_progress("JobInProgress", "Job in progress")


# ---------------------------------------------------------------- generic rules


def _generic(obj: Object) -> Result | None:
    metadata = obj.get("metadata") or {}
    if metadata.get("deletionTimestamp"):
        return Result(TERMINATING, "Resource scheduled for deletion")
    generation, observed = metadata.get("generation"), _field(obj, "status.observedGeneration")
    if generation is not None and observed is not None and observed != generation:
        return _in_progress(
            "LatestGenerationNotObserved",
            f"{obj.get('kind')} generation is {generation}, but latest observed generation is {observed}",
        )
    for condition in _conditions(obj):
        if condition.get("status") == "True" and condition.get("type") == "Reconciling":
            return _in_progress(condition.get("reason", ""), condition.get("message", ""))
        if condition.get("status") == "True" and condition.get("type") == "Stalled":
            return _failed(condition.get("reason", ""), condition.get("message", ""))
    return None


def _ready_condition(obj: Object) -> Result | None:
    for condition in _conditions(obj):
        if condition.get("type") != "Ready":
            continue
        if condition.get("status") == "True":
            return Result(CURRENT, "Resource is Ready")
        if condition.get("status") in ("False", "Unknown"):
            return _in_progress(condition.get("reason", ""), condition.get("message", ""))
    return None


# ---------------------------------------------------------------- rules by kind


def _always(message: str) -> Callable[[Object, int], Result]:
    return lambda _obj, _now: Result(CURRENT, message)


def _deployment(obj: Object, _now: int) -> Result:
    # Without a deadline the controller sets no Progressing condition, so its absence says nothing.
    progressing = _int(obj, "spec.progressDeadlineSeconds", _NO_DEADLINE) == _NO_DEADLINE
    available = False
    for condition in _conditions(obj):
        if condition.get("type") == "Progressing":
            if condition.get("reason") == "ProgressDeadlineExceeded":
                return Result(FAILED, "Progress deadline exceeded", ("Stalled", "ProgressDeadlineExceeded"))
            if condition.get("status") == "True" and condition.get("reason") == "NewReplicaSetAvailable":
                progressing = True
        elif condition.get("type") == "Available" and condition.get("status") == "True":
            available = True
    wanted, replicas = _int(obj, "spec.replicas", 1), _int(obj, "status.replicas")
    updated, ready = _int(obj, "status.updatedReplicas"), _int(obj, "status.readyReplicas")
    reachable = _int(obj, "status.availableReplicas")
    if wanted > replicas:
        return _in_progress("LessReplicas", f"Replicas: {replicas}/{wanted}")
    if wanted > updated:
        return _in_progress("LessUpdated", f"Updated: {updated}/{wanted}")
    if replicas > wanted:
        return _in_progress("ExtraPods", f"Pending termination: {replicas - wanted}")
    if updated > reachable:
        return _in_progress("LessAvailable", f"Available: {reachable}/{updated}")
    if wanted > ready:
        return _in_progress("LessReady", f"Ready: {ready}/{wanted}")
    if not progressing:
        return _in_progress("ReplicaSetNotAvailable", "ReplicaSet not Available")
    if not available:
        return _in_progress("DeploymentNotAvailable", "Deployment not Available")
    return Result(CURRENT, f"Deployment is available. Replicas: {replicas}")


def _replica_set(obj: Object, _now: int) -> Result:
    if _has_condition(obj, "ReplicaFailure", "True"):
        return _in_progress("ReplicaFailure", "Replica Failure condition. Check Pods")
    wanted, replicas = _int(obj, "spec.replicas", 1), _int(obj, "status.replicas")
    labelled, available = _int(obj, "status.fullyLabeledReplicas"), _int(obj, "status.availableReplicas")
    ready = _int(obj, "status.readyReplicas")
    if wanted > labelled:
        return _in_progress("LessLabelled", f"Labelled: {labelled}/{wanted}")
    if wanted > available:
        return _in_progress("LessAvailable", f"Available: {available}/{wanted}")
    if wanted > ready:
        return _in_progress("LessReady", f"Ready: {ready}/{wanted}")
    if replicas > wanted:
        return _in_progress("ExtraPods", f"Pending termination: {replicas - wanted}")
    return Result(CURRENT, f"ReplicaSet is available. Replicas: {replicas}")


def _stateful_set(obj: Object, _now: int) -> Result:
    if _field(obj, "spec.updateStrategy.type") == "OnDelete":
        return Result(CURRENT, "StatefulSet is using the ondelete update strategy")
    wanted, replicas = _int(obj, "spec.replicas", 1), _int(obj, "status.replicas")
    ready, current = _int(obj, "status.readyReplicas"), _int(obj, "status.currentReplicas")
    updated = _int(obj, "status.updatedReplicas")
    partition = _int(obj, "spec.updateStrategy.rollingUpdate.partition", -1)
    if wanted > replicas:
        return _in_progress("LessReplicas", f"Replicas: {replicas}/{wanted}")
    if wanted > ready:
        return _in_progress("LessReady", f"Ready: {ready}/{wanted}")
    if replicas > wanted:
        return _in_progress("ExtraPods", f"Pending termination: {replicas - wanted}")
    # The API server defaults partition to 0, so that live objects nearly always take this branch.
    if partition != -1:
        if updated < wanted - partition:
            return _in_progress("PartitionRollout", f"updated: {updated}/{wanted - partition}")
        return Result(CURRENT, f"Partition rollout complete. updated: {updated}")
    if wanted > current:
        return _in_progress("LessCurrent", f"current: {current}/{wanted}")
    if _field(obj, "status.currentRevision") != _field(obj, "status.updateRevision"):
        return _in_progress("RevisionMismatch", "Waiting for updated revision to match current")
    return Result(CURRENT, f"All replicas scheduled as expected. Replicas: {replicas}")


def _daemon_set(obj: Object, _now: int) -> Result:
    kind = obj.get("kind")
    if _field(obj, "metadata.generation") is None:
        return _in_progress("NoGeneration", f"{kind} metadata.generation not found")
    if _field(obj, "status.observedGeneration") is None:
        return _in_progress("NoObservedGeneration", f"{kind} status.observedGeneration not found")
    wanted = _int(obj, "status.desiredNumberScheduled", -1)
    if wanted == -1:
        return _in_progress("NoDesiredNumber", "Missing .status.desiredNumberScheduled")
    for name, reason, label in (
        ("currentNumberScheduled", "LessCurrent", "Current"),
        ("updatedNumberScheduled", "LessUpdated", "Updated"),
        ("numberAvailable", "LessAvailable", "Available"),
        ("numberReady", "LessReady", "Ready"),
    ):
        have = _int(obj, f"status.{name}")
        if wanted > have:
            return _in_progress(reason, f"{label}: {have}/{wanted}")
    return Result(CURRENT, f"All replicas scheduled as expected. Replicas: {wanted}")


def _pod(obj: Object, now: int) -> Result:
    phase = _field(obj, "status.phase") or ""
    match phase:
        case "Succeeded":
            return Result(CURRENT, "Pod has completed successfully")
        case "Failed":
            return Result(CURRENT, "Pod has completed, but not successfully")
        case "Running":
            return _running_pod(obj)
        case "Pending":
            return _pending_pod(obj, now)
        case "":
            return _in_progress("PodNotObserved", "Pod phase not available")
        case _:
            return Result(UNKNOWN, f"unknown phase {phase}")


def _running_pod(obj: Object) -> Result:
    if _has_condition(obj, "Ready", "True"):
        return Result(CURRENT, "Pod is Ready")
    looping = [
        status["name"]
        for status in _field(obj, "status.containerStatuses") or []
        if ((status.get("state") or {}).get("waiting") or {}).get("reason") == "CrashLoopBackOff"
    ]
    if looping:
        return _failed("ContainerCrashLooping", f"Containers in CrashLoop state: {','.join(looping)}")
    return _in_progress("PodRunningNotReady", "Pod is running but is not Ready")


def _pending_pod(obj: Object, now: int) -> Result:
    if not _unschedulable(obj):
        return _in_progress("PodPending", "Pod is in the Pending phase")
    created = _field(obj, "metadata.creationTimestamp")
    if created and now - SCHEDULE_WINDOW < parse_rfc3339(created):
        return _in_progress("PodNotScheduled", "Pod has not been scheduled")
    return _failed("PodUnschedulable", "Pod could not be scheduled")


def _job(obj: Object, _now: int) -> Result:
    parallelism = _int(obj, "spec.parallelism", 1)
    completions = _int(obj, "spec.completions", parallelism)
    succeeded, failed = _int(obj, "status.succeeded"), _int(obj, "status.failed")
    for condition in _conditions(obj):
        if condition.get("type") == "Complete" and condition.get("status") == "True":
            return Result(CURRENT, f"Job Completed. succeeded: {succeeded}/{completions}")
        if condition.get("type") == "Failed" and condition.get("status") == "True":
            return _failed("JobFailed", f"Job Failed. failed: {failed}/{completions}")
    if not _field(obj, "status.startTime"):
        return _in_progress("JobNotStarted", "Job not started")
    active = _int(obj, "status.active")
    return Result(CURRENT, f"Job in progress. success:{succeeded}, active: {active}, failed: {failed}")


def _claim(obj: Object, _now: int) -> Result:
    phase = _field(obj, "status.phase") or "unknown"
    if phase != "Bound":
        return _in_progress("NotBound", f"PVC is not Bound. phase: {phase}")
    return Result(CURRENT, "PVC is Bound")


def _service(obj: Object, _now: int) -> Result:
    if _field(obj, "spec.type") == "LoadBalancer" and not _field(obj, "spec.clusterIP"):
        return _in_progress("NoIPAssigned", "ClusterIP not set. Service type: LoadBalancer")
    return Result(CURRENT, "Service is ready")


def _custom_resource_definition(obj: Object, _now: int) -> Result:
    for condition in _conditions(obj):
        type_, status = condition.get("type"), condition.get("status")
        reason, message = condition.get("reason", ""), condition.get("message", "")
        if type_ == "NamesAccepted" and status == "False":
            return _failed(reason, message)
        if type_ == "Established":
            if status == "False" and reason != "Installing":
                return _failed(reason, message)
            if status == "True":
                return Result(CURRENT, "CRD is established")
    return _in_progress("Installing", "Install in progress")


_RULES: Mapping[tuple[str, str], Callable[[Object, int], Result]] = {
    ("", "Service"): _service,
    ("", "Pod"): _pod,
    ("", "Secret"): _always("Resource is always ready"),
    ("", "ConfigMap"): _always("Resource is always ready"),
    ("", "PersistentVolumeClaim"): _claim,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("extensions", "DaemonSet"): _daemon_set,
    ("extensions", "Deployment"): _deployment,
    ("extensions", "ReplicaSet"): _replica_set,
    ("policy", "PodDisruptionBudget"): _always("AllowedDisruptions has been computed."),
    ("batch", "CronJob"): _always("Resource is always ready"),
    ("batch", "Job"): _job,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _custom_resource_definition,
}


# ---------------------------------------------------------------- reading objects


def _in_progress(reason: str, message: str) -> Result:
    return Result(IN_PROGRESS, message, ("Reconciling", reason))


def _failed(reason: str, message: str) -> Result:
    return Result(FAILED, message, ("Stalled", reason))


def _group_kind(obj: Object) -> tuple[str, str]:
    group, slash, _ = obj.get("apiVersion", "").partition("/")
    return (group if slash else "", obj.get("kind", ""))


def _field(obj: Object, path: str) -> Any:
    value: Any = obj
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _int(obj: Object, path: str, default: int = 0) -> int:
    value = _field(obj, path)
    return value if isinstance(value, int) else default


def _conditions(obj: Object) -> Sequence[Mapping[str, str]]:
    found: Sequence[Mapping[str, str]] = _field(obj, "status.conditions") or ()
    return found


def _has_condition(obj: Object, type_: str, status: str) -> bool:
    return any(c.get("type") == type_ and c.get("status") == status for c in _conditions(obj))


def _unschedulable(pod: Object) -> bool:
    scheduled = next(
        (c for c in _conditions(pod) if c.get("type") == "PodScheduled" and c.get("status") == "False"), None
    )
    return scheduled is not None and scheduled.get("reason") == "Unschedulable"


def _transient(pod: Object) -> bool:
    return bool(_field(pod, "metadata.deletionTimestamp")) or _unschedulable(pod)
