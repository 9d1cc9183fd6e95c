"""Which scheduled times of a CronJob have passed without a Job.  Decides; never acts.

**Imitates:** ``mostRecentScheduleTime`` and ``nextScheduleTimeDuration`` of ``pkg/controller/cronjob/utils.go``
(v1.36). Instants are µs of virtual time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcsim.api.cron import Schedule
from kcsim.engine.clock import MILLISECOND, SECOND, parse_rfc3339

Object = dict[str, Any]

NONE, FEW, MANY = 0, 1, 2
"""How many times were missed; many: more than a hundred."""
SCHEDULE_DELTA = 100 * MILLISECOND
"""So long (µs) after a scheduled time the controller looks, in case clocks differ."""
_MANY = 100


class InvalidSchedule(ValueError):
    """A schedule that can be read but never comes, as the 31st of February."""


@dataclass(frozen=True, slots=True)
class Missed:
    """The times since ``earliest`` that have passed: the ``most_recent`` of them (None: none), and how many."""

    earliest: int
    most_recent: int | None = None
    count: int = NONE


def most_recent(cron_job: Object, now: int, schedule: Schedule, *, use_deadline: bool) -> Missed:
    """What was missed. With ``use_deadline`` nothing counts that startingDeadlineSeconds has given up.

    Raises:
        InvalidSchedule: when the schedule never comes.
    """
    earliest = parse_rfc3339(cron_job["metadata"]["creationTimestamp"])
    last = (cron_job.get("status") or {}).get("lastScheduleTime")
    if last:
        earliest = parse_rfc3339(last)
    deadline = cron_job["spec"].get("startingDeadlineSeconds")
    if use_deadline and deadline is not None:
        earliest = max(earliest, now - deadline * SECOND)
    first = schedule.next(earliest)
    second = schedule.next(first) if first is not None else None
    if first is not None and now < first:
        return Missed(earliest)
    if first is not None and second is not None and now < second:
        return Missed(earliest, first)
    between = round((second - first) / SECOND) if first is not None and second is not None else 0
    if first is None or between < 1:
        raise InvalidSchedule("time difference between two schedules is less than 1 second")
    # A guess from the first distance, then exactly from there on: distances may differ.
    missed = (now - first) // SECOND // between + 1
    recent: int | None = None
    at = schedule.next(first + (missed - 2) * between * SECOND)
    while at is not None and at <= now:
        recent = at
        at = schedule.next(at)
    return Missed(earliest, recent, MANY if missed > _MANY else FEW if missed > 0 else NONE)


def unmet(cron_job: Object, now: int, schedule: Schedule) -> Missed:
    """The most recent time for which a Job is due.

    Raises:
        InvalidSchedule: when the schedule never comes.
    """
    return most_recent(cron_job, now, schedule, use_deadline=True)


def until_next(cron_job: Object, now: int, schedule: Schedule) -> int | None:
    """In how many µs to look next; None when the schedule never comes again."""
    try:
        found = most_recent(cron_job, now, schedule, use_deadline=False)
    except InvalidSchedule:
        start = now
    else:
        if found.most_recent is not None:
            start = found.most_recent
        else:
            start = found.earliest if found.count == NONE else now
    following = schedule.next(start)
    return None if following is None else following + SCHEDULE_DELTA - now
