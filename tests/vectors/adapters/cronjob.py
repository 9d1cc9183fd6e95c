"""cronjob.json: one sync, missed runs, cron expressions."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from kcsim.api import objects
from kcsim.api.cron import BadSchedule, load_zone, parse
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.cronjob.jobs import by_start_time
from kcsim.cluster.controllers.cronjob.missed import InvalidSchedule, most_recent, until_next
from kcsim.cluster.controllers.cronjob.sync import CronJobSync
from kcsim.engine.clock import EPOCH, SECOND, parse_rfc3339, rfc3339, seconds
from kcsim.engine.task import Task


class _Control:
    """Stands in for the API."""

    def __init__(self, case, cron_job, jobs):
        self.case, self.cron_job, self.jobs = case, cron_job, jobs
        self.created, self.deleted = [], []

    def get_cron_job(self, namespace, name):
        if not self.case.get("activeRefStillInStore"):
            return {**self.cron_job, "status": {}}
        refs = [_ref(job) for job in self.jobs]
        return {**self.cron_job, "status": {**(self.cron_job.get("status") or {}), "active": refs}}
        yield

    def get(self, namespace, name):
        text = self.case.get("getError")
        if text is not None:
            raise _refusal(text)
        # Upstream's stand-in knows one Job, whatever it is asked for.
        if self.jobs or self.case.get("activeRefStillInStore"):
            return self.jobs[0] if self.jobs else {"metadata": {"name": name, "namespace": namespace}}
        raise StatusError(404, "NotFound", "not found")
        yield

    def create(self, namespace, job):
        text = self.case.get("createError")
        if text is not None:
            raise _refusal(text)
        self.created.append(objects.name(job))
        return job
        yield

    def delete(self, namespace, name):
        self.deleted.append(name)
        return
        yield


def _refusal(text):
    """The failure of a call, told by its text. Upstream's failure for a namespace that goes away has none."""
    if "already exists" in text:
        return StatusError(409, "AlreadyExists", text)
    if "not found" in text:
        return StatusError(404, "NotFound", text)
    if not text or "terminat" in text:
        return StatusError(403, "Forbidden", text, {"causes": [{"reason": "NamespaceTerminating"}]})
    return StatusError(400, "BadRequest", text)


def _ref(job):
    metadata = job["metadata"]
    return {"kind": "Job", "apiVersion": "batch/v1", "name": metadata["name"], "uid": metadata["uid"]}


def sync(case):
    cron_job = {"apiVersion": "batch/v1", "kind": "CronJob", **case["cronJob"]}
    cron_job["metadata"] = {"uid": "cron", **cron_job["metadata"]}
    if (cron_job.get("status") or {}).get("active"):
        refs = [{**ref, "uid": ref["name"]} for ref in cron_job["status"]["active"]]
        cron_job["status"] = {**cron_job["status"], "active": refs}
    owner = objects.owner_reference(cron_job)
    jobs = [
        {**job, "metadata": {"uid": job["metadata"]["name"], "ownerReferences": [owner], **job["metadata"]}}
        for job in case.get("jobs") or ()
    ]
    for job in jobs:
        job["metadata"].setdefault("namespace", cron_job["metadata"]["namespace"])
    control = _Control(case, cron_job, jobs)
    run = CronJobSync(cron_job, jobs, control=control, event=lambda *_: None, now=parse_rfc3339(case["now"]))
    outcome = Task(run.run()).value
    status = dict(outcome.status)
    if "active" in status:
        status["active"] = [{k: v for k, v in ref.items() if k != "uid"} for ref in status["active"]]
    return {
        "created": control.created,
        "requeueAfter": outcome.again_after,
        "status": status,
        "deleted": control.deleted,
        "error": outcome.error is not None,
        "updateStatus": outcome.write,
    }


def check_sync(case, outcome):
    expect = dict(case["expect"])
    if "requeueAfter" in expect:
        after = expect.pop("requeueAfter")
        assert outcome["requeueAfter"] == (None if after is None else seconds(after))
    for name, value in expect.items():
        assert outcome[name] == value, name


def most_recent_schedule_time(case):
    cron_job = case["cronJob"]
    try:
        found = most_recent(
            cron_job,
            parse_rfc3339(case["now"]),
            parse(cron_job["spec"]["schedule"]),
            use_deadline=case.get("includeStartingDeadlineSeconds", False),
        )
    except InvalidSchedule:
        return {"error": True}
    return {
        "mostRecent": None if found.most_recent is None else rfc3339(found.most_recent),
        "earliest": rfc3339(found.earliest),
        "missed": found.count,
        "error": False,
    }


def next_schedule_time_duration(case):
    cron_job = case["cronJob"]
    schedule = parse(cron_job["spec"]["schedule"])
    return {"duration": until_next(cron_job, parse_rfc3339(case["now"]), schedule)}


def check_duration(case, outcome):
    assert outcome["duration"] == seconds(case["expect"]["duration"])


def by_job_start_time(case):
    jobs = [
        {
            "metadata": {"name": job["name"]},
            "status": {"startTime": job["startTime"]} if "startTime" in job else {},
        }
        for job in case["jobs"]
    ]
    return {"order": [objects.name(job) for job in by_start_time(jobs)]}


def _time(text):
    """An instant in µs and the zone that the text names."""
    zone = UTC
    if text.startswith("TZ="):
        head, _, text = text.partition(" ")
        zone = load_zone(head.removeprefix("TZ="))
    if re.match(r"\d", text):
        at = datetime.fromisoformat(text)
        zone = at.tzinfo if zone is UTC else zone
    else:
        form = "%a %b %d %H:%M:%S %Y" if text.count(":") == 2 else "%a %b %d %H:%M %Y"
        at = datetime.strptime(text, form).replace(tzinfo=UTC)
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND, zone


def cron_activation(case):
    at, zone = _time(case["time"])
    return {"active": parse(case["spec"], zone=zone).next(at - SECOND) == at}


def cron_next(case):
    at, zone = _time(case["time"])
    return {"next": parse(case["spec"], zone=zone, with_seconds=True).next(at)}


def cron_next_tz(case):
    at, zone = _time(case["time"])
    return {"next": parse(case["spec"], zone=zone).next(at)}


def check_next(case, outcome):
    text = case["expect"]["next"]
    assert outcome["next"] == (_time(text)[0] if text else None)


def cron_parse_error(case):
    try:
        parse(case["spec"], with_seconds=case.get("fields") == 6)
    except BadSchedule as error:
        return {"error": str(error)}
    return {}


ADAPTERS = {
    "syncCronJob": sync,
    "mostRecentScheduleTime": most_recent_schedule_time,
    "nextScheduleTimeDuration": next_schedule_time_duration,
    "byJobStartTime": by_job_start_time,
    "cronActivation": cron_activation,
    "cronNext": cron_next,
    "cronNextTz": cron_next_tz,
    "cronParseError": cron_parse_error,
}
CHECKS = {
    "syncCronJob": check_sync,
    "nextScheduleTimeDuration": check_duration,
    "cronNext": check_next,
    "cronNextTz": check_next,
}
