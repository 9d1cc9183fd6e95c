"""From a commit to the cluster: stages, runners, triggers, and the trace they leave."""

from __future__ import annotations

import pytest

from kcsim.delivery.ci.pipelines import ClusterTarget, Pipeline, PipelineSpec, StageSpec
from kcsim.delivery.ci.runs import Deployment
from kcsim.delivery.ci.system import UnknownRunner
from kcsim.engine.clock import SECOND
from kcsim.profile.distributions import Fixed

TESTS = StageSpec("tests", Fixed(20 * SECOND))


def test_a_commit_goes_through_the_stages_into_the_cluster(world, files):
    pipeline = world.pipeline(TESTS)
    commit = world.commit({"web.yaml": files.web("1"), "config.yaml": files.config("a")})
    world.run("2m")
    (run,) = pipeline.runs
    assert (run.status, run.sha, run.trigger, run.runner) == (
        "succeeded",
        commit.sha,
        "webhook",
        "shop-runner-1",
    )
    assert [(stage.name, stage.status) for stage in run.stages] == [
        ("tests", "succeeded"),
        ("deploy", "succeeded"),
    ]
    assert world.find("configmaps", "a")["data"] == {"a": "1"}
    assert world.find("deployments.apps", "web")["status"]["readyReplicas"] == 2
    assert pipeline.last_deployed() == commit.sha
    # Webhook 2 s and its way, pick-up 1 s, the stage's 20 s.
    tests = run.stages[0]
    assert (run.queued_at, tests.started_at, tests.finished_at) == (2_010_000, 3_010_000, 23_010_000)


def test_every_write_leads_back_to_the_commit(world, files):
    world.pipeline(TESTS)
    commit = world.commit({"web.yaml": files.web("1")})
    world.run("2m")
    version = world.server.log.get(world.admin.resource("replicasets.apps"), "shop", "web-")
    assert version is None
    (replica_set,) = world.server.log.list(world.admin.resource("replicasets.apps"), "shop")
    while replica_set.previous is not None:
        replica_set = replica_set.previous
    chain = world.why(replica_set)
    assert chain[1:] == [
        ("create", "deployment.apps/shop/web"),
        ("kubectl", "apply -f deploy"),
        ("start", "stage/shop/1/deploy"),
        ("start", "run/shop/1"),
        ("webhook", "pipeline/shop"),
        ("commit", f"commit/shop/{commit.short}"),
    ]


def test_what_ci_did_stands_in_the_trace(world, files):
    world.pipeline(TESTS)
    commit = world.commit({"web.yaml": files.web("1")})
    world.run("2m")
    assert world.notes() == [
        ("webhook", "pipeline/shop"),
        ("start", "run/shop/1"),
        ("start", "stage/shop/1/tests"),
        ("succeed", "stage/shop/1/tests"),
        ("start", "stage/shop/1/deploy"),
        ("deploy", f"commit/shop/{commit.short}"),
        ("succeed", "stage/shop/1/deploy"),
        ("succeed", "run/shop/1"),
    ]
    commands = [subject for verb, subject in world.notes("ci-deployer") if verb == "kubectl"]
    assert commands == ["apply -f deploy", "rollout status deployment/web -n shop --timeout=5m"]
    deployed = next(r for r in world.engine.trace.records if r.verb == "deploy")
    assert deployed.facts() == {"created": 1}


def test_runs_wait_for_a_runner_in_order(world, files):
    pipeline = world.pipeline(TESTS)
    first = world.commit({"config.yaml": files.config("a")})
    world.run("10s")
    second = world.commit({"config.yaml": files.config("b")})
    world.run("10s")
    assert [run.status for run in pipeline.runs] == ["running", "queued"]
    world.run("2m")
    assert [(run.sha, run.status) for run in pipeline.runs] == [
        (first.sha, "succeeded"),
        (second.sha, "succeeded"),
    ]
    assert pipeline.runs[1].started_at == pipeline.runs[0].finished_at
    started = next(r for r in world.engine.trace.records if r.subject == "run/shop/2" and r.verb == "start")
    assert world.why(started)[1:] == [
        ("queue", "run/shop/2"),
        ("webhook", "pipeline/shop"),
        ("commit", f"commit/shop/{second.short}"),
    ]


def test_two_runners_run_two_commits_at_once_and_may_overtake(world, files):
    pipeline = world.pipeline(TESTS, runners=2)
    world.commit({"config.yaml": files.config("a")})
    world.run("5s")
    world.commit({"config.yaml": files.config("b")})
    world.run("5s")
    assert [(run.status, run.runner) for run in pipeline.runs] == [
        ("running", "shop-runner-1"),
        ("running", "shop-runner-2"),
    ]


