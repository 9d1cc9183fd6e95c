"""How many pods a Job should have, and which to create or delete.  Decides; never acts.

**Imitates:** ``manageJob`` of ``pkg/controller/job/job_controller.go`` (v1.36): a sync either deletes or creates, at
most 500 pods; deleting comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcsim.cluster.controllers.job.backoff import remaining_for_index
from kcsim.cluster.controllers.job.indexes import first_pending, is_indexed, limits_each_index, surplus
from kcsim.cluster.controllers.job.job_pods import replaces_only_failed
from kcsim.cluster.controllers.job.outcome import is_suspended
from kcsim.cluster.controllers.job.view import JobView
from kcsim.cluster.controllers.replicaset.ranking import sort_pods
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]

MAX_PODS_PER_SYNC = DEFAULT.count("kube-controller-manager/job-max-pods-per-sync")


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do: delete these pods; or create ``create`` pods (of an Indexed Job those of ``indexes``); or wait µs."""

    delete: tuple[Object, ...] = ()
    create: int = 0
    indexes: tuple[int, ...] = ()
    wait: int = 0


def plan_pods(view: JobView, now: int) -> Steps:
    """The next steps towards the pods that the Job wants."""
    if is_suspended(view.job):
        return Steps(delete=tuple(_to_remove(view, len(view.active), now)))
    wanted = wanted_active(view)
    remove = _to_remove(view, max(len(view.active) - wanted, 0), now)[:MAX_PODS_PER_SYNC]
    if remove:
        return Steps(delete=tuple(remove))
    going = view.terminating if replaces_only_failed(view.job) else 0
    missing = wanted - going - len(view.active)
    return _creation(view, missing, now) if missing > 0 else Steps()


def wanted_active(view: JobView) -> int:
    """How many pods should be active now."""
    spec = view.job["spec"]
    parallelism: int = spec.get("parallelism", 1)
    if spec.get("completions") is None:
        return len(view.active) if view.succeeded > 0 else parallelism
    completions: int = spec["completions"]
    return max(min(completions - view.succeeded, parallelism), 0)


def _to_remove(view: JobView, at_least: int, now: int) -> list[Object]:
    remove: list[Object] = []
    left = list(view.active)
    if is_indexed(view.job):
        remove, left = surplus(left, view.job["spec"]["completions"], now)
    if len(remove) < at_least:
        remove += sort_pods(left, now)[: at_least - len(remove)]
    return remove


def _creation(view: JobView, missing: int, now: int) -> Steps:
    job = view.job
    if not limits_each_index(job):
        wait = view.record.remaining(now)
        if wait:
            return Steps(wait=wait)
    count = min(missing, MAX_PODS_PER_SYNC)
    if not is_indexed(job):
        return Steps(create=count)
    pending = first_pending(
        job, count, view.pods, view.active, view.succeeded_indexes, view.failed_indexes or ()
    )
    if limits_each_index(job):
        kept = view.kept or {}
        waits = {index: remaining_for_index(kept.get(index), now) for index in pending}
        ready = [index for index in pending if not waits[index]]
        if pending and not ready:
            return Steps(wait=min(waits.values()))
        pending = ready
    return Steps(create=len(pending), indexes=tuple(pending))
