"""What a pipeline is made of, as data: jobs of steps with durations, failure rates and actions; targets; their context.

A `StageSpec` is one step of a job. An action is what it does besides taking time: build images, deploy. It is a task over
a `StageContext`, and says what went wrong by raising `StageFailed`. Whoever needs another kind of step writes another
action. A pipeline of plain `stages` is one job, whose steps they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol

from kcsim.api.client import Client
from kcsim.delivery.ci.conditions import Condition, ConditionError, Context, filled_in
from kcsim.delivery.ci.rights import Deployer
from kcsim.delivery.ci.runs import Deployment, JobRun, Run, StageRun
from kcsim.delivery.git.host import GitHost
from kcsim.delivery.registry.registry import DEFAULT_SIZE, Registry
from kcsim.engine.clock import MINUTE, seconds
from kcsim.engine.core import Engine
from kcsim.engine.task import Steps
from kcsim.engine.trace import Record
from kcsim.profile.distributions import Distribution, Fixed, Skewed

NO_TIME = Fixed(0)


class StageFailed(Exception):
    """The stage's program exited with an error; the text is the line that says why."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Action(Protocol):
    """What a stage does when its duration has passed."""

    def steps(self, context: StageContext) -> Steps:
        """Do it.

        Raises: StageFailed.
        """
        ...


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One step of a job, or a stage of a pipeline. `duration` in µs is drawn for each run, and so is whether it fails.

    Attributes:
        failure_rate: the chance that it fails, drawn for each try.
        retries: how often it is tried again when it fails.
        fails_on: it fails for every commit whose message holds one of these texts.
        condition: whether it runs; None: when all steps before it succeeded.
        may_fail: its failure does not fail the job (`continue-on-error`).
        deploys: it brings the commit to clusters; runs for merge requests leave it out.
        command: what its log shows that it runs.
    """

    name: str
    duration: Distribution = NO_TIME
    failure_rate: float = 0.0
    action: Action | None = None
    retries: int = 0
    fails_on: tuple[str, ...] = ()
    condition: Condition | None = None
    may_fail: bool = False
    deploys: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True)
class Concurrency:
    """A concurrency group: of all that name it one goes on at a time (`kcsim.delivery.ci.concurrency`)."""

    group: str
    cancel_in_progress: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a job deploys to, and what protects it. Times in µs.

    Attributes:
        wait: the wait timer, which runs before the job does.
        approval: how long the reviewer takes to approve; None: nobody is asked.
        reviewer: who approves.
        branches: refs (branch or tag names, with `*`) that may deploy; empty: all.
        only_newer: a run older than the last one that deployed here fails (GitLab's "prevent outdated deployment jobs").
    """

    name: str
    wait: int = 0
    approval: Distribution | None = None
    reviewer: str = ""
    branches: tuple[str, ...] = ()
    only_newer: bool = False

    def takes(self, ref: str) -> bool:
        """Whether a ref may deploy here."""
        short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        return not self.branches or any(fnmatchcase(short, pattern) for pattern in self.branches)


@dataclass(frozen=True, slots=True)
class Cache:
    """What a job keeps between runs: `key` is its name, `files` what else makes the key, `miss` µs what a miss costs."""

    key: str
    files: tuple[str, ...] = ()
    miss: Distribution = NO_TIME


DEFAULT_TIMEOUT = 360 * MINUTE
"""GitHub's `timeout-minutes` of a job that gives none."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job: steps on one runner.

    Attributes:
        base: the job's name in the pipeline; `name` has the values of its matrix, `test (1.36)`.
        needs: names of jobs that end before it begins.
        condition: whether it runs; None: when all it needs succeeded.
        runs_on: labels that its runner must have.
        matrix: its values in the matrix.
        fail_fast: a copy that fails takes the other copies of the matrix with it.
        timeout: how long (µs) it may run.
        may_fail: its failure does not fail the run (`continue-on-error`).
        uploads, downloads: names of artifacts it leaves behind, and that it needs.
    """

    name: str
    steps: tuple[StageSpec, ...] = ()
    base: str = ""
    needs: tuple[str, ...] = ()
    condition: Condition | None = None
    runs_on: tuple[str, ...] = ()
    matrix: tuple[tuple[str, str], ...] = ()
    fail_fast: bool = True
    environment: Environment | None = None
    concurrency: Concurrency | None = None
    timeout: int | None = DEFAULT_TIMEOUT
    may_fail: bool = False
    uploads: tuple[str, ...] = ()
    downloads: tuple[str, ...] = ()
    cache: Cache | None = None


