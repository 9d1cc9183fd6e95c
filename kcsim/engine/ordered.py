"""An engine that asks an ``Order`` whenever more than one event is due at an instant.

**Walk:** the events of an instant leave SimPy's heap together -> ``Order.choose`` -> that one runs; what it arms for the
same instant joins the others -> the next is chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop
from typing import Any

from kcsim.engine.core import Engine, Timer
from kcsim.engine.order import ChosenOrder, Order, grid_of, order_of


class OrderedEngine(Engine):
    """One virtual clock on which the order within an instant is somebody's choice.

    Attributes:
        order: whose.

    ``grid`` (µs): how coarse instants are.
    """

    def __init__(self, seed: int, order: Order, grid: int = 1) -> None:
        super().__init__(seed)
        self.order = order
        self._grid = grid
        self._ready: list[Timer] = []

    def after(self, delay: int, fn: Callable[..., object], *args: object) -> Timer:
        """Call ``fn(*args)`` in ``delay`` µs or at the next instant of the grid after that, for the same cause as now."""
        return super().after(delay + -(self.now + delay) % self._grid if delay > 0 else delay, fn, *args)

    @property
    def next_time(self) -> int | None:
        """The instant of the next event in µs, or None when nothing waits."""
        return self.now if self._ready else super().next_time

    def step(self) -> bool:
        """Process one event. False when nothing waits."""
        timer = self._next(None)
        if timer is None:
            return False
        self.steps += 1
        timer.fire()
        self.cause = None
        return True

    def run_until(self, until: int) -> None:
        """Process every event up to and including the instant ``until`` (µs); the clock then stands at ``until``."""
        try:
            while (timer := self._next(until)) is not None:
                self.steps += 1
                timer.fire()
        finally:
            self.cause = None
        if until > self.now:
            self._stand_at(until)

    def _next(self, until: int | None) -> Timer | None:
        """The event that goes next, if one is due by then; the clock stands at its instant."""
        env: Any = self._env
        queue, ready = env._queue, self._ready  # noqa: SLF001
        if not ready:
            # A timer that was cancelled is an event still, as on any engine, but no choice.
            if not queue or (until is not None and queue[0][0] > until):
                return None
            self._stand_at(queue[0][0])
        elif until is not None and self.now > until:
            return None
        while queue and queue[0][0] == self.now:
            ready.append(heappop(queue)[3])
        active = [n for n, timer in enumerate(ready) if timer.active]
        if len(active) < 2:
            return ready.pop(active[0] if active else 0)
        functions = [ready[n]._fn for n in active]  # noqa: SLF001 - of the same room
        return ready.pop(active[self.order.choose(functions)])  # type: ignore[arg-type]  # all of them are active

    def _stand_at(self, when: int) -> None:
        env: Any = self._env
        self.now = env._now = when  # noqa: SLF001


def engine_for(seed: int, order: str) -> Engine:
    """The engine for an order as people write it; the plain one for first in, first out.

    Raises:
        ValueError: there is no such order.
    """
    text, grid = grid_of(order)
    chosen = order_of(text, seed)
    if chosen is None and grid == 1:
        return Engine(seed)
    return OrderedEngine(seed, chosen or ChosenOrder(most=0), grid)
