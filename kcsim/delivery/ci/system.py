"""The CI system: pipelines, triggers, and the runs they lead to.

It stands on a host of its own, outside every cluster, and has no other way to git, registry and clusters than anybody:
over the network, with an identity. So what breaks those ways breaks pipelines, without a rule for it here.

**Imitates:** a hosted CI system (GitHub Actions, GitLab) with self-hosted runners. Runs of one pipeline may overtake each
other when it has several runners, as they do in life; `concurrency` prevents it. Left out: reusable workflows, services
and containers of jobs, secrets as such.

**Use:**

    system = CiSystem(engine, network, "ci.example", git, registry)
    pipeline = system.add_pipeline(
        PipelineSpec("shop", "shop", stages=(StageSpec("test", Fixed(MINUTE)), StageSpec("deploy", action=Deploy()))),
        [ClusterTarget("", lambda: cluster.client(deployer.identity(), "ci.example"), deployer)],
    )
    pipeline.runs, pipeline.last_deployed(), system.credentials()

A webhook tells only of commits that come after `add_pipeline`; for one that is there already, call `trigger`.

**Walk:** commit -> webhook (or poll) -> `triggers.event_of` says whether it starts a run -> `trigger` -> `Dispatcher` brings its
jobs to runners -> each step: its duration, its dice, its action -> the run ends.

**Trace**, each record caused by the one before it on the way from the commit:

======================== ====================================================================================
ci webhook pipeline/P    the git host called; `sha`, `branch`; for merge requests `event` and `ref`
ci poll pipeline/P       a poll found a commit; ci poll-failed: it found no host
ci schedule pipeline/P   a schedule of its workflow file was due; ci schedule-lost: while the system was down;
                         ci workflow-invalid: the file cannot be read
ci queue run/P/N         all runners are busy
ci wait run/P/N          its concurrency group is taken; ci wait job/...: also for an environment
ci start run/P/N         a runner took it; `sha`, `runner`
ci start stage/P/N/S     a stage began; ci succeed and ci fail end it, with `error`
ci start job/P/N/J       a runner took a job of a pipeline that was given as jobs; ci queue, skip, succeed, fail, cancel
ci start step/P/N/J/S    a step of a job began; ci retry, succeed and fail as for stages
ci attest run/P/N        a check ran: what it found, kept as evidence
USER kubectl ...         a step's command; the API writes follow from it
ci deploy commit/R/C     a commit was deployed to a cluster in full; what kubectl apply did, in numbers
ci succeed run/P/N       the end of a run; ci fail and ci cancel with `reason`
======================== ====================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence

from kcsim.delivery.ci.build import BuildImages
from kcsim.delivery.ci.dispatch import Dispatcher
from kcsim.delivery.ci.pipelines import (
    Built,
    CiTimings,
    ClusterTarget,
    Images,
    Pipeline,
    PipelineSpec,
    Site,
)
from kcsim.delivery.ci.rights import Credential, reach
from kcsim.delivery.ci.runners import Runner, RunnerPool
from kcsim.delivery.ci.runs import JobRun, Run, StageRun
from kcsim.delivery.ci.triggers import Event, Poller, Scheduler, event_of
from kcsim.delivery.git.host import GitHost
from kcsim.delivery.git.repository import HEADS, Update
from kcsim.delivery.registry.registry import Registry
from kcsim.engine.core import Engine
from kcsim.network.topology import Network


class UnknownRunner(LookupError):
    """There is no runner of that name; the message lists those there are."""


class CiSystem:
    """A CI system on the host `host`.

    Attributes:
        site: where its pipelines work.
        pipelines: by name, in the order in which they were added.
    """

    def __init__(
        self,
        engine: Engine,
        network: Network,
        host: str,
        git: GitHost,
        registry: Registry,
        *,
        images: Images | None = None,
        timings: CiTimings | None = None,
    ) -> None:
        """`images` says what building an image gives; without it, builds make images without behaviour."""
        network.host(host)
        self.site = Site(engine, host, git, registry, images or _blank, timings or CiTimings())
        self.pipelines: dict[str, Pipeline] = {}
        self._dispatcher = Dispatcher(self.site, self._ended)

    # ---------------------------------------------------------------- pipelines

    def add_pipeline(self, spec: PipelineSpec, targets: Sequence[ClusterTarget] = ()) -> Pipeline:
        """Add a pipeline, with the clusters its deployments go to.

        The registry knows images that the pipeline builds only once it pushed them.
        Raises: ValueError when there is one of that name; RepositoryNotFound.
        """
        if spec.name in self.pipelines:
            raise ValueError(f"there is a pipeline {spec.name!r} already")
        pipeline = self.pipelines[spec.name] = Pipeline(spec, tuple(targets))
        self._dispatcher.pools[spec.name] = RunnerPool(spec.all_runners)
        for step in (step for job in spec.all_jobs for step in job.steps):
            if isinstance(step.action, BuildImages):
                for repository in step.action.repositories:
                    self.site.registry.reserve(repository)
        if spec.workflow:
            Scheduler(self.site, spec, lambda: self._due(pipeline))
        if spec.trigger == "poll":
            Poller(self.site, spec, lambda sha: self._found(pipeline, sha))
        else:
            self.site.git.subscribe(
                spec.repository, self.site.host, lambda update: self._called(pipeline, update), reviews=True
            )
        return pipeline

    def credentials(self) -> list[Credential]:
        """Every set of credentials to a cluster that is kept here, with what it could change right now."""
        found = []
        for pipeline in self.pipelines.values():
            for target in pipeline.targets:
                user = target.deployer.identity()
                rules = target.connect().endpoint.server.authorizer.rules_of(user)
                holder = f"pipeline {pipeline.spec.name}"
                found.append(Credential(holder, self.site.host, target.name, user.name, reach(user, rules)))
        return found

    @property
    def runs(self) -> list[Run]:
        """Every run of every pipeline, in the order in which they were queued."""
        everything = (run for pipeline in self.pipelines.values() for run in pipeline.runs)
        return sorted(everything, key=lambda run: run.queued_at)

    # ---------------------------------------------------------------- triggers

    def trigger(
        self, pipeline: Pipeline, sha: str | None = None, *, how: str = "manual", event: Event | None = None
    ) -> Run:
        """Queue a run for a commit (default: the branch's head), on behalf of whatever runs right now.

        Raises: UnknownRevision.
        """
        engine, spec = self.site.engine, pipeline.spec
        repository = self.site.git.repository(spec.repository)
        commit = repository.get(sha) if sha is not None else repository.head(spec.branch)
        event = event or Event("push", HEADS + spec.branch, spec.branch)
        detail = {"branch": event.branch, "sha": commit.sha}
        if event.name != "push" or event.ref != HEADS + event.branch:
            detail |= {"event": event.name, "ref": event.ref}
        origin = engine.note("ci", how, f"pipeline/{spec.name}", detail)
        attempt = 1 + sum(run.sha == commit.sha for run in pipeline.runs)
        jobs = tuple(
            JobRun(job.name, tuple(StageRun(step.name) for step in job.steps), origin)
            for job in spec.all_jobs
        )
        number = len(pipeline.runs) + 1
        run = Run(spec.name, number, commit.sha, event.branch, how, attempt, engine.now, jobs, origin, origin)
        run.event, run.ref = event.name, event.ref
        actor = commit.author.partition(" <")[0]
        run.github = event.facts(spec.repository, commit.sha, actor, number, attempt)
        pipeline.runs.append(run)
        self._dispatcher.begin(pipeline, run)
        if (
            run.status == "queued"
            and spec.is_plain
            and run.record is origin
            and run.jobs[0].status == "queued"
        ):
            with engine.because(origin):
                run.record = engine.note("ci", "queue", run.subject, {"sha": run.sha})
        return run

    def _called(self, pipeline: Pipeline, update: Update) -> None:
        repository = self.site.git.repository(pipeline.spec.repository)
        event = event_of(update, pipeline.spec, repository, self.site.git)
        if event is None:
            return
        if not self.available:
            self.site.engine.note("ci", "webhook-lost", f"pipeline/{pipeline.spec.name}", {"sha": event.sha})
            return
        self.trigger(pipeline, event.sha, how="webhook", event=event)

    def _found(self, pipeline: Pipeline, sha: str) -> None:
        engine = self.site.engine
        # The commit is the cause, not the clock: the poll only says when.
        with engine.because(self.site.git.record_of(pipeline.spec.repository, sha) or engine.cause):
            self.trigger(pipeline, sha, how="poll")

    def _due(self, pipeline: Pipeline) -> None:
        spec = pipeline.spec
        if not self.available:
            self.site.engine.note("ci", "schedule-lost", f"pipeline/{spec.name}")
            return
        event = Event("schedule", HEADS + spec.branch, spec.branch)
        self.trigger(pipeline, how="schedule", event=event)

    # ---------------------------------------------------------------- runs

    @property
    def available(self) -> bool:
        """Whether the system takes webhooks and hands out jobs; jobs under way go on either way."""
        return self._dispatcher.available

    @available.setter
    def available(self, available: bool) -> None:
        self._dispatcher.available = available
        self._dispatcher.dispatch()

    def cancel(self, run: Run) -> None:
        """End a run that has not ended; what it did so far stays."""
        self._dispatcher.cancel(self.pipelines[run.pipeline], run)

    def rerun(self, run: Run) -> Run:
        """Run the same commit again, as its ref then stood: what "Re-run all jobs" does."""
        event = Event(run.event, run.ref, run.branch, run.sha)
        return self.trigger(self.pipelines[run.pipeline], run.sha, event=event)

    def _ended(self, pipeline: Pipeline, run: Run, job: JobRun | None) -> None:
        """Tell the git host how a check of a commit came out, where anybody there waits for it."""
        spec = pipeline.spec
        if job is not None and not job.name:
            return  # the run itself is the check of a pipeline given as stages
        if job is None and not spec.is_plain:
            return
        name = spec.name if job is None else job.name
        passed = job.status in {"succeeded", "skipped"} if job is not None else run.status == "succeeded"
        if job is not None and job.forgiven:
            passed = True
        self.site.git.report_check(self.site.host, spec.repository, run.sha, name, passed=passed)

    # ---------------------------------------------------------------- faults

    @property
    def runners(self) -> dict[str, Runner]:
        """Every runner by name."""
        return {runner.name: runner for pool in self._dispatcher.pools.values() for runner in pool}

    def stop_runner(self, name: str) -> None:
        """A runner dies where it stands: requests on their way arrive, nothing further is sent, nobody is told.

        The system gives up its job after `CiTimings.runner_lost_after`.
        Raises: UnknownRunner.
        """
        runner = self._runner(name)
        if not runner.up:
            return
        runner.up = False
        run, job = runner.run, runner.job
        if run is not None and job is not None and runner.task is not None:
            runner.task.kill()
            runner.task = None
            self.site.engine.after(self.site.timings.runner_lost_after, self._lose, runner, run, job)

    def start_runner(self, name: str) -> None:
        """A dead runner comes back, without what it was doing.

        Raises: UnknownRunner.
        """
        runner = self._runner(name)
        if runner.up:
            return
        runner.up = True
        if runner.run is not None and runner.job is not None:
            self._lose(runner, runner.run, runner.job)
        self._dispatcher.dispatch()

    def _lose(self, runner: Runner, run: Run, job: JobRun) -> None:
        if job.ended:
            return
        reason = f"The self-hosted runner {runner.name} lost communication with the server."
        self._dispatcher.lose(self.pipelines[run.pipeline], run, job, reason)

    def _runner(self, name: str) -> Runner:
        found = self.runners.get(name)
        if found is None:
            raise UnknownRunner(f"no runner {name!r}; there are {', '.join(self.runners) or 'none'}")
        return found


def _blank(_image: str) -> Built:
    return Built(None)
