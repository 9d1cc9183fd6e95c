"""Pipelines of jobs: needs, conditions, matrices, labels, environments, concurrency, timeouts, artifacts, caches."""

from __future__ import annotations

import pytest

from kcsim.delivery.ci.conditions import parse
from kcsim.delivery.ci.deploy import Deploy
from kcsim.delivery.ci.pipelines import (
    Cache,
    Concurrency,
    Environment,
    JobSpec,
    On,
    PipelineSpec,
    RunnerGroup,
    StageSpec,
)
from kcsim.delivery.ci.plan import circle
from kcsim.delivery.ci.triggers import matches_any
from kcsim.engine.clock import MINUTE, SECOND
from kcsim.profile.distributions import Fixed


def job(name, seconds=10, *, base="", fails=False, **options):
    """A job of one step that takes so long."""
    step = StageSpec("work", Fixed(seconds * SECOND), 1.0 if fails else 0.0)
    return JobSpec(name, (step,), base or name, **options)


def pipeline(world, *jobs, runners=4, **options):
    spec = PipelineSpec("shop", "shop", jobs=jobs, runners=runners, **options)
    return world.ci.add_pipeline(spec, [world.target()])


def statuses(run):
    return {job.name: job.status for job in run.jobs}


def test_jobs_run_at_the_same_time_and_wait_for_what_they_need(world, files):
    made = pipeline(world, job("a", 10), job("b", 30), job("c", 5, needs=("a", "b")))
    world.commit({"config.yaml": files.config("a")})
    world.run("2m")
    (run,) = made.runs
    a, b, c = run.jobs
    assert (run.status, a.started_at) == ("succeeded", b.started_at)
    # Each job is picked up a second after a runner took it.
    assert (a.finished_at - a.started_at, b.finished_at - b.started_at) == (11 * SECOND, 31 * SECOND)
    assert c.started_at == b.finished_at
    assert {a.runner, b.runner} == {"shop-runner-1", "shop-runner-2"}


def test_a_job_that_fails_takes_those_that_need_it_along(world, files):
    made = pipeline(
        world,
        job("test", fails=True),
        job("build", needs=("test",)),
        job("release", needs=("build",)),
        job("tell", needs=("build",), condition=parse("failure()")),
        job("clean", needs=("release",), condition=parse("always()")),
    )
    world.commit({"config.yaml": files.config("a")})
    world.run("5m")
    (run,) = made.runs
    assert statuses(run) == {
        "test": "failed",
        "build": "skipped",
        "release": "skipped",
        "tell": "succeeded",
        "clean": "succeeded",
    }
    assert (run.status, run.reason) == ("failed", "job test: step work: exit code 1")


def test_a_job_may_fail(world, files):
    made = pipeline(world, job("lint", fails=True, may_fail=True), job("build", needs=("lint",)))
    world.commit({"config.yaml": files.config("a")})
    world.run("5m")
    assert statuses(made.runs[0]) == {"lint": "failed", "build": "succeeded"}
    assert made.runs[0].status == "succeeded"


def test_a_copy_of_a_matrix_that_fails_cancels_the_others(world, files):
    def copy(value, seconds, **options):
        return job(f"test ({value})", seconds, base="test", matrix=(("k8s", value),), **options)

    made = pipeline(world, copy("1", 60), copy("2", 10, fails=True), job("after", needs=("test",)))
    world.commit({"config.yaml": files.config("a")})
    world.run("5m")
    (run,) = made.runs
    assert statuses(run) == {"test (1)": "canceled", "test (2)": "failed", "after": "skipped"}
    assert run.jobs[0].reason == 'The strategy configuration was canceled because "test (2)" failed'


def test_without_fail_fast_the_others_go_on(world, files):
    def copy(value, **options):
        return job(f"test ({value})", base="test", matrix=(("k8s", value),), fail_fast=False, **options)

    made = pipeline(world, copy("1"), copy("2", fails=True))
    world.commit({"config.yaml": files.config("a")})
    world.run("5m")
    assert statuses(made.runs[0]) == {"test (1)": "succeeded", "test (2)": "failed"}


