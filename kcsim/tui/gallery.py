"""The gallery: every scenario, what it teaches, and under which delivery to play it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Input, Static

from kcsim.engine.clock import SECOND, format_duration
from kcsim.tui.asks.lines import TextLine
from kcsim.tui.asks.pages import Row, listed
from kcsim.tui.catalogue import Entry, is_quick, matching, story_lines
from kcsim.tui.dialogs import Read
from kcsim.tui.keys import key
from kcsim.tui.widgets.keybar import KeyBar
from kcsim.tui.widgets.rows import RowList
from kcsim.views.states import State

if TYPE_CHECKING:
    from kcsim.scenario.model import Scenario
    from kcsim.tui.app import KcsimApp


_HEAD = Text.assemble(
    ("kcsim", "bold"), ("  one story, pushed and pulled: choose one and watch it happen", "dim")
)


_LANES = 10
"""Lanes that a preview has at most."""


class GalleryScreen(Screen[None]):
    """Scenarios to choose from."""

    app: KcsimApp

    BINDINGS: ClassVar[list[BindingType]] = [
        key("right", "delivery(1)", "Delivery", "Play it under the next delivery", bar=True, priority=True),
        key("left", "delivery(-1)", "Delivery", "Play it under the delivery before", priority=True),
        key(
            "space", "preview", "Preview", "Play it to its end, out of sight, and draw its timeline", bar=True
        ),
        key("L", "lessons", "Lessons", "Show the lessons only, or everything again", bar=True),
        key("slash", "filter", "Filter", "Show only scenarios that hold a text", bar=True),
        key("escape", "clear", "Clear", "Show all scenarios again"),
    ]

    def __init__(self, entries: list[Entry]) -> None:
        super().__init__()
        self._entries = entries
        self._shown = entries
        self._delivery: dict[str, int] = {}
        self._lessons_only = False

    def compose(self) -> ComposeResult:
        """The list beside what the scenario is about."""
        yield Static("", id="head", classes="line")
        with Horizontal(id="gallery"):
            scenarios = RowList(id="scenarios")
            scenarios.add_class("pane")
            scenarios.border_title = "Scenarios"
            yield scenarios
            with VerticalScroll(id="about", classes="pane", can_focus=False) as about:
                about.border_title = "About"
                yield Static("", id="about-text")
        yield Input(placeholder="filter", id="filter")
        yield Static("", id="message", classes="line")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show all of them; what they say is read behind the first screen."""
        if is_quick():
            self._read()
        self._list()
        self.query_one("#scenarios").focus()
        if not is_quick():
            self.call_after_refresh(self._read_behind)

    def _read(self) -> None:
        for entry in self._entries:
            entry.read()

    @work(thread=True)
    def _read_behind(self) -> None:
        self._read()
        self.app.call_from_thread(self._list)

    def on_screen_resume(self) -> None:
        """A run may have gone on in the meantime."""
        self._list()

    @property
    def entry(self) -> Entry | None:
        """The scenario under the cursor."""
        row = self.query_one("#scenarios", RowList).current
        return next((e for e in self._shown if row is not None and e.path == row.key), None)

    def delivery_of(self, entry: Entry) -> str | None:
        """The delivery chosen for a scenario; None when it has none."""
        names = entry.deliveries
        return names[self._delivery.get(entry.path, 0) % len(names)] if names else None

    def select(self, path: str) -> None:
        """Put the cursor on the scenario of a file."""
        self.query_one("#scenarios", RowList).select_key(path)

    def _list(self) -> None:
        wanted = self.query_one("#filter", Input).value
        among = [entry for entry in self._entries if entry.is_lesson or not self._lessons_only]
        self._shown = matching(among, wanted)
        shown = self._shown
        empty = f"no scenario holds {wanted!r}"
        rows = self.query_one("#scenarios", RowList)
        made = [self._row(entry) for entry in shown]
        rows.show(listed(rows.want, ("NAME", "TITLE"), made, empty=empty))
        rows.border_title = f"{'Lessons' if self._lessons_only else 'Scenarios'} {len(shown)}" + (
            f"/{len(self._entries)}" if len(shown) < len(self._entries) else ""
        )
        lessons = sum(entry.is_lesson for entry in self._entries)
        rows.border_subtitle = f"lessons passed {self.app.reached.count}/{lessons}" if lessons else ""
        self.query_one("#head", Static).update(_HEAD)
        self._describe()

    def _row(self, entry: Entry) -> Row:
        state: State = "failed" if entry.is_read and entry.scenario is None else ""
        best = self.app.reached.best(entry.name) if entry.is_lesson else None
        if best is not None:
            state = "ok"
        mark = f"{'*' * best.stars or 'passed'} " if best is not None else ""
        return Row(entry.path, (entry.name, f"{mark}{entry.title}"), state)

    def _describe(self) -> None:
        entry = self.entry
        text = Text() if entry is None else self._about(entry)
        self.query_one("#about-text", Static).update(text)
        self.query_one("#about").scroll_to(y=0, animate=False)
        self.query("#preview").set(display=False)

    def _about(self, entry: Entry) -> Text:
        about = Text(f"{entry.title}\n", style="bold")
        if not entry.is_read:
            about.append("\nreading ...", style="dim")
            return about
        scenario = entry.scenario
        if scenario is None:
            for fault in entry.faults:
                about.append(f"\n{fault}\n", style="not bold")
            about.append("\nMend the file and open it again with enter.", style="italic not bold")
            return about
        about.append(f"\n{scenario.summary}\n", style="not bold")
        if scenario.lesson is not None:
            best = self.app.reached.best(entry.name)
            done = (
                f"{best.points} of {scenario.lesson.most_points} points {'*' * best.stars}"
                if best
                else "not taken yet"
            )
            about.append(f"\nLesson {scenario.lesson.number} ")
            about.append(f"{scenario.lesson.domain}; {scenario.lesson.goal}\n", style="not bold")
            about.append("\nBest     ")
            about.append(f"{done}\n", style="not bold")
        if scenario.teaches:
            about.append("\nTeaches  ")
            about.append(f"{scenario.teaches}\n", style="not bold")
        if entry.deliveries:
            chosen = self.delivery_of(entry)
            about.append("\nDelivery ")
            for name in entry.deliveries:
                about.append(
                    f" [{name}] " if name == chosen else f"  {name}  ",
                    style="bold" if name == chosen else "dim",
                )
            about.append("\n")
        about.append("\nStory\n")
        for when, what in story_lines(scenario):
            about.append(f"t={when:<7} {what}\n", style="not bold")
        about.append(f"t={format_duration(scenario.until):<7} the end\n", style="not bold")
        opened = self.app.progress(entry, self.delivery_of(entry))
        if opened:
            about.append("\nOpen     ")
            about.append(f"paused at t={opened}; enter goes on\n", style="not bold")
        return about

    # --- events -------------------------------------------------------------------------------------------------

    def on_row_list_moved(self) -> None:
        """Say what the scenario is about."""
        self._describe()

    def on_row_list_chosen(self) -> None:
        """Enter in the list."""
        self.action_open()

    def on_input_changed(self) -> None:
        """Narrow the list."""
        self._list()

    def on_input_submitted(self) -> None:
        """Back to the list, with the filter on."""
        self.query_one("#scenarios").focus()

    # --- actions ------------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        """Open the scenario; one with faults says which."""
        entry = self.entry
        if entry is not None:
            self.app.open(entry, self.delivery_of(entry))

    def action_delivery(self, by: int) -> None:
        """Choose another delivery."""
        entry = self.entry
        if entry is not None and entry.deliveries:
            self._delivery[entry.path] = (self._delivery.get(entry.path, 0) + by) % len(entry.deliveries)
            self._describe()

    def action_preview(self) -> None:
        """Play it out of sight, and draw its timeline above what it is about."""
        entry = self.entry
        if entry is None or entry.scenario is None:
            return
        if entry.scenario.lesson is not None:
            self._say("a lesson begins with what you expect: enter takes it")
            return
        self._say(f"playing {entry.name} ...")
        self.call_after_refresh(self._draw, entry, entry.scenario)

    def _draw(self, entry: Entry, scenario: Scenario) -> None:
        from kcsim.tui.widgets.timeline import NAME_WIDTH, TimelineStrip

        about, delivery = self.query_one("#about"), self.delivery_of(entry)
        columns = max(1, about.scrollable_content_region.width - NAME_WIDTH - 1)
        try:
            strip = self.app.preview(scenario, delivery, columns, _LANES)
        except Exception as error:  # noqa: BLE001 - the gallery stays; who opens it is told all of it
            self._say(f"{entry.name} cannot be played: {error}")
            return
        if not self.query("#preview"):
            about.mount(TimelineStrip(id="preview"), before=0)
        lanes = self.query_one("#preview", TimelineStrip)
        lanes.display = True
        lanes.show([strip])
        under = f" under {delivery}" if delivery else ""
        self._say(f"{entry.name}{under}, to {format_duration(strip.now // SECOND * SECOND)}; enter opens it")
        about.scroll_to(y=0, animate=False)

    def _say(self, text: str) -> None:
        self.query_one("#message", Static).update(Text(text))

    def action_lessons(self) -> None:
        """Lessons only, or everything."""
        self._lessons_only = not self._lessons_only
        self._list()

    def action_filter(self) -> None:
        """Type a filter."""
        line = self.query_one("#filter", Input)
        line.add_class("-shown")
        line.focus()

    def action_clear(self) -> None:
        """Show everything again."""
        self._lessons_only = False
        line = self.query_one("#filter", Input)
        line.value = ""
        line.remove_class("-shown")
        self.query_one("#scenarios").focus()


def faults_screen(entry: Entry) -> Read:
    """Every fault of a scenario with its place and its remedy."""
    lines: list[TextLine] = []
    for fault in entry.faults:
        lines.append(((f"{fault.position}: ", "key"), (f"{fault.code} {fault.message}", "state--failed")))
        lines.extend((((f"  {fault.remedy}", ""),), (("", ""),)))
    lines.append((("Mend the file and open it again: the gallery stays as it is.", "dim"),))
    return Read(entry.title, lines)
