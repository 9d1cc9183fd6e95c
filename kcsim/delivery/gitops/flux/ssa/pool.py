"""Several activities of one task at the same time, never more than so many at once.

**Imitates:** golang.org/x/sync/errgroup with a limit: after the first failure nothing further begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kcsim.api.kit.component import Component
from kcsim.engine.task import Done, Steps


class Pool:
    """Waits for all of ``jobs``; gives the list of their values, or raises the first failure."""

    def __init__(self, component: Component, jobs: Sequence[Steps], width: int) -> None:
        self._component = component
        self._waiting = list(enumerate(jobs))
        self._waiting.reverse()
        self._values: list[Any] = [None] * len(jobs)
        self._width = width
        self._busy = 0
        self._error: Exception | None = None
        self._done: Done | None = None

    def start(self, done: Done) -> None:
        """Begin with the first ones."""
        self._done = done
        self._fill()

    def _fill(self) -> None:
        while self._waiting and self._busy < self._width and self._error is None:
            place, job = self._waiting.pop()
            self._busy += 1
            self._component.spawn(job, self._finished(place))
        if not self._busy and self._done is not None:
            done, self._done = self._done, None
            for _, job in self._waiting:
                job.close()
            done(self._values if self._error is None else None, self._error)

    def _finished(self, place: int) -> Done:
        def one(value: Any, error: Exception | None) -> None:
            self._busy -= 1
            self._values[place] = value
            if error is not None and self._error is None:
                self._error = error
            self._fill()

        return one