@dataclass(frozen=True, slots=True)
class RunnerGroup:
    """Like runners: `NAME-1` to `NAME-COUNT`, and the labels they have."""

    name: str
    count: int = 1
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class On:
    """What starts a run: pushes to branches and of tags (with `*`, `**`), and merge requests.

    Attributes:
        branches, tags: patterns of names; empty: none.
        paths: only pushes that change one of these (patterns; a push of a tag counts always).
        merge_requests: whether every merge request is run, too.
    """

    branches: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    merge_requests: bool = True


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """A pipeline: which commits start it, how it learns of them, and its stages in order, or its jobs.

    Attributes:
        trigger: webhook (the git host calls) or poll (every `poll_interval` µs, first after `poll_phase`).
        runners: how many jobs go on at the same time; further ones wait in the order in which they came.
        groups: its runners by labels, in place of `runners`.
        jobs: in place of `stages`.
        on: what starts it; None: pushes to `branch`, and merge requests.
        concurrency: of whole runs.
        workflow: the file in the repository whose `on.schedule` starts runs; "": none.
    """

    name: str
    repository: str
    branch: str = "main"
    trigger: str = "webhook"
    poll_interval: int = MINUTE
    runners: int = 1
    stages: tuple[StageSpec, ...] = ()
    poll_phase: int = 0
    jobs: tuple[JobSpec, ...] = ()
    groups: tuple[RunnerGroup, ...] = ()
    on: On | None = None
    concurrency: Concurrency | None = None
    workflow: str = ""

    def __post_init__(self) -> None:
        if self.trigger not in {"webhook", "poll"}:
            raise ValueError(f"pipeline {self.name}: trigger is webhook or poll, not {self.trigger!r}")
        if self.runners < 1:
            raise ValueError(f"pipeline {self.name}: it needs a runner at least, not {self.runners}")
        if self.poll_interval <= 0:
            raise ValueError(f"pipeline {self.name}: the poll interval must be more than 0")

    @property
    def is_plain(self) -> bool:
        """Whether it was given as stages: one job, of which nobody needs to hear."""
        return not self.jobs

    @property
    def all_jobs(self) -> tuple[JobSpec, ...]:
        """Its jobs; stages are the steps of one."""
        return self.jobs or (JobSpec("", self.stages, timeout=None),)

    @property
    def all_runners(self) -> tuple[RunnerGroup, ...]:
        """Its runners in groups."""
        return self.groups or (RunnerGroup(f"{self.name}-runner", self.runners),)


@dataclass(frozen=True, slots=True)
class ClusterTarget:
    """A cluster a pipeline deploys to: `connect` gives a connection as the deployer, from the CI system's host."""

    name: str
    connect: Callable[[], Client]
    deployer: Deployer = field(default_factory=Deployer)


@dataclass(frozen=True, slots=True)
class Built:
    """What a build makes: how the image's programs behave (opaque here), its size in bytes, and its content's name."""

    behaviour: Any
    size: int = DEFAULT_SIZE
    content: str | None = None


Images = Callable[[str], Built]
"""What building an image of that name (with its tag) gives."""


@dataclass(frozen=True, slots=True)
class CiTimings:
    """How long (µs) the CI system itself takes. Assumed values: orders of magnitude of hosted CI."""

    pick_up: Distribution = field(default_factory=lambda: Skewed(seconds("3s"), seconds("15s")))
    """From the moment a runner is free for a run to the beginning of its first stage."""
    runner_lost_after: int = 10 * MINUTE
    """Silence after which a runner, and the run it had, are given up."""
    git_timeout: int = 60_000_000
    """How long a checkout waits for the git host."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where pipelines work: the engine, the CI system's host, and the services it talks to over the network."""

    engine: Engine
    host: str
    git: GitHost
    registry: Registry
    images: Images
    timings: CiTimings


@dataclass(slots=True)
class Pipeline:
    """A pipeline and what it has done.

    Attributes:
        runs: every run, in the order in which they were queued.
        deployments: every commit brought to a cluster in full, in the order of time.
        built: the images it pushed, by name.
        cached: the keys of what its jobs keep between runs.
        environments: the number of the newest run that deployed to each environment.
    """

    spec: PipelineSpec
    targets: tuple[ClusterTarget, ...] = ()
    runs: list[Run] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    built: set[str] = field(default_factory=set)
    cached: set[str] = field(default_factory=set)
    environments: dict[str, int] = field(default_factory=dict)

    def last_deployed(self, cluster: str | None = None) -> str | None:
        """The SHA last deployed in full to a cluster; without one: to every target, None where they differ."""
        if cluster is not None:
            return next((d.sha for d in reversed(self.deployments) if d.cluster == cluster), None)
        shas = {self.last_deployed(target.name) for target in self.targets}
        return shas.pop() if len(shas) == 1 else None


@dataclass(frozen=True, slots=True)
class StageContext:
    """What an action works with. `record` is the trace record of the step's start, the cause of all it does."""

    site: Site
    pipeline: Pipeline
    run: Run
    stage: StageRun
    record: Record
    job: JobRun

    def filled_in(self, text: str) -> str:
        """A text with its `${{ github.ref_name }}` and `${{ matrix.KEY }}` replaced.

        Raises: StageFailed.
        """
        spec = next(each for each in self.pipeline.spec.all_jobs if each.name == self.job.name)
        try:
            return filled_in(text, Context(self.run.github, {}, dict(spec.matrix)))
        except ConditionError as error:
            raise StageFailed(f"{text}: {error}") from None

    def log(self, text: str) -> None:
        """Add what a program printed to the stage's log."""
        self.stage.log.extend(text.splitlines())
