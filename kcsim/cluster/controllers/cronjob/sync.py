"""One sync of one CronJob: note which Jobs are over, and create the one that is due.

**Imitates:** ``syncCronJob`` and ``cleanupFinishedJobs`` of ``pkg/controller/cronjob/cronjob_controllerv2.go`` (v1.36).
**May:** act through the `JobControl` it is given; keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kcsim.api import objects
from kcsim.api.cron import BadSchedule, Schedule, load_zone, parse
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.calls import has_status_cause
from kcsim.cluster.controllers.cronjob import jobs as children
from kcsim.cluster.controllers.cronjob.missed import MANY, InvalidSchedule, unmet, until_next
from kcsim.engine.clock import SECOND, parse_rfc3339, rfc3339
from kcsim.engine.task import Waitable

Object = dict[str, Any]
Calls = Generator[Waitable, Any, Any]


class JobControl(Protocol):
    """What a sync may ask and do."""

    def get_cron_job(self, namespace: str, name: str) -> Calls:
        """The CronJob as the API server has it."""
        ...

    def get(self, namespace: str, name: str) -> Calls:
        """A Job."""
        ...

    def create(self, namespace: str, job: Object) -> Calls:
        """The Job as created."""
        ...

    def delete(self, namespace: str, name: str) -> Calls:
        """Delete a Job, and its pods in the background."""
        ...


class ReplaceFailed(Exception):
    """A Job that was to make room is still there."""


@dataclass(slots=True)
class Outcome:
    """What came of a sync: the status, whether to write it, when to look again (µs; None: not by the clock)."""

    status: Object
    write: bool = False
    again_after: int | None = None
    error: Exception | None = None


class CronJobSync:
    """One sync at the instant ``now`` (µs)."""

    def __init__(
        self,
        cron_job: Object,
        jobs: Sequence[Object],
        *,
        control: JobControl,
        event: Callable[[Object, str, str, str], None],
        now: int,
    ) -> None:
        self._cron_job = cron_job
        self._jobs = jobs
        self._control = control
        self._record = event
        self._now = now
        self._status: Object = cron_job.get("status") or {}
        self._changed = False
        self._detached: Object | None = None

    def run(self) -> Calls:
        """Do it; gives `Outcome`."""
        error: Exception | None = None
        again: int | None = None
        try:
            yield from self._clean_up()
            again = yield from self._sync()
        except (StatusError, ReplaceFailed) as failure:
            error = failure
        status = self._detached if self._detached is not None else self._status
        return Outcome(status, self._changed, again, error)

    def _event(self, kind: str, reason: str, message: str) -> None:
        self._record(self._cron_job, kind, reason, message)

    @property
    def _current(self) -> Object:
        return {**self._cron_job, "status": self._status}

    # --- Jobs that are over -------------------------------------------------------------------------------------

    def _clean_up(self) -> Calls:
        for job in children.beyond_history(self._cron_job, self._jobs):
            if (yield from self._delete(job)):
                self._changed = True

    def _delete(self, job: Object) -> Calls:
        """Delete a Job; gives whether that worked."""
        try:
            yield from self._control.delete(objects.namespace(job), objects.name(job))
        except StatusError as error:
            self._event("Warning", "FailedDelete", f"Deleted job: {error}")
            return False
        self._status = children.without_active(self._status, objects.uid(job))
        self._event("Normal", "SuccessfulDelete", f"Deleted job {objects.name(job)}")
        return True

    def _look_at_jobs(self) -> Calls:
        """Take finished Jobs off the list of active ones."""
        for job in self._jobs:
            uid, ended = objects.uid(job), children.finished_as(job)
            listed = children.is_active(self._status, uid)
            if not listed and not ended:
                fresh = yield from self._control.get_cron_job(*objects.key(self._cron_job))
                if children.is_active(fresh.get("status") or {}, uid):
                    # Our cache is behind our own status. What follows is decided on the fresh one, but not written.
                    self._detached = self._detached if self._detached is not None else self._status
                    self._cron_job, self._status = fresh, fresh.get("status") or {}
                    continue
                name = objects.name(job)
                text = f"Saw a job that the controller did not create or forgot: {name}"
                self._event("Warning", "UnexpectedJob", text)
            elif listed and ended:
                self._status = children.without_active(self._status, uid)
                text = f"Saw completed job: {objects.name(job)}, condition: {ended}"
                self._event("Normal", "SawCompletedJob", text)
                self._changed = True
            if ended == "Complete":
                self._note_success(job)

    def _note_success(self, job: Object) -> None:
        completed, last = (
            (job.get("status") or {}).get("completionTime"),
            self._status.get("lastSuccessfulTime"),
        )
        if completed and (last is None or parse_rfc3339(completed) > parse_rfc3339(last)):
            self._status = {**self._status, "lastSuccessfulTime": completed}
            self._changed = True

    def _look_for_missing(self) -> Calls:
        """Take Jobs off the list that exist neither in the cache nor at the API server."""
        known = {objects.uid(job) for job in self._jobs}
        for ref in self._status.get("active") or ():
            if ref.get("uid") in known:
                continue
            try:
                yield from self._control.get(ref.get("namespace", ""), ref["name"])
            except StatusError as error:
                if not error.is_not_found:
                    raise
                self._event("Normal", "MissingJob", f"Active job went missing: {ref['name']}")
                self._status = children.without_active(self._status, ref.get("uid", ""))
                self._changed = True

    # --- the Job that is due ------------------------------------------------------------------------------------

    def _sync(self) -> Calls:
        """Gives in how many µs to look again, or None."""
        yield from self._look_at_jobs()
        yield from self._look_for_missing()
        if objects.is_deleting(self._cron_job):
            return None
        schedule = self._schedule()
        if schedule is None:
            return None
        try:
            missed = unmet(self._current, self._now, schedule)
        except InvalidSchedule as error:
            text = f"invalid schedule: {self._cron_job['spec']['schedule']} : {error}"
            self._event("Warning", "InvalidSchedule", text)
            return None
        due = missed.most_recent
        if due is None or due > self._now:
            return until_next(self._current, self._now, schedule)
        if missed.count == MANY:
            text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
            self._event("Warning", "TooManyMissedTimes", text)
        if self._is_to_run(due):
            if not (yield from self._make_room()):
                return until_next(self._current, self._now, schedule)
            if not (yield from self._create(due)):
                return None
        return until_next(self._current, self._now, schedule)

    def _schedule(self) -> Schedule | None:
        spec = self._cron_job["spec"]
        zone = spec.get("timeZone")
        if zone is not None:
            try:
                load_zone(zone)
            except KeyError:
                text = f'invalid timeZone: "{zone}": unknown time zone {zone}'
                self._event("Warning", "UnknownTimeZone", text)
                return None
        if spec.get("suspend"):
            return None
        if "TZ" in spec["schedule"]:
            page = "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/"
            text = (
                f'CRON_TZ or TZ used in schedule "{spec["schedule"]}" is not officially supported,'
                f" see {page} for more details"
            )
            self._event("Warning", "UnsupportedSchedule", text)
        try:
            return parse(spec["schedule"], zone=load_zone(zone or ""))
        except BadSchedule as error:
            text = f'unparseable schedule: "{spec["schedule"]}" : {error}'
            self._event("Warning", "UnparseableSchedule", text)
            return None

    def _is_to_run(self, due: int) -> bool:
        """Whether the scheduled time is neither over nor done."""
        deadline = self._cron_job["spec"].get("startingDeadlineSeconds")
        if deadline is not None and due + deadline * SECOND < self._now:
            text = f"Missed scheduled time to start a job: {children.rfc1123(due)}"
            self._event("Warning", "MissSchedule", text)
            return False
        name = children.job_name(self._cron_job, due)
        if any(ref["name"] == name for ref in self._status.get("active") or ()):
            return False
        last = self._status.get("lastScheduleTime")
        return not last or parse_rfc3339(last) != due

    def _make_room(self) -> Calls:
        """What the concurrency policy asks for; gives whether a Job may be created."""
        active = self._status.get("active") or ()
        policy = self._cron_job["spec"].get("concurrencyPolicy")
        if policy == "Forbid" and active:
            text = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._event("Normal", "JobAlreadyActive", text)
            return False
        for ref in active if policy == "Replace" else ():
            try:
                job = yield from self._control.get(ref.get("namespace", ""), ref["name"])
            except StatusError as error:
                self._event("Warning", "FailedGet", f"Get job: {error}")
                raise
            if not (yield from self._delete(job)):
                raise ReplaceFailed(f"could not replace job {ref.get('namespace', '')}/{ref['name']}")
            self._changed = True
        return True

    def _create(self, due: int) -> Calls:
        """Create the Job for a scheduled time; gives whether the status lists it now."""
        namespace = objects.namespace(self._cron_job)
        wanted = children.job_from_template(self._cron_job, due)
        try:
            job = yield from self._control.create(namespace, wanted)
        except StatusError as error:
            if has_status_cause(error, "NamespaceTerminating"):
                raise
            if not error.is_already_exists:
                self._event("Warning", "FailedCreate", f"Error creating job: {error}")
                raise
            # Either ours, created before a crash and never listed; or somebody else's, who looks after it.
            job = yield from self._control.get(namespace, objects.name(wanted))
            owner = objects.controller_of(job)
            if owner is None or owner["uid"] != objects.uid(self._cron_job):
                return False
            if children.is_active(self._status, objects.uid(job)):
                return False
        else:
            self._event("Normal", "SuccessfulCreate", f"Created job {objects.name(job)}")
        self._status = {
            **children.with_active(self._status, job),
            "lastScheduleTime": rfc3339(due),
        }
        self._changed = True
        return True
