"""Jobs as stories in virtual time: done, retried, failed, indexed, suspended, cleaned up."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.cluster.controllers.garbagecollector.controller import GarbageCollector
from kcsim.cluster.controllers.job.controller import JobController
from kcsim.engine.clock import SECOND, parse_rfc3339, rfc3339

TRACKED = ["batch.kubernetes.io/job-tracking"]


class Workers:
    """Plays the pods: each runs for a second, then ends as ``script(pod)`` says (None: it goes on running)."""

    def __init__(self, world, script, runs=SECOND):
        self.world, self.script, self.runs = world, script, runs
        self.created = []
        self.ends_after = 300_000
        world.nodes.ready_after = 0
        world.nodes.watch.stop()
        self.watch = world.server.watch(world.client.resource("pods"), world.client.user, self.wake)

    def wake(self):
        self.world.engine.after(0, self.look)

    def look(self):
        for kind, version in self.watch.take():
            pod = version.object
            if kind == "ADDED":
                self.created.append((version.time, pod))
                self.world.nodes.bind(pod)
                self.world.engine.after(self.runs, self.end, version.key)
            elif objects.is_deleting(pod) and not objects.is_deleting(version.previous.object):
                self.world.engine.after(self.ends_after, self.gone, version.key, objects.uid(pod))

    def gone(self, key, uid):
        version = self.world.server.log.get(self.world.client.resource("pods"), *key)
        if version is not None and objects.uid(version.object) == uid:
            self.report(version.object, "Failed", 137)
            self.world.nodes.end(key, uid)

    def end(self, key):
        version = self.world.server.log.get(self.world.client.resource("pods"), *key)
        if version is None or objects.is_deleting(version.object):
            return
        code = self.script(version.object)
        if code is not None:
            self.report(version.object, "Succeeded" if code == 0 else "Failed", code)

    def report(self, pod, phase, code):
        ended = {"exitCode": code, "finishedAt": rfc3339(self.world.engine.now)}
        containers = [{"name": "app", "state": {"terminated": ended}, "ready": False, "restartCount": 0}]
        containers[0] |= {"image": "app:1", "imageID": ""}
        conditions = objects.set_condition(
            objects.conditions(pod), {"type": "Ready", "status": "False"}, rfc3339(self.world.engine.now)
        )
        status = {**pod["status"], "phase": phase, "containerStatuses": containers, "conditions": conditions}
        self.world.do(self.world.client.update_status("pods", {**pod, "status": status}))

    def times(self):
        return [at / SECOND for at, _ in self.created]


@pytest.fixture
def play(make_world, make):
    """``play(script, **spec)``: a world with one Job named work; ``world.workers`` plays its pods."""

    def play(script, **spec):
        world = make_world()
        world.workers = Workers(world, script)
        world.run_controllers(JobController(), GarbageCollector())
        world.run("1s")
        template = make.pod_template()
        template["spec"] |= {"restartPolicy": "Never"}
        body = {"template": template, **spec}
        world.do(world.client.create("jobs", make.manifest("batch/v1", "Job", "work", spec=body)))
        return world

    return play


def conditions(world):
    job = world.get("jobs", "work")
    return {c["type"]: (c["status"], c["reason"]) for c in objects.conditions(job)}


def counts(world):
    status = world.get("jobs", "work")["status"]
    return tuple(status.get(name, 0) for name in ("active", "succeeded", "failed"))


def test_five_completions_two_at_a_time(play):
    world = play(lambda pod: 0, completions=5, parallelism=2)
    world.run("1100ms")
    assert counts(world)[0] == 2
    world.run("20s")
    assert counts(world) == (0, 5, 0)
    assert conditions(world) == {
        "SuccessCriteriaMet": ("True", "CompletionsReached"),
        "Complete": ("True", "CompletionsReached"),
    }
    status = world.get("jobs", "work")["status"]
    assert status["uncountedTerminatedPods"] == {}
    assert status["completionTime"] > status["startTime"]
    assert not any(pod["metadata"].get("finalizers") for pod in world.list("pods"))
    assert world.events("Job")[-1] == ("Normal", "Completed", "Job completed")


def test_a_pod_is_counted_before_its_finalizer_goes(play):
    """uncountedTerminatedPods first, then the finalizer, then the counter (tl-job-ok)."""
    world = play(lambda pod: 0)
    world.run("10s")
    seen = [
        (status.get("uncountedTerminatedPods"), status.get("succeeded", 0))
        for _, job in world.history("jobs", "work")
        if (status := job.get("status"))
    ]
    uid = objects.uid(world.list("pods")[0])
    assert [s for i, s in enumerate(seen) if s not in seen[:i]] == [
        ({}, 0),
        ({"succeeded": [uid]}, 0),
        ({}, 1),
    ]


def test_retries_come_after_10_20_and_40_seconds(play):
    """Measured on a real control plane: retries 10, 30 and 70 s after the start (tl-job-backoff)."""
    world = play(lambda pod: 1, backoffLimit=3)
    world.run("100s")
    first, *later = world.workers.times()
    assert [round(at - first) for at in later] == [11, 32, 73]
    assert counts(world) == (0, 0, 4)
    assert conditions(world) == {
        "FailureTarget": ("True", "BackoffLimitExceeded"),
        "Failed": ("True", "BackoffLimitExceeded"),
    }
    text = "Job has reached the specified backoff limit"
    assert world.events("Job")[-1] == ("Warning", "BackoffLimitExceeded", text)


def test_the_deadline_ends_running_pods(play):
    world = play(lambda pod: None, activeDeadlineSeconds=5)
    world.run("10s")
    assert conditions(world)["Failed"] == ("True", "DeadlineExceeded")
    assert counts(world) == (0, 0, 1)
    assert world.list("pods") == []
    started = parse_rfc3339(world.get("jobs", "work")["status"]["startTime"])
    deleted = next(e for e in world.list("events") if e["reason"] == "SuccessfulDelete")
    assert parse_rfc3339(deleted["firstTimestamp"]) == started + 5 * SECOND


def test_failed_waits_until_the_last_pod_has_ended(play):
    world = play(lambda pod: None, activeDeadlineSeconds=5)
    world.run("20s")
    history = world.history("jobs", "work")
    target = next(at for at, job in history if objects.condition(job, "FailureTarget"))
    failed = next(at for at, job in history if objects.condition(job, "Failed"))
    assert failed - target >= 0.3


def test_indexes_are_worked_on_in_order(play):
    world = play(lambda pod: 0, completions=3, parallelism=2, completionMode="Indexed")
    world.run("10s")
    pods = [pod for _, pod in world.workers.created]
    index = "batch.kubernetes.io/job-completion-index"
    assert [objects.annotations(pod)[index] for pod in pods] == ["0", "1", "2"]
    assert [objects.labels(pod)[index] for pod in pods] == ["0", "1", "2"]
    assert [pod["spec"]["hostname"] for pod in pods] == ["work-0", "work-1", "work-2"]
    assert objects.name(pods[1]).startswith("work-1-")
    assert pods[0]["spec"]["containers"][0]["env"][0]["name"] == "JOB_COMPLETION_INDEX"
    assert world.get("jobs", "work")["status"]["completedIndexes"] == "0-2"


def test_one_bad_index_fails_alone(play):
    """backoffLimitPerIndex: index 1 is tried twice, ten seconds apart; the others finish."""
    index = "batch.kubernetes.io/job-completion-index"

    def script(pod):
        return int(objects.annotations(pod)[index] == "1")

    world = play(script, completions=3, parallelism=3, completionMode="Indexed", backoffLimitPerIndex=1)
    world.run("30s")
    status = world.get("jobs", "work")["status"]
    assert (status["completedIndexes"], status["failedIndexes"], status["failed"]) == ("0,2", "1", 2)
    assert conditions(world)["Failed"] == ("True", "FailedIndexes")
    retried = world.workers.created[-1]
    assert objects.annotations(retried[1])["batch.kubernetes.io/job-index-failure-count"] == "1"
    assert 10 <= (retried[0] - world.workers.created[0][0]) / SECOND <= 12


def test_too_many_failed_indexes(play):
    world = play(
        lambda pod: 1,
        completions=4,
        parallelism=2,
        completionMode="Indexed",
        backoffLimitPerIndex=0,
        maxFailedIndexes=1,
    )
    world.run("10s")
    assert conditions(world)["Failed"] == ("True", "MaxFailedIndexesExceeded")
    assert world.get("jobs", "work")["status"]["failedIndexes"] == "0,1"


def test_success_policy_stops_early(play):
    policy = {"rules": [{"succeededIndexes": "0"}]}
    index = "batch.kubernetes.io/job-completion-index"

    def script(pod):
        return 0 if objects.annotations(pod)[index] == "0" else None

    world = play(script, completions=3, parallelism=3, completionMode="Indexed", successPolicy=policy)
    world.run("10s")
    assert conditions(world) == {
        "SuccessCriteriaMet": ("True", "SuccessPolicy"),
        "Complete": ("True", "SuccessPolicy"),
    }
    assert counts(world) == (0, 1, 0)


def test_an_exit_code_can_fail_the_job_at_once(play):
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    world = play(lambda pod: 42, podFailurePolicy={"rules": [rule]})
    world.run("10s")
    assert len(world.workers.created) == 1
    pod = objects.name(world.workers.created[0][1])
    failed = objects.condition(world.get("jobs", "work"), "Failed")
    assert failed["message"] == (
        f"Container app for pod shop/{pod} failed with exit code 42 matching FailJob rule at index 0"
    )


def test_ignored_failures_do_not_count(play):
    codes = iter([7, 7, 0])
    rule = {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [7]}}
    world = play(lambda pod: next(codes), podFailurePolicy={"rules": [rule]}, backoffLimit=0)
    world.run("60s")
    assert counts(world) == (0, 1, 0)
    assert "Complete" in conditions(world)


def test_suspend_and_resume(play):
    world = play(lambda pod: 0, suspend=True)
    world.run("5s")
    assert world.workers.created == []
    assert conditions(world) == {"Suspended": ("True", "JobSuspended")}
    assert "startTime" not in world.get("jobs", "work")["status"]
    world.patch("jobs", "work", {"spec": {"suspend": False}})
    world.run("5s")
    assert conditions(world)["Suspended"] == ("False", "JobResumed")
    assert "Complete" in conditions(world)
    reasons = [reason for _, reason, _ in world.events("Job")]
    assert reasons == ["Suspended", "SuccessfulCreate", "Resumed", "Completed"]


def test_suspending_deletes_the_pods_without_counting_them_failed(play):
    world = play(lambda pod: None, parallelism=2, completions=2)
    world.run("3s")
    world.patch("jobs", "work", {"spec": {"suspend": True}})
    world.run("5s")
    assert counts(world) == (0, 0, 0)
    assert world.list("pods") == []


@pytest.mark.parametrize(
    ("policy", "earliest", "latest"), [("TerminatingOrFailed", 10, 11), ("Failed", 15, 16)]
)
def test_when_a_deleted_pod_is_replaced(play, policy, earliest, latest):
    """Its failure counts from its deletion or from its end: ten seconds later the next pod comes."""
    world = play(lambda pod: None, podReplacementPolicy=policy)
    world.workers.ends_after = 5 * SECOND
    world.run("3s")
    world.do(world.client.delete("pods", "shop", world.names("pods")[0], grace=30))
    asked = world.engine.now / SECOND
    world.run("30s")
    replaced = world.workers.times()[1] - asked
    assert earliest <= replaced <= latest, replaced


def test_a_deleted_job_frees_its_pods(play):
    world = play(lambda pod: None)
    world.run("3s")
    assert world.list("pods")[0]["metadata"]["finalizers"] == TRACKED
    world.do(world.client.delete("jobs", "shop", "work", propagation="Background"))
    world.run("5s")
    assert world.list("pods") == []


def test_a_job_managed_elsewhere_is_left_alone(play):
    world = play(lambda pod: 0, managedBy="example.com/queue")
    world.run("10s")
    assert world.workers.created == []


def test_a_finished_job_costs_nothing(play):
    world = play(lambda pod: 0)
    world.run("10s")
    before = world.engine.steps
    world.run("24h")
    assert world.engine.steps - before < 10


@pytest.mark.parametrize("writing", [0, 1000, 2000])
@pytest.mark.parametrize("crash_at", range(500, 10_000, 500))
def test_a_crash_between_two_writes_counts_no_pod_twice(play, writing, crash_at):
    """It writes for ten milliseconds when it starts, and after one and after two seconds: it crashes within them."""
    world = play(lambda pod: 0, completions=4, parallelism=4)
    world.run(f"{writing * 1000 + crash_at}us")
    world.manager.stop()
    world.run("2s")
    world.manager.start()
    world.run("30s")
    assert counts(world) == (0, 4, 0)
    assert len(world.workers.created) == 4
    assert "Complete" in conditions(world)
    assert not any(pod["metadata"].get("finalizers") for pod in world.list("pods"))


def test_a_pod_that_the_selector_selects_is_adopted(play, make):
    world = play(lambda pod: None, suspend=True)
    world.run("2s")
    labels = world.get("jobs", "work")["spec"]["selector"]["matchLabels"]
    pod = make.manifest("v1", "Pod", "stray", spec=make.pod_template()["spec"])
    pod["metadata"]["labels"] = labels
    world.do(world.client.create("pods", pod))
    world.patch("jobs", "work", {"spec": {"suspend": False}})
    world.run("3s")
    (stray,) = world.list("pods")
    assert objects.name(stray) == "stray"
    assert objects.controller_of(stray)["name"] == "work"
    assert stray["metadata"]["finalizers"] == TRACKED
