"""Runs and their stages: records of what a pipeline did, and the tables that say how they change.

**Imitates:** GitLab's pipeline and job states under GitHub's names for them. Left out: manual and delayed stages,
retries by rule.

**Walk:** a commit makes a `Run` that is queued -> a runner takes it -> its stages run in order -> it has succeeded, or
failed with a `reason`.
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
}
"""(state of a run, what happens to it) -> its next state. What is not here cannot happen."""

STAGE_STATES: Final[Mapping[tuple[str, str], str]] = {
    ("waiting", "start"): "running",
    ("waiting", "skip"): "skipped",
    ("running", "succeed"): "succeeded",
    ("running", "fail"): "failed",
    ("running", "cancel"): "canceled",
}
"""The same for the stages of a run."""

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


@dataclass(slots=True)
class Run:
    """One run of a pipeline for one commit. Times are virtual µs.

    Attributes:
        number: counts the runs of a pipeline from 1, in the order in which they were queued.
        trigger: webhook, poll or manual.
        attempt: counts the runs for the same commit from 1.
        status: queued, running, succeeded, failed or canceled.
        runner: who carries it out, "" while it waits.
        reason: why it failed or was canceled, in a line.
        origin: the trace record that asked for it; `record` the one of its start.
    """

    pipeline: str
    number: int
    sha: str
    branch: str
    trigger: str
    attempt: int
    queued_at: int
    stages: tuple[StageRun, ...]
    origin: Record
    record: Record
    status: str = "queued"
    runner: str = ""
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
    def stage(self) -> StageRun | None:
        """The stage under way."""
        return next((stage for stage in self.stages if stage.status == "running"), None)

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
