"""The CI system: pipelines, triggers, the queue, runners, and the runs they carry out.

It stands on a host of its own, outside every cluster, and has no other way to git, registry and clusters than anybody:
over the network, with an identity. So what breaks those ways breaks pipelines, without a rule for it here.

**Imitates:** a hosted CI system (GitLab, GitHub Actions) with self-hosted runners. Left out so far: jobs that run at
the same time, needs, artifacts, approvals, cancelling what is superseded, retries. Runs of one pipeline may overtake
each other when it has several runners, as they do in life.

**Use:**

    system = CiSystem(engine, network, "ci.example", git, registry)
    pipeline = system.add_pipeline(
        PipelineSpec("shop", "shop", stages=(StageSpec("test", Fixed(MINUTE)), StageSpec("deploy", action=Deploy()))),
        [ClusterTarget("", lambda: cluster.client(deployer.identity(), "ci.example"), deployer)],
    )
    pipeline.runs, pipeline.last_deployed(), system.credentials()

A webhook tells only of commits that come after `add_pipeline`; for one that is there already, call `trigger`.

**Walk:** commit -> webhook (or poll) -> `trigger` queues a run -> a free runner takes it -> each stage: its duration,
its dice, its action -> the run ends -> the next in the queue.

**Trace**, each record caused by the one before it on the way from the commit:

====================== ======================================================================================
ci webhook pipeline/P  the git host called; `sha`, `branch`
ci poll pipeline/P     a poll found a commit; ci poll-failed: it found no host
ci queue run/P/N       all runners are busy
ci start run/P/N       a runner took it; `sha`, `runner`
ci start stage/P/N/S   a stage began; ci succeed and ci fail end it, with `error`
USER kubectl ...       a stage's command; the API writes follow from it
ci deploy commit/R/C   a commit was deployed to a cluster in full; what kubectl apply did, in numbers
ci succeed run/P/N     the end of a run; ci fail and ci cancel with `reason`
====================== ======================================================================================
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from kcsim.delivery.ci.build import BuildImages
from kcsim.delivery.ci.pipelines import (
    Built,
    CiTimings,
    ClusterTarget,
    Images,
    Pipeline,
    PipelineSpec,
    Site,
    StageContext,
    StageFailed,
    StageSpec,
)
from kcsim.delivery.ci.rights import Credential, reach
from kcsim.delivery.ci.runners import Runner, RunnerPool
from kcsim.delivery.ci.runs import Run, StageRun
from kcsim.delivery.ci.triggers import Poller
from kcsim.delivery.git.host import GitHost
from kcsim.delivery.git.repository import HEADS, Update
from kcsim.delivery.registry.registry import Registry
from kcsim.engine.core import Engine
from kcsim.engine.task import Sleep, Steps, Task
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
        self._pools: dict[str, RunnerPool] = {}
        self._queues: dict[str, deque[Run]] = {}
        self._available = True

    # ---------------------------------------------------------------- pipelines

    def add_pipeline(self, spec: PipelineSpec, targets: Sequence[ClusterTarget] = ()) -> Pipeline:
        """Add a pipeline, with the clusters its deployments go to.

        The registry knows images that the pipeline builds only once it pushed them.
        Raises: ValueError when there is one of that name; RepositoryNotFound.
        """
        if spec.name in self.pipelines:
            raise ValueError(f"there is a pipeline {spec.name!r} already")
        pipeline = self.pipelines[spec.name] = Pipeline(spec, tuple(targets))
        self._pools[spec.name] = RunnerPool(spec.name, spec.runners)
        self._queues[spec.name] = deque()
        for stage in spec.stages:
            if isinstance(stage.action, BuildImages):
                for repository in stage.action.repositories:
                    self.site.registry.reserve(repository)
        if spec.trigger == "poll":
            Poller(self.site, spec, lambda sha: self._found(pipeline, sha))
        else:
            self.site.git.subscribe(
                spec.repository, self.site.host, lambda update: self._called(pipeline, update)
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

    def trigger(self, pipeline: Pipeline, sha: str | None = None, *, how: str = "manual") -> Run:
        """Queue a run for a commit (default: the branch's head), on behalf of whatever runs right now.

        Raises: UnknownRevision.
        """
        engine, spec = self.site.engine, pipeline.spec
        repository = self.site.git.repository(spec.repository)
        commit = repository.get(sha) if sha is not None else repository.head(spec.branch)
        origin = engine.note("ci", how, f"pipeline/{spec.name}", {"branch": spec.branch, "sha": commit.sha})
        attempt = 1 + sum(run.sha == commit.sha for run in pipeline.runs)
        stages = tuple(StageRun(stage.name) for stage in spec.stages)
        number = len(pipeline.runs) + 1
        run = Run(
            spec.name, number, commit.sha, spec.branch, how, attempt, engine.now, stages, origin, origin
        )
        pipeline.runs.append(run)
        self._queues[spec.name].append(run)
        self._dispatch(pipeline)
        if run.status == "queued":
            with engine.because(origin):
                run.record = engine.note("ci", "queue", run.subject, {"sha": run.sha})
        return run

    def _called(self, pipeline: Pipeline, update: Update) -> None:
        if update.ref != HEADS + pipeline.spec.branch or update.new is None:
            return
        if not self._available:
            self.site.engine.note("ci", "webhook-lost", f"pipeline/{pipeline.spec.name}", {"sha": update.new})
            return
        self.trigger(pipeline, update.new, how="webhook")

    def _found(self, pipeline: Pipeline, sha: str) -> None:
        engine = self.site.engine
        # The commit is the cause, not the clock: the poll only says when.
        with engine.because(self.site.git.record_of(pipeline.spec.repository, sha) or engine.cause):
            self.trigger(pipeline, sha, how="poll")

    # ---------------------------------------------------------------- the queue

    @property
    def available(self) -> bool:
        """Whether the system takes webhooks and hands out runs; runs under way go on either way."""
        return self._available

    @available.setter
    def available(self, available: bool) -> None:
        self._available = available
        for pipeline in self.pipelines.values():
            self._dispatch(pipeline)

    def cancel(self, run: Run) -> None:
        """End a run that has not ended; what it did so far stays."""
        pipeline = self.pipelines[run.pipeline]
        if run.status == "queued":
            self._queues[run.pipeline].remove(run)
        runner = self._pools[run.pipeline].of(run)
        if runner is not None and runner.task is not None:
            runner.task.kill()
        self._end(pipeline, run, "cancel", "canceled")

    def _dispatch(self, pipeline: Pipeline) -> None:
        queue, pool = self._queues[pipeline.spec.name], self._pools[pipeline.spec.name]
        while queue and self._available:
            runner = pool.take()
            if runner is None:
                return
            self._start(pipeline, queue.popleft(), runner)

    def _start(self, pipeline: Pipeline, run: Run, runner: Runner) -> None:
        engine = self.site.engine
        with engine.because(run.record):
            run.record = engine.note("ci", "start", run.subject, {"runner": runner.name, "sha": run.sha})
            run.runner, runner.run = runner.name, run
            run.change("start", engine.now)
            engine.cause = run.record
            runner.task = Task(self._steps(pipeline, run))

    # ---------------------------------------------------------------- a run

    def _steps(self, pipeline: Pipeline, run: Run) -> Steps:
        engine = self.site.engine
        yield Sleep(engine, engine.dice(self._stream(run, "pick-up")).draw(self.site.timings.pick_up))
        for stage, spec in zip(run.stages, pipeline.spec.stages, strict=True):
            engine.cause = run.record
            record = engine.note("ci", "start", self._subject(run, stage), {"sha": run.sha})
            stage.change("start", engine.now)
            engine.cause = record
            context = StageContext(self.site, pipeline, run, stage, record)
            try:
                yield from self._stage(spec, context)
            except StageFailed as failure:
                engine.cause = record
                self._end(pipeline, run, "fail", f"stage {stage.name}: {failure.error}")
                return
            engine.cause = record
            stage.change("succeed", engine.now)
            engine.note("ci", "succeed", self._subject(run, stage))
        engine.cause = run.record
        self._end(pipeline, run, "succeed", "")

    def _stage(self, spec: StageSpec, context: StageContext) -> Steps:
        engine, run = self.site.engine, context.run
        # Each stage of each commit has dice of its own: twin worlds draw alike, whatever else their pipelines did.
        dice = engine.dice(self._stream(run, spec.name))
        duration, chance = dice.draw(spec.duration), dice.uniform()
        if duration:
            yield Sleep(engine, duration)
        if chance < spec.failure_rate:
            context.log("ERROR: Job failed: exit code 1")
            raise StageFailed("exit code 1")
        if spec.action is not None:
            yield from spec.action.steps(context)

    def _end(self, pipeline: Pipeline, run: Run, stimulus: str, reason: str) -> None:
        engine, pool = self.site.engine, self._pools[pipeline.spec.name]
        stage = run.stage
        if stage is not None:
            stage.change(stimulus, engine.now)
            error = {"error": reason.removeprefix(f"stage {stage.name}: ")} if reason else {}
            engine.cause = engine.note("ci", stimulus, self._subject(run, stage), error)
        for later in run.stages:
            if later.status == "waiting":
                later.change("skip", engine.now)
        run.change(stimulus, engine.now)
        run.reason = reason
        detail = {"sha": run.sha} | ({"reason": reason} if reason else {})
        engine.note("ci", stimulus, run.subject, detail)
        runner = pool.of(run)
        if runner is not None:
            pool.release(runner)
            self._dispatch(pipeline)

    @staticmethod
    def _subject(run: Run, stage: StageRun) -> str:
        return f"stage/{run.pipeline}/{run.number}/{stage.name}"

    @staticmethod
    def _stream(run: Run, what: str) -> str:
        return f"ci/{run.pipeline}/{run.sha}/{run.attempt}/{what}"

    # ---------------------------------------------------------------- faults

    @property
    def runners(self) -> dict[str, Runner]:
        """Every runner by name."""
        return {runner.name: runner for pool in self._pools.values() for runner in pool}

    def stop_runner(self, name: str) -> None:
        """A runner dies where it stands: requests on their way arrive, nothing further is sent, nobody is told.

        The system gives up its run after `CiTimings.runner_lost_after`.
        Raises: UnknownRunner.
        """
        runner = self._runner(name)
        if not runner.up:
            return
        runner.up = False
        run = runner.run
        if run is not None and runner.task is not None:
            runner.task.kill()
            runner.task = None
            self.site.engine.after(self.site.timings.runner_lost_after, self._lose, runner, run)

    def start_runner(self, name: str) -> None:
        """A dead runner comes back, without what it was doing.

        Raises: UnknownRunner.
        """
        runner = self._runner(name)
        if runner.up:
            return
        runner.up = True
        if runner.run is not None:
            self._lose(runner, runner.run)
        for pipeline in self.pipelines.values():
            self._dispatch(pipeline)

    def _lose(self, runner: Runner, run: Run) -> None:
        if run.ended:
            return
        reason = f"The self-hosted runner {runner.name} lost communication with the server."
        self._end(self.pipelines[run.pipeline], run, "fail", reason)

    def _runner(self, name: str) -> Runner:
        found = self.runners.get(name)
        if found is None:
            raise UnknownRunner(f"no runner {name!r}; there are {', '.join(self.runners) or 'none'}")
        return found


def _blank(_image: str) -> Built:
    return Built(None)
