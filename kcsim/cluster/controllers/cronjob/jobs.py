"""The Jobs of a CronJob: which are over, which are too many, and the one to create.  Decides; never acts.

**Imitates:** ``getJobFromTemplate2``, ``byJobStartTime`` and the list of active Jobs of ``pkg/controller/cronjob``
(v1.36).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, timedelta
from typing import Any

from kcsim.api import objects
from kcsim.api.cron import load_zone
from kcsim.engine.clock import EPOCH, MICROSECOND, SECOND, parse_rfc3339, unix_seconds

Object = dict[str, Any]

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def finished_as(job: Object) -> str:
    """``Complete`` or ``Failed``, "" while the Job is not over."""
    for condition in objects.conditions(job):
        if condition["type"] in ("Complete", "Failed") and condition.get("status") == "True":
            return str(condition["type"])
    return ""


def is_active(status: Object, uid: str) -> bool:
    """Whether the status lists a Job of that uid as active."""
    return any(ref.get("uid") == uid for ref in status.get("active") or ())


def without_active(status: Object, uid: str) -> Object:
    """The status without the Job of that uid."""
    left = [ref for ref in status.get("active") or () if ref.get("uid") != uid]
    rest = {name: value for name, value in status.items() if name != "active"}
    return {**rest, "active": left} if left else rest


def with_active(status: Object, job: Object) -> Object:
    """The status with a reference to the Job."""
    metadata = job["metadata"]
    ref = {"kind": "Job", "apiVersion": "batch/v1"}
    for field in ("namespace", "name", "uid", "resourceVersion"):
        if metadata.get(field):
            ref[field] = metadata[field]
    return {**status, "active": [*(status.get("active") or ()), ref]}


def by_start_time(jobs: Iterable[Object]) -> list[Object]:
    """The Jobs, oldest start first, those that never started last."""

    def order(job: Object) -> tuple[bool, int, str]:
        started = (job.get("status") or {}).get("startTime")
        return not started, parse_rfc3339(started) if started else 0, objects.name(job)

    return sorted(jobs, key=order)


def beyond_history(cron_job: Object, jobs: Iterable[Object]) -> list[Object]:
    """The finished Jobs that the history limits leave no room for, in the order of their deletion."""
    ended: dict[str, list[Object]] = {"Complete": [], "Failed": [], "": []}
    for job in jobs:
        ended[finished_as(job)].append(job)
    surplus = []
    limits = (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit"))
    for how, field in limits:
        limit = cron_job["spec"].get(field)
        if limit is not None and len(ended[how]) > limit:
            surplus += by_start_time(ended[how])[: len(ended[how]) - limit]
    return surplus


def job_name(cron_job: Object, scheduled: int) -> str:
    """The name for a scheduled time (µs): the same time gives the same name, so no time runs twice."""
    return f"{objects.name(cron_job)}-{unix_seconds(scheduled) // 60}"


def job_from_template(cron_job: Object, scheduled: int) -> Object:
    """The Job to create for a scheduled time."""
    template = cron_job["spec"]["jobTemplate"]
    source = template.get("metadata") or {}
    zone = load_zone(cron_job["spec"].get("timeZone") or "")
    shown = (EPOCH + timedelta(microseconds=scheduled // MICROSECOND)).astimezone(zone)
    stamp = shown.isoformat(timespec="seconds")
    metadata: Object = {
        "name": job_name(cron_job, scheduled),
        "annotations": {
            **(source.get("annotations") or {}),
            SCHEDULED: stamp.replace("+00:00", "Z"),
        },
        "ownerReferences": [objects.owner_reference(cron_job)],
    }
    if source.get("labels"):
        metadata["labels"] = source["labels"]
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template.get("spec") or {}}


def rfc1123(at: int) -> str:
    """An instant as Go's time.RFC1123Z writes it."""
    shown = (EPOCH + timedelta(seconds=at // SECOND)).astimezone(UTC)
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{days[shown.weekday()]}, {shown:%d} {months[shown.month - 1]} {shown:%Y %H:%M:%S} +0000"
