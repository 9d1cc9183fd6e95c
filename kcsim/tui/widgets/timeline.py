"""Timelines: a ruler and one line for each lane, of one world or of several, with a cursor that can be dragged into the past."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip as Line
from textual.widget import Widget

from kcsim.tui.asks.lanes import Strip
from kcsim.tui.widgets.states import STATE_CLASSES, state_style
from kcsim.views.lanes import Lane

NAME_WIDTH = 9


class TimelineStrip(Widget):
    """Lanes over time. ``show`` hands over what to draw, for ``columns`` by ``room`` characters."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lanes--name",
        "lanes--ruler",
        "lanes--cursor",
        "lanes--mark",
        "lanes--future",
        "lanes--title",
        *STATE_CLASSES,
    }

    class Picked(Message):
        """A place in time was clicked or dragged to (µs)."""

        def __init__(self, time: int) -> None:
            super().__init__()
            self.instant = time

    class Sized(Message):
        """There is room for another number of lanes or columns."""

    class Zoomed(Message):
        """The wheel was turned over an instant (µs): nearer (1) or farther (-1)."""

        def __init__(self, time: int, by: int) -> None:
            super().__init__()
            self.instant = time
            self.by = by

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._strips: Sequence[Strip] = ()
        self._lines: list[Lane | str] = []
        self._dragging = False

    @property
    def columns(self) -> int:
        """How many columns of time there are."""
        return max(1, self.size.width - NAME_WIDTH - 1)

    @property
    def room(self) -> int:
        """How many lines there are below the ruler."""
        return max(1, self.size.height - 1)

    def show(self, strips: Sequence[Strip]) -> None:
        """Draw the lanes of one world or more, on one clock."""
        before = self._strips
        self._strips = strips
        if [strip.total for strip in before] != [strip.total for strip in strips]:
            self.refresh(layout=True)
        if before != strips:
            self.refresh()

    def get_content_height(self, _container: Size, _viewport: Size, _width: int) -> int:
        """The ruler and every lane that has something in it; a style may allow less."""
        return 1 + max(1, sum(strip.total + bool(strip.title) for strip in self._strips))

    def on_resize(self) -> None:
        """There is room for more lanes or fewer."""
        self.post_message(self.Sized())

    def render_line(self, y: int) -> Line:
        """The ruler, then the lanes, each world's under its name where there are several."""
        base, width = self.rich_style, self.size.width
        if not self._strips:
            return Line.blank(width, base)
        if y == 0:
            return self._ruler(self._strips[0]).adjust_cell_length(width, base)
        place = y - 1
        for strip in self._strips:
            if strip.title:
                if place == 0:
                    return self._title(strip).adjust_cell_length(width, base)
                place -= 1
            if place < len(strip.lanes):
                segments = list(self._lane(strip, strip.lanes[place]))
                return Line(segments).simplify().adjust_cell_length(width, base)
            place -= len(strip.lanes)
        return Line.blank(width, base)

    def _cursor(self, strip: Strip) -> int:
        column = strip.scale.column(strip.cursor)
        return min(strip.scale.width - 1, column) if column >= 0 else -1

    def _ruler(self, strip: Strip) -> Line:
        style = self.get_component_rich_style("lanes--ruler")
        under = self.get_component_rich_style("lanes--cursor", partial=True)
        cursor = self._cursor(strip)
        if not 0 <= strip.scale.column(strip.cursor) <= strip.scale.width:
            cursor = -1
        here = strip.ruler[cursor : cursor + 1] if cursor >= 0 else ""
        segments = [Segment(" " * NAME_WIDTH, self.rich_style)]
        if cursor < 0:
            segments.append(Segment(strip.ruler, style))
        else:
            segments.append(Segment(strip.ruler[:cursor], style))
            segments.append(Segment("▼" if here in {"", " "} else here, style + under))
            segments.append(Segment(strip.ruler[cursor + 1 :], style))
        return Line(segments)

    def _title(self, strip: Strip) -> Line:
        """The world's name, and its bookmarks in their columns."""
        title = self.get_component_rich_style("lanes--title")
        mark = self.get_component_rich_style("lanes--mark")
        cells = [" "] * strip.scale.width
        for when, text in strip.marks:
            column = strip.scale.column(when)
            if 0 <= column < strip.scale.width:
                cells[column] = "┬" if text == "forked here" else "⚑"
        name = f" {strip.title} "
        if len(name) < NAME_WIDTH:
            return Line([Segment(name.ljust(NAME_WIDTH), title), Segment("".join(cells), mark)])
        cut = len(name) - NAME_WIDTH
        return Line([Segment(name, title), Segment("".join(cells[cut:]), mark)])

    def _lane(self, strip: Strip, lane: Lane) -> Iterator[Segment]:
        base = self.rich_style
        yield Segment(f" {lane.name:<{NAME_WIDTH - 1}}", self.get_component_rich_style("lanes--name"))
        now, cursor = strip.scale.column(strip.now), self._cursor(strip)
        mark = self.get_component_rich_style("lanes--mark")
        future = self.get_component_rich_style("lanes--future")
        under = self.get_component_rich_style("lanes--cursor", partial=True)
        styles: dict[str, Style] = {}
        for column, (glyph, state) in enumerate(zip(lane.glyphs, lane.states, strict=True)):
            if column > now:
                glyph, style = "·", future
            elif state:
                if state not in styles:
                    styles[state] = state_style(self, state, base)
                style = styles[state]
            else:
                style = mark
            yield Segment(glyph, style + under if column == cursor else style)

    # --- the mouse ----------------------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to drag the cursor."""
        self._dragging = True
        self.capture_mouse()
        self._pick(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag it."""
        if self._dragging:
            self._pick(event.x)

    def on_mouse_up(self, _event: events.MouseUp) -> None:
        """Let go."""
        self._dragging = False
        self.release_mouse()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Nearer."""
        self._zoom(event.x, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Farther."""
        self._zoom(event.x, -1)

    def _pick(self, x: int) -> None:
        when = self._instant(x)
        if when is not None:
            self.post_message(self.Picked(when))

    def _zoom(self, x: int, by: int) -> None:
        when = self._instant(x)
        if when is not None:
            self.post_message(self.Zoomed(when, by))

    def _instant(self, x: int) -> int | None:
        if not self._strips:
            return None
        scale = self._strips[0].scale
        return scale.time(max(0, min(x - NAME_WIDTH, scale.width - 1)))
