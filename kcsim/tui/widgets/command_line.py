"""The command bar's line: completes words with tab, brings back earlier lines with up and down."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType
from textual.suggester import Suggester
from textual.widgets import Input

from kcsim.tui.keys import key


class CommandLine(Input):
    """An input with completion and history."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("tab", "complete", "Complete", "Complete the word", bar=True, priority=True),
        key("up", "earlier(-1)", "Earlier", "The line typed before", bar=True),
        key("down", "earlier(1)", "Later", "The line typed after"),
    ]

    def __init__(self, complete: Callable[[str], str | None], *, id: str | None = None) -> None:
        """``complete``: the line with its last word completed, None when nothing fits."""
        hint = "pods | deploy shop | kubectl scale deploy/web -n shop --replicas=1 | git log | flux get ks"
        super().__init__(id=id, placeholder=hint, suggester=_Completion(complete), select_on_focus=False)
        self._complete = complete
        self._history: list[str] = []
        self._place = 0

    def begin(self, text: str) -> None:
        """Open it with a text to go on from."""
        self._place = len(self._history)
        self._put(text)

    def _put(self, text: str) -> None:
        self.value = text
        self.cursor_position = len(text)

    def on_input_submitted(self) -> None:
        """Remember the line."""
        if self.value.strip() and self._history[-1:] != [self.value]:
            self._history.append(self.value)

    def action_complete(self) -> None:
        """Take what is offered."""
        whole = self._complete(self.value)
        if whole is not None:
            self._put(whole)

    def action_earlier(self, by: int) -> None:
        """Go through what was typed before."""
        self._place = max(0, min(self._place + by, len(self._history)))
        self._put(self._history[self._place] if self._place < len(self._history) else "")


class _Completion(Suggester):
    """Shows the rest of the word; tab or the right arrow takes it."""

    def __init__(self, complete: Callable[[str], str | None]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        """The line with its last word completed."""
        return self._complete(value)
