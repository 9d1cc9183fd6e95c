"""Which completion indexes of an Indexed Job have succeeded, failed, or need a pod.  Decides; never acts.

**Imitates:** ``pkg/controller/job/indexed_job_utils.go`` (v1.36), PodIndexLabel on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from kcsim.cluster.controllers.job import intervals
from kcsim.cluster.controllers.job.backoff import finished_at
from kcsim.cluster.controllers.job.failure_policy import match
from kcsim.cluster.controllers.job.intervals import Intervals
from kcsim.cluster.controllers.job.job_pods import (
    FAILURE_COUNT,
    IGNORED_FAILURE_COUNT,
    INDEX,
    all_failures,
    completion_index,
    failure_count,
    ignored_failure_count,
    is_failed,
    is_terminating,
    is_tracked,
    replaces_only_failed,
)
from kcsim.cluster.controllers.pods import phase
from kcsim.cluster.controllers.replicaset.ranking import sort_pods

Object = dict[str, Any]

_ENV = "JOB_COMPLETION_INDEX"
_GENERATED_NAME_MAX = 58


def is_indexed(job: Object) -> bool:
    """Whether each completion has a number."""
    return bool(job["spec"].get("completionMode") == "Indexed")


def limits_each_index(job: Object) -> bool:
    """Whether failures are counted for each index."""
    return job["spec"].get("backoffLimitPerIndex") is not None


def valid_index(job: Object, pod: Object) -> int | None:
    """The pod's index when it is one that the Job has."""
    index = completion_index(pod)
    return index if index is not None and index < job["spec"]["completions"] else None


# --- what happened ----------------------------------------------------------------------------------------------


def succeeded_indexes(job: Object, pods: Iterable[Object]) -> tuple[Intervals, Intervals]:
    """Those that the status knows, and those and the ones that succeeded since."""
    completions = job["spec"]["completions"]
    known = intervals.parse((job.get("status") or {}).get("completedIndexes", ""), completions)
    new = {
        index
        for pod in pods
        if phase(pod) == "Succeeded" and is_tracked(pod) and (index := valid_index(job, pod)) is not None
    }
    return known, intervals.with_indexes(known, sorted(new))


def failed_indexes(job: Object, pods: Iterable[Object]) -> Intervals:
    """The indexes that may not be tried again."""
    known = intervals.parse((job.get("status") or {}).get("failedIndexes") or "", job["spec"]["completions"])
    new = {
        index
        for pod in pods
        if is_tracked(pod) and (index := valid_index(job, pod)) is not None and _fails_index(job, pod)
    }
    return intervals.with_indexes(known, sorted(new))


def _fails_index(job: Object, pod: Object) -> bool:
    if not is_failed(pod, job):
        return False
    outcome = match(job["spec"].get("podFailurePolicy"), pod)
    if outcome.action == "FailIndex":
        return True
    return outcome.counts and failure_count(pod) >= job["spec"]["backoffLimitPerIndex"]


def pods_to_keep(
    job: Object,
    pods: Iterable[Object],
    active: Iterable[Object],
    succeeded: Intervals,
    failed: Intervals,
) -> dict[int, Object]:
    """The last failed pod of each index that will be tried again.

    It keeps its finalizer until its successor exists: the count of failures is handed on from pod to pod.
    """
    busy = {completion_index(pod) for pod in active}
    kept: dict[int, Object] = {}
    for pod in pods:
        index = valid_index(job, pod)
        if index is None or not is_failed(pod, job) or index in busy:
            continue
        if intervals.has(succeeded, index) or intervals.has(failed, index):
            continue
        last = kept.get(index)
        if last is None or (
            all_failures(last) <= all_failures(pod) and finished_at(pod) >= finished_at(last)
        ):
            kept[index] = pod
    return kept


# --- what to do -------------------------------------------------------------------------------------------------


def first_pending(
    job: Object,
    count: int,
    pods: Iterable[Object],
    active: Iterable[Object],
    succeeded: Intervals,
    failed: Intervals,
) -> list[int]:
    """The first ``count`` indexes without a pod that is active, succeeded or failed for good."""
    busy = [*active, *(filter(is_terminating, pods) if replaces_only_failed(job) else ())]
    taken = sorted({index for pod in busy if (index := completion_index(pod)) is not None})
    blocked = intervals.merge(intervals.with_indexes(succeeded, taken), failed)
    return intervals.first_missing(blocked, count, job["spec"]["completions"])


def surplus(pods: Sequence[Object], completions: int, now: int) -> tuple[list[Object], list[Object]]:
    """Active pods that have no valid index or share one with a better pod; and those to keep."""
    remove: list[Object] = []
    keep: list[Object] = []
    ordered = sorted(pods, key=_by_index)
    for index, group in groupby(ordered, key=_by_index):
        same = list(group)
        if index < 0 or index >= completions:
            remove += same
        else:
            *rest, last = sort_pods(same, now) if len(same) > 1 else same
            remove += rest
            keep.append(last)
    return remove, keep


def _by_index(pod: Object) -> int:
    index = completion_index(pod)
    return -1 if index is None else index


def by_index(pods: Iterable[Object]) -> list[Object]:
    """The pods in the order of their indexes, those without one first."""
    return sorted(pods, key=_by_index)


# --- the pod of an index ----------------------------------------------------------------------------------------


def generate_name(job_name: str, index: int) -> str:
    """The generateName of the pod of an index, cut to leave room for the random end."""
    suffix = f"-{index}-"
    return job_name[: _GENERATED_NAME_MAX - len(suffix)] + suffix


def with_index(job: Object, template: Object, index: int, replaced: Mapping[int, Object]) -> Object:
    """The pod template for one index: annotation, label, host name, environment."""
    metadata = template.get("metadata") or {}
    annotations = {**(metadata.get("annotations") or {}), INDEX: str(index)}
    if limits_each_index(job):
        annotations |= _failure_counts(job, replaced.get(index))
    labels = {**(metadata.get("labels") or {}), INDEX: str(index)}
    spec = {**template["spec"], "hostname": f"{job['metadata']['name']}-{index}"}
    for field in ("initContainers", "containers"):
        if spec.get(field):
            spec[field] = [_with_environment(container) for container in spec[field]]
    return {**template, "metadata": {**metadata, "annotations": annotations, "labels": labels}, "spec": spec}


def _failure_counts(job: Object, before: Object | None) -> dict[str, str]:
    if before is None:
        return {FAILURE_COUNT: "0"}
    counted = match(job["spec"].get("podFailurePolicy"), before).counts
    ignored = ignored_failure_count(before) + (not counted)
    counts = {FAILURE_COUNT: str(failure_count(before) + counted)}
    return {**counts, IGNORED_FAILURE_COUNT: str(ignored)} if ignored else counts


def _with_environment(container: Object) -> Object:
    env = container.get("env") or []
    if any(variable["name"] == _ENV for variable in env):
        return container
    source = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}
    return {**container, "env": [*env, {"name": _ENV, "valueFrom": source}]}
