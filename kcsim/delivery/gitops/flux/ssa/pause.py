"""A wait that may be ended before its time.

**Imitates:** a timer beside a cancelled context in Go.
"""

from __future__ import annotations

from kcsim.api.kit.component import Component
from kcsim.engine.core import Timer
from kcsim.engine.task import Done


class Interrupt:
    """Something that may happen while others wait; once it has happened it stays so."""

    def __init__(self) -> None:
        self.happened = False
        self._waiting: list[Pause] = []

    def happen(self) -> None:
        """Let everybody go on who waits."""
        self.happened = True
        waiting, self._waiting = self._waiting, []
        for pause in waiting:
            pause.end()

    def pause(self, component: Component, delay: int) -> Pause:
        """Wait ``delay`` µs, or less if it happens."""
        made = Pause(component, 0 if self.happened else delay)
        self._waiting.append(made)
        return made


class Pause:
    """One wait."""

    def __init__(self, component: Component, delay: int) -> None:
        self._component = component
        self._delay = delay
        self._timer: Timer | None = None
        self._done: Done | None = None

    def start(self, done: Done) -> None:
        """Arm the timer."""
        self._done = done
        self._timer = self._component.after(self._delay, self.end)

    def end(self) -> None:
        """Go on now. Harmless when it is over already."""
        done, self._done = self._done, None
        if self._timer is not None:
            self._timer.cancel()
        if done is not None:
            # Not within the call of whoever interrupts: that one has its own work to finish first.
            self._component.after(0, done, None, None)
