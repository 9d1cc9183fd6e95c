"""Two or three worlds on one clock: what is the case in each, what happened in which, what was measured, where they part."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Concatenate, ParamSpec, TypeVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Static

from kcsim.engine.clock import clock_text
from kcsim.tui.asks import comparing, lanes, steer
from kcsim.tui.asks.choices import Choice
from kcsim.tui.asks.comparing import Clock
from kcsim.tui.base import PAST, WorldScreen
from kcsim.tui.dialogs import Ask, Choose, Read
from kcsim.tui.keys import key
from kcsim.tui.link import FRAMES, World
from kcsim.tui.session import Session
from kcsim.tui.widgets.keybar import KeyBar
from kcsim.tui.widgets.rows import RowList
from kcsim.tui.widgets.timeline import TimelineStrip
from kcsim.tui.worlds import Worlds

P = ParamSpec("P")
R = TypeVar("R")

PANES = ("facts", "told", "measures")
TITLES = {"facts": "Now", "told": "What happened", "measures": "Measures"}


class CompareScreen(WorldScreen):
    """Worlds side by side."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("space", "run", "Run", "Run or pause all worlds", bar=True),
        key("right_square_bracket", "parting(1)", "Next difference", "Go to the next divergence", bar=True),
        key("left_square_bracket", "parting(-1)", "Back", "Go to the divergence before", bar=True),
        key("g", "go_to", "Go to", "Go to a time, in all worlds", bar=True),
        key("plus,equals_sign", "speed(1)", "Faster", "Let time pass faster"),
        key("minus", "speed(-1)", "Slower", "Let time pass slower"),
        key("w", "why", "Why", "Where the first two worlds part, and why, on both sides", bar=True),
        key("o", "open", "Open", "Open one of these worlds at this instant", bar=True),
        key("1", "front('facts')", "Now", "Pane 1: what is the case in each world"),
        key("2", "front('told')", "Story", "Pane 2: what happened, and in which"),
        key("3", "front('measures')", "Measures", "Pane 3: measures side by side"),
        key("tab", "pane(1)", "Next pane", "Next pane", priority=True),
        key("shift+tab", "pane(-1)", "Previous pane", "Previous pane", priority=True),
        key("escape,c", "back", "Close", "Back to now; then back to the world one came from"),
    ]

    def __init__(self, world: World, names: tuple[str, ...]) -> None:
        """``names``: of the worlds, two or three; the first is the one that one comes from."""
        super().__init__()
        self.world = world
        self.names = names
        self.current = "facts"
        self._clock: Clock | None = None
        self._last = time.perf_counter()

    def compose(self) -> ComposeResult:
        """Header, three tables, the lanes of all worlds, messages, and the keys."""
        yield Static("", id="head", classes="line")
        with Container(id="compare"):
            for name in PANES:
                rows = RowList(
                    id=name, follow=name == "told", glyphs=name == "told", even=None if name == "told" else 2
                )
                rows.add_class("pane")
                yield rows
        yield TimelineStrip(id="timeline")
        yield Static("", id="message", classes="line")
        yield KeyBar()

    def on_mount(self) -> None:
        """Bring the worlds together, and show where they stand."""
        self._all(comparing.bring_together)
        self.action_front("facts")
        self.set_interval(1 / FRAMES, self._tick)
        self.say("] goes to the next divergence, space runs all worlds, w tells why they part")

    def _all(
        self, fn: Callable[Concatenate[Worlds, Sequence[str], P], R], *args: P.args, **options: P.kwargs
    ) -> R:
        """What a question about all worlds compared gives."""
        return self.world.ask_all(fn, self.names, *args, **options)

    def _tick(self) -> None:
        """Let time pass where it does not by itself, and look."""
        now, before = time.perf_counter(), self._clock
        elapsed, self._last = now - self._last, now
        if self.is_current and before is not None and before.running:
            self.world.link.turn(elapsed)
            clock = self._paint_head()
            if self.has_rested() or not clock.running:
                self.paint()
            if not clock.running:
                at_end = clock.now >= clock.end
                self.say("the story is over: 3 shows the measures" if at_end else "", "ok" if at_end else "")

    # --- painting -----------------------------------------------------------------------------------------------

    def paint(self) -> None:
        """Show all worlds at the instant one looks at."""
        with self.frame(self.world.link):
            self._paint_head()
            shown = {"facts": comparing.facts, "told": comparing.story, "measures": comparing.measures}
            for number, name in enumerate(PANES, 1):
                rows = self.query_one(f"#{name}", RowList)
                if rows.display:
                    fn = shown[name]
                    page = self._all(fn, rows.want)
                    rows.show(page, lambda want, fn=fn: self._all(fn, want))  # type: ignore[misc]
                    rows.border_title = self._title(number, name)
                    rows.border_subtitle = page.note
            strip = self.query_one(TimelineStrip)
            strip.show(self._all(lanes.strips, strip.columns, strip.room))

    def _paint_head(self) -> Clock:
        clock = self._clock = self._all(comparing.clock)
        self.show_head(self._head(clock))
        return clock

    def _head(self, clock: Clock) -> Text:
        line = Text("COMPARE ", style="bold")
        line.append(" | ".join(self.names), style="bold")
        is_past = clock.seen < clock.now
        line.append(f"  t={clock_text(clock.seen)}", style="bold reverse" if is_past else "bold")
        line.append(f"/{clock_text(clock.end)}", style="dim")
        word = "PAST" if is_past else "▶ running" if clock.running else "‖ paused"
        line.append(f"  {clock.speed} {word}")
        line.append(f"   {self.world.state.title}  seed {self.world.state.seed}", style="dim")
        return line

    def _title(self, number: int, name: str) -> str:
        if not self.has_class("-one"):
            return f"{number} {TITLES[name]}"
        return "  ".join(
            f"{'▸' if other == name else ''}{place} {TITLES[other]}" for place, other in enumerate(PANES, 1)
        )

    # --- actions ------------------------------------------------------------------------------------------------

    def action_front(self, name: str) -> None:
        """Bring a pane to the front."""
        self.current = name
        for other in PANES:
            self.query_one(f"#{other}").set_class(other == name, "-current")
        self.query_one(f"#{name}").focus()
        self.call_after_refresh(self.paint)

    def action_pane(self, by: int) -> None:
        """The next pane."""
        self.action_front(PANES[(PANES.index(self.current) + by) % len(PANES)])

    def action_run(self) -> None:
        """Run or pause all of them."""
        self._last = time.perf_counter()
        self._all(comparing.toggle)
        self.paint()

    def action_speed(self, by: int) -> None:
        """Faster or slower."""
        self._all(comparing.speed, by)
        self.paint()

    def action_parting(self, by: int) -> None:
        """The next divergence, or the one before."""
        when = self._all(comparing.next_parting, by)
        if when is None:
            self.say(
                "no further divergence so far: space runs the worlds on" if by > 0 else "no divergence before"
            )
            return
        self._all(comparing.look_at, when)
        self.say(self._all(comparing.parting_words, when), "pending")
        self.paint()

    @work
    async def action_go_to(self) -> None:
        """Ask for a time."""
        note = "90, 1m30s, +30s, -1m, a word of the timeline (commit), now, end"
        check = lambda text: self.world.ask(steer.wrong_time, text)  # noqa: E731 - short
        answer = await self.app.push_screen_wait(Ask("Go to", note, check=check))
        if answer is not None:
            when = self.world.ask(Session.instant, answer)
            self._all(comparing.go_to, when)
            self._last = time.perf_counter()
            self.paint()

    @work
    async def action_why(self) -> None:
        """Where they part."""
        lines = await self.slowly("looking", lambda: self._all(comparing.divergence))
        self.app.push_screen(Read(f"Where {self.names[0]} and {self.names[1]} part", lines))

    @work
    async def action_open(self) -> None:
        """Open one of the worlds, at the instant one looks at."""
        chosen = await self.app.push_screen_wait(
            Choose("Open which world?", [Choice(name, name) for name in self.names])
        )
        if chosen is not None:
            self.app.pop_screen()
            self.app.go_to_world(self.world, chosen)

    def on_timeline_strip_picked(self, event: TimelineStrip.Picked) -> None:
        """The timeline was clicked or dragged: look there in all worlds."""
        self._all(comparing.look_at, event.instant)
        self.paint()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Enter on something that happened: look at that instant."""
        row = event.rows.current
        if event.rows.id == "told" and row is not None and isinstance(row.key, tuple):
            self._all(comparing.look_at, row.key[0])
            self.say(PAST)
            self.paint()

    def on_descendant_focus(self) -> None:
        """A pane that was clicked comes to the front."""
        focused = self.focused
        if focused is not None and focused.id in PANES and focused.id != self.current:
            self.action_front(focused.id)

    def action_back(self) -> None:
        """Back to now, then to where one came from."""
        clock = self._clock
        if clock is not None and clock.seen < clock.now:
            self._all(comparing.look_at, None)
            self.say("back in the present")
            self.paint()
        else:
            self._all(comparing.look_at, None)
            self.app.pop_screen()