def test_jobs_wait_for_a_runner_with_their_labels_and_hold_up_nobody_else(world, files):
    groups = (RunnerGroup("small", 1, ("linux",)), RunnerGroup("big", 1, ("linux", "gpu")))
    made = pipeline(
        world,
        job("train", 60, runs_on=("gpu",)),
        job("more", 10, runs_on=("gpu",)),
        job("test", 10, runs_on=("linux",)),
        groups=groups,
    )
    world.commit({"config.yaml": files.config("a")})
    world.run("5m")
    train, more, test = made.runs[0].jobs
    assert (train.runner, more.runner, test.runner) == ("big-1", "big-1", "small-1")
    assert more.started_at == train.finished_at
    assert test.started_at == train.started_at
    assert ("queue", "job/shop/1/more") in world.notes()


def test_an_environment_waits_for_its_reviewer(world, files):
    production = Environment("production", wait=MINUTE, approval=Fixed(10 * MINUTE), reviewer="olga")
    made = pipeline(world, job("build"), job("deploy", needs=("build",), environment=production))
    world.commit({"config.yaml": files.config("a")})
    world.run("20m")
    build, deploy = made.runs[0].jobs
    assert deploy.started_at == build.finished_at + 10 * MINUTE
    assert world.notes("olga") == [("approve", "job/shop/1/deploy")]
    approval = next(record for record in world.engine.trace.records if record.actor == "olga")
    assert ("webhook", "pipeline/shop") in world.why(approval)


def test_an_environment_takes_its_branches_only(world, files):
    production = Environment("production", branches=("release-*",))
    made = pipeline(world, job("deploy", environment=production))
    world.commit({"config.yaml": files.config("a")})
    world.run("2m")
    assert made.runs[0].reason == (
        'job deploy: Branch "main" is not allowed to deploy to production due to environment protection rules.'
    )


def by_version(world, files, **options):
    """Two runs: that of the first commit takes a minute for its tests, that of the second ten seconds."""

    class Slowly:
        def steps(self, context):
            from kcsim.engine.task import Sleep

            first = context.run.number == 1
            yield Sleep(context.site.engine, (60 if first else 10) * SECOND)

    deploy = StageSpec("deploy", action=Deploy(("deploy",)), deploys=True)
    test = JobSpec("test", (StageSpec("work", action=Slowly()),), "test")
    release = JobSpec("release", (deploy,), "release", needs=("test",), **options.pop("release", {}))
    made = pipeline(world, test, release, **options)
    world.commit({"web.yaml": files.web("1")})
    world.run("5s")
    newest = world.commit({"web.yaml": files.web("2")})
    world.run("10m")
    return made, newest


def test_an_older_run_that_takes_longer_puts_its_version_over_the_newer_one(world, files):
    made, newest = by_version(world, files)
    assert [run.status for run in made.runs] == ["succeeded", "succeeded"]
    assert world.image().endswith(":1")
    assert made.last_deployed() != newest.sha


def test_concurrency_of_runs_keeps_their_order(world, files):
    made, newest = by_version(world, files, concurrency=Concurrency("deploy-${{ github.ref_name }}"))
    assert [run.status for run in made.runs] == ["succeeded", "succeeded"]
    assert world.image().endswith(":2")
    assert made.last_deployed() == newest.sha


def test_concurrency_can_cancel_what_is_in_progress(world, files):
    limit = Concurrency("deploy", cancel_in_progress=True)
    made, _ = by_version(world, files, concurrency=limit)
    assert [run.status for run in made.runs] == ["canceled", "succeeded"]
    assert made.runs[0].reason == "Canceling since a higher priority waiting request for 'deploy' exists"
    assert world.image().endswith(":2")


