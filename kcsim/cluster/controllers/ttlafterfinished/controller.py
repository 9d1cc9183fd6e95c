"""The TTL-after-finished controller: deletes Jobs some time after they are over.

**Imitates:** ``pkg/controller/ttlafterfinished/ttlafterfinished_controller.go`` (v1.36): the API server is asked once
more before the delete, which is in foreground and for that uid only.
**Walk:** a Job is Complete or Failed -> a timer until its ttlSecondsAfterFinished have passed -> the Job is deleted, its
pods first.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler, Result
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND, parse_rfc3339
from kcsim.engine.task import Waitable
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]


class TtlAfterFinishedController(Reconciler):
    """Deletes finished Jobs that say when."""

    name = "ttl-after-finished-controller"
    workers = DEFAULT.count("kube-controller-manager/concurrent-ttl-after-finished-syncs")

    def setup(self, component: Component) -> None:
        """Subscribe to Jobs."""
        self.engine = component.engine
        self.jobs = component.informer("jobs")
        self.jobs.on_change(self._job_changed)

    def _job_changed(self, _old: Object | None, new: Object | None) -> None:
        if new is not None and not objects.is_deleting(new) and expires_at(new) is not None:
            self.enqueue(objects.key(new))

    def reconcile(self, key: Key) -> Steps | Result | None:
        """Delete a Job whose time has come."""
        job = self.jobs.get(*key)
        if job is None or objects.is_deleting(job):
            return None
        expires = expires_at(job)
        if expires is None:
            return None
        if expires > self.engine.now:
            ttl = f"ttlSecondsAfterFinished {job['spec']['ttlSecondsAfterFinished']}"
            return Result(requeue_after=expires - self.engine.now, what=ttl)
        return self._delete(key)

    def _delete(self, key: Key) -> Steps:
        try:
            fresh = yield self.client.get("jobs", *key)
            expires = expires_at(fresh)
            if expires is None or objects.is_deleting(fresh):
                return None
            if expires > self.engine.now:
                return Result(requeue_after=expires - self.engine.now)
            yield self.client.delete("jobs", *key, uid=objects.uid(fresh), propagation="Foreground")
        except StatusError as error:
            if not error.is_not_found:
                raise
        return None


def expires_at(job: Object) -> int | None:
    """The instant (µs) at which a Job's time is up; None when it is not over, or may stay."""
    ttl = job["spec"].get("ttlSecondsAfterFinished")
    if ttl is None:
        return None
    for condition in objects.conditions(job):
        if condition["type"] in ("Complete", "Failed") and condition.get("status") == "True":
            return parse_rfc3339(condition["lastTransitionTime"]) + int(ttl) * SECOND
    return None
