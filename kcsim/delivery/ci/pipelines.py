"""What a pipeline is made of, as data: stages with durations, failure rates and actions; targets; and their context.

An action is what a stage does besides taking time: build images, deploy. It is a task over a `StageContext`, and says
what went wrong by raising `StageFailed`. Whoever needs another kind of stage writes another action.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from kcsim.api.client import Client
from kcsim.delivery.ci.rights import Deployer
from kcsim.delivery.ci.runs import Deployment, Run, StageRun
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
    """One stage. `duration` in µs is drawn for each run, and so is whether it fails, with chance `failure_rate`."""

    name: str
    duration: Distribution = NO_TIME
    failure_rate: float = 0.0
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """A pipeline: which commits start it, how it learns of them, and its stages in order.

    Attributes:
        trigger: webhook (the git host calls) or poll (every `poll_interval` µs, first after `poll_phase`).
        runners: how many runs go on at the same time; further ones wait in the order in which they came.
    """

    name: str
    repository: str
    branch: str = "main"
    trigger: str = "webhook"
    poll_interval: int = MINUTE
    runners: int = 1
    stages: tuple[StageSpec, ...] = ()
    poll_phase: int = 0

    def __post_init__(self) -> None:
        if self.trigger not in {"webhook", "poll"}:
            raise ValueError(f"pipeline {self.name}: trigger is webhook or poll, not {self.trigger!r}")
        if self.runners < 1:
            raise ValueError(f"pipeline {self.name}: it needs a runner at least, not {self.runners}")
        if self.poll_interval <= 0:
            raise ValueError(f"pipeline {self.name}: the poll interval must be more than 0")


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
    """

    spec: PipelineSpec
    targets: tuple[ClusterTarget, ...] = ()
    runs: list[Run] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    built: set[str] = field(default_factory=set)

    def last_deployed(self, cluster: str | None = None) -> str | None:
        """The SHA last deployed in full to a cluster; without one: to every target, None where they differ."""
        if cluster is not None:
            return next((d.sha for d in reversed(self.deployments) if d.cluster == cluster), None)
        shas = {self.last_deployed(target.name) for target in self.targets}
        return shas.pop() if len(shas) == 1 else None


@dataclass(frozen=True, slots=True)
class StageContext:
    """What an action works with. `record` is the trace record of the stage's start, the cause of all it does."""

    site: Site
    pipeline: Pipeline
    run: Run
    stage: StageRun
    record: Record

    def log(self, text: str) -> None:
        """Add what a program printed to the stage's log."""
        self.stage.log.extend(text.splitlines())
