"""The live run: a world, its clock, and everything one may ask or do, on one screen.

**Walk:** ``_drive`` lets the world run in slices of a few milliseconds -> ``_paint`` shows what changed, ten times a
second -> keys act on the session -> the panes show the past or the present alike. The screen holds no rules: what is
shown is made by ``kcsim.views``, what is done goes through ``Session``.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.suggester import Suggester
from textual.widgets import Input, Static

from kcsim.engine.clock import clock_text, format_duration
from kcsim.simulation.simulation import NotFound
from kcsim.tui import inject, panes
from kcsim.tui.commands import BadCommand, Kubectl, Own, ShowKind, complete, parse
from kcsim.tui.dialogs import Ask, Read, confirm
from kcsim.tui.session import BadTime, Session
from kcsim.tui.widgets.keybar import KeyBar
from kcsim.tui.widgets.pager import Pager
from kcsim.tui.widgets.rows import RowList
from kcsim.tui.widgets.timeline import TimelineStrip
from kcsim.views.concern import first_concern
from kcsim.views.objects import BadFilter, Ref
from kcsim.views.states import State

if TYPE_CHECKING:
    from kcsim.tui.app import KcsimApp

LISTS = ("story", "pods", "nodes", "objects")
DETAILS = ("object", "score")
PANES = (*LISTS, *DETAILS)
TITLES = {
    "story": "Story",
    "pods": "Pods",
    "nodes": "Nodes",
    "objects": "Objects",
    "object": "Object",
    "score": "Score",
}
FRAMES = 12
"""Repaints a second while the world runs; the clock reads well and a slow line is not flooded."""


class RunScreen(Screen[None]):
    """One world, live."""

    app: KcsimApp

    # Textual declares these on the instance, so that they cannot be ClassVars.
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-one"), (100, "-two"), (140, "-board")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-short"), (22, "-normal"), (36, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "run", "Run", tooltip="Run or pause the world"),
        Binding(
            "full_stop", "step", "Step", key_display=".", tooltip="Step: the next event that leaves a trace"
        ),
        Binding("right_square_bracket", "next", "Next", key_display="]", tooltip="Go to the next change"),
        Binding(
            "left_square_bracket",
            "previous",
            "Back",
            key_display="[",
            tooltip="Look back at the change before",
        ),
        Binding(
            "g", "go_to", "Go to", tooltip="Go to a time: back to look, or on to run (90, +30s, commit, end)"
        ),
        Binding(
            "plus,equals_sign",
            "speed(1)",
            "Faster",
            key_display="+",
            show=False,
            tooltip="Let time pass faster",
        ),
        Binding("minus", "speed(-1)", "Slower", key_display="-", show=False, tooltip="Let time pass slower"),
        Binding("i", "inject", "Inject", tooltip="Inject a fault: what, where, how long"),
        Binding("w", "why", "Why", tooltip="Why: the chain of causes of the selected object or moment"),
        Binding("d", "mode('describe')", "Describe", show=False, tooltip="Describe the selected object"),
        Binding("y", "mode('yaml')", "YAML", tooltip="The selected object as YAML"),
        Binding("v", "mode('events')", "Events", show=False, tooltip="Events of the selected object"),
        Binding("o", "mode('tree')", "Owners", show=False, tooltip="Owner tree of the selected object"),
        Binding(
            "e",
            "edit",
            "Edit",
            show=False,
            tooltip="Change the selected object by hand: begin a kubectl line",
        ),
        Binding("ctrl+d", "delete", "Delete", show=False, tooltip="Delete the selected object (asks first)"),
        Binding(
            "colon",
            "command",
            "Command",
            key_display=":",
            tooltip="Command bar: kinds (:deploy) and kubectl lines",
        ),
        Binding(
            "slash",
            "filter",
            "Filter",
            key_display="/",
            show=False,
            tooltip="Filter the table: text, !text, -l app=web",
        ),
        Binding("s", "save", "Save", show=False, tooltip="Save what was done by hand as a scenario file"),
        Binding("x", "export", "Export", show=False, tooltip="Export the screen as SVG"),
        Binding("tab", "pane(1)", "Next pane", show=False, tooltip="Next pane", priority=True),
        Binding("shift+tab", "pane(-1)", "Previous pane", show=False, tooltip="Previous pane", priority=True),
        *(
            Binding(
                str(place + 1),
                f"show_pane('{name}')",
                TITLES[name],
                show=False,
                tooltip=f"Pane {TITLES[name]}",
            )
            for place, name in enumerate(PANES)
        ),
        Binding(
            "escape",
            "back",
            "Back",
            show=False,
            tooltip="Close, return to the present, or back to the gallery",
        ),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.selected: Ref | None = None
        self._mode = "yaml"
        self._current = "story"
        self._list = "story"
        self._kind = "deployments"
        self._namespace: str | None = None
        self._filters: dict[str, str] = {}
        self._came_from = "pods"
        self._history: list[str] = []
        self._dirty = True
        self._wake = asyncio.Event()
        self._shown_detail: object = None

    def compose(self) -> ComposeResult:
        """Header, panes, timeline, the line of why, messages, and the keys."""
        yield Static("", id="head", classes="line")
        with Container(id="board"):
            for name in LISTS:
                rows = RowList(id=name, follow=name == "story", glyphs=True)
                rows.add_class("pane", "-list")
                yield rows
            for name in DETAILS:
                pager = Pager(id=name)
                pager.add_class("pane", "-detail")
                yield pager
        yield TimelineStrip(id="timeline")
        yield Static("", id="why", classes="line")
        yield Input(
            id="command",
            placeholder="pods | deploy | kubectl scale deploy/web --replicas=1",
            suggester=_Completion(self),
        )
        yield Input(id="filter", placeholder="text, !text, -l app=web")
        yield Static("", id="message", classes="line")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show the first pane and let the world be driven."""
        self.query_one("#object").add_class("-current-detail")
        self.show_pane("story")
        self._drive()
        self.set_interval(1 / FRAMES, self._paint_if_dirty)
        self.say("space runs the world, ] jumps to the next change, ? shows everything one can do")

    # --- the world runs -----------------------------------------------------------------------------------------

    @work(exclusive=True)
    async def _drive(self) -> None:
        """Let the world run in slices, and the keyboard in between (ux reference, A3: 8 ms, then a real pause)."""
        last = time.perf_counter()
        while True:
            session = self.session
            if not session.running:
                self._wake.clear()
                await self._wake.wait()
                last = time.perf_counter()
            now = time.perf_counter()
            changed = session.advance(now - last)
            last = now
            if changed or not session.running:
                self._dirty = True
            if not session.running:
                self._stopped()
            await asyncio.sleep(0.001 if changed and session.speed is None else 0.01)

    def _stopped(self) -> None:
        """The world came to rest by itself: say why."""
        session = self.session
        if session.failure:
            self.say(
                "the world stopped because of a defect of kcsim; the record so far is kept (enter shows it)",
                "failed",
            )
            self.app.push_screen(Read("The world stopped", session.failure))
        elif session.at_end:
            self.say("the story is over: 6 shows the score, [ goes back in time", "ok")
        elif session.moments:
            moment = session.moments[-1]
            self.say(f"t={format_duration(moment.time)} {moment.actor}: {moment.text}")

    def _go(self) -> None:
        """Something about time changed: drive on and paint."""
        self._wake.set()
        self.paint()

    # --- painting -----------------------------------------------------------------------------------------------

    def _paint_if_dirty(self) -> None:
        if self._dirty:
            self.paint()

    def paint(self) -> None:
        """Show the world as it is at the instant one looks at."""
        self._dirty = False
        session = self.session
        session.update()
        with self.app.batch_update():
            self._paint_head()
            for name in LISTS:
                if self.query_one(f"#{name}").display:
                    self._paint_list(name)
            self._paint_detail()
            strip = self.query_one(TimelineStrip)
            strip.show(
                session.moments,
                session.readiness.steps,
                end=session.horizon,
                now=session.now,
                cursor=session.seen,
            )
            self._paint_why()
        for deed in session.hands.finished():
            self._tell(
                deed.entry.kubectl or "",
                deed.outcome.text if deed.outcome else "",
                failed=bool(deed.outcome and deed.outcome.exit_code),
            )

    def _paint_head(self) -> None:
        session = self.session
        head = Text("kcsim ", style="dim")
        head.append(session.title, style="bold")
        if session.delivery:
            head.append(f"  {session.delivery.upper()}")
        past = session.cursor is not None
        head.append(f"  t={clock_text(session.seen)}", style="reverse" if past else "bold")
        if session.end is not None:
            head.append(f"/{clock_text(session.end)}", style="dim")
        word = (
            "PAST, read only"
            if past
            else "▶ running"
            if session.running
            else "the end"
            if session.at_end
            else "‖ paused"
        )
        head.append(f"  {session.speed_text} {word}")
        if self.size.width >= 100:
            head.append(
                f"   records {len(session.simulation.trace):,}  seed {session.simulation.seed}", style="dim"
            )
            if session.hands.deeds:
                head.append(f"  by hand {len(session.hands.deeds)}", style="dim")
        self.query_one("#head", Static).update(head)

    def _paint_list(self, name: str) -> None:
        rows = self.query_one(f"#{name}", RowList)
        wanted = self._filters.get(name, "")
        try:
            if name == "story":
                note = panes.show_story(rows, self.session, wanted)
            else:
                word = self._kind if name == "objects" else name
                space = self._namespace if name == "objects" else None
                wide = rows.size.width >= 110
                note = panes.show_objects(rows, self.session.look, word, wanted, space, wide=wide)
        except (BadFilter, NotFound) as error:
            note = str(error)
        rows.border_subtitle = note
        self._title(name)

    def _title(self, name: str) -> None:
        pane = self.query_one(f"#{name}")
        titles = {**TITLES, "objects": self._kind.capitalize(), "object": self._object_title()}
        if self.has_class("-board") or (self.has_class("-two") and name in DETAILS):
            pane.border_title = f"{PANES.index(name) + 1} {titles[name]}"
            return
        parts = [
            f"{'▸' if other == name else ''}{place + 1} {TITLES[other]}" for place, other in enumerate(PANES)
        ]
        if self.has_class("-two"):
            parts = parts[: len(LISTS)]
        pane.border_title = "  ".join(parts)

    def _object_title(self) -> str:
        return f"{self.selected} {self._mode}" if self.selected is not None else "Object"

    def _paint_detail(self) -> None:
        pager = self.query_one("#object", Pager)
        if pager.display:
            shown = (self.selected, self._mode)
            lines, note = panes.detail(self.session, self.selected, self._mode, self._moment_record())
            pager.show(lines, keep_place=shown == self._shown_detail)
            pager.border_subtitle = note
            self._shown_detail = shown
            self._title("object")
        score = self.query_one("#score", Pager)
        if score.display:
            score.show(panes.score(self.session), keep_place=True)
            self._title("score")

    def _paint_why(self) -> None:
        session = self.session
        line = Text()
        concern = first_concern(session.look)
        if concern is None:
            line.append("WHY  ", style="bold dim")
            line.append("nothing is wrong here", style="dim")
        else:
            line.append("WHY  ", style="bold")
            line.append(str(concern))
            causes = panes.causes(session, concern.ref, max(20, self.size.width - len(str(concern)) - 12))
            if causes:
                line.append(f" ← {causes}", style="dim")
        self.query_one("#why", Static).update(line)

    def say(self, text: str, state: State = "") -> None:
        """One line to the person at the keyboard."""
        line = self.query_one("#message", Static)
        for name in ("ok", "pending", "failed"):
            line.set_class(name == state, f"-{name}")
        line.update(Text(text.replace("\n", "  ")))

    def _tell(self, command: str, text: str, *, failed: bool) -> None:
        """What a command printed: one line here, more of them in a window."""
        lines = text.strip().split("\n")
        if len(lines) > 1:
            self.app.push_screen(Read(f"kubectl {command}", text))
        else:
            self.say(lines[0] or f"kubectl {command}: done", "failed" if failed else "ok")

    # --- panes --------------------------------------------------------------------------------------------------

    def show_pane(self, name: str) -> None:
        """Bring a pane to the front and focus it."""
        self._current = name
        if name in LISTS:
            self._list = self._came_from = name
        for other in PANES:
            pane = self.query_one(f"#{other}")
            pane.set_class(other == name, "-current")
            if other in LISTS:
                pane.set_class(other == self._list, "-current-list")
            elif name in DETAILS:
                pane.set_class(other == name, "-current-detail")
        self.query_one(f"#{name}").focus()
        if name in LISTS:
            self._paint_list(name)
            self._take_selection()
        self.call_after_refresh(self.paint)

    def _take_selection(self) -> None:
        """The object that details are shown of: the row under the cursor of the list in front."""
        if self._current not in LISTS or self._current == "story":
            return
        row = self.query_one(f"#{self._current}", RowList).current
        if row is not None and isinstance(row.key, Ref):
            self.selected = row.key

    def _moment_record(self) -> int | None:
        """The trace record of the moment under the cursor of the story."""
        row = self.query_one("#story", RowList).current
        return row.key if row is not None and isinstance(row.key, int) else None

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """Details follow the cursor."""
        if event.rows.id == self._current:
            self._take_selection()
            self._dirty = True

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Enter: the object in full, or why a moment came about."""
        if event.rows.id == "story":
            self.action_why()
        else:
            self._take_selection()
            self.action_mode(self._mode if self._mode != "moment" else "yaml")

    def on_timeline_strip_picked(self, event: TimelineStrip.Picked) -> None:
        """The timeline was clicked: look there."""
        self.session.look_at(event.instant)
        self._go()

    def on_resize(self) -> None:
        """Titles and columns depend on the room there is."""
        self.call_after_refresh(self.paint)

    # --- time ---------------------------------------------------------------------------------------------------

    def action_run(self) -> None:
        """Run or pause."""
        self.session.toggle()
        self.say(
            "running" if self.session.running else "the story is over" if self.session.at_end else "paused"
        )
        self._go()

    def action_step(self) -> None:
        """One event that leaves a trace."""
        before = len(self.session.simulation.trace)
        self.session.step()
        records = self.session.simulation.trace.records[before:]
        if records:
            first, more = records[0], len(records) - 1
            self.say(f"{first.actor} {first.verb} {first.subject}" + (f" and {more} more" if more else ""))
        self._go()

    def action_next(self) -> None:
        """On to the next change."""
        self.session.next_change()
        self._go()

    def action_previous(self) -> None:
        """Back to the change before."""
        self.session.previous_change()
        self.say("the past is read only: ] goes on, esc returns to now")
        self._go()

    @work
    async def action_go_to(self) -> None:
        """Ask for a time."""

        def wrong(text: str) -> str | None:
            try:
                self.session.instant(text)
            except BadTime as error:
                return str(error)
            return None

        note = "90, 1m30s, +30s, -1m, a word of the timeline (commit), now, end"
        answer = await self.app.push_screen_wait(Ask("Go to", note, check=wrong))
        if answer is not None:
            self.session.go_to(self.session.instant(answer))
            self._go()

    def action_speed(self, by: int) -> None:
        """Faster or slower."""
        self.session.change_speed(by)
        self.say(f"speed {self.session.speed_text}: virtual seconds a second")
        self._go()

    # --- looking ------------------------------------------------------------------------------------------------

    def action_mode(self, mode: str) -> None:
        """Show the selected object in one of its forms."""
        if self.selected is None:
            self.say("select an object first: 2 pods, 3 nodes, 4 objects")
            return
        self._mode = mode
        self.show_pane("object")

    def action_why(self) -> None:
        """The chain of causes of what is selected."""
        if self._current == "story" and self._moment_record() is not None:
            self._mode = "moment"
        elif self.selected is not None:
            self._mode = "why"
        else:
            self.say("select an object or a moment first")
            return
        self.show_pane("object")

    def action_show_pane(self, name: str) -> None:
        """One of the panes, by number."""
        self.show_pane(name)

    def action_pane(self, by: int) -> None:
        """The next pane."""
        self.show_pane(PANES[(PANES.index(self._current) + by) % len(PANES)])

    def action_filter(self) -> None:
        """Type a filter for the list in front."""
        if self._current not in LISTS:
            self.show_pane(self._came_from)
        line = self.query_one("#filter", Input)
        line.add_class("-shown")
        line.value = self._filters.get(self._current, "")
        line.focus()

    def action_back(self) -> None:
        """Close what is open; then the present; then the gallery."""
        if self._close_lines():
            return
        if self.session.cursor is not None:
            self.session.look_at(None)
            self.say("back in the present")
            self._go()
        elif self._current in DETAILS and not self.has_class("-board"):
            self.show_pane(self._came_from)
        else:
            self.session.pause()
            self.app.pop_screen()

    def _close_lines(self) -> bool:
        closed = False
        for name in ("command", "filter"):
            line = self.query_one(f"#{name}", Input)
            if line.has_class("-shown"):
                if name == "filter":
                    self._filters.pop(self._current, None)
                line.value = ""
                line.remove_class("-shown")
                closed = True
        if closed:
            self.show_pane(self._current)
        return closed

    # --- acting -------------------------------------------------------------------------------------------------

    def action_command(self) -> None:
        """Open the command bar."""
        self._type("")

    def _type(self, text: str) -> None:
        line = self.query_one("#command", Input)
        line.add_class("-shown")
        line.value = text
        line.cursor_position = len(text)
        line.focus()

    def action_edit(self) -> None:
        """Begin a kubectl line that changes the selected object: what makes drift."""
        ref = self.selected
        if ref is None:
            self.say("select an object first: 2 pods, 3 nodes, 4 objects")
            return
        space = f" -n {ref.namespace}" if ref.namespace else ""
        lines = {
            "deployment": f"kubectl scale {ref}{space} --replicas=",
            "statefulset": f"kubectl scale {ref}{space} --replicas=",
            "replicaset": f"kubectl scale {ref}{space} --replicas=",
            "node": f"kubectl cordon {ref.name}",
            "pod": f"kubectl delete {ref}{space}",
        }
        self._type(lines.get(ref.kind, f"kubectl annotate {ref}{space} "))

    @work
    async def action_delete(self) -> None:
        """Delete the selected object, after asking."""
        ref = self.selected
        if ref is None or not self._may_act():
            return
        space = f" -n {ref.namespace}" if ref.namespace else ""
        line = f"delete {ref}{space}"
        note = f"kubectl {line}\n\nIt becomes part of the story; [ looks back at what was."
        if await self.app.push_screen_wait(confirm(f"Delete {ref}?", "Delete", note)) == "yes":
            self._do_kubectl(line)

    @work
    async def action_inject(self) -> None:
        """Inject a fault, step by step; every step can be cancelled."""
        if not self._may_act():
            return
        self.session.pause()
        entry = await inject.ask(self.app, self.session)
        if entry is not None:
            fault = self.session.do(entry)
            self.say(fault or f"injected: {inject.in_words(entry)}", "failed" if fault else "ok")
            self._go()

    def _may_act(self) -> bool:
        if self.session.cursor is not None:
            self.say("the past is read only: esc returns to now", "pending")
            return False
        return True

    def _do_kubectl(self, line: str) -> None:
        if self._may_act():
            self.session.kubectl(line)
            self._go()

    def on_input_changed(self, event: Input.Changed) -> None:
        """A filter works while it is typed."""
        if event.input.id == "filter" and event.input.has_class("-shown"):
            self._filters[self._current] = event.value
            self.paint()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A filter stays; a command is carried out."""
        line = event.input
        line.remove_class("-shown")
        self.query_one(f"#{self._current}").focus()
        if line.id == "command":
            text, line.value = event.value, ""
            self._command(text)

    def _command(self, text: str) -> None:
        if text.strip():
            self._history.append(text)
        try:
            command = parse(text, self.session.look)
        except BadCommand as error:
            self.say(str(error), "failed")
            return
        match command:
            case ShowKind():
                self._kind, self._namespace = command.word, command.namespace
                self.show_pane("objects")
            case Kubectl(reads=True):
                outcome = self.session.read(command.line)
                self._tell(command.line, outcome.text, failed=bool(outcome.exit_code))
            case Kubectl():
                self._do_kubectl(command.line)
            case Own():
                self._own(command)

    def _own(self, command: Own) -> None:
        session = self.session
        match command.word:
            case "quit":
                self.app.action_leave()
            case "goto":
                try:
                    session.go_to(session.instant(command.rest))
                    self._go()
                except BadTime as error:
                    self.say(str(error), "failed")
            case "run" | "pause":
                if session.running == (command.word == "pause"):
                    self.action_run()
            case "help":
                self.app.action_help()
            case "inject":
                self.action_inject()
            case "save":
                self.action_save()
            case "speed":
                self.action_speed(-1 if command.rest == "-" else 1)
            case _:
                self.action_why()

    # --- keeping ------------------------------------------------------------------------------------------------

    def action_save(self) -> None:
        """Save what was done by hand."""
        self.say("nothing was done by hand yet")

    def action_export(self) -> None:
        """Write the screen as a picture."""
        path = self.app.save_screenshot()
        self.say(f"written: {path}", "ok")


class _Completion(Suggester):
    """Offers the rest of the word; the right arrow takes it."""

    def __init__(self, screen: RunScreen) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._screen = screen

    async def get_suggestion(self, value: str) -> str | None:
        return complete(value, self._screen.session.look)
