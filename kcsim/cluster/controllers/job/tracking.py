"""Counting pods that have ended, each exactly once.  Decides; never acts.

A pod carries a finalizer until it is counted. Its uid is written to status.uncountedTerminatedPods, then the finalizer
is removed, then the counter is raised: whatever crashes between two of these writes, nothing is lost or counted twice.

**Imitates:** ``trackJobStatusAndRemoveFinalizers`` of ``pkg/controller/job/job_controller.go`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from kcsim.api import objects
from kcsim.cluster.controllers.job import intervals
from kcsim.cluster.controllers.job.failure_policy import match
from kcsim.cluster.controllers.job.indexes import by_index, is_indexed, valid_index
from kcsim.cluster.controllers.job.job_pods import is_failed
from kcsim.cluster.controllers.job.view import JobView
from kcsim.cluster.controllers.pods import phase

Object = dict[str, Any]

MAX_UNCOUNTED = 500


@dataclass(frozen=True, slots=True)
class Tally:
    """What to write before finalizers go.

    Attributes:
        status: with the uncounted pods (and of an Indexed Job the indexes) in it.
        release: the pods whose finalizer can go then.
        changed: whether the status differs in what it counts.
        full: whether pods were left for the next sync.
    """

    status: Object
    release: tuple[Object, ...]
    changed: bool
    full: bool


def tally(view: JobView, status: Object, ending: Object | None) -> Tally:
    """Count what has ended. ``ending``: the condition that says the Job is going to end."""
    job, indexed = view.job, is_indexed(view.job)
    pods = by_index(view.pods) if indexed else view.pods
    tracked = {objects.uid(pod) for pod in pods if view.is_new(pod)}
    status, changed = settle(status, tracked)
    uncounted = status.get("uncountedTerminatedPods") or {}
    succeeded, failed = list(uncounted.get("succeeded") or ()), list(uncounted.get("failed") or ())
    done: list[int] = []
    release: list[Object] = []
    full = False
    # Once the Job is failing, a pod that has not ended counts as failed; once it has succeeded, it does not count.
    fails_rest = ending is not None and ending["type"] != "SuccessCriteriaMet"
    for pod in pods:
        if not view.is_new(pod):
            continue
        lost = is_failed(pod, job)
        if not _can_release(view, pod, lost=lost, ending=ending is not None):
            continue
        release.append(pod)
        uid = objects.uid(pod)
        if phase(pod) == "Succeeded" and uid not in view.counting[1]:
            if indexed:
                index = valid_index(job, pod)
                if index is not None and not intervals.has(view.known_indexes, index):
                    done.append(index)
                    changed = True
            elif uid not in view.counting[0]:
                succeeded.append(uid)
                changed = True
        elif (lost or fails_rest) and uid not in view.counting[1]:
            valid = not indexed or valid_index(job, pod) is not None
            if valid and match(job["spec"].get("podFailurePolicy"), pod).counts:
                failed.append(uid)
                changed = True
        if len(done) + len(succeeded) + len(failed) >= MAX_UNCOUNTED:
            full = True
            break
    status = with_uncounted(status, succeeded, failed)
    if indexed:
        status, moved = _with_indexes(view, status, done)
        changed = changed or moved
    return Tally(status, tuple(release), changed, full)


def _can_release(view: JobView, pod: Object, *, lost: bool, ending: bool) -> bool:
    if objects.is_deleting(view.job) or ending or phase(pod) == "Succeeded":
        return True
    if not lost:
        return False
    if view.kept is not None:
        index = valid_index(view.job, pod)
        kept = view.kept.get(index) if index is not None else None
        return kept is None or objects.uid(kept) != objects.uid(pod)
    return True


def _with_indexes(view: JobView, status: Object, done: list[int]) -> tuple[Object, bool]:
    indexes = intervals.with_indexes(view.succeeded_indexes, done)
    known = status.get("completedIndexes", ""), status.get("failedIndexes")
    lost = intervals.text(view.failed_indexes) if view.failed_indexes is not None else None
    now = intervals.text(indexes), lost
    fields: Object = {
        "succeeded": intervals.total(indexes),
        "completedIndexes": now[0],
        "failedIndexes": lost,
    }
    return tidy({**status, **fields}), now != known


def settle(status: Object, tracked: Collection[str]) -> tuple[Object, bool]:
    """Raise the counters by the uncounted pods whose finalizer is gone; and whether there were any."""
    uncounted = status.get("uncountedTerminatedPods") or {}
    succeeded, failed = uncounted.get("succeeded") or (), uncounted.get("failed") or ()
    left = [u for u in succeeded if u in tracked], [u for u in failed if u in tracked]
    counted = len(succeeded) - len(left[0]), len(failed) - len(left[1])
    if not any(counted):
        return status, False
    fields = {
        "succeeded": status.get("succeeded", 0) + counted[0],
        "failed": status.get("failed", 0) + counted[1],
    }
    return tidy(with_uncounted({**status, **fields}, *left)), True


def with_uncounted(status: Object, succeeded: list[str], failed: list[str]) -> Object:
    """The status with these uncounted pods."""
    lists = {"succeeded": succeeded, "failed": failed}
    return {**status, "uncountedTerminatedPods": {name: uids for name, uids in lists.items() if uids}}


def has_uncounted(status: Object) -> bool:
    """Whether pods wait to be counted."""
    uncounted = status.get("uncountedTerminatedPods") or {}
    return bool(uncounted.get("succeeded") or uncounted.get("failed"))


def tidy(status: Object) -> Object:
    """The status as the API writes it: without zeros, but for the counts that are pointers upstream."""
    omitted = {"active", "succeeded", "failed", "completedIndexes"}
    return {
        name: value
        for name, value in status.items()
        if value is not None and not (name in omitted and not value)
    }