def test_a_failing_stage_stops_the_run_before_anything_is_deployed(world, files):
    pipeline = world.pipeline(StageSpec("lint"), StageSpec("tests", Fixed(SECOND), 1.0))
    world.commit({"config.yaml": files.config("a")})
    world.run("1m")
    (run,) = pipeline.runs
    assert [stage.status for stage in run.stages] == ["succeeded", "failed", "skipped"]
    assert (run.status, run.reason) == ("failed", "stage tests: exit code 1")
    assert world.find("configmaps", "a") is None
    assert pipeline.last_deployed() is None
    assert world.notes()[-2:] == [("fail", "stage/shop/1/tests"), ("fail", "run/shop/1")]


def test_failures_come_at_their_rate_and_are_the_same_in_every_world_of_a_seed(make_world, files):
    def outcomes(seed):
        world = make_world(seed)
        pipeline = world.pipeline(StageSpec("tests", failure_rate=0.5))
        for number in range(40):
            world.commit({"config.yaml": files.config(f"c{number}")})
            world.run("1m")
        return [run.status for run in pipeline.runs]

    first = outcomes(1)
    assert first == outcomes(1)
    assert first != outcomes(2)
    assert 8 <= first.count("failed") <= 32


def test_polling_finds_the_head_at_its_next_instant(world, files):
    pipeline = world.pipeline(trigger="poll")
    world.run("70s")
    world.commit({"config.yaml": files.config("a")})
    world.run("10s")
    second = world.commit({"config.yaml": files.config("b")})
    world.run("5m")
    # Only the head is seen: the first commit goes along with it.
    (run,) = pipeline.runs
    assert (run.sha, run.trigger, run.queued_at) == (second.sha, "poll", 120 * SECOND + 160_000)
    assert world.why(run.record)[1:] == [("poll", "pipeline/shop"), ("commit", f"commit/shop/{second.short}")]


def test_polls_that_would_find_nothing_cost_nothing(world, files):
    world.pipeline(trigger="poll")
    world.commit({"config.yaml": files.config("a")})
    world.run("5m")
    before = world.engine.steps
    world.run("24h")
    assert world.engine.steps == before


WORKFLOW = ".github/workflows/deploy.yaml"


def scheduled(world, cron, pipeline=None):
    """The workflow file, with a schedule."""
    text = f"on:\n  push:\n  schedule:\n    - cron: '{cron}'\n"
    return world.git.push("shop", "main", {WORKFLOW: text}, "schedule", "dana")


def test_a_schedule_in_the_workflow_file_runs_the_head_again(world, files):
    pipeline = world.pipeline(workflow=WORKFLOW)
    world.commit({"config.yaml": files.config("a")})
    world.run("1h")
    assert len(pipeline.runs) == 1
    sha = scheduled(world, "*/20 * * * *").sha
    world.run("50m")
    webhook, *later = pipeline.runs[1:]
    assert webhook.trigger == "webhook"
    assert [(run.trigger, run.sha, run.event, run.queued_at) for run in later] == [
        ("schedule", sha, "schedule", minutes * 60 * SECOND) for minutes in (80, 100)
    ]
    assert ("deploy", f"commit/shop/{sha[:7]}") in world.notes()[-4:], "it is applied again"
    assert world.why(later[0].record)[1:] == [("schedule", "pipeline/shop"), ("tick", "schedule")]
    world.git.push("shop", "main", {WORKFLOW: "on: push\n"}, "no more", "dana")
    world.run("5h")
    assert len(pipeline.runs) == 5


def test_a_schedule_runs_every_five_minutes_at_most(world, files):
    pipeline = world.pipeline(workflow=WORKFLOW)
    scheduled(world, "* * * * *")
    world.run("16m")
    runs = [run.queued_at // (60 * SECOND) for run in pipeline.runs if run.trigger == "schedule"]
    assert runs == [1, 6, 11, 16]


def test_a_schedule_that_is_due_while_ci_is_down_is_lost(world, files):
    pipeline = world.pipeline(workflow=WORKFLOW)
    scheduled(world, "*/10 * * * *")
    world.run("5m")
    world.ci.available = False
    world.run("10m")
    world.ci.available = True
    world.run("10m")
    assert [run.queued_at // (60 * SECOND) for run in pipeline.runs if run.trigger == "schedule"] == [20]
    assert ("schedule-lost", "pipeline/shop") in world.notes()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("on: {schedule: [{cron: '61 * * * *'}]}", "61"),
        ("on: {schedule: nightly}", "is a list"),
        ("on: [", WORKFLOW),
    ],
)
def test_a_workflow_file_that_cannot_be_read_is_told(world, text, error):
    world.pipeline(workflow=WORKFLOW)
    world.git.push("shop", "main", {WORKFLOW: text}, "broken", "dana")
    world.run("1h")
    (told,) = [r for r in world.engine.trace.records if r.verb == "workflow-invalid"]
    assert error in told.facts()["error"]


