"""A scenario's pipeline as the CI system takes it.  Decides; never acts."""

from itertools import product

from kcsim.delivery.ci.build import BuildImages
from kcsim.delivery.ci.checks import CheckPolicies, ValidateManifests
from kcsim.delivery.ci.conditions import Condition, parse
from kcsim.delivery.ci.deploy import Deploy
from kcsim.delivery.ci.evidence import Gate
from kcsim.delivery.ci.pipelines import (
    Action,
    Cache,
    Concurrency,
    Environment,
    JobSpec,
    On,
    PipelineSpec,
    RunnerGroup,
    StageSpec,
)
from kcsim.delivery.ci.scans import Known, Scan
from kcsim.scenario.deliveries import Stage
from kcsim.scenario.model import CiCache, CiConcurrency, CiEnvironment, CiJob, Pipeline, Step
from kcsim.scenario.pipeline_actions import WriteToGit
from kcsim.scenario.pipeline_checks import copies_of
from kcsim.scenario.spreads import duration

DEPLOY = "deploy"
"""What the job or stage is called that a push adds."""


def pipeline_spec(pipeline: Pipeline, stage: Stage, deploy: Deploy | None) -> PipelineSpec:
    """A pipeline as the CI system takes it; `deploy` is how a push deploys, None for a pipeline that does not."""
    branch = stage.world.git.repository(stage.repository.name).default_branch
    last = (StageSpec(DEPLOY, action=deploy, deploys=True),) if deploy is not None else ()
    dice = stage.world.engine.dice(f"ci/{stage.repository.name}/poll")
    on = pipeline.on
    return PipelineSpec(
        stage.repository.name,
        stage.repository.name,
        branch,
        pipeline.trigger,
        pipeline.poll_interval,
        pipeline.runner_count,
        () if pipeline.jobs else (*_stages(pipeline, stage), *last),
        # The CI system has been running for long: its clock need not stand at a whole interval when the story begins.
        poll_phase=dice.integer(pipeline.poll_interval),
        jobs=_jobs(pipeline, stage, deploy) if pipeline.jobs else (),
        groups=()
        if isinstance(pipeline.runners, int)
        else tuple(RunnerGroup(each.name, each.count, each.labels) for each in pipeline.runners),
        on=On(on.branches if on.branches is not None else (branch,), on.tags, on.paths, on.merge_requests),
        concurrency=_concurrency(pipeline.concurrency),
        workflow=pipeline.workflow or "",
    )


def _stages(pipeline: Pipeline, stage: Stage) -> list[StageSpec]:
    return [
        StageSpec(
            each.name,
            duration(each.duration),
            each.failure_rate,
            BuildImages(each.builds, stage.paths) if each.builds else None,
        )
        for each in pipeline.stages
    ]


def _jobs(pipeline: Pipeline, stage: Stage, deploy: Deploy | None) -> tuple[JobSpec, ...]:
    found = [spec for name, job in pipeline.jobs.items() for spec in _copies(name, job, stage, deploy)]
    if deploy is not None and not any(step.deploys for spec in found for step in spec.steps):
        only = parse("github.event_name == 'push' || github.event_name == 'schedule'")
        last = (StageSpec(DEPLOY, action=deploy, deploys=True),)
        found.append(JobSpec(DEPLOY, last, DEPLOY, needs=tuple(pipeline.jobs), condition=only))
    return tuple(found)


def _copies(name: str, job: CiJob, stage: Stage, deploy: Deploy | None) -> list[JobSpec]:
    steps = tuple(_step(each, stage, deploy) for each in job.steps)
    cache = job.cache
    return [
        JobSpec(
            copy,
            steps,
            base=name,
            needs=job.needs,
            condition=_condition(job.if_),
            runs_on=(job.runs_on,) if isinstance(job.runs_on, str) else job.runs_on,
            matrix=tuple(zip(job.matrix, values, strict=True)),
            fail_fast=job.fail_fast,
            environment=_environment(job.environment),
            concurrency=_concurrency(job.concurrency),
            timeout=job.timeout,
            may_fail=job.continue_on_error,
            uploads=job.uploads,
            downloads=job.downloads,
            cache=Cache(cache.key, cache.files, duration(cache.miss)) if isinstance(cache, CiCache) else None,
        )
        for copy, values in zip(copies_of(name, job), product(*job.matrix.values()), strict=True)
    ]


def _step(step: Step, stage: Stage, deploy: Deploy | None) -> StageSpec:
    return StageSpec(
        step.name,
        duration(step.duration),
        step.failure_rate,
        _action(step, stage, deploy),
        retries=step.retries,
        fails_on=step.fails_on,
        condition=_condition(step.if_),
        may_fail=step.continue_on_error,
        deploys=bool(step.deploy),
        command=step.run,
    )


def _action(step: Step, stage: Stage, deploy: Deploy | None) -> Action | None:
    if step.builds:
        return BuildImages(step.builds, stage.paths)
    if step.validate:
        return ValidateManifests(stage.paths)
    if step.policies:
        return CheckPolicies(step.policies, stage.paths)
    if step.scan is not None:
        known = {
            name: tuple(Known(each.id, each.severity) for each in found)
            for name, found in step.scan.known.items()
        }
        scan = step.scan
        return Scan(scan.of, scan.fail_on, known, scan.files, scan.allowed, stage.paths)
    if step.gate:
        return Gate(step.gate)
    change = step.commit or step.merge_request
    if change is not None:
        wanted = change.repository or stage.repository.name
        return WriteToGit(change, stage.sources[wanted], stage.authors)
    if step.deploy:
        from dataclasses import replace

        assert deploy is not None, "checked when the scenario was read"
        return replace(deploy, targets=step.deploy) if isinstance(step.deploy, tuple) else deploy
    return None


def _condition(text: str | None) -> Condition | None:
    return parse(text) if text is not None else None


def _concurrency(given: CiConcurrency | str | None) -> Concurrency | None:
    if given is None or isinstance(given, str):
        return Concurrency(given) if given is not None else None
    return Concurrency(given.group, given.cancel_in_progress)


def _environment(given: CiEnvironment | str | None) -> Environment | None:
    if given is None or isinstance(given, str):
        return Environment(given) if given is not None else None
    approval = duration(given.approval) if given.reviewer is not None else None
    return Environment(
        given.name, given.wait, approval, given.reviewer or "", given.branches, given.only_newer
    )
