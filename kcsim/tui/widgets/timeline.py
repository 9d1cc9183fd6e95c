"""The timeline strip: a ruler and one line for each lane, with a cursor that can be dragged into the past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from kcsim.tui.sight import StripData
from kcsim.tui.widgets.states import STATE_CLASSES, state_style
from kcsim.views.lanes import Happening, Lane, Scale, lanes, ruler
from kcsim.views.readiness import ReadyStep

NAME_WIDTH = 9


class TimelineStrip(Widget):
    """Lanes over time.

    ``show`` hands over what happened; the strip draws as many lanes as it has lines.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lanes--name",
        "lanes--ruler",
        "lanes--cursor",
        "lanes--mark",
        "lanes--future",
        *STATE_CLASSES,
    }

    class Picked(Message):
        """A place in time was clicked or dragged to (µs)."""

        def __init__(self, time: int) -> None:
            super().__init__()
            self.instant = time

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._moments: Sequence[Happening] = ()
        self._steps: Sequence[ReadyStep] = ()
        self._end = 1
        self._now = 0
        self._cursor = 0
        self._dragging = False
        self._drawn: list[Lane] = []
        self._lanes = 0
        self._ruler = ""
        self._marks = (0, 0)

    def show(self, data: StripData) -> None:
        """Draw [0, end] (µs): what happened until ``now``, and the cursor."""
        self._moments, self._steps = data.moments, data.steps
        self._end, self._now, self._cursor = max(1, data.end), data.now, data.cursor
        count = len({"pods", *(moment.lane for moment in data.moments)})
        if count != self._lanes:
            self._lanes = count
            self.refresh(layout=True)
        self._draw()

    def on_resize(self) -> None:
        """Draw for the new width."""
        self._draw()

    @property
    def scale(self) -> Scale:
        """Which column is which time."""
        return Scale(0, self._end, max(1, self.size.width - NAME_WIDTH - 1))

    def get_content_height(self, _container: Size, _viewport: Size, _width: int) -> int:
        """The ruler and every lane that has something in it; a style may allow less."""
        return 1 + max(1, self._lanes)

    def _draw(self) -> None:
        room = max(1, self.size.height - 1)
        before = self._drawn, self._ruler, self._marks
        scale = self.scale
        self._drawn = lanes(self._moments, self._steps, scale, self._now, room)
        self._ruler = ruler(scale)
        self._marks = scale.column(self._now), scale.column(self._cursor)
        if before != (self._drawn, self._ruler, self._marks):
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The ruler, then the lanes."""
        base, width = self.rich_style, self.size.width
        scale = self.scale
        cursor = min(scale.width - 1, scale.column(self._cursor))
        if y == 0:
            style = self.get_component_rich_style("lanes--ruler")
            here = self._ruler[cursor : cursor + 1]
            under = self.get_component_rich_style("lanes--cursor", partial=True)
            segments = [
                Segment(" " * NAME_WIDTH, base),
                Segment(self._ruler[:cursor], style),
                Segment("▼" if here in {"", " "} else here, style + under),
                Segment(self._ruler[cursor + 1 :], style),
            ]
            return Strip(segments).adjust_cell_length(width, base)
        if y > len(self._drawn):
            return Strip.blank(width, base)
        lane = self._drawn[y - 1]
        name = Segment(f" {lane.name:<{NAME_WIDTH - 1}}", self.get_component_rich_style("lanes--name"))
        now = scale.column(self._now)
        mark = self.get_component_rich_style("lanes--mark")
        future = self.get_component_rich_style("lanes--future")
        under = self.get_component_rich_style("lanes--cursor", partial=True)
        segments = [name]
        for column, (glyph, state) in enumerate(zip(lane.glyphs, lane.states, strict=True)):
            if column > now:
                glyph, style = "·", future
            else:
                style = state_style(self, state, base) if state else mark
            segments.append(Segment(glyph, style + under if column == cursor else style))
        return Strip(segments).simplify().adjust_cell_length(width, base)

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

    def _pick(self, x: int) -> None:
        column = max(0, min(x - NAME_WIDTH, self.scale.width - 1))
        self.post_message(self.Picked(self.scale.time(column)))
