"""Keys typed ahead: what is typed while a screen or a question is still on its way goes to it, not to the one below.

Whoever types ``g45m`` and enter in one breath, or over a slow link, means the line that ``g`` opens. So a key waits until
everything that the keys before it set going is done: the screen in front has been built, and nothing is left to be done at
once. No clock decides: on a busy machine a key waits longer, and goes to the same place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from textual import events
from textual.actions import ActionParseResult
from textual.app import App
from textual.dom import DOMNode
from textual.screen import Screen

_LOOK = 0.002
"""Seconds between two looks whether the keys that wait can go on."""

_PATIENCE = 500
"""Looks after which keys go on though something is always being done: that must not take the keyboard along."""


class TypesAhead(App[int]):
    """An application that loses no keys between two screens, and whose screens are asked nothing before they are there."""

    def __init__(self) -> None:
        super().__init__()
        self._typed: deque[events.Key | events.Paste] = deque()
        self._looks = 0

    async def on_event(self, event: events.Event) -> None:
        """Let keys wait where they would go to the wrong screen; everything else passes."""
        if (
            isinstance(event, events.Key | events.Paste)
            and not event.is_forwarded
            and (self._typed or not self._is_quiet())
        ):
            self._typed.append(event)
            if len(self._typed) == 1:
                self._look_again()
        else:
            await super().on_event(event)

    @property
    def has_done_all(self) -> bool:
        """Whether everything that was typed has been done."""
        return not self._typed and self._is_quiet()

    def _is_quiet(self) -> bool:
        # What was set going and is not done yet is ready to run in the event loop (messages on their way between widgets, a
        # question answered whose asker has not gone on) or waits for the next refresh. There is no public way to know.
        is_free = not getattr(asyncio.get_running_loop(), "_ready", ())
        return self.screen.is_mounted and is_free and not self.screen._callbacks  # noqa: SLF001

    def _look_again(self) -> None:
        self.set_timer(_LOOK, self._hand_on)

    async def _hand_on(self) -> None:
        """Give the next key to the screen in front, if it can take it."""
        if not self.screen_stack:
            return  # everything is over
        self._looks += 1
        if self._is_quiet() or (self.screen.is_mounted and self._looks > _PATIENCE):
            self._looks = 0
            await super().on_event(self._typed.popleft())
        if self._typed:
            self._look_again()

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do nothing on a screen before it is there, whoever asks: a key, the mouse, the palette, what was chosen in the help."""
        above = () if default_namespace is None else default_namespace.ancestors_with_self
        screen = next((node for node in above if isinstance(node, Screen)), None) or self.screen
        await screen._mounted_event.wait()  # noqa: SLF001 - there is no public way to wait for it
        return await super().run_action(action, default_namespace, namespaces)
