"""Keys typed ahead: what is typed while a screen or a question is still on its way goes to it, not to the one below.

Whoever types ``g45m`` and enter in one breath, or over a slow link, means the line that ``g`` opens. So while an action has
not begun yet, or the screen in front has not been built, keys wait in their order.
"""

from __future__ import annotations

import time
from collections import deque

from textual import events
from textual.app import App
from textual.screen import ModalScreen
from textual.worker import WorkerState

PATIENCE = 1.0
"""Seconds that a key waits at most: a screen that does not come must not take the keyboard along."""

_LOOK = 0.002
"""Seconds between two looks whether the keys that wait can go on."""


class TypesAhead(App[int]):
    """An application that loses no keys between two screens."""

    def __init__(self) -> None:
        super().__init__()
        self._typed: deque[events.Key] = deque()
        self._under_way: events.Key | None = None
        self._since = 0.0
        self._looks = False

    async def on_event(self, event: events.Event) -> None:
        """Let keys wait where they would go to the wrong screen; everything else passes."""
        if not isinstance(event, events.Key):
            await super().on_event(event)
        elif event.is_forwarded:
            # Nobody on the screen has taken it: what it is bound to is done now.
            await super().on_event(event)
            if event is self._under_way:
                self._under_way = None
        elif self._typed or not self._takes_keys:
            self._typed.append(event)
            self._look_again()
        else:
            await self._pass(event)

    async def _pass(self, event: events.Key) -> None:
        self._under_way, self._since = event, time.monotonic()
        await super().on_event(event)
        if not event.is_forwarded:
            self._under_way = None

    @property
    def _takes_keys(self) -> bool:
        """Whether the screen in front is the one that whoever types sees, or means to see."""
        under_way = self._under_way
        if under_way is not None and not under_way._stop_propagation:  # noqa: SLF001 - there is no other way to know
            return False
        if any(worker.state is WorkerState.PENDING for worker in self.workers):
            return False
        screen = self.screen
        return screen.is_mounted and (screen.focused is not None or not isinstance(screen, ModalScreen))

    def _look_again(self) -> None:
        if not self._looks:
            self._looks = True
            self.set_timer(_LOOK, self._hand_on)

    async def _hand_on(self) -> None:
        """Give the waiting keys to the screen, as long as it takes them."""
        while self._typed and (self._takes_keys or time.monotonic() - self._since > PATIENCE):
            await self._pass(self._typed.popleft())
        self._looks = False
        if self._typed:
            self._look_again()
