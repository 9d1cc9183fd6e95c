"""Waiting for a call and acting the moment it answers.

A batch of creates is waited for as a whole, but each pod's event is recorded, and each expectation lowered, when its
own answer arrives, as upstream's goroutines do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kcsim.engine.task import All, Done, Steps, Task, Waitable


class Then:
    """A waitable that hands its outcome to ``look(value, error)`` before the one who waits gets it."""

    __slots__ = ("_look", "_waitable")

    def __init__(self, waitable: Waitable, look: Callable[[Any, Exception | None], None]) -> None:
        self._waitable = waitable
        self._look = look

    def start(self, done: Done) -> None:
        """Begin the call."""

        def answered(value: Any, error: Exception | None) -> None:
            self._look(value, error)
            done(value, error)

        self._waitable.start(answered)


class _Branch:
    """One of several generators that run side by side."""

    __slots__ = ("_steps", "task")

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.task: Task | None = None

    def start(self, done: Done) -> None:
        """Begin to run it."""
        self.task = Task(self._steps, done)


def gather(branches: Sequence[Steps]) -> Steps:
    """Run generators side by side; gives their values, an exception standing in for the value of one that failed.

    They end with the one who waits for them: a crash takes them along.
    """
    started = [_Branch(steps) for steps in branches]
    try:
        return (yield All(started))
    finally:
        for branch in started:
            if branch.task is not None:
                branch.task.kill()


def first_error(results: list[Any]) -> Exception | None:
    """The first exception among the results of `All`."""
    return next((result for result in results if isinstance(result, Exception)), None)


def has_status_cause(error: Exception, cause: str) -> bool:
    """Whether an API error names this cause, e.g. ``NamespaceTerminating`` (errors.HasStatusCause)."""
    details = getattr(error, "details", None) or {}
    return any(item.get("reason") == cause for item in details.get("causes") or ())
