"""A heat map of nodes: one character a node, drawn line by line from segments that are made once (ux reference, A2)."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kcsim.tui.asks.net import NONE, Cell, Heat
from kcsim.tui.keys import key
from kcsim.tui.widgets.states import STATE_CLASSES, state_style
from kcsim.views.states import GLYPHS, SEVERITY

_BARS = " ▁▂▃▄▅▆▇███"
"""Tenths of what a node offers, as a bar."""


class HeatMap(ScrollView, can_focus=True):
    """Nodes as cells; the cursor is on one of them.

    Attributes:
        cursor: which.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"heat--cursor", *STATE_CLASSES}
    BINDINGS: ClassVar[list[BindingType]] = [
        key("enter", "choose", "Open", "Open the node under the cursor", bar=True),
        key("left,h", "move(-1, 0)", "Left", "The node on the left"),
        key("right,l", "move(1, 0)", "Right", "The node on the right"),
        key("up,k", "move(0, -1)", "Up", "The node above"),
        key("down,j", "move(0, 1)", "Down", "The node below"),
    ]

    class Moved(Message):
        """The cursor stands on another node."""

    class Chosen(Message):
        """Enter or a double click."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self._heat = Heat("state", (), b"", b"", ())
        self._segments: dict[tuple[int, int, bool], Segment] = {}

    def show(self, heat: Heat) -> None:
        """Draw what has changed."""
        before, self._heat = self._heat, heat
        self.cursor = max(0, min(self.cursor, len(heat) - 1))
        rows = -(-len(heat) // self.across)
        size = Size(self.across, rows)
        if before.names != heat.names or before.measure != heat.measure or size != self.virtual_size:
            self.virtual_size = size
            self.refresh()
            return
        for line in range(rows):
            part = slice(line * self.across, (line + 1) * self.across)
            if before.states[part] != heat.states[part] or before.tenths[part] != heat.tenths[part]:
                self._refresh_line(line)

    @property
    def across(self) -> int:
        """Cells in a line."""
        return max(1, self.scrollable_content_region.width)

    @property
    def current(self) -> Cell | None:
        """The node under the cursor."""
        return self._heat.cell(self.cursor) if self.cursor < len(self._heat) else None

    def render_line(self, y: int) -> Strip:
        """One line of cells."""
        first = (round(self.scroll_offset.y) + y) * self.across
        heat, segment = self._heat, self._segment
        places = range(first, min(first + self.across, len(heat)))
        segments = [segment(heat.states[p], heat.tenths[p], p == self.cursor) for p in places]
        return Strip(segments, len(segments)).adjust_cell_length(self.across, self.rich_style)

    def _segment(self, state_place: int, tenths: int, is_cursor: bool) -> Segment:
        key = (state_place, tenths, is_cursor)
        segment = self._segments.get(key)
        if segment is None:
            state = SEVERITY[state_place]
            # A node that is not well keeps its glyph whatever is measured.
            glyph = GLYPHS[state] if tenths == NONE or state not in {"ok", ""} else _BARS[tenths]
            style: Style = state_style(self, state, self.rich_style)
            if is_cursor:
                style = style + self.get_component_rich_style("heat--cursor", partial=True)
            segment = self._segments[key] = Segment(glyph, style)
        return segment

    def notify_style_update(self) -> None:
        """Another theme: the segments are made anew."""
        self._segments = {}
        super().notify_style_update()

    def _refresh_line(self, line: int) -> None:
        y = line - round(self.scroll_offset.y)
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    # --- moving -------------------------------------------------------------------------------------------------

    def select(self, place: int) -> None:
        """Put the cursor on a node."""
        before, self.cursor = self.cursor, max(0, min(place, len(self._heat) - 1))
        self.scroll_to_region(Region(0, self.cursor // self.across, 1, 1), animate=False)
        for line in {before // self.across, self.cursor // self.across}:
            self._refresh_line(line)
        self.post_message(self.Moved())

    def action_move(self, x: int, y: int) -> None:
        """Move the cursor."""
        self.select(self.cursor + x + y * self.across)

    def action_choose(self) -> None:
        """Open the node."""
        if self.current is not None:
            self.post_message(self.Chosen())

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a double click opens."""
        place = (round(self.scroll_offset.y) + event.y) * self.across + event.x
        if place < len(self._heat) and event.x < self.across:
            self.select(place)
            if event.chain > 1:
                self.action_choose()

    def on_resize(self) -> None:
        """Cells go to other places."""
        self.virtual_size = Size(self.across, -(-len(self._heat) // self.across))
        self.refresh()
