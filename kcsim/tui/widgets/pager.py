"""A text one can scroll through, drawn line by line, with spans in named styles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kcsim.tui.asks.lines import MANAGER_STYLES, TextLine, wrapped
from kcsim.tui.keys import key
from kcsim.tui.widgets.states import STATE_CLASSES


class Pager(ScrollView, can_focus=True):
    """Lines of text; scrolls both ways."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "pager--key",
        "pager--dim",
        "pager--title",
        *MANAGER_STYLES,
        *STATE_CLASSES,
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        key("up,k", "scroll_up", "Up", "Scroll up"),
        key("down,j", "scroll_down", "Down", "Scroll down"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._given: list[TextLine] = []
        self._lines: list[TextLine] = []
        self._wrap = False

    def show(self, lines: Iterable[TextLine], *, keep_place: bool = False, wrap: bool = False) -> None:
        """Show a text, from its top unless the place is to be kept; ``wrap`` breaks lines that are too long."""
        given = list(lines)
        if (given, wrap) != (self._given, self._wrap):
            self._given, self._wrap = given, wrap
            self._lay_out()
        if not keep_place:
            self.scroll_to(0, 0, animate=False)

    def on_resize(self) -> None:
        """Break the lines anew."""
        self._lay_out()

    def _lay_out(self) -> None:
        # One column is kept for the scroll bar, so that its coming does not change the breaks.
        room = self.size.width - 3
        if self._wrap and room > 0:
            self._lines = [part for line in self._given for part in wrapped(line, room)]
        else:
            self._lines = self._given
        width = max((sum(len(text) for text, _ in line) for line in self._lines), default=0)
        self.virtual_size = Size(width + 2, len(self._lines))
        self.refresh()

    @property
    def text(self) -> str:
        """The text without styles."""
        return "\n".join("".join(part for part, _ in line) for line in self._lines)

    def render_line(self, y: int) -> Strip:
        """One line."""
        left, top = round(self.scroll_offset.x), round(self.scroll_offset.y)
        width, base = self.scrollable_content_region.width, self.rich_style
        if top + y >= len(self._lines):
            return Strip.blank(width, base)
        segments = [Segment(" ", base)]
        for text, name in self._lines[top + y]:
            component = name if "--" in name else f"pager--{name}"
            style = base + self.get_component_rich_style(component, partial=True) if name else base
            segments.append(Segment(text, style))
        return Strip(segments).crop_extend(left, left + width, base)
