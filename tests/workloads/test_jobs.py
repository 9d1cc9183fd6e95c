"""Jobs that fail and CronJobs that overlap."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.engine.clock import SECOND, parse_rfc3339
from tests.workloads.worlds import cluster, events, image, job


def born(sim, kind: str) -> list[float]:
    """When (seconds) objects of a kind were created, whether or not they are still there."""
    found = [r for r in sim.trace.records if r.subject.startswith(f"{kind}/default/") and r.verb == "create"]
    return [record.time / SECOND for record in found]


def test_a_job_that_always_fails_tries_seven_times():
    """S24: pods at about 0, 15, 40, 85, 170, 335 and 660 s; then BackoffLimitExceeded."""
    sim = cluster(1, image(crash_after=5))
    sim.apply(job())
    began = sim.now
    sim.run("20m")
    times = [time - began for time in born(sim, "pod")]
    assert len(times) == 7
    for expected, time, number in zip((0, 15, 40, 85, 170, 335, 660), times, range(7), strict=True):
        # Each run costs its start and the notice of its end, about 2 to 4 s.
        assert expected <= time <= expected + 1 + 4.5 * number
    failed = objects.condition(sim.get("job/web"), "Failed")
    assert failed["reason"] == "BackoffLimitExceeded"
    assert 665 <= parse_rfc3339(failed["lastTransitionTime"]) / SECOND - began <= 700


def test_restarts_in_place_count_as_well():
    """S24's variant: with OnFailure one pod restarts until the limit, then it is deleted with its logs."""
    sim = cluster(1, image(crash_after=5))
    sim.apply(job(restart="OnFailure"))
    began = sim.now
    sim.run_until(lambda s: objects.condition_is(s.get("job/web"), "Failed"), timeout="20m")
    assert 310 <= sim.now - began <= 380
    sim.run("1m")
    assert len(born(sim, "pod")) == 1
    assert sim.list("pods", "default") == []


class TestCronJob:
    """S23: every five minutes, work of seven."""

    def cron(self, **spec):
        inner = job()["spec"]
        return job(kind="CronJob") | {
            "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": inner}, **spec}
        }

    def test_forbid_skips_a_slot_and_starts_it_late(self):
        sim = cluster(1, image(exits_after=7 * 60))
        sim.apply(self.cron(concurrencyPolicy="Forbid"))
        sim.run_until("31m")
        minutes = [time / 60 for time in born(sim, "job.batch")]
        assert minutes[0] == pytest.approx(5, abs=0.05)
        assert minutes[1] == pytest.approx(12, abs=0.3)  # the slot of minute 10, when the first has ended
        assert events(sim, "JobAlreadyActive")

    def test_a_starting_deadline_lets_it_wait_for_the_next_slot(self):
        sim = cluster(1, image(exits_after=7 * 60))
        sim.apply(self.cron(concurrencyPolicy="Forbid", startingDeadlineSeconds=60))
        sim.run_until("31m")
        minutes = [time / 60 for time in born(sim, "job.batch")]
        assert minutes == pytest.approx([5, 15, 25], abs=0.05)

    def test_replace_ends_the_one_that_runs(self):
        sim = cluster(1, image(exits_after=7 * 60))
        sim.apply(self.cron(concurrencyPolicy="Replace"))
        sim.run_until("21m")
        minutes = [time / 60 for time in born(sim, "job.batch")]
        assert minutes == pytest.approx([5, 10, 15, 20], abs=0.05)
        assert len(sim.list("jobs")) == 1

    def test_ten_hours_without_a_controller_are_one_run_and_a_warning(self):
        sim = cluster(1, image(exits_after=10))
        sim.apply(self.cron(schedule="* * * * *"))
        sim.run_until("3m30s")
        before = len(born(sim, "job.batch"))
        sim.inject("component-crash", "kube-controller-manager", duration="10h")
        sim.run("10h")
        back = sim.now
        sim.run_until(lambda s: len(born(s, "job.batch")) > before, timeout="2m")
        assert sim.now - back <= 40
        sim.run("10s")
        assert len(born(sim, "job.batch")) == before + 1
        assert events(sim, "TooManyMissedTimes")
