"""The Job controller: runs pods until enough of them have succeeded, or too many have failed.

**Imitates:** ``pkg/controller/job/job_controller.go`` (v1.36): what wakes it, syncs batched to one a second, adoption
by selector, finalizers of pods whose Job is gone or over. What one sync does is in ``sync.py``.
**Walk:** a Job appears -> `reconcile` -> `JobSync` creates pods with the tracking finalizer -> a pod ends -> a second
later the next sync counts it, lets its finalizer go and creates the next -> the Job is Complete.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects, selectors
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler, Result
from kcsim.cluster.controllers import claim
from kcsim.cluster.controllers.job.backoff import Record
from kcsim.cluster.controllers.job.job_pods import FINALIZER, is_tracked
from kcsim.cluster.controllers.job.outcome import is_finished
from kcsim.cluster.controllers.job.pod_control import ClientPodControl
from kcsim.cluster.controllers.job.sync import JobSync
from kcsim.cluster.controllers.owned import OwnedPods, resolve_controller_ref
from kcsim.cluster.controllers.pod_changes import of, on_pod_change
from kcsim.engine.clock import MINUTE, SECOND, parse_rfc3339
from kcsim.engine.task import Waitable
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]

KIND = "Job"
CONTROLLER_NAME = "kubernetes.io/job-controller"
SYNC_BATCH = DEFAULT.us("kube-controller-manager/job-sync-batch-period")
"""Changes of pods within so long (µs) are looked at together."""
_API_BACKOFF, _API_BACKOFF_MAX = SECOND, MINUTE
_POD = "pod/"
"""Begins the name in a key that means a pod without a Job, not a Job."""


class JobController(Reconciler):
    """Runs each Job's pods to completion."""

    name = "job-controller"
    workers = DEFAULT.count("kube-controller-manager/concurrent-job-syncs")

    def setup(self, component: Component) -> None:
        """Subscribe to Jobs and pods."""
        self.engine = component.engine
        self.jobs = component.informer("jobs")
        self._pods = component.informer("pods")
        self.reset()
        self.jobs.on_change(self._job_changed)
        on_pod_change(self._pods, self._pod_changed, of(KIND))

    def reset(self) -> None:
        """Forget everything learnt."""
        self.pods = OwnedPods(KIND)
        self._control = ClientPodControl(self.client, self.engine, self._event)
        self._records: dict[Key, Record] = {}

    def error_delay(self, failures: int) -> int:
        """From a second to a minute."""
        return min(_API_BACKOFF << min(failures, 10), _API_BACKOFF_MAX)

    def _event(self, obj: Object, kind: str, reason: str, message: str) -> None:
        self.component.events.event(obj, kind, reason, message, self.name)

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _enqueue_batched(self, key: Key) -> None:
        self.enqueue_after(key, SYNC_BATCH, "jobs are synced once a second")

    def _job_changed(self, old: Object | None, new: Object | None) -> None:
        job = new or old
        assert job is not None
        key = objects.key(job)
        if old is not None and (new is None or objects.uid(old) != objects.uid(new)):
            self._records.pop(key, None)
            self._control.forget(key)
        if old is None or new is None:
            self.enqueue(key)
        elif is_finished(new):
            self._records.pop(key, None)
        elif old["metadata"].get("generation") == new["metadata"].get("generation"):
            self._enqueue_batched(key)
        else:
            self.enqueue(key)
            self._arm_deadline(key, old, new)
        if new is None or is_finished(new):
            # All pods should be counted by now: whatever still waits to be must not wait for ever.
            for pod in list(self.pods.of(objects.uid(job)).values()):
                self._enqueue_orphan(pod)

    def _arm_deadline(self, key: Key, old: Object, new: Object) -> None:
        limit = new["spec"].get("activeDeadlineSeconds")
        started = (new.get("status") or {}).get("startTime")
        if started and limit is not None and limit != old["spec"].get("activeDeadlineSeconds"):
            self.enqueue_after(key, parse_rfc3339(started) + limit * SECOND - self.engine.now)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        self.pods.observe(old, new)
        pod = new or old
        assert pod is not None
        ref = objects.controller_of(pod)
        before = objects.controller_of(old) if old is not None else None
        if old is not None and before is not None and before["kind"] == KIND and before != ref:
            owner = resolve_controller_ref(self.jobs, KIND, old)
            if owner is not None:
                self._control.release_observed(objects.key(owner), objects.uid(old))
                self._enqueue_batched(objects.key(owner))
        if ref is None:
            self._orphan_changed(old, new)
        elif ref["kind"] == KIND:
            self._owned_changed(old, new, pod)

    def _owned_changed(self, old: Object | None, new: Object | None, pod: Object) -> None:
        job = resolve_controller_ref(self.jobs, KIND, pod)
        if new is not None and (job is None or is_finished(job)):
            self._enqueue_orphan(new)
        if job is None:
            return
        key = objects.key(job)
        if new is None or not is_tracked(new):
            self._control.release_observed(key, objects.uid(pod))
        if new is None or objects.is_deleting(new):
            self._control.expectations.deletion_observed(key, objects.name(pod))
        elif old is None:
            self._control.expectations.creation_observed(key)
        if not is_finished(job):
            self._enqueue_batched(key)

    def _orphan_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            return
        self._enqueue_orphan(new)
        if (
            old is not None
            and objects.labels(old) == objects.labels(new)
            and objects.controller_of(old) is None
        ):
            return
        for job in self.jobs.list(objects.namespace(new)):
            selector = selectors.from_object(job["spec"].get("selector"))
            if selector.matches(objects.labels(new)) and not is_finished(job):
                self._enqueue_batched(objects.key(job))

    def _enqueue_orphan(self, pod: Object) -> None:
        if is_tracked(pod):
            self.enqueue((objects.namespace(pod), _POD + objects.name(pod)))

    # --- one sync -----------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Steps | Result | None:
        """Take one Job a step further, or free a pod that no Job will count."""
        if key[1].startswith(_POD):
            return self._sync_orphan(key[0], key[1].removeprefix(_POD))
        job = self.jobs.get(*key)
        if job is None:
            self._records.pop(key, None)
            self._control.forget(key)
            return None
        if is_managed_elsewhere(job) or is_finished(job):
            self._records.pop(key, None)
            return None
        if self._control.is_stale(job):
            return Result(requeue=True)
        return self._sync(key, job)

    def _sync(self, key: Key, job: Object) -> Steps:
        # Asked before the pods are read: a pod that comes in between is then not counted as missing.
        settled = self._control.expectations.satisfied(key, self.engine.now)
        pods = yield from self._claim_pods(job)
        sync = JobSync(
            job,
            pods,
            control=self._control,
            event=self._event,
            clock=lambda: self.engine.now,
            record=self._records.get(key, Record()),
            released=self._control.released(key),
            settled=settled,
        )
        synced = yield from sync.run()
        self._records[key] = synced.record
        if synced.again_after:
            self.enqueue_after(key, synced.again_after)
        if synced.error is not None:
            raise synced.error

    def _claim_pods(self, job: Object) -> Steps:
        """The Job's pods, adopting and releasing on the way (getPodsForJob)."""
        selector = selectors.from_object(job["spec"].get("selector"))
        claimed = []
        for pod in list(self.pods.of(objects.uid(job)).values()):
            action = claim.claim_action(job, selector, pod)
            if action == "release":
                yield from claim.release(self.client, "pods", job, pod)
            elif action == "keep":
                claimed.append(pod)
        orphans = [
            pod
            for pod in self.pods.orphans(objects.namespace(job)).values()
            if claim.claim_action(job, selector, pod) == "adopt"
        ]
        orphans.sort(key=objects.name)
        adopted = yield from claim.adopt_all(
            self.client, "jobs", job, "pods", orphans, finalizers=[FINALIZER]
        )
        return [*claimed, *(pod for _, pod in adopted)]

    def _sync_orphan(self, namespace: str, name: str) -> Steps | None:
        pod = self._pods.get(namespace, name)
        if pod is None or not is_tracked(pod):
            return None
        ref = objects.controller_of(pod)
        if ref is not None:
            if ref["kind"] != KIND:
                return None
            job = resolve_controller_ref(self.jobs, KIND, pod)
            if job is not None and (is_managed_elsewhere(job) or not is_finished(job)):
                return None
        return self._control.release_orphan(pod)


def is_managed_elsewhere(job: Object) -> bool:
    """Whether another controller looks after the Job (spec.managedBy)."""
    return job["spec"].get("managedBy") not in (None, CONTROLLER_NAME)
