"""The CronJob controller: creates Jobs when their time has come.

**Imitates:** ``pkg/controller/cronjob/cronjob_controllerv2.go`` (v1.36): one timer for the next run of each CronJob,
100 ms late on purpose, and nothing in between. What one sync does is in ``sync.py``.
**Walk:** a CronJob appears -> `reconcile` finds no unmet time and arms the timer -> the time comes -> the Job is created
and listed as active -> the Job is over -> it is taken off the list, and old ones are deleted.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.cron import BadSchedule, load_zone, parse
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler, Result
from kcsim.cluster.controllers import claim
from kcsim.cluster.controllers.cronjob.missed import until_next
from kcsim.cluster.controllers.cronjob.sync import CronJobSync
from kcsim.cluster.controllers.owned import resolve_controller_ref
from kcsim.engine.task import Waitable
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]

_KIND = "CronJob"


class ClientJobControl:
    """The Jobs of CronJobs, through a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get_cron_job(self, namespace: str, name: str) -> Steps:
        """The CronJob as the API server has it."""
        return (yield self._client.get("cronjobs", namespace, name))

    def get(self, namespace: str, name: str) -> Steps:
        """A Job."""
        return (yield self._client.get("jobs", namespace, name))

    def create(self, namespace: str, job: Object) -> Steps:
        """The Job as created."""
        return (yield self._client.create("jobs", job, namespace))

    def delete(self, namespace: str, name: str) -> Steps:
        """Delete a Job, and its pods in the background."""
        yield self._client.delete("jobs", namespace, name, propagation="Background")


class CronJobController(Reconciler):
    """Creates each CronJob's Jobs at their times."""

    name = "cronjob-controller"
    workers = DEFAULT.count("kube-controller-manager/concurrent-cronjob-syncs")

    def setup(self, component: Component) -> None:
        """Subscribe to CronJobs and Jobs."""
        self.engine = component.engine
        self._control = ClientJobControl(self.client)
        self.cron_jobs = component.informer("cronjobs")
        self.jobs = component.informer("jobs")
        self.jobs.add_index("controller", claim.controller_index)
        self.cron_jobs.on_change(self._cron_job_changed)
        self.jobs.on_change(self._job_changed)

    def _event(self, obj: Object, kind: str, reason: str, message: str) -> None:
        self.component.events.event(obj, kind, reason, message, self.name)

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _cron_job_changed(self, old: Object | None, new: Object | None) -> None:
        cron_job = new or old
        assert cron_job is not None
        key = objects.key(cron_job)
        if old is None or new is None or _times(old) == _times(new):
            self.enqueue(key)
            return
        spec = new["spec"]
        try:
            schedule = parse(spec["schedule"], zone=load_zone(spec.get("timeZone") or ""))
        except (BadSchedule, KeyError):
            text = f"unparseable schedule for cronjob: {spec['schedule']}"
            self._event(new, "Warning", "UnParseableCronJobSchedule", text)
            return
        wait = until_next(new, self.engine.now, schedule)
        if wait is not None:
            self.enqueue_after(key, wait, f"schedule {spec['schedule']}")

    def _job_changed(self, old: Object | None, new: Object | None) -> None:
        for job in (old, new):
            if job is not None:
                owner = resolve_controller_ref(self.cron_jobs, _KIND, job)
                if owner is not None:
                    self.enqueue(objects.key(owner))

    # --- one sync -----------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Steps | None:
        """Look at one CronJob."""
        cron_job = self.cron_jobs.get(*key)
        return None if cron_job is None else self._sync(cron_job)

    def _sync(self, cron_job: Object) -> Steps:
        jobs = self.jobs.by_index("controller", objects.uid(cron_job))
        sync = CronJobSync(cron_job, jobs, control=self._control, event=self._event, now=self.engine.now)
        outcome = yield from sync.run()
        if outcome.write:
            yield self.client.update_status("cronjobs", {**cron_job, "status": outcome.status})
        if outcome.again_after is not None:
            what = f"schedule {cron_job['spec']['schedule']}"
            return Result(requeue_after=max(outcome.again_after, 1), what=what)
        if outcome.error is not None:
            raise outcome.error
        return None


def _times(cron_job: Object) -> tuple[str, str | None]:
    spec = cron_job["spec"]
    return spec["schedule"], spec.get("timeZone")
