"""The keys that work now, on one line: made from the bindings, as many as fit, and help always among them.

Textual's Footer shows the first ones that fit and hides the rest; here the last ones are left out first, but never help.
A click does what the key does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

ALWAYS = frozenset({"help", "leave"})
FIRST = ("run", "step", "next", "previous", "inject", "command", "why", "choose")
"""Actions from the left; others follow in the order of their bindings, help and quit come last."""

_GAP = 2


@dataclass(frozen=True, slots=True)
class Shown:
    """One key on the bar: the key pressed by a click, how it is written, what it does, and its action."""

    key: str
    display: str
    label: str
    action: str

    @property
    def width(self) -> int:
        """How many columns it takes."""
        return len(self.display) + 1 + len(self.label)


def fitting(keys: list[Shown], width: int) -> list[Shown]:
    """The keys that fit in their order; those that must always show take their room first."""
    room = width - sum(key.width + _GAP for key in keys if key.action in ALWAYS)
    chosen = []
    for key in keys:
        if key.action in ALWAYS:
            chosen.append(key)
        elif key.width + _GAP <= room:
            room -= key.width + _GAP
            chosen.append(key)
    return chosen


class KeyBar(Widget):
    """The bar at the bottom of a screen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keybar--key", "keybar--label"}

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        """Follow the bindings."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, _screen: Screen[object]) -> None:
        self.refresh()

    def _keys(self) -> list[Shown]:
        keys: dict[str, Shown] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and active.enabled and binding.action not in keys:
                display = self.app.get_key_display(binding)
                keys[binding.action] = Shown(
                    binding.key, display, binding.description.lower(), binding.action
                )
        return sorted(keys.values(), key=_place)

    def render_line(self, y: int) -> Strip:
        """The bar."""
        width = self.size.width
        key_style = self.get_component_rich_style("keybar--key")
        label_style = self.get_component_rich_style("keybar--label")
        self._places = []
        segments = [Segment(" ", label_style)]
        x = 1
        for shown in fitting(self._keys(), width - 1) if y == 0 else ():
            self._places.append((x, x + shown.width, shown.key))
            segments.append(Segment(shown.display, key_style))
            segments.append(Segment(f" {shown.label}{' ' * _GAP}", label_style))
            x += shown.width + _GAP
        return Strip(segments).adjust_cell_length(width, label_style)

    def on_click(self, event: events.Click) -> None:
        """Do what the key does."""
        for start, end, key in self._places:
            if start <= event.x < end:
                self.app.simulate_key(key)


def _place(shown: Shown) -> int:
    if shown.action in ALWAYS:
        return len(FIRST) + 1
    return FIRST.index(shown.action) if shown.action in FIRST else len(FIRST)
