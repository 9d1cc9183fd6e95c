"""Runners: the finite machines that carry out jobs, one job each, and that can die in the middle of one.

**Walk:** `take` hands a free runner with the right labels to a job -> the job ends and `release` frees it; or the runner
falls silent, and its job with it, until somebody notices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kcsim.delivery.ci.pipelines import RunnerGroup
from kcsim.delivery.ci.runs import JobRun, Run
from kcsim.engine.task import Task


@dataclass(slots=True)
class Runner:
    """One runner. `run` and `job` are what it carries out; `task` how far that has come, None once it fell silent."""

    name: str
    labels: frozenset[str] = frozenset()
    up: bool = True
    run: Run | None = None
    job: JobRun | None = None
    task: Task | None = None


class RunnerPool:
    """The runners of one pipeline, group by group: `GROUP-1` to `GROUP-N`."""

    def __init__(self, groups: Iterable[RunnerGroup]) -> None:
        self._runners = [
            Runner(f"{group.name}-{number}", frozenset(group.labels))
            for group in groups
            for number in range(1, group.count + 1)
        ]

    def __iter__(self) -> Iterator[Runner]:
        return iter(self._runners)

    def take(self, labels: Iterable[str] = ()) -> Runner | None:
        """The first runner that is up, has nothing to do, and has all these labels."""
        wanted = frozenset(labels)
        return next((each for each in self if each.up and each.run is None and wanted <= each.labels), None)

    def of(self, job: JobRun) -> Runner | None:
        """Who carries out a job."""
        return next((runner for runner in self if runner.job is job), None)

    @staticmethod
    def release(runner: Runner) -> None:
        """It has nothing to do any more."""
        runner.run = runner.job = runner.task = None
