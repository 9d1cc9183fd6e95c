"""The timeline in full: the lanes of every open world of the story, with zoom, a cursor, bookmarks, and where branches leave."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from kcsim.engine.clock import SECOND, format_duration
from kcsim.tui.asks import lanes, steer
from kcsim.tui.base import WorldScreen, head
from kcsim.tui.dialogs import Ask
from kcsim.tui.keys import key
from kcsim.tui.link import World
from kcsim.tui.session import Session
from kcsim.tui.widgets.keybar import KeyBar
from kcsim.tui.widgets.rows import RowList
from kcsim.tui.widgets.timeline import TimelineStrip

CLOSEST = 5 * SECOND
"""The shortest stretch of time that is shown."""


class ScrubberScreen(WorldScreen):
    """Time, to go about in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("left,h", "move(-1)", "Earlier", "The cursor a column earlier", bar=True, priority=True),
        key("right,l", "move(1)", "Later", "The cursor a column later", bar=True, priority=True),
        key("full_stop", "record(1)", "Step", "Step to the next event", bar=True),
        key("comma", "record(-1)", "Step back", "Step back to the event before", bar=True),
        key("right_square_bracket", "change(1)", "Next", "The next interesting change", bar=True),
        key("left_square_bracket", "change(-1)", "Back", "The interesting change before", bar=True),
        key("plus,equals_sign", "zoom(1)", "Nearer", "Zoom in around the cursor", bar=True),
        key("minus", "zoom(-1)", "Farther", "Zoom out", bar=True),
        key("0", "whole", "Whole", "The whole story"),
        key("m", "bookmark", "Bookmark", "Put a bookmark at the cursor, or take it away", bar=True),
        key("apostrophe", "mark(1)", "Next mark", "The next bookmark or fork"),
        key("quotation_mark", "mark(-1)", "Mark before", "The bookmark or fork before"),
        key("g", "go_to", "Go to", "Go to a time"),
        key("f", "fork", "Fork", "Fork: a branch from the cursor", bar=True),
        key("b", "worlds", "Worlds", "Switch to another world of the story"),
        key("n", "now", "Now", "The cursor to the present"),
        key("escape,t", "leave_screen", "Close", "Back, at the instant under the cursor"),
    ]

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self._window: tuple[int, int] | None = None

    def compose(self) -> ComposeResult:
        """Header, lanes, what happened around the cursor, messages, and the keys."""
        yield Static("", id="head", classes="line")
        yield TimelineStrip(id="scrubber")
        around = RowList(id="around")
        around.add_class("pane")
        around.border_title = "What happened"
        yield around
        yield Static("", id="message", classes="line")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show the whole story."""
        self.world.ask(Session.pause)
        self.query_one("#around").focus()
        self.say("← → move the cursor, + - zoom, m bookmarks, f forks there, esc returns")
        self.call_after_refresh(self.paint)

    @property
    def _names(self) -> list[str]:
        """The world one came from first, and the other open ones."""
        return [self.world.name, *(name for name in self.world.state.worlds if name != self.world.name)]

    @property
    def window(self) -> tuple[int, int]:
        """What stretch of time is in sight (µs)."""
        return self._window or (0, self.world.state.end)

    def paint(self) -> None:
        """Show the lanes, and what happened around the cursor."""
        world = self.world
        with self.frame(world.link):
            strip = self.query_one("#scrubber", TimelineStrip)
            names = self._names
            room = max(strip.room, 2 * len(names))
            strip.show(world.ask_all(lanes.strips, names, strip.columns, room, self._window))
            around = self.query_one("#around", RowList)
            around.show(world.ask(lanes.around, around.want), lambda want: world.ask(lanes.around, want))
            self.show_head(head(world.state, self.size.width, "TIMELINE"))

    # --- moving -------------------------------------------------------------------------------------------------

    def _look(self, when: int) -> None:
        state = self.world.state
        when = max(0, min(when, state.now))
        self.world.ask(Session.look_at, when)
        start, end = self.window
        if self._window is not None and not start <= when <= end:
            half = (end - start) // 2
            self._set_window(when - half, when + half)
        self.paint()

    def action_move(self, by: int) -> None:
        """A column earlier or later."""
        start, end = self.window
        column = max(1, (end - start) // self.query_one("#scrubber", TimelineStrip).columns)
        self._look(self.world.state.seen + by * column)

    def action_record(self, by: int) -> None:
        """The next event, or the one before."""
        self.world.ask(Session.next_record, by)
        self._look(self.world.state.seen)

    def action_change(self, by: int) -> None:
        """The next change, or the one before."""
        state = self.world.state
        if by > 0 and state.cursor is None:
            self.say("this is the present: esc returns, and space runs the world on")
            return
        self.world.ask(Session.next_change if by > 0 else Session.previous_change)
        self._look(self.world.state.seen)

    def action_mark(self, by: int) -> None:
        """The next bookmark, or the one before."""
        when = self.world.ask_all(lanes.next_mark, self.world.name, by)
        if when is None:
            self.say("no bookmark there: m puts one at the cursor")
        else:
            self._look(when)

    def action_now(self) -> None:
        """To the present."""
        self.world.ask(Session.look_at, None)
        self._look(self.world.state.now)

    @work
    async def action_go_to(self) -> None:
        """Ask for a time."""
        note = "90, 1m30s, +30s, -1m, a word of the timeline (commit), now"
        check = lambda text: self.world.ask(steer.wrong_time, text)  # noqa: E731 - short
        answer = await self.app.push_screen_wait(Ask("Go to", note, check=check))
        if answer is not None:
            when = self.world.ask(Session.instant, answer)
            if when > self.world.state.now:
                self.say("that has not happened yet: esc returns, and g runs the world there", "pending")
            self._look(when)

    # --- zoom ---------------------------------------------------------------------------------------------------

    def action_zoom(self, by: int) -> None:
        """Nearer or farther, around the cursor."""
        self._zoom(self.world.state.seen, by)

    def action_whole(self) -> None:
        """The whole story."""
        self._window = None
        self.paint()

    def _zoom(self, around: int, by: int) -> None:
        start, end = self.window
        span = max(CLOSEST, (end - start) // 2 if by > 0 else (end - start) * 2)
        if span >= self.world.state.end:
            self._window = None
        else:
            share = (around - start) / max(1, end - start)
            begin = around - round(span * min(1.0, max(0.0, share)))
            self._set_window(begin, begin + span)
        self.say(f"{format_duration(span)} in sight" if self._window else "the whole story")
        self.paint()

    def _set_window(self, start: int, end: int) -> None:
        last = self.world.state.end
        span = end - start
        start = max(0, min(start, last - span))
        self._window = start, start + span

    # --- marks and branches -------------------------------------------------------------------------------------

    def action_bookmark(self) -> None:
        """A bookmark at the cursor."""
        seen = self.world.state.seen
        text = f"t={format_duration(seen // SECOND * SECOND)}"
        is_there = self.world.ask_all(lanes.bookmark, seen, text)
        self.say(f"bookmark at {text}" if is_there else f"no bookmark at {text} any more", "ok")
        self.paint()

    def action_fork(self) -> None:
        """A branch from the cursor."""
        self.app.pop_screen()
        self.app.fork(self.world)

    def action_worlds(self) -> None:
        """Another world."""
        self.app.pop_screen()
        self.app.choose_world()

    # --- the mouse ----------------------------------------------------------------------------------------------

    def on_timeline_strip_picked(self, event: TimelineStrip.Picked) -> None:
        """Click or drag."""
        self._look(event.instant)

    def on_timeline_strip_zoomed(self, event: TimelineStrip.Zoomed) -> None:
        """The wheel."""
        self._zoom(event.instant, event.by)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Enter on something that happened: the cursor there."""
        row = event.rows.current
        if row is not None and isinstance(row.key, int):
            self._look(row.key)