def test_other_branches_start_nothing(world, files):
    pipeline = world.pipeline()
    world.commit({"config.yaml": files.config("a")})
    world.run("1m")
    world.git.push("shop", "feature", {"deploy/config.yaml": files.config("b")}, "try", "dana")
    world.run("1m")
    assert len(pipeline.runs) == 1


def test_a_run_started_by_hand_repeats_a_commit(world, files):
    pipeline = world.pipeline()
    commit = world.commit({"config.yaml": files.config("a")})
    world.run("1m")
    world.do(world.admin.delete("configmaps", "shop", "a"))
    run = world.ci.trigger(pipeline, commit.sha)
    world.run("1m")
    assert (run.attempt, run.trigger, run.status) == (2, "manual", "succeeded")
    assert world.find("configmaps", "a") is not None


def test_cancelled_runs_end_where_they_stand(world, files):
    pipeline = world.pipeline(TESTS)
    world.commit({"config.yaml": files.config("a")})
    world.run("5s")
    world.commit({"config.yaml": files.config("b")})
    world.run("5s")
    for run in reversed(pipeline.runs):
        world.ci.cancel(run)
    world.run("2m")
    assert [run.status for run in pipeline.runs] == ["canceled", "canceled"]
    assert world.find("configmaps", "a") is None


def test_a_revert_goes_the_way_of_the_commit(world, files):
    pipeline = world.pipeline()
    world.commit({"web.yaml": files.web("1")})
    world.run("1m")
    second = world.commit({"web.yaml": files.web("2")})
    world.run("1m")
    undone = world.repository.revert("main", second.sha, "dana", world.engine.now)
    world.run("1m")
    assert world.image().endswith(":1")
    assert [run.status for run in pipeline.runs] == ["succeeded"] * 3
    assert pipeline.last_deployed() == undone.sha


def test_a_ci_system_that_is_down_hears_nothing_and_starts_nothing(world, files):
    pipeline = world.pipeline(TESTS)
    world.commit({"a.yaml": files.config("a")})
    world.run("5s")
    world.commit({"b.yaml": files.config("b")})
    world.run("5s")
    world.ci.available = False
    world.commit({"c.yaml": files.config("c")})
    world.run("1h")
    # What ran goes on, what waits waits, and the third commit was never heard of.
    assert [run.status for run in pipeline.runs] == ["succeeded", "queued"]
    assert ("webhook-lost", "pipeline/shop") in world.notes()
    world.ci.available = True
    world.run("1m")
    assert [run.status for run in pipeline.runs] == ["succeeded", "succeeded"]


def test_a_commit_counts_as_deployed_when_every_target_has_it():
    def target(name):
        return ClusterTarget(name, lambda: None)

    pipeline = Pipeline(PipelineSpec("shop", "shop"), (target("east"), target("west")))
    assert pipeline.last_deployed() is None
    for sha, cluster, wanted in (
        ("a", "east", None),
        ("a", "west", "a"),
        ("b", "east", None),
        ("b", "west", "b"),
    ):
        pipeline.deployments.append(Deployment(sha, cluster, 1, 0))
        assert (pipeline.last_deployed(), pipeline.last_deployed(cluster)) == (wanted, sha)


def test_faults_of_runners_name_those_there_are(world):
    world.pipeline(runners=2)
    with pytest.raises(UnknownRunner, match="no runner 'x'; there are shop-runner-1, shop-runner-2"):
        world.ci.stop_runner("x")


def test_pipelines_have_names_of_their_own(world):
    world.pipeline()
    with pytest.raises(ValueError, match="there is a pipeline 'shop' already"):
        world.pipeline()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trigger": "cron"}, "trigger is webhook or poll"),
        ({"runners": 0}, "needs a runner"),
        ({"poll_interval": 0}, "more than 0"),
    ],
)
def test_pipelines_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        PipelineSpec("shop", "shop", **options)
