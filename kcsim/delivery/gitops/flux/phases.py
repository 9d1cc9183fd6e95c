"""When an object is looked at next: after its interval, or, of an agent that is said to have run for long, after a part of
one the first time.

A story begins at some instant in the life of an agent, but its world begins with the agent's start. Without a phase of
its own each clock of the agent would stand, in every run, where its start put it, and a commit at a round instant would
meet the same wait under every seed.

**Imitates:** fluxcd/pkg ``runtime/jitter``. Differs: the drawn phase, which no controller knows.
**Walk:** an object reconciled well -> ``next`` -> its first time here, and phases are drawn: the instant at which its first
interval ends -> until then, that instant, whatever else made the agent look meanwhile; later the interval, jittered.
A restart draws none again: what follows it is due to the restart.
"""

from __future__ import annotations

from kcsim.api.kit.component import Component
from kcsim.api.objects import Key
from kcsim.delivery.gitops.flux.toolkit import jittered
from kcsim.engine.dice import Dice


class Phases:
    """The clocks of all objects of one world; kept apart from the controllers, whose restarts they outlive.

    Attributes:
        drawn: whether an object's first interval is a part of one.
    """

    def __init__(self, *, drawn: bool = False) -> None:
        self.drawn = drawn
        self._first: dict[tuple[str, str, Key], int] = {}

    def next(self, component: Component, key: Key, interval: int, dice: Dice, share: float) -> int:
        """How long (µs) until ``component`` looks at its object ``key`` again; intervals vary by ``share``."""
        if self.drawn:
            clock, now = (component.endpoint.host, component.name, key), component.engine.now
            if clock not in self._first:
                self._first[clock] = now + 1 + dice.integer(interval)
            if now < self._first[clock]:
                return self._first[clock] - now
        return jittered(interval, dice.uniform(), share)
