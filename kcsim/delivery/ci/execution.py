"""One job on its runner: it is picked up, gets what it needs, and its steps run one after the other.

**Imitates:** a runner of GitHub Actions (texts are its): a step that fails ends the job, but for steps whose condition asks
for that; `continue-on-error`; artifacts that are not there fail the job, a cache that is not there costs time.

**Walk:** `carry_out` -> pick-up -> artifacts, cache -> each step: its duration, its dice, its action -> (what happens to the
job, why).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from kcsim.delivery.ci.conditions import Context
from kcsim.delivery.ci.pipelines import JobSpec, Pipeline, Site, StageContext, StageFailed, StageSpec
from kcsim.delivery.ci.runs import JobRun, Run, StageRun
from kcsim.delivery.ci.triggers import DEPLOYED
from kcsim.engine.task import Sleep, Steps
from kcsim.engine.trace import Record

OUTDATED = (
    "The deployment job is older than the previously succeeded deployment job, and therefore cannot be run"
)
"""GitLab's text for a job that "prevent outdated deployment jobs" stops (app/presenters/commit_status_presenter.rb)."""


@dataclass(frozen=True, slots=True)
class Work:
    """A job to be carried out."""

    site: Site
    pipeline: Pipeline
    run: Run
    job: JobRun
    spec: JobSpec

    def subject(self, step: StageRun) -> str:
        """How the trace names a step: `stage/shop/1/test` of a pipeline of stages, `step/shop/1/build/test` of jobs."""
        number = f"{self.run.pipeline}/{self.run.number}"
        return (
            f"step/{number}/{self.job.name}/{step.name}" if self.job.name else f"stage/{number}/{step.name}"
        )

    @property
    def word(self) -> str:
        """What a step is called in this pipeline."""
        return "step" if self.job.name else "stage"

    def stream(self, what: str) -> str:
        """The name of the dice for a part of it.

        Each step of each commit has dice of its own: twin worlds draw alike, whatever else their pipelines did.
        """
        part = f"{self.job.name}/{what}" if self.job.name else what
        return f"ci/{self.run.pipeline}/{self.run.sha}/{self.run.attempt}/{part}"


def carry_out(work: Work) -> Steps:
    """Carry a job out; the value is (succeed or fail, why), the cause of the moment what brought that about."""
    site, run, job, spec = work.site, work.run, work.job, work.spec
    engine = site.engine
    yield Sleep(engine, engine.dice(work.stream("pick-up")).draw(site.timings.pick_up))
    engine.cause = job.record
    refused = _refused(work)
    if refused:
        return "fail", refused
    if spec.cache is not None and not _hits(work):
        yield Sleep(engine, engine.dice(work.stream("cache")).draw(spec.cache.miss))
    failure, cause = "", job.record
    for step, step_spec in zip(job.steps, spec.steps, strict=True):
        if not _wanted(work, step_spec, failure):
            step.change("skip", engine.now)
            continue
        engine.cause = cause
        record = engine.note("ci", "start", work.subject(step), {"sha": run.sha})
        step.change("start", engine.now)
        engine.cause = record
        try:
            yield from _step(step_spec, StageContext(site, work.pipeline, run, step, record, job), work)
        except StageFailed as error:
            engine.cause = record
            step.change("fail", engine.now)
            ended = engine.note("ci", "fail", work.subject(step), {"error": error.error})
            if not step_spec.may_fail and not failure:
                failure, cause = f"{work.word} {step.name}: {error.error}", ended
            continue
        engine.cause = record
        step.change("succeed", engine.now)
        engine.note("ci", "succeed", work.subject(step))
    engine.cause = cause
    if failure:
        return "fail", failure
    run.artifacts.update(spec.uploads)
    if spec.cache is not None:
        work.pipeline.cached.add(_cache_key(work))
    if spec.environment is not None:
        newest = work.pipeline.environments.get(spec.environment.name, 0)
        work.pipeline.environments[spec.environment.name] = max(newest, run.number)
    return "succeed", ""


def _refused(work: Work) -> str:
    """Why a job cannot begin, "" when it can."""
    environment = work.spec.environment
    if environment is not None and environment.only_newer:
        newest = work.pipeline.environments.get(environment.name, 0)
        if newest > work.run.number:
            return OUTDATED
    missing = [name for name in work.spec.downloads if name not in work.run.artifacts]
    if missing:
        return f"Unable to download artifact(s): Artifact not found for name: {missing[0]}"
    return ""


def _wanted(work: Work, spec: StageSpec, failure: str) -> bool:
    if spec.deploys and work.run.event not in DEPLOYED:
        return False  # what is not merged has no credentials to clusters
    if spec.condition is None:
        return not failure
    matrix = dict(work.spec.matrix)
    context = Context(work.run.github, {}, matrix, success=not failure, failure=bool(failure))
    return spec.condition.holds(context)


def _step(spec: StageSpec, context: StageContext, work: Work) -> Steps:
    """One step, tried again as often as it says.

    Raises: StageFailed.
    """
    engine = work.site.engine
    dice = engine.dice(work.stream(spec.name))
    for left in range(spec.retries, -1, -1):
        if spec.command:
            context.log(f"Run {spec.command}")
        duration, chance = dice.draw(spec.duration), dice.uniform()
        if duration:
            yield Sleep(engine, duration)
        try:
            if chance < spec.failure_rate or _fails_on(spec, context):
                context.log("ERROR: Job failed: exit code 1")
                raise StageFailed("exit code 1")
            if spec.action is not None:
                yield from spec.action.steps(context)
        except StageFailed as error:
            if not left:
                raise
            engine.cause = context.record
            detail = {"error": error.error, "left": left}
            engine.note("ci", "retry", work.subject(context.stage), detail)
            continue
        return


def _fails_on(spec: StageSpec, context: StageContext) -> bool:
    if not spec.fails_on:
        return False
    message = context.site.git.repository(context.pipeline.spec.repository).get(context.run.sha).message
    return any(text in message for text in spec.fails_on)


def _hits(work: Work) -> bool:
    return _cache_key(work) in work.pipeline.cached


def _cache_key(work: Work) -> str:
    """The key's name and a hash over the files that it follows from, as `key: NAME-${{ hashFiles(...) }}` makes it."""
    cache = work.spec.cache
    assert cache is not None, "asked before"
    files = work.site.git.repository(work.pipeline.spec.repository).files(work.run.sha)
    digest = hashlib.sha256()
    for path in sorted(cache.files):
        digest.update(path.encode() + b"\0" + files.get(path, b"") + b"\0")
    return f"{cache.key}-{digest.hexdigest()}"


def interrupt(work: Work, stimulus: str, reason: str) -> Record:
    """End a job from outside: its step under way ends so, the others are skipped. Gives the record it leaves."""
    engine, step = work.site.engine, work.job.step
    record = work.job.record
    if step is not None:
        step.change(stimulus, engine.now)
        engine.cause = record = engine.note(
            "ci", stimulus, work.subject(step), {"error": reason} if reason else {}
        )
    for later in work.job.steps:
        if later.status == "waiting":
            later.change("skip", engine.now)
    return record
