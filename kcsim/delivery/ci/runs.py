"""Runs, their jobs and steps: records of what a pipeline did, and the tables that say how they change.

**Imitates:** GitLab's pipeline and job states under GitHub's names for them. Left out: manual and delayed jobs.

**Walk:** a commit makes a `Run` that is queued -> its jobs wait for what they need, for approvals and for runners -> steps run
in order -> the job ends, and with the last of them the run: it has succeeded, or failed with a `reason`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from kcsim.engine.trace import Record

RUN_STATES: Final[Mapping[tuple[str, str], str]] = {
    ("queued", "start"): "running",
    ("queued", "cancel"): "canceled",
    ("running", "succeed"): "succeeded",
    ("running", "fail"): "failed",
    ("running", "cancel"): "canceled",
    ("queued", "succeed"): "succeeded",
    ("queued", "fail"): "failed",
}
"""(state of a run, what happens to it) -> its next state. What is not here cannot happen."""

STAGE_STATES: Final[Mapping[tuple[str, str], str]] = {
    ("waiting", "start"): "running",
    ("waiting", "skip"): "skipped",
    ("running", "succeed"): "succeeded",
    ("running", "fail"): "failed",
    ("running", "cancel"): "canceled",
}
"""The same for the steps of a job."""

JOB_STATES: Final[Mapping[tuple[str, str], str]] = {
    ("waiting", "gate"): "pending",
    ("waiting", "queue"): "queued",
    ("waiting", "skip"): "skipped",
    ("waiting", "fail"): "failed",
    ("waiting", "cancel"): "canceled",
    ("pending", "queue"): "queued",
    ("pending", "fail"): "failed",
    ("pending", "cancel"): "canceled",
    ("queued", "start"): "running",
    ("queued", "cancel"): "canceled",
    ("running", "succeed"): "succeeded",
    ("running", "fail"): "failed",
    ("running", "cancel"): "canceled",
}
"""The same for the jobs of a run. `pending`: it waits for an approval, a timer, or its concurrency group."""

ENDED: Final = frozenset({"succeeded", "failed", "canceled"})
"""States in which a run stays."""


@dataclass(slots=True)
class StageRun:
    """One stage of one run. Times are virtual µs.

    Attributes:
        status: waiting, running, succeeded, failed, skipped or canceled.
        log: the lines its programs printed.
    """

    name: str
    status: str = "waiting"
    started_at: int | None = None
    finished_at: int | None = None
    log: list[str] = field(default_factory=list)

    def change(self, stimulus: str, now: int) -> None:
        """Take the step that the table names."""
        self.status = STAGE_STATES[self.status, stimulus]
        if self.status == "running":
            self.started_at = now
        elif self.status != "skipped":
            self.finished_at = now


@dataclass(slots=True, eq=False)
class JobRun:
    """One job of one run. Times are virtual µs.

    Attributes:
        name: "" for the only job of a pipeline given as stages.
        status: waiting, pending, queued, running, succeeded, failed, skipped or canceled.
        runner: who carries it out, "" before.
        reason: why it failed or was canceled, in a line.
        forgiven: it may fail: its failure is not the run's.
        record: the trace record that its steps follow from.
    """

    name: str
    steps: tuple[StageRun, ...]
    record: Record
    status: str = "waiting"
    runner: str = ""
    reason: str = ""
    forgiven: bool = False
    started_at: int | None = None
    finished_at: int | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing further happens to it."""
        return self.status in ENDED or self.status == "skipped"

    @property
    def step(self) -> StageRun | None:
        """The step under way."""
        return next((step for step in self.steps if step.status == "running"), None)

    def change(self, stimulus: str, now: int) -> None:
        """Take the step that the table names."""
        self.status = JOB_STATES[self.status, stimulus]
        if self.status == "running":
            self.started_at = now
        elif self.ended:
            self.finished_at = now


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a check found, kept for whoever asks later; `digest` names the report's content, `at` is virtual µs."""

    check: str
    passed: bool
    findings: tuple[str, ...]
    digest: str
    at: int


@dataclass(slots=True, eq=False)
class Run:
    """One run of a pipeline for one commit. Times are virtual µs.

    Attributes:
        number: counts the runs of a pipeline from 1, in the order in which they were queued.
        trigger: webhook, poll or manual.
        event: push, pull_request, merge_group or schedule, as conditions name it; `ref` the full name of what was pushed.
        attempt: counts the runs for the same commit from 1.
        status: queued, running, succeeded, failed or canceled.
        jobs: its jobs, in the pipeline's order.
        reason: why it failed or was canceled, in a line.
        origin: the trace record that asked for it; `record` the one of its start.
        github: what conditions see of it.
        canceling: it is being canceled, which jobs that always run may outlive.
        artifacts: what its jobs left behind, by name.
        evidence: what its checks found.
        images: the digest of each image it pushed, by name.
    """

    pipeline: str
    number: int
    sha: str
    branch: str
    trigger: str
    attempt: int
    queued_at: int
    jobs: tuple[JobRun, ...]
    origin: Record
    record: Record
    status: str = "queued"
    event: str = "push"
    ref: str = ""
    github: Mapping[str, str] = field(default_factory=dict)
    canceling: bool = False
    artifacts: set[str] = field(default_factory=set)
    evidence: list[Evidence] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    started_at: int | None = None
    finished_at: int | None = None
    reason: str = ""

    @property
    def subject(self) -> str:
        """How the trace names it: `run/shop/1`."""
        return f"run/{self.pipeline}/{self.number}"

    @property
    def ended(self) -> bool:
        """Whether nothing further happens to it."""
        return self.status in ENDED

    @property
    def stages(self) -> tuple[StageRun, ...]:
        """The steps of all its jobs."""
        return tuple(step for job in self.jobs for step in job.steps)

    @property
    def runner(self) -> str:
        """Who carries out its first job that has begun, "" while all wait."""
        return next((job.runner for job in self.jobs if job.runner), "")

    def change(self, stimulus: str, now: int) -> None:
        """Take the step that the table names."""
        self.status = RUN_STATES[self.status, stimulus]
        if self.status == "running":
            self.started_at = now
        else:
            self.finished_at = now


@dataclass(frozen=True, slots=True)
class Deployment:
    """A commit that a run brought to a cluster in full; `at` is virtual µs."""

    sha: str
    cluster: str
    run: int
    at: int
