"""What the Job controller asks about one pod of a Job.  Decides; never acts.

**Imitates:** ``isPodFailed``, ``onlyReplaceFailedPods``, ``getCompletionIndex`` and the failure count annotations of
``pkg/controller/job`` (v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.cluster.controllers.job.intervals import number
from kcsim.cluster.controllers.pods import is_terminal, phase

Object = dict[str, Any]

FINALIZER = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count"
IGNORED_FAILURE_COUNT = "batch.kubernetes.io/job-index-ignored-failure-count"
_MAX_INT32 = 2**31 - 1


def is_tracked(pod: Object) -> bool:
    """Whether the pod still carries the finalizer: it was not counted yet."""
    return FINALIZER in (pod["metadata"].get("finalizers") or ())


def replaces_only_failed(job: Object) -> bool:
    """Whether a pod is replaced only when it has ended, not when its end has begun."""
    spec = job["spec"]
    return spec.get("podReplacementPolicy") == "Failed" or spec.get("podFailurePolicy") is not None


def is_failed(pod: Object, job: Object) -> bool:
    """Whether the pod counts as failed. A pod being deleted may never reach a phase, and counts as well."""
    if phase(pod) == "Failed":
        return True
    if replaces_only_failed(job):
        return False
    return objects.is_deleting(pod) and phase(pod) != "Succeeded"


def is_terminating(pod: Object) -> bool:
    """Whether its deletion was asked for and it has not ended."""
    return objects.is_deleting(pod) and not is_terminal(pod)


def completion_index(pod: Object) -> int | None:
    """Which index of an Indexed Job the pod works on."""
    return number(objects.annotations(pod).get(INDEX))


def failure_count(pod: Object) -> int:
    """How many pods of its index failed before it."""
    return _int32(objects.annotations(pod).get(FAILURE_COUNT))


def ignored_failure_count(pod: Object) -> int:
    """How many pods of its index failed before it and were ignored by the pod failure policy."""
    return _int32(objects.annotations(pod).get(IGNORED_FAILURE_COUNT))


def all_failures(pod: Object) -> int:
    """How many pods of its index failed before it, ignored or not."""
    return failure_count(pod) + ignored_failure_count(pod)


def _int32(text: str | None) -> int:
    count = number(text)
    return count if count is not None and count <= _MAX_INT32 else 0
