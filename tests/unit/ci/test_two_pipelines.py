"""Two pipelines on one cluster, and pipelines of any shape."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from kcsim.delivery.ci.conditions import parse
from kcsim.delivery.ci.deploy import Deploy
from kcsim.delivery.ci.pipelines import ClusterTarget, Concurrency, JobSpec, PipelineSpec, StageSpec
from kcsim.engine.clock import SECOND
from kcsim.profile.distributions import Fixed
from tests.unit.ci.conftest import World, config


def second_pipeline(world, path, **how):
    """A pipeline of a repository of its own that deploys to the same cluster."""
    world.git.create("other")
    deploy = StageSpec("deploy", action=Deploy((path,), **how), deploys=True)
    spec = PipelineSpec("other", "other", stages=(deploy,))
    return world.ci.add_pipeline(spec, [ClusterTarget("", world.target().connect, world.deployer)])


def test_two_pipelines_that_apply_one_object_undo_each_other_in_silence(world):
    first, second = world.pipeline(), second_pipeline(world, "deploy")
    world.commit({"a.yaml": config("a")})
    world.run("1m")
    world.git.push("other", "main", {"deploy/a.yaml": config("a").replace('"1"', '"2"')}, "theirs", "eve")
    world.run("1m")
    assert world.find("configmaps", "a")["data"] == {"a": "2"}
    world.commit({"b.yaml": config("b")})
    world.run("1m")
    assert world.find("configmaps", "a")["data"] == {"a": "1"}
    assert {run.status for run in (*first.runs, *second.runs)} == {"succeeded"}


def test_server_side_apply_with_one_manager_does_not_tell_them_apart(world):
    world.pipeline(deploy=Deploy(("deploy",), server_side=True))
    second = second_pipeline(world, "deploy", server_side=True)
    world.commit({"a.yaml": config("a")})
    world.run("1m")
    world.git.push("other", "main", {"deploy/a.yaml": config("a").replace('"1"', '"2"')}, "theirs", "eve")
    world.run("1m")
    # Both are `kubectl` to the server: it sees one manager that changed its mind.
    assert second.runs[0].status == "succeeded"
    assert world.find("configmaps", "a")["data"] == {"a": "2"}


def test_pruning_with_one_label_deletes_what_the_other_pipeline_made(world):
    labelled = config("NAME").replace("namespace: shop", "namespace: shop, labels: {team: web}")
    world.pipeline(deploy=Deploy(("deploy",), prune="team=web"))
    second_pipeline(world, "deploy", prune="team=web")
    world.commit({"a.yaml": labelled.replace("NAME", "a")})
    world.run("1m")
    world.git.push("other", "main", {"deploy/b.yaml": labelled.replace("NAME", "b")}, "theirs", "eve")
    world.run("1m")
    assert world.find("configmaps", "a") is None
    assert world.find("configmaps", "b") is not None


CONDITIONS = (None, "always()", "failure()", "success()", "cancelled()", "github.ref_name == 'x'")


@st.composite
def jobs(draw):
    """Jobs that need only those before them; some fail, some have conditions."""
    found = []
    for number in range(draw(st.integers(1, 6))):
        needs = draw(st.sets(st.integers(0, max(0, number - 1)), max_size=number)) if number else set()
        text = draw(st.sampled_from(CONDITIONS))
        step = StageSpec("work", Fixed(draw(st.integers(1, 60)) * SECOND), draw(st.sampled_from((0.0, 1.0))))
        found.append(
            JobSpec(
                f"j{number}",
                (step,),
                f"j{number}",
                needs=tuple(f"j{each}" for each in sorted(needs)),
                condition=parse(text) if text else None,
                may_fail=draw(st.booleans()),
            )
        )
    return tuple(found)


@settings(max_examples=60, deadline=None)
@given(specs=jobs(), runners=st.integers(1, 3), canceled_at=st.one_of(st.none(), st.integers(3, 90)))
def test_every_run_ends_with_every_job_after_what_it_needs(specs, runners, canceled_at):
    world = World()
    made = world.ci.add_pipeline(PipelineSpec("shop", "shop", jobs=specs, runners=runners))
    world.git.push("shop", "main", {"a": "1"}, "change", "dana")
    if canceled_at is not None:
        world.run(f"{canceled_at}s")
        if made.runs and not made.runs[0].ended:
            world.ci.cancel(made.runs[0])
    world.run("20m")
    (run,) = made.runs
    assert run.ended
    by_name = {job.name: job for job in run.jobs}
    assert all(job.ended for job in run.jobs)
    for spec in specs:
        job = by_name[spec.name]
        for need in spec.needs:
            if job.started_at is not None:
                assert (by_name[need].finished_at or 0) <= job.started_at
    busy = sorted(
        (job.runner, job.started_at, job.finished_at) for job in run.jobs if job.started_at is not None
    )
    for (runner, _, end), (other, start, _) in pairwise(busy):
        assert runner != other or end <= start
    assert all(runner.run is None for runner in world.ci.runners.values())
    failed = any(
        job.status == "failed" and not spec.may_fail for job, spec in zip(run.jobs, specs, strict=True)
    )
    assert (run.status == "failed") is failed


limits = st.one_of(st.none(), st.builds(Concurrency, st.sampled_from(("a", "b")), st.booleans()))


@settings(max_examples=40, deadline=None)
@given(
    specs=jobs(),
    groups=st.lists(limits, min_size=6, max_size=6),
    whole=st.one_of(st.none(), st.builds(Concurrency, st.just("runs"), st.booleans())),
    gaps=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    runners=st.integers(1, 3),
)
def test_jobs_of_one_group_never_overlap_and_every_run_ends(specs, groups, whole, gaps, runners):
    specs = tuple(replace(spec, concurrency=limit) for spec, limit in zip(specs, groups, strict=False))
    world = World()
    made = world.ci.add_pipeline(PipelineSpec("shop", "shop", jobs=specs, runners=runners, concurrency=whole))
    for number, gap in enumerate(gaps):
        world.git.push("shop", "main", {"a": str(number)}, f"change {number}", "dana")
        world.run(f"{gap}s")
    world.run("1h")
    assert len(made.runs) == len(gaps)
    assert all(run.ended and all(job.ended for job in run.jobs) for run in made.runs)
    assert all(runner.run is None for runner in world.ci.runners.values())
    busy = [
        (spec.concurrency.group, job.started_at, job.finished_at)
        for run in made.runs
        for job, spec in zip(run.jobs, specs, strict=True)
        if spec.concurrency is not None and job.started_at is not None
    ]
    for (group, _, end), (other, start, _) in pairwise(sorted(busy)):
        assert group != other or end <= start
    if whole is not None:
        spans = sorted((run.started_at, run.finished_at) for run in made.runs if run.started_at is not None)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
        assert "'runs'" not in made.runs[-1].reason  # nobody came after it
