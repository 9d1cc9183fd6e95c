"""Rows with a cursor, drawn line by line: a table of any length costs what is in sight.

Textual's own DataTable repaints whole and adds up every row (ux reference, A2); this makes and draws the rows that show.

**Walk:** ``want`` says which rows are in sight -> ``show`` takes a page of them and how to fetch another -> they are measured
-> ``render_line`` draws them -> keys and clicks move the cursor, which stays with its row when others come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kcsim.tui.asks.pages import Page, Row, Want
from kcsim.tui.keys import key
from kcsim.tui.widgets.columns import GAP, TELLING, evenly, fit, shortened
from kcsim.tui.widgets.states import STATE_CLASSES, state_style
from kcsim.views.states import GLYPHS, State

LEAD = 3
"""Columns that the glyph takes."""


class RowList(ScrollView, can_focus=True):
    """A list of rows under a header.

    Attributes:
        cursor: the row that is selected.
        count: how many rows there are.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--header",
        "rows--cursor",
        "rows--dim",
        "rows--lit",
        *STATE_CLASSES,
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        key("enter", "choose", "Open", "Open what is under the cursor", bar=True),
        key("up,k", "move(-1)", "Up", "Up a row"),
        key("down,j", "move(1)", "Down", "Down a row"),
        key("pageup", "page(-1)", "Page up", "Up a page"),
        key("pagedown", "page(1)", "Page down", "Down a page"),
        key("home", "top", "First", "First row"),
        key("end", "bottom", "Last", "Last row"),
    ]

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, rows: RowList) -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> RowList:
            """The list."""
            return self.rows

    class Chosen(Message):
        """Enter or a double click."""

        def __init__(self, rows: RowList) -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> RowList:
            """The list."""
            return self.rows

    def __init__(
        self, *, follow: bool = False, glyphs: bool = True, even: int | None = None, id: str | None = None
    ) -> None:
        """A list.

        Args:
            follow: while the cursor is on the last row it stays there when rows come.
            glyphs: show states.
            even: the columns from this one on are equally wide, for things that are compared.
        """
        super().__init__(id=id)
        self.cursor = 0
        self.count = 0
        self._page = Page((), 0, 0, (), 0)
        self._fetch: Callable[[Want], Page] | None = None
        self._widths: list[int] = []
        self._fitted: list[int] = []
        self._follow = follow
        self._glyphs = glyphs
        self._even = even
        self._key: object = None
        self._looks: object = None

    # --- what is shown ------------------------------------------------------------------------------------------

    @property
    def want(self) -> Want:
        """What to show next time."""
        following = self._follow and self.cursor >= self.count - 1
        return Want(self._first, self._height, self.cursor, self._key, following)

    def show(self, page: Page, fetch: Callable[[Want], Page] | None = None) -> None:
        """Show a page; the cursor goes where the page says that its row is.

        Args:
            page: the rows in sight, and their neighbours.
            fetch: gives the page around other rows; without it the page holds all there are.
        """
        if page.header != self._page.header:
            self._fitted = []
        self._page, self._fetch, self.count = page, fetch, page.count
        size = Size(0, page.count + self._top)
        if size != self.virtual_size:
            self.virtual_size = size
            # How far it scrolls is known once it is laid out.
            self.call_after_refresh(self._return)
        self._put(page.cursor)

    @property
    def unfinished(self) -> bool:
        """Whether asking again would find more."""
        return self._page.unfinished

    def _return(self) -> None:
        """Bring the cursor into sight."""
        self._put(self.cursor)

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self._row(self.cursor) if 0 <= self.cursor < self.count else None

    def select(self, place: int) -> None:
        """Put the cursor on a row and tell."""
        before = self._key
        self._put(place)
        if self._key != before:
            self.post_message(self.Moved(self))

    def select_key(self, key: object) -> bool:
        """Put the cursor on the row of a key; False when there is none on the page."""
        for place, row in enumerate(self._page.rows, self._page.start):
            if row.key == key:
                self.select(place)
                return True
        return False

    @property
    def _top(self) -> int:
        """Lines that the header takes."""
        return 1 if any(self._page.header) else 0

    @property
    def _first(self) -> int:
        """The first row in sight."""
        return round(self.scroll_offset.y)

    @property
    def _height(self) -> int:
        """How many rows fit."""
        return max(0, self.size.height - self._top)

    def _row(self, place: int) -> Row:
        page = self._page
        if not page.start <= place < page.start + len(page.rows) and self._fetch is not None:
            wanted = self._fetch(Want(place, max(1, self._height), place))
            page = self._page = replace(page, start=wanted.start, rows=wanted.rows)
        at = place - page.start
        return page.rows[at] if 0 <= at < len(page.rows) else _GONE

    def _put(self, place: int) -> None:
        self.cursor = max(0, min(place, self.count - 1))
        row = self.current
        self._key = None if row is None else row.key
        height = self._height
        if height > 0:
            if self.cursor < self._first:
                self.scroll_to(y=self.cursor, animate=False)
            elif self.cursor >= self._first + height:
                self.scroll_to(y=self.cursor - height + 1, animate=False)
        self._measure()
        # Most frames change nothing in most tables: what looks the same is not drawn again.
        looks = (
            self._first,
            self.cursor,
            self.size,
            self._page.header,
            self._page.empty,
            self._fitted,
            self._in_sight(),
        )
        if looks != self._looks:
            self._looks = looks
            self.refresh()

    def _in_sight(self) -> list[Row]:
        return [self._row(i) for i in range(self._first, min(self.count, self._first + self.size.height))]

    def _measure(self) -> None:
        """Columns are as wide as what is in sight needs."""
        widths = self._widths = [len(title) for title in self._page.header]
        for row in self._in_sight():
            for column, cell in enumerate(row.cells[: len(widths)]):
                widths[column] = max(widths[column], len(cell))
        room = self.scrollable_content_region.width - LEAD
        if self._even is not None and len(widths) > self._even:
            self._fitted = evenly(widths, self._even, room)
        else:
            self._fitted = fit(self._page.header, widths, room)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Rows that come into sight are measured."""
        super().watch_scroll_y(old_value, new_value)
        self._measure()

    def watch_show_vertical_scrollbar(self) -> None:
        """A bar that comes or goes leaves another width to the columns."""
        self._put(self.cursor)

    # --- drawing ------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the list."""
        width = self.scrollable_content_region.width
        if self._top and y == 0:
            return self._line(self._page.header, "", self.get_component_rich_style("rows--header"), width)
        place = self._first + y - self._top
        if not self.count and y == self._top:
            dim = self.get_component_rich_style("rows--dim")
            return Strip([Segment(f" {self._page.empty}"[:width].ljust(width), dim)], width)
        if place >= self.count:
            return Strip.blank(width, self.rich_style)
        row = self._row(place)
        style = self.rich_style
        if place == self.cursor:
            style = self.get_component_rich_style("rows--cursor") if self.has_focus else style + _BOLD
        return self._line(row.cells, row.state, style, width, row.lit)

    def _line(
        self,
        cells: Sequence[str],
        state: State,
        style: Style,
        width: int,
        lit: frozenset[int] = frozenset(),
    ) -> Strip:
        coloured = state_style(self, state, style)
        lead = f" {GLYPHS[state]} " if self._glyphs else " "
        segments = [Segment(lead, coloured)]
        room = width - len(lead)
        for place, cell in enumerate(cells):
            if room <= 0 or (place and room < _SLIVER and len(cell) > room):
                break
            if place < len(cells) - 1 and place < len(self._fitted):
                size = self._fitted[place]
                text = _cut(shortened(cell, size).ljust(size + GAP), room)
            else:
                text = _cut(cell, room)
            tells = place < len(self._page.header) and self._page.header[place] in TELLING
            if place in lit:
                segments.append(
                    Segment(text, style + self.get_component_rich_style("rows--lit", partial=True))
                )
            else:
                segments.append(Segment(text, coloured if tells else style))
            room -= len(text)
        if room > 0:
            segments.append(Segment(" " * room, style))
        return Strip(segments, width)

    # --- moving -------------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.select(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move it by a screenful."""
        self.select(self.cursor + by * max(1, self.size.height - self._top - 1))

    def action_top(self) -> None:
        """To the first row."""
        self.select(0)

    def action_bottom(self) -> None:
        """To the last row."""
        self.select(self.count - 1)

    def action_choose(self) -> None:
        """Open the row."""
        if self.count:
            self.post_message(self.Chosen(self))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a double click opens."""
        place = self._first + event.y - self._top
        if event.y >= self._top and place < self.count:
            self.select(place)
            if event.chain > 1:
                self.action_choose()

    def on_focus(self) -> None:
        """The cursor shows where keys go."""
        self.refresh()

    def on_blur(self) -> None:
        """They go elsewhere now."""
        self.refresh()

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._put(self.cursor)


_BOLD = Style(bold=True)
_SLIVER = 4
"""Characters of a cell that say nothing: it is left out rather than cut to fewer."""


def _cut(text: str, room: int) -> str:
    """What of a text is in sight; that something is not, is shown unless it is blank."""
    if len(text.rstrip()) <= room:
        return text[:room]
    return f"{text[: room - 1]}…"


_GONE = Row(None, ())
"""Stands for a row that the list has lost since it was counted."""