@pytest.mark.parametrize("of_runs", [True, False])
def test_who_cancels_what_is_in_progress_does_not_wait(world, files, of_runs):
    limit = Concurrency("deploy", cancel_in_progress=True)
    if of_runs:
        made = pipeline(world, job("deploy", 60), concurrency=limit)
    else:
        made = pipeline(world, job("deploy", 60, concurrency=limit))
    for name in ("a", "b"):
        world.commit({"config.yaml": files.config(name)})
        world.run("20s")
    world.run("5m")
    assert [run.status for run in made.runs] == ["canceled", "succeeded"]
    assert not [subject for verb, subject in world.notes() if verb == "wait"]
    ended = next(r.time for r in world.engine.trace.records if r.verb == "cancel")
    assert made.runs[1].jobs[0].started_at == ended


def test_only_the_newest_waits_for_a_group(world, files):
    made = pipeline(world, job("deploy", 60, concurrency=Concurrency("production")))
    for number in range(3):
        world.commit({"config.yaml": files.config(f"a{number}")})
        world.run("5s")
    world.run("10m")
    assert [run.status for run in made.runs] == ["succeeded", "canceled", "succeeded"]
    assert made.runs[2].jobs[0].started_at == made.runs[0].jobs[0].finished_at


def test_an_environment_can_refuse_older_runs(world, files):
    release = {"environment": Environment("production", only_newer=True)}
    made, newest = by_version(world, files, release=release)
    assert made.runs[0].reason.startswith("job release: The deployment job is older")
    assert made.last_deployed() == newest.sha


def test_a_job_that_takes_too_long_fails(world, files):
    made = pipeline(world, job("test", 600, timeout=5 * MINUTE))
    world.commit({"config.yaml": files.config("a")})
    world.run("10m")
    (run,) = made.runs
    assert run.jobs[0].finished_at - run.jobs[0].started_at == 5 * MINUTE
    assert run.reason == (
        "job test: The job running on runner shop-runner-1 has exceeded the maximum execution time of 5 minutes."
    )
    assert world.ci.runners["shop-runner-1"].run is None


def test_artifacts_are_there_once_their_job_left_them(world, files):
    made = pipeline(
        world,
        job("build", uploads=("bin",)),
        job("use", needs=("build",), downloads=("bin",)),
        job("early", downloads=("bin",)),
    )
    world.commit({"config.yaml": files.config("a")})
    world.run("2m")
    run = made.runs[0]
    assert statuses(run) == {"build": "succeeded", "use": "succeeded", "early": "failed"}
    assert run.jobs[2].reason == "Unable to download artifact(s): Artifact not found for name: bin"


