"""One sync of one Job: look, create or delete pods, count, write the status.

**Imitates:** ``syncJob`` of ``pkg/controller/job/job_controller.go`` (v1.36).
**May:** act through the `PodControl` it is given; keeps nothing.
**Walk:** `view_job` counts -> `foreseen` says whether the Job is going to end -> active pods are deleted, or
`plan_pods` says which to create -> `tally` adds up -> the status is written -> finalizers go -> the status is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kcsim.api import objects
from kcsim.cluster.controllers.job import outcome
from kcsim.cluster.controllers.job.backoff import Record
from kcsim.cluster.controllers.job.indexes import generate_name, is_indexed, with_index
from kcsim.cluster.controllers.job.job_pods import FINALIZER
from kcsim.cluster.controllers.job.scaling import plan_pods
from kcsim.cluster.controllers.job.tracking import Tally, has_uncounted, settle, tally, tidy
from kcsim.cluster.controllers.job.view import JobView, view_job
from kcsim.cluster.controllers.pods import is_ready
from kcsim.engine.clock import rfc3339
from kcsim.engine.task import Waitable

Object = dict[str, Any]
Calls = Generator[Waitable, Any, Any]


class PodControl(Protocol):
    """What a sync may do. Each gives how many (or which) calls worked, and the first error."""

    def create(self, job: Object, bodies: Sequence[Object]) -> Calls:
        """Create pods, in batches of growing size; gives (created, error)."""
        ...

    def delete(self, job: Object, pods: Sequence[Object], *, release: bool) -> Calls:
        """Delete pods, with ``release`` after removing their finalizers; gives (the pods deleted, error)."""
        ...

    def release(self, job: Object, pods: Sequence[Object]) -> Calls:
        """Remove the finalizers; gives (uids of the pods rid of theirs, error)."""
        ...

    def update_status(self, job: Object) -> Calls:
        """Write the status; gives the Job as stored."""
        ...


@dataclass(frozen=True, slots=True)
class Synced:
    """What comes after a sync: the back-off record; look again after so many µs (0: not); the error to report."""

    record: Record
    again_after: int = 0
    error: Exception | None = None


@dataclass(slots=True)
class _Counts:
    active: int
    ready: int
    terminating: int


class JobSync:
    """One sync; ``settled``: whether the cache shows all pods that were created and deleted before."""

    def __init__(
        self,
        job: Object,
        pods: Sequence[Object],
        *,
        control: PodControl,
        event: Callable[[Object, str, str, str], None],
        clock: Callable[[], int],
        record: Record,
        released: Collection[str] = (),
        settled: bool = True,
    ) -> None:
        self._control = control
        self._event = event
        self._clock = clock
        self._settled = settled
        self._before = record
        self.job = job
        self.view: JobView = view_job(job, pods, released, record)
        self._again = 0
        self._touched = False

    def run(self) -> Calls:
        """Do it; gives `Synced`."""
        view, now = self.view, self._clock()
        status: Object = self.job.get("status") or {}
        if not status.get("startTime") and not outcome.is_suspended(self.job):
            status = {**status, "startTime": rfc3339(now)}
        ending = outcome.foreseen(view, status.get("startTime"), now)
        left = outcome.deadline_in(self.job, status.get("startTime"), now)
        if ending is None and left is not None:
            self._look_again(left)
        counts = _Counts(len(view.active), view.ready, view.terminating)
        if ending is not None:
            deleted, error = yield from self._delete(view.active, counts, release=False)
            if deleted != len(view.active) or not self._settled:
                # Pods may be left that nobody has seen end: the Job is not over yet.
                ending = None
        else:
            error, managed = yield from self._manage(counts)
            if outcome.is_complete(view, counts.active):
                ending = outcome.completed(self._clock())
            elif managed:
                status = self._note_suspension(status)
        changed = self._touched or (
            counts.active != status.get("active", 0)
            or counts.ready != status.get("ready")
            or counts.terminating != status.get("terminating")
        )
        status = tidy(
            {**status, "active": counts.active, "ready": counts.ready, "terminating": counts.terminating}
        )
        counted = yield from self._count(status, ending, counts.terminating, changed=changed)
        record = view.record if counted else self._before
        return Synced(record, self._again, error)

    def _look_again(self, wait: int) -> None:
        if wait > 0:
            self._again = min(self._again or wait, wait)

    # --- pods ---------------------------------------------------------------------------------------------------

    def _manage(self, counts: _Counts) -> Calls:
        """Create or delete pods; gives (error, whether that was done at all)."""
        if not self._settled or objects.is_deleting(self.job):
            return None, False
        steps = plan_pods(self.view, self._clock())
        error: Exception | None = None
        if steps.delete:
            _, error = yield from self._delete(steps.delete, counts, release=True)
        elif steps.wait:
            self._look_again(steps.wait)
        elif steps.create:
            bodies = self._bodies(steps.create, steps.indexes)
            created, error = yield from self._control.create(self.job, bodies)
            counts.active += created
        return error, True

    def _delete(self, pods: Sequence[Object], counts: _Counts, *, release: bool) -> Calls:
        gone, error = yield from self._control.delete(self.job, pods, release=release)
        counts.active -= len(gone)
        counts.terminating += len(gone)
        counts.ready -= sum(map(is_ready, pods))
        return len(gone), error

    def _bodies(self, count: int, indexes: Sequence[int]) -> list[Object]:
        if not is_indexed(self.job):
            return [self._body(self.job["spec"]["template"], f"{objects.name(self.job)}-")] * count
        kept = self.view.kept or {}
        return [
            self._body(
                with_index(self.job, self.job["spec"]["template"], index, kept),
                generate_name(objects.name(self.job), index),
            )
            for index in indexes
        ]

    def _body(self, template: Object, prefix: str) -> Object:
        source = template.get("metadata") or {}
        finalizers = source.get("finalizers") or []
        metadata: Object = {
            "generateName": prefix,
            "namespace": objects.namespace(self.job),
            "ownerReferences": [objects.owner_reference(self.job)],
            "finalizers": finalizers if FINALIZER in finalizers else [*finalizers, FINALIZER],
        }
        for field in ("labels", "annotations"):
            if source.get(field):
                metadata[field] = source[field]
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}

    # --- status -------------------------------------------------------------------------------------------------

    def _note_suspension(self, status: Object) -> Object:
        """The condition Suspended, kept up with the spec."""
        now = self._clock()
        if outcome.is_suspended(self.job):
            wanted = outcome.condition("Suspended", "JobSuspended", "Job suspended", now)
        else:
            wanted = outcome.condition("Suspended", "JobResumed", "Job resumed", now, "False")
        conditions, changed = outcome.ensure(status.get("conditions") or [], wanted)
        if not changed:
            return status
        self._touched = True
        status = {**status, "conditions": conditions}
        if outcome.is_suspended(self.job):
            self._event(self.job, "Normal", "Suspended", "Job suspended")
            return status
        self._event(self.job, "Normal", "Resumed", "Job resumed")
        # activeDeadlineSeconds counts from the last resumption.
        return {**status, "startTime": rfc3339(now)}

    def _count(self, status: Object, ending: Object | None, terminating: int, *, changed: bool) -> Calls:
        """Count what has ended and write it down; gives whether a status was written before finalizers went."""
        counted = tally(self.view, status, ending)
        status, changed = counted.status, changed or counted.changed
        ending, status, noted = self._announce(ending, status)
        changed = changed or noted
        job: Object = {**self.job, "status": status}
        first = changed
        if changed:
            job = yield from self._control.update_status(job)
        status, pending = yield from self._release(job, counted)
        finished = ending is not None and not counted.full and not has_uncounted(status) and not terminating
        if finished:
            assert ending is not None
            status = self._finish(status, ending)
        if pending or finished:
            job = yield from self._control.update_status({**job, "status": status})
            if finished:
                self._tell_end(job, ending)
        return first

    def _announce(self, ending: Object | None, status: Object) -> tuple[Object | None, Object, bool]:
        """Write the first of the two conditions of an end; gives the second, the status, and whether it changed."""
        if ending is None or ending["type"] not in ("FailureTarget", "SuccessCriteriaMet"):
            return ending, status, False
        conditions = status.get("conditions") or []
        known = any(c["type"] == ending["type"] for c in conditions)
        if not known:
            status = {**status, "conditions": [*conditions, ending]}
        final = "Failed" if ending["type"] == "FailureTarget" else "Complete"
        reason, message = ending.get("reason", ""), ending.get("message", "")
        return outcome.condition(final, reason, message, self._clock()), status, not known

    def _release(self, job: Object, counted: Tally) -> Calls:
        """Let finalizers go; gives the status with what is counted now, and whether it is still to be written."""
        tracked = {objects.uid(pod) for pod in self.view.pods if self.view.is_new(pod)}
        error: Exception | None = None
        if counted.release:
            rid, error = yield from self._control.release(self.job, counted.release)
            tracked -= set(rid)
        status, pending = settle(job.get("status") or {}, tracked)
        if error is not None:
            if pending:
                yield from self._control.update_status({**job, "status": status})
            raise error
        return status, pending

    def _finish(self, status: Object, ending: Object) -> Object:
        conditions, _ = outcome.ensure(status.get("conditions") or [], ending)
        status = {**status, "conditions": conditions}
        if ending["type"] == "Complete":
            status["completionTime"] = ending["lastTransitionTime"]
        return status

    def _tell_end(self, job: Object, ending: Object | None) -> None:
        assert ending is not None
        if ending["type"] != "Complete":
            self._event(job, "Warning", ending["reason"], ending["message"])
            return
        completions = job["spec"].get("completions")
        if completions is not None and job["status"].get("succeeded", 0) > completions:
            text = "Too many succeeded pods running after completion count reached"
            self._event(job, "Warning", "TooManySucceededPods", text)
        self._event(job, "Normal", "Completed", "Job completed")
