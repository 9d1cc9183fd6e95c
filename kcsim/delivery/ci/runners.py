"""Runners: the finite machines that carry out runs, one run each, and that can die in the middle of one.

**Walk:** `take` hands a free runner to a run -> the run ends and `release` frees it; or the runner falls silent, and
its run with it, until somebody notices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kcsim.delivery.ci.runs import Run
from kcsim.engine.task import Task


@dataclass(slots=True)
class Runner:
    """One runner. `run` is what it carries out; `task` how far that has come, None once it fell silent."""

    name: str
    up: bool = True
    run: Run | None = None
    task: Task | None = None


class RunnerPool:
    """The runners of one pipeline, `NAME-runner-1` to `NAME-runner-N`."""

    def __init__(self, name: str, count: int) -> None:
        self._runners = {
            runner: Runner(runner) for runner in (f"{name}-runner-{number}" for number in range(1, count + 1))
        }

    def __iter__(self) -> Iterator[Runner]:
        return iter(self._runners.values())

    def get(self, name: str) -> Runner | None:
        """A runner by name."""
        return self._runners.get(name)

    def take(self) -> Runner | None:
        """The first runner that is up and has nothing to do."""
        return next((runner for runner in self if runner.up and runner.run is None), None)

    def of(self, run: Run) -> Runner | None:
        """Who carries out a run."""
        return next((runner for runner in self if runner.run is run), None)

    @staticmethod
    def release(runner: Runner) -> None:
        """It has nothing to do any more."""
        runner.run = runner.task = None
