"""What all screens of a world have in common: a line of messages, the breakpoints, and what happens when a world is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from rich.text import Text
from textual.screen import Screen
from textual.widgets import Static

from kcsim.engine.clock import clock_text
from kcsim.tui.asks.lines import short
from kcsim.tui.asks.panes import NARROW, WIDE_HEAD
from kcsim.tui.link import LEISURE, Link
from kcsim.tui.worlds import State
from kcsim.views.states import State as Look

if TYPE_CHECKING:
    from kcsim.tui.app import KcsimApp

TWO, ALL = 110, 140
"""From how many columns on a list stands beside an object, and all panes beside each other."""

PAST = "the past is read only: ] goes on, esc returns to now"

T = TypeVar("T")


class WorldScreen(Screen[None]):
    """A screen that shows one world or more."""

    app: KcsimApp

    # Textual declares these on the instance, so that they cannot be ClassVars.
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-one"), (TWO, "-two"), (ALL, "-board")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-short"), (22, "-normal"), (36, "-tall")]  # noqa: RUF012

    def say(self, text: str, state: Look = "") -> None:
        """One line to the person at the keyboard."""
        line = self.query_one("#message", Static)
        for name in ("ok", "pending", "failed"):
            line.set_class(name == state, f"-{name}")
        line.update(Text(" ".join(text.split())), layout=False)

    def show_head(self, shown: Text) -> None:
        """The header; a screen that is just being taken away has none any more."""
        for line in self.query("#head").results(Static):
            line.update(shown, layout=False)

    _painted = (0.0, 0.0)  # when, and how long it took

    @contextmanager
    def frame(self, link: Link) -> Iterator[None]:
        """Paint in here: all questions are asked of one instant, and all answers are shown at once."""
        began = time.perf_counter()
        with link.talk(), self.app.batch_update():
            yield
        ended = time.perf_counter()
        self._painted = ended, ended - began

    def has_rested(self, leisure: float = LEISURE) -> bool:
        """Whether painting again leaves most of the time to the world: where it is slow, it is done less often."""
        when, took = self._painted
        return time.perf_counter() - when > leisure * took

    async def slowly(self, what: str, work: Callable[[], T]) -> T:
        """Do something that may take a while, with a word about it on the screen first; to be awaited in a worker.

        What is done keeps the screen from being drawn, so it waits until the word is there, and takes it away afterwards.
        """
        self.say(f"{what} ...")
        shown = asyncio.Event()
        self.call_after_refresh(shown.set)
        await shown.wait()
        done = work()
        self.say("")
        return done

    def paint(self) -> None:
        """Show everything anew."""
        raise NotImplementedError

    def tell_news(self, link: Link) -> None:
        """Say what has become of the way to the worlds, once."""
        if link.news:
            self.say(link.news, "failed")
            link.news = ""

    def on_resize(self) -> None:
        """Titles and columns depend on the room there is."""
        self.call_after_refresh(self._paint_again)

    def on_timeline_strip_sized(self) -> None:
        """So do lanes."""
        self.call_after_refresh(self._paint_again)

    def on_screen_resume(self) -> None:
        """Something else may have changed the worlds."""
        self.call_after_refresh(self._paint_again)

    def _paint_again(self) -> None:
        """A screen that has been left meanwhile, or whose parts are not there yet, is not painted."""
        if self.is_attached and self.query("#message"):
            self.paint()

    def action_leave_screen(self) -> None:
        """Back to where one came from."""
        self.app.pop_screen()


def head(state: State, width: int, place: str = "") -> Text:
    """The header: what is played, which world, where in time, how fast; ``place`` names the screen."""
    is_past = state.cursor is not None
    line = Text("kcsim " if width >= NARROW else "", style="dim")
    line.append(state.title if width >= WIDE_HEAD else short(state.title, 22), style="bold")
    if state.name and state.name != "world":
        line.append(f" {state.name.upper() if state.name == state.delivery else state.name}")
    if place:
        line.append(f" {place}", style="dim")
    line.append(f"  t={clock_text(state.seen)}", style="bold reverse" if is_past else "bold")
    line.append(f"/{clock_text(state.end)}", style="dim")
    line.append(f"  {state.speed} {pace(state, width)}")
    if width >= WIDE_HEAD:
        line.append(f"   records {state.records:,}   seed {state.seed}", style="dim")
        if state.deeds:
            line.append(f"   by hand {state.deeds}", style="dim")
        if len(state.worlds) > 1:
            line.append(f"   worlds {len(state.worlds)}", style="dim")
    return line


def pace(state: State, width: int) -> str:
    """Whether time passes, in a glyph and a word."""
    if state.cursor is not None:
        return "PAST (read only)" if width >= WIDE_HEAD else "PAST"
    if state.running:
        return "▶ running"
    return "■ the end" if state.at_end else "‖ paused"
