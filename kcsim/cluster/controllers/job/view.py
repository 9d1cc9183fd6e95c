"""One Job and its pods, as a sync sees them: counted, and what was not counted yet.  Decides; never acts.

**Imitates:** ``syncJobCtx`` of ``pkg/controller/job/job_controller.go`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api import objects
from kcsim.cluster.controllers.job import intervals
from kcsim.cluster.controllers.job.backoff import Record
from kcsim.cluster.controllers.job.failure_policy import match
from kcsim.cluster.controllers.job.indexes import (
    failed_indexes,
    is_indexed,
    limits_each_index,
    pods_to_keep,
    succeeded_indexes,
    valid_index,
)
from kcsim.cluster.controllers.job.intervals import Intervals
from kcsim.cluster.controllers.job.job_pods import is_failed, is_terminating, is_tracked
from kcsim.cluster.controllers.pods import is_active, is_ready, phase

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class JobView:
    """What is so.

    Attributes:
        job: as stored.
        pods: all of its pods.
        active: those that run or will.
        counting: names of pods (uids) in status.uncountedTerminatedPods: (succeeded, failed).
        released: uids of pods whose finalizer is being removed, though the cache does not show it.
        succeeded, failed: pods so far, counted or not; of an Indexed Job, succeeded indexes.
        record: the back-off record with this sync's pods.
        known_indexes: succeeded ones that the status knows.
        succeeded_indexes: all.
        failed_indexes: those that failed for good; None unless the Job limits failures for each index.
        kept: the last failed pod of each index that will be tried again.
    """

    job: Object
    pods: Sequence[Object]
    active: Sequence[Object]
    counting: tuple[frozenset[str], frozenset[str]]
    released: Collection[str]
    succeeded: int
    failed: int
    record: Record
    known_indexes: Intervals = ()
    succeeded_indexes: Intervals = ()
    failed_indexes: Intervals | None = None
    kept: dict[int, Object] | None = None

    @property
    def ready(self) -> int:
        """Active pods that are Ready."""
        return sum(map(is_ready, self.active))

    @property
    def terminating(self) -> int:
        """Pods being deleted that have not ended."""
        return sum(map(is_terminating, self.pods))

    def is_new(self, pod: Object) -> bool:
        """Whether the pod's end, if it has ended, is still to be counted."""
        return is_tracked(pod) and objects.uid(pod) not in self.released


def view_job(job: Object, pods: Sequence[Object], released: Collection[str], record: Record) -> JobView:
    """Count. ``record``: the back-off record before this sync."""
    status = job.get("status") or {}
    uncounted = status.get("uncountedTerminatedPods") or {}
    counting = frozenset(uncounted.get("succeeded") or ()), frozenset(uncounted.get("failed") or ())
    fresh = [
        pod
        for pod in pods
        if is_tracked(pod)
        and objects.uid(pod) not in released
        and (not is_indexed(job) or valid_index(job, pod) is not None)
    ]
    new_succeeded = [p for p in fresh if phase(p) == "Succeeded" and objects.uid(p) not in counting[0]]
    new_failed = [p for p in fresh if is_failed(p, job) and objects.uid(p) not in counting[1]]
    policy = job["spec"].get("podFailurePolicy")
    active = [pod for pod in pods if is_active(pod)]
    succeeded = status.get("succeeded", 0) + len(new_succeeded) + len(counting[0])
    failed = status.get("failed", 0) + sum(match(policy, pod).counts for pod in new_failed) + len(counting[1])
    after = record.after(new_succeeded, new_failed)
    if not is_indexed(job):
        return JobView(job, pods, active, counting, released, succeeded, failed, after)
    known, done = succeeded_indexes(job, pods)
    lost: Intervals | None = None
    kept: dict[int, Object] | None = None
    if limits_each_index(job):
        lost = failed_indexes(job, pods)
        tracked = [pod for pod in pods if is_tracked(pod) and objects.uid(pod) not in released]
        kept = pods_to_keep(job, tracked, active, done, lost)
    return JobView(
        job,
        pods,
        active,
        counting,
        released,
        intervals.total(done),
        failed,
        after,
        known,
        done,
        lost,
        kept,
    )
