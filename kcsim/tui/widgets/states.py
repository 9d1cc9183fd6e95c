"""How states look: component classes that every drawing widget has, so that a theme colours them all at once."""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget

from kcsim.views.states import State

STATE_CLASSES = frozenset({"state--ok", "state--pending", "state--failed", "state--unknown", "state--done"})


def state_style(widget: Widget, state: State, base: Style) -> Style:
    """``base`` in the colour of a state; without a state as it is."""
    if not state:
        return base
    return base + widget.get_component_rich_style(f"state--{state}", partial=True)
