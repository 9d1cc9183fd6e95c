"""Looks at a remote that find nothing: computed instead of carried out.

A source that is up to date is looked at again and again, each time with the same answer, until something
changes: a ref or a tag moves, the host fails or comes back, the network changes. So instead of a timer for each look there is
only the instant of the next one; it is brought up to date when something does change, and then the next look is
carried out at the very instant at which it would have come.

**Imitates:** the interval of source-controller with its jitter. Differs: looks that nobody could notice draw no
latency; an interval's length counts from the end of the look before, and those looks take the typical time of one.

**Walk:** ``begin`` -> asleep -> the world changes -> ``_wake``: on to the first look from now on -> a timer -> reconcile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from kcsim.api.kit.component import Component
from kcsim.api.objects import Key
from kcsim.engine.clock import format_duration


class Remote(Protocol):
    """What is looked at: a git host, a registry, an object store."""

    @property
    def counts_questions(self) -> bool:
        """Whether a question that is asked makes a difference to the answer of the next."""

    @property
    def look(self) -> int:
        """How long (µs) a look that finds nothing typically takes."""

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever a look may get another answer."""


class IdlePolls:
    """The next look at each up-to-date source of one controller."""

    def __init__(
        self,
        component: Component,
        remote: Remote,
        enqueue_after: Callable[[Key, int, str], None],
        period: Callable[[int], int],
    ) -> None:
        self._engine = component.engine
        self._remote = remote
        self._enqueue_after = enqueue_after
        self._period = period
        self._due: dict[Key, tuple[int, int]] = {}
        remote.on_change(self._wake)
        component.endpoint.network.on_change(self._wake)

    def begin(self, key: Key, interval: int, first: int) -> None:
        """A source was found up to date, or has just been brought there; ``interval`` and how long until the first look in µs."""
        if self._remote.counts_questions:
            self._enqueue_after(key, first, f"interval {format_duration(interval)}")
        else:
            self._due[key] = (self._engine.now + first, interval)

    def forget(self, key: Key) -> None:
        """A source is being looked at, or gone."""
        self._due.pop(key, None)

    def reset(self) -> None:
        """The controller stopped."""
        self._due.clear()

    def _wake(self) -> None:
        if not self._due:
            return
        now = self._engine.now
        look = self._remote.look
        for key, (due, interval) in sorted(self._due.items()):
            while due < now:
                due += look + self._period(interval)
            self._enqueue_after(key, due - now, f"interval {format_duration(interval)}")
        self._due.clear()
