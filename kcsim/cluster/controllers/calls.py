"""Waiting for a call and acting the moment it answers.

A batch of creates is waited for as a whole, but each pod's event is recorded, and each expectation lowered, when its
own answer arrives, as upstream's goroutines do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.engine.task import Done, Waitable, gather


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


def first_error(results: list[Any]) -> Exception | None:
    """The first exception among the results of `All`."""
    return next((result for result in results if isinstance(result, Exception)), None)


def has_status_cause(error: Exception, cause: str) -> bool:
    """Whether an API error names this cause, e.g. ``NamespaceTerminating`` (errors.HasStatusCause)."""
    details = getattr(error, "details", None) or {}
    return any(item.get("reason") == cause for item in details.get("causes") or ())


__all__ = ["Then", "first_error", "gather", "has_status_cause"]
