"""CronJobs as stories in virtual time. The simulation begins on Thursday, 1 January 2026, at midnight UTC."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.api.cron import BadSchedule, load_zone, parse
from kcsim.cluster.controllers.cronjob.controller import CronJobController
from kcsim.cluster.controllers.ttlafterfinished.controller import TtlAfterFinishedController
from kcsim.engine.clock import HOUR, MINUTE, SECOND, parse_rfc3339, rfc3339


@pytest.fixture
def world(make_world):
    world = make_world()
    world.run_controllers(CronJobController(), TtlAfterFinishedController())
    world.run("1s")
    return world


@pytest.fixture
def schedule(world, make):
    """``schedule("*/5 * * * *", concurrencyPolicy=...)`` creates the CronJob ``tick``."""

    def schedule(times, job=None, **spec):
        template = {"spec": {"template": {"spec": {**_POD, "restartPolicy": "Never"}}, **(job or {})}}
        body = {"schedule": times, "jobTemplate": template, **spec}
        world.do(world.client.create("cronjobs", make.manifest("batch/v1", "CronJob", "tick", spec=body)))

    return schedule


_POD = {"containers": [{"name": "app", "image": "app:1"}]}


def end(world, name, kind="Complete"):
    """Play the Job controller: a Job is over."""
    job = world.get("jobs", name)
    now = rfc3339(world.engine.now)
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": now, "lastProbeTime": now}]
    status = {"conditions": conditions, "startTime": job["metadata"]["creationTimestamp"]}
    if kind == "Complete":
        first = {"type": "SuccessCriteriaMet", "status": "True", "lastTransitionTime": now}
        status |= {"completionTime": now, "conditions": [{**first, "lastProbeTime": now}, *conditions]}
        status["succeeded"] = 1
    else:
        first = {"type": "FailureTarget", "status": "True", "lastTransitionTime": now, "lastProbeTime": now}
        status["conditions"] = [first, *conditions]
    world.do(world.client.update_status("jobs", {**job, "status": status}))
    world.run("1s")


def times_of_jobs(world):
    return [job["metadata"]["creationTimestamp"][11:19] for job in world.list("jobs")]


def reasons(world):
    return [reason for _, reason, _ in world.events("CronJob")]


def test_a_job_comes_at_each_scheduled_time(world, schedule):
    schedule("*/5 * * * *")
    world.run("16m")
    assert times_of_jobs(world) == ["00:05:00", "00:10:00", "00:15:00"]
    minutes = parse_rfc3339("1970-01-01T00:00:00Z") // -MINUTE
    assert world.names("jobs") == [f"tick-{minutes + n}" for n in (5, 10, 15)]
    job = world.list("jobs")[0]
    stamp = objects.annotations(job)["batch.kubernetes.io/cronjob-scheduled-timestamp"]
    assert stamp == "2026-01-01T00:05:00Z"
    status = world.get("cronjobs", "tick")["status"]
    assert status["lastScheduleTime"] == "2026-01-01T00:15:00Z"
    assert [ref["name"] for ref in status["active"]] == world.names("jobs")


def test_it_looks_a_tenth_of_a_second_late(world, schedule):
    schedule("@hourly")
    world.run("61m")
    created = next(v.time for v in world.server.log.versions if v.key[1].startswith("tick-"))
    assert HOUR + SECOND // 10 <= created < HOUR + SECOND // 5


def test_nothing_happens_between_two_runs(world, schedule):
    schedule("0 6 * * *")
    world.run("10s")
    before = world.engine.steps
    world.run("5h")
    assert world.engine.steps - before <= 2


def test_a_finished_job_leaves_the_list(world, schedule):
    schedule("*/5 * * * *")
    world.run("6m")
    name = world.names("jobs")[0]
    end(world, name)
    status = world.get("cronjobs", "tick")["status"]
    assert "active" not in status
    assert status["lastSuccessfulTime"] == world.get("jobs", name)["status"]["completionTime"]
    text = f"Saw completed job: {name}, condition: Complete"
    assert ("Normal", "SawCompletedJob", text) in world.events("CronJob")


def test_forbid_waits_for_the_one_before(world, schedule):
    """The skipped time starts as soon as the Job before it has ended: it is still the most recent unmet one."""
    schedule("*/5 * * * *", concurrencyPolicy="Forbid")
    world.run("12m")
    assert times_of_jobs(world) == ["00:05:00"]
    assert "JobAlreadyActive" in reasons(world)
    end(world, world.names("jobs")[0])
    assert times_of_jobs(world) == ["00:05:00", "00:12:01"]


def test_replace_deletes_the_one_before(world, schedule):
    schedule("*/5 * * * *", concurrencyPolicy="Replace")
    world.run("16m")
    assert times_of_jobs(world) == ["00:15:00"]
    assert reasons(world).count("SuccessfulDelete") == 2


def test_history_limits(world, schedule):
    schedule("* * * * *", successfulJobsHistoryLimit=2, failedJobsHistoryLimit=1)
    for n in range(1, 7):
        world.run("61s" if n == 1 else "59s")
        end(world, world.names("jobs")[-1], "Failed" if n % 3 == 0 else "Complete")
    kept = [job["metadata"]["creationTimestamp"][14:16] for job in world.list("jobs")]
    assert kept == ["04", "05", "06"]


def test_suspended_and_resumed_the_last_missed_time_runs_at_once(world, schedule):
    schedule("*/10 * * * *", suspend=True)
    world.run("35m")
    assert world.list("jobs") == []
    world.patch("cronjobs", "tick", {"spec": {"suspend": False}})
    world.run("2s")
    assert [
        objects.annotations(j)["batch.kubernetes.io/cronjob-scheduled-timestamp"] for j in world.list("jobs")
    ] == ["2026-01-01T00:30:00Z"]


def test_a_deadline_drops_what_is_too_late(world, schedule):
    schedule("*/10 * * * *", suspend=True, startingDeadlineSeconds=60)
    world.run("35m")
    world.patch("cronjobs", "tick", {"spec": {"suspend": False}})
    world.run("2s")
    assert world.list("jobs") == []
    world.run("10m")
    assert times_of_jobs(world) == ["00:40:00"]


def test_more_than_a_hundred_missed_times_warn_and_run_once(world, schedule):
    schedule("* * * * *", suspend=True)
    world.run("2h")
    world.patch("cronjobs", "tick", {"spec": {"suspend": False}})
    world.run("2s")
    assert len(world.list("jobs")) == 1
    text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
    assert ("Warning", "TooManyMissedTimes", text) in world.events("CronJob")


def test_a_controller_that_was_down_catches_up_on_one_time(world, schedule):
    schedule("*/10 * * * *")
    world.run("15m")
    world.manager.stop()
    world.run("60m")
    world.manager.start()
    world.run("2s")
    assert len(world.list("jobs")) == 2


def test_the_time_zone_decides(world, schedule):
    schedule("0 9 * * *", timeZone="Asia/Tokyo")
    world.run("25h")
    (job,) = world.list("jobs")
    assert job["metadata"]["creationTimestamp"] == "2026-01-02T00:00:00Z"
    stamp = objects.annotations(job)["batch.kubernetes.io/cronjob-scheduled-timestamp"]
    assert stamp == "2026-01-02T09:00:00+09:00"


def test_a_new_schedule_moves_the_next_run(world, schedule):
    schedule("0 * * * *")
    world.run("1m")
    world.patch("cronjobs", "tick", {"spec": {"schedule": "*/5 * * * *"}})
    world.run("5m")
    assert times_of_jobs(world) == ["00:05:00"]


def test_a_schedule_that_never_comes(world, schedule):
    schedule("0 0 31 2 *")
    world.run("1h")
    text = "invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second"
    assert world.events("CronJob") == [("Warning", "InvalidSchedule", text)]


def test_daylight_saving_skips_what_does_not_exist():
    """Berlin, 29 March 2026: clocks go from 2:00 to 3:00."""
    daily = parse("30 2 * * *", zone=load_zone("Europe/Berlin"))
    at = daily.next(parse_rfc3339("2026-03-28T12:00:00Z"))
    assert rfc3339(at) == "2026-03-30T00:30:00Z"


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * *", "* * * * 8", "@sometimes", "@every x", "TZ=Nowhere/X * * * * *"]
)
def test_bad_expressions(text):
    with pytest.raises(BadSchedule):
        parse(text)


def test_a_job_is_deleted_after_its_ttl(world, make):
    template = {"spec": {**_POD, "restartPolicy": "Never"}}
    spec = {"template": template, "ttlSecondsAfterFinished": 30}
    world.do(world.client.create("jobs", make.manifest("batch/v1", "Job", "work", spec=spec)))
    world.run("10s")
    end(world, "work")
    world.run("28s")
    assert not objects.is_deleting(world.get("jobs", "work"))
    world.run("2s")
    assert objects.is_deleting(world.get("jobs", "work"))
    assert world.get("jobs", "work")["metadata"]["finalizers"] == ["foregroundDeletion"]
