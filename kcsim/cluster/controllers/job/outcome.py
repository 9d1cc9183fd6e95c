"""Whether a Job is over, and why.  Decides; never acts.

A Job is over twice: first SuccessCriteriaMet or FailureTarget says that it will be, then, when every pod has ended and
is counted, Complete or Failed says that it is.

**Imitates:** the order of checks of ``syncJob`` in ``pkg/controller/job/job_controller.go`` (v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.cluster.controllers.job import intervals
from kcsim.cluster.controllers.job.failure_policy import match
from kcsim.cluster.controllers.job.indexes import is_indexed
from kcsim.cluster.controllers.job.job_pods import is_failed
from kcsim.cluster.controllers.job.success_policy import met_by
from kcsim.cluster.controllers.job.view import JobView
from kcsim.cluster.controllers.pods import phase
from kcsim.engine.clock import SECOND, parse_rfc3339, rfc3339

Object = dict[str, Any]

_BACKOFF = "BackoffLimitExceeded", "Job has reached the specified backoff limit"
_DEADLINE = "DeadlineExceeded", "Job was active longer than specified deadline"
_TOO_MANY_INDEXES = (
    "MaxFailedIndexesExceeded",
    "Job has exceeded the specified maximal number of failed indexes",
)
_FAILED_INDEXES = "FailedIndexes", "Job has failed indexes"


def condition(kind: str, reason: str, message: str, now: int, status: str = "True") -> Object:
    """A Job condition as of now."""
    stamp = rfc3339(now)
    return {
        "type": kind,
        "status": status,
        "lastProbeTime": stamp,
        "lastTransitionTime": stamp,
        "reason": reason,
        "message": message,
    }


def completed(now: int) -> Object:
    """The condition of a Job whose completions are reached."""
    return condition(
        "SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods", now
    )


def is_finished(job: Object) -> bool:
    """Whether the Job is over for good."""
    return any(objects.condition_is(job, kind) for kind in ("Complete", "Failed"))


def is_suspended(job: Object) -> bool:
    """Whether the Job is to have no pods for now."""
    return bool(job["spec"].get("suspend"))


def deadline_in(job: Object, started: str | None, now: int) -> int | None:
    """In how many µs activeDeadlineSeconds runs out; None when it does not."""
    limit = job["spec"].get("activeDeadlineSeconds")
    if limit is None or not started or is_suspended(job):
        return None
    return parse_rfc3339(started) + int(limit) * SECOND - now


def foreseen(view: JobView, started: str | None, now: int) -> Object | None:
    """The condition that says the Job is going to end, known from before or found now; else None.

    Gives SuccessCriteriaMet, FailureTarget, or Failed when FailureTarget was written before.
    """
    job = view.job
    met = objects.condition(job, "SuccessCriteriaMet")
    if met is not None and met.get("status") == "True":
        return met
    target = objects.condition(job, "FailureTarget")
    if target is not None and target.get("status") == "True":
        return condition("Failed", target.get("reason", ""), target.get("message", ""), now)
    failure = _policy_failure(view) or _limit_failure(view, started, now) or _index_failure(view)
    if failure is not None:
        return condition("FailureTarget", *failure, now)
    if is_indexed(job):
        message = met_by(job["spec"].get("successPolicy"), job["spec"]["completions"], view.succeeded_indexes)
        if message:
            return condition("SuccessCriteriaMet", "SuccessPolicy", message, now)
    return None


def _policy_failure(view: JobView) -> tuple[str, str] | None:
    policy = view.job["spec"].get("podFailurePolicy")
    if policy is None:
        return None
    for pod in view.pods:
        if is_failed(pod, view.job):
            message = match(policy, pod).fails_job
            if message:
                return "PodFailurePolicy", message
    return None


def _limit_failure(view: JobView, started: str | None, now: int) -> tuple[str, str] | None:
    if view.failed > view.job["spec"]["backoffLimit"] or _restarted_too_often(view):
        return _BACKOFF
    left = deadline_in(view.job, started, now)
    return _DEADLINE if left is not None and left <= 0 else None


def _restarted_too_often(view: JobView) -> bool:
    """With restartPolicy OnFailure the kubelet's restarts count, too."""
    spec = view.job["spec"]
    if spec["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = 0
    for pod in view.pods:
        if phase(pod) in ("Running", "Pending"):
            status = pod["status"]
            for each in (
                *(status.get("initContainerStatuses") or ()),
                *(status.get("containerStatuses") or ()),
            ):
                restarts += each.get("restartCount", 0)
    limit: int = spec["backoffLimit"]
    return restarts > 0 if limit == 0 else restarts >= limit


def _index_failure(view: JobView) -> tuple[str, str] | None:
    failed = view.failed_indexes
    if not failed:
        return None
    spec = view.job["spec"]
    lost, most = intervals.total(failed), spec.get("maxFailedIndexes")
    if most is not None and lost > most:
        return _TOO_MANY_INDEXES
    if lost + intervals.total(view.succeeded_indexes) >= spec["completions"]:
        return _FAILED_INDEXES
    return None


def is_complete(view: JobView, active: int) -> bool:
    """Whether enough pods have succeeded and none is active any more."""
    completions = view.job["spec"].get("completions")
    if active:
        return False
    # Without completions the pods know among themselves when the work is done: one success says so for all.
    return view.succeeded > 0 if completions is None else view.succeeded >= completions


def ensure(conditions: list[Object], wanted: Object) -> tuple[list[Object], bool]:
    """The conditions with ``wanted`` among them, and whether that changed them. One that is False is not added."""
    for place, known in enumerate(conditions):
        if known["type"] != wanted["type"]:
            continue
        if all(known.get(field) == wanted[field] for field in ("status", "reason", "message")):
            return conditions, False
        return [*conditions[:place], wanted, *conditions[place + 1 :]], True
    return (conditions, False) if wanted["status"] == "False" else ([*conditions, wanted], True)