def test_a_cache_spares_time_while_its_files_stay_the_same(world, files):
    cache = Cache("deps", ("deploy/go.sum",), Fixed(60 * SECOND))
    made = pipeline(world, job("build", 10, cache=cache))
    for content, name in (("1", "a"), ("1", "b"), ("2", "c")):
        world.commit({"go.sum": content, "config.yaml": files.config(name)})
        world.run("5m")
    times = [(run.jobs[0].finished_at - run.jobs[0].started_at) // SECOND for run in made.runs]
    assert times == [71, 11, 71]


def test_a_flaky_step_is_tried_again(world, files):
    flaky = StageSpec("test", Fixed(10 * SECOND), failure_rate=0.7, retries=20)
    made = pipeline(world, JobSpec("test", (flaky,), "test"))
    for number in range(6):
        world.commit({"config.yaml": files.config(f"a{number}")})
        world.run("5m")
    assert {run.status for run in made.runs} == {"succeeded"}
    assert any(verb == "retry" for verb, _ in world.notes())


def test_a_step_fails_on_commits_that_say_so(world, files):
    step = StageSpec("test", fails_on=("broken",))
    made = pipeline(world, JobSpec("test", (step,), "test"))
    world.commit({"config.yaml": files.config("a")}, "a broken change")
    world.commit({"config.yaml": files.config("b")}, "a good change")
    world.run("2m")
    assert [run.status for run in made.runs] == ["failed", "succeeded"]


def test_steps_with_a_condition_run_after_a_failure(world, files):
    steps = (
        StageSpec("test", failure_rate=1.0),
        StageSpec("deploy"),
        StageSpec("upload logs", condition=parse("always()")),
        StageSpec("tell", condition=parse("failure() && github.ref_name == 'main'")),
    )
    made = pipeline(world, JobSpec("test", steps, "test"))
    world.commit({"config.yaml": files.config("a")})
    world.run("2m")
    assert [step.status for step in made.runs[0].stages] == ["failed", "skipped", "succeeded", "succeeded"]


def test_a_runner_that_dies_takes_its_job_but_not_the_others(world, files):
    made = pipeline(world, job("a", 60), job("b", 60))
    world.commit({"config.yaml": files.config("a")})
    world.run("20s")
    world.ci.stop_runner("shop-runner-1")
    world.run("20m")
    assert statuses(made.runs[0]) == {"a": "failed", "b": "succeeded"}
    assert (
        made.runs[0].reason
        == "job a: The self-hosted runner shop-runner-1 lost communication with the server."
    )


def test_a_canceled_run_leaves_its_cleaning_up(world, files):
    made = pipeline(
        world, job("a", 60), job("b", needs=("a",)), job("c", needs=("a",), condition=parse("always()"))
    )
    world.commit({"config.yaml": files.config("a")})
    world.run("20s")
    world.ci.cancel(made.runs[0])
    world.run("5m")
    assert statuses(made.runs[0]) == {"a": "canceled", "b": "skipped", "c": "succeeded"}
    assert made.runs[0].status == "canceled"


def test_a_run_can_be_run_again(world, files):
    made = pipeline(world, job("a"))
    world.commit({"config.yaml": files.config("a")})
    world.run("1m")
    again = world.ci.rerun(made.runs[0])
    world.run("1m")
    assert (again.sha, again.attempt, again.status) == (made.runs[0].sha, 2, "succeeded")


def test_what_starts_a_run(world, files):
    on = On(branches=("main", "release/**"), tags=("v*",), paths=("deploy/**",), merge_requests=False)
    made = pipeline(world, job("a"), on=on)
    world.git.push("shop", "main", {"README.md": "x"}, "docs", "dana")
    commit = world.commit({"config.yaml": files.config("a")})
    world.git.push("shop", "feature", {"deploy/x.yaml": "a"}, "feature", "dana")
    world.git.push("shop", "release/1/2", {"deploy/y.yaml": "a"}, "release", "dana")
    world.repository.tag("v1.0", commit.sha)
    world.repository.tag("w1.0", commit.sha)
    world.run("1m")
    # The first commit of a branch counts with all its files.
    assert sorted(run.ref for run in made.runs) == [
        "refs/heads/main",
        "refs/heads/release/1/2",
        "refs/tags/v1.0",
    ]
    tagged = next(run for run in made.runs if run.ref.startswith("refs/tags/"))
    assert (tagged.sha, tagged.github["ref_type"]) == (commit.sha, "tag")


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("main", "main", True),
        ("main", "maintenance", False),
        ("feature/*", "feature/a", True),
        ("feature/*", "feature/a/b", False),
        ("feature/**", "feature/a/b", True),
        ("**/*.yaml", "a.yaml", True),
        ("**/*.yaml", "deploy/web/a.yaml", True),
        ("v1.?", "v1.", True),
    ],
)
def test_patterns(pattern, name, fits):
    assert matches_any(name, (pattern,)) is fits


def test_patterns_take_out_again():
    assert not matches_any("releases/beta", ("releases/**", "!releases/beta"))


def test_jobs_that_need_each_other_in_a_circle():
    assert circle({"a": ("b",), "b": ("c",), "c": ("b",)}) == ["b", "c"]
    assert circle({"a": ("b",), "b": (), "c": ("a", "b")}) == []
