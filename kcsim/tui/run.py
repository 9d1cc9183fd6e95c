"""The live run: a world, its clock, and everything one may ask or do, on one screen.

**Walk:** ``_drive`` lets the world run in slices of a few milliseconds -> ``paint`` shows what changed, a dozen times a
second -> keys act on the session -> the panes show the past or the present alike. The screen holds no rules: what is
shown is made by ``kcsim.views``, what is done goes through ``Session``.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Input, Static

from kcsim.engine.clock import format_duration
from kcsim.tui import inject, panes
from kcsim.tui.board import ALL, LISTS, TWO, Board
from kcsim.tui.commands import BadCommand, Own, ShowKind, Typed, parse
from kcsim.tui.dialogs import Ask, Read, confirm
from kcsim.tui.hands import in_words
from kcsim.tui.keys import key
from kcsim.tui.session import BadTime, Session
from kcsim.tui.widgets.command_line import CommandLine
from kcsim.tui.widgets.keybar import KeyBar
from kcsim.tui.widgets.timeline import TimelineStrip
from kcsim.views.states import State

if TYPE_CHECKING:
    from kcsim.tui.app import KcsimApp

_PAST = "the past is read only: ] goes on, esc returns to now"

FRAMES = 12
"""Repaints a second while the world runs; the clock reads well and a slow line is not flooded."""


class RunScreen(Screen[None]):
    """One world, live."""

    app: KcsimApp

    # Textual declares these on the instance, so that they cannot be ClassVars.
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-one"), (TWO, "-two"), (ALL, "-board")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-short"), (22, "-normal"), (36, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        key("space", "run", "Run", "Run or pause the world", bar=True),
        key("full_stop", "step", "Step", "Step: the next event that leaves a trace", bar=True),
        key("right_square_bracket", "next", "Next", "Go to the next change", bar=True),
        key("left_square_bracket", "previous", "Back", "Look back at the change before", bar=True),
        key("g", "go_to", "Go to", "Go to a time: 90, 1m30s, +30s, commit, now, end", bar=True),
        key("plus,equals_sign", "speed(1)", "Faster", "Let time pass faster"),
        key("minus", "speed(-1)", "Slower", "Let time pass slower"),
        key("i", "inject", "Inject", "Inject a fault: what, where, how long", bar=True),
        key("colon", "command", "Command", "Command bar: kinds (:deploy), kubectl and flux lines", bar=True),
        key("slash", "filter", "Filter", "Filter the list: text, !text, -l app=web"),
        key("e", "edit", "Edit", "Change the selected object by hand"),
        key("ctrl+d", "delete", "Delete", "Delete the selected object; asks first"),
        key("z", "undo", "Undo", "Take the last thing done by hand back"),
        key("Z", "redo", "Redo", "Do again what was taken back"),
        key("s", "save", "Save", "Save what was done by hand as a scenario file"),
        key("x", "export", "Export", "Write the screen as an SVG picture"),
        key("escape", "back", "Close", "Close; then back to now; then back to the gallery"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._dirty = True
        self._painted = (0.0, 0.0)  # when, and how long it took
        self._wake = asyncio.Event()
        self._answered = False  # whether a command has answered since the world was set going

    def compose(self) -> ComposeResult:
        """Header, panes, timeline, the line of why, lines to type in, messages, and the keys."""
        yield Static("", id="head", classes="line")
        yield Board(self.session)
        yield TimelineStrip(id="timeline")
        yield Static("", id="why", classes="line")
        yield CommandLine(lambda: self.session.look, id="command")
        yield Input(id="filter", placeholder="text, !text, -l app=web")
        yield Static("", id="message", classes="line")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show the story and let the world be driven."""
        self.board.front("story")
        self._drive()
        self.set_interval(1 / FRAMES, self._paint_if_dirty)
        self.say("space runs the world, ] goes to the next change, ? shows all one can do")

    @property
    def board(self) -> Board:
        """The panes."""
        return self.query_one(Board)

    # --- the world runs -----------------------------------------------------------------------------------------

    @work(exclusive=True)
    async def _drive(self) -> None:
        """Let the world run in slices, and the keyboard in between (ux reference, A3: 8 ms, then a real pause)."""
        while True:
            self._wake.clear()
            await self._wake.wait()
            last = time.perf_counter()
            while self.session.running:
                now = time.perf_counter()
                self._dirty = self.session.advance(now - last) or self._dirty
                last = now
                await asyncio.sleep(0.001 if self.session.is_busy else 0.01)
            self._stopped()

    def _stopped(self) -> None:
        """The world has come to rest: say why."""
        session = self.session
        if session.failure:
            self.say("the world stopped: a defect of kcsim; the record so far is kept", "failed")
            self.app.push_screen(Read("The world stopped", session.failure))
        elif session.at_end:
            self.say("the story is over: 6 shows the score, [ goes back in time", "ok")
        elif session.moments and session.moments[-1].time == session.now and not self._answered:
            moment = session.moments[-1]
            self.say(f"t={format_duration(moment.time)} {panes.told(moment)}")
        elif not self._answered:
            self.say(f"t={format_duration(session.now)}")
        self.paint()

    def _go(self) -> None:
        """Something about time has changed."""
        if self.session.running:
            self._answered = False
            self._wake.set()
        if self.session.failure:
            self._stopped()
        else:
            self.paint()

    # --- painting -----------------------------------------------------------------------------------------------

    def _paint_if_dirty(self) -> None:
        """Paint, but leave most of the time to the world: where painting is slow, it is done less often."""
        if self._dirty and time.perf_counter() - self._painted[0] > 4 * self._painted[1]:
            self.paint()

    def paint(self) -> None:
        """Show the world as it is at the instant one looks at."""
        self._dirty = False
        began = time.perf_counter()
        session = self.session
        session.update()
        with self.app.batch_update():
            self.query_one("#head", Static).update(panes.head(session, self.size.width), layout=False)
            self.board.paint()
            self.query_one(TimelineStrip).show(session.strip())
            self.query_one("#why", Static).update(panes.why_line(session, self.size.width - 2), layout=False)
        ended = time.perf_counter()
        self._painted = ended, ended - began
        for deed in session.hands.finished():
            assert deed.outcome is not None, "finished deeds have an outcome"
            self._tell(in_words(deed.entry), deed.outcome.text, failed=bool(deed.outcome.exit_code))

    def on_resize(self) -> None:
        """Titles and columns depend on the room there is."""
        self.call_after_refresh(self.paint)

    def say(self, text: str, state: State = "") -> None:
        """One line to the person at the keyboard."""
        line = self.query_one("#message", Static)
        for name in ("ok", "pending", "failed"):
            line.set_class(name == state, f"-{name}")
        line.update(Text(" ".join(text.split())), layout=False)

    def on_board_says(self, event: Board.Says) -> None:
        """A remark of the panes."""
        self.say(event.text)

    def _tell(self, command: str, text: str, *, failed: bool) -> None:
        """What a command printed: one line here, more of them in a window."""
        self._answered = True
        lines = text.strip().split("\n")
        if len(lines) > 1:
            self.app.push_screen(Read(command, text))
        else:
            self.say(lines[0] or f"{command}: done", "failed" if failed else "ok")

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
            more = f" and {len(records) - 1} more" if len(records) > 1 else ""
            self.say(f"{records[0].actor} {records[0].verb} {records[0].subject}{more}")
        self._go()

    def action_next(self) -> None:
        """On to the next change."""
        self.session.next_change()
        self._go()

    def action_previous(self) -> None:
        """Back to the change before."""
        self.session.previous_change()
        self.say(_PAST)
        self._go()

    @work
    async def action_go_to(self) -> None:
        """Ask for a time."""
        note = "90, 1m30s, +30s, -1m, a word of the timeline (commit), now, end"
        answer = await self.app.push_screen_wait(Ask("Go to", note, check=self._wrong_time))
        if answer is not None:
            self._go_to(answer)

    def _wrong_time(self, text: str) -> str | None:
        try:
            self.session.instant(text)
        except BadTime as error:
            return str(error)
        return None

    def _go_to(self, text: str) -> None:
        fault = self._wrong_time(text)
        if fault is None:
            self.session.go_to(self.session.instant(text))
            if self.session.cursor is not None:
                self.say(_PAST)
            self._go()
        else:
            self.say(fault, "failed")

    def action_speed(self, by: int) -> None:
        """Faster or slower."""
        self.session.change_speed(by)
        self.say(f"speed {self.session.speed_text}: virtual seconds a second")
        self._go()

    def on_timeline_strip_picked(self, event: TimelineStrip.Picked) -> None:
        """The timeline was clicked or dragged: look there."""
        self.session.look_at(event.instant)
        if self.session.cursor is not None:
            self.say(_PAST)
        self._go()

    # --- acting -------------------------------------------------------------------------------------------------

    def _may_act(self) -> bool:
        if self.session.cursor is not None:
            self.say("the past is read only: esc returns to now", "pending")
        return self.session.cursor is None

    def _carry_out(self, command: Typed) -> None:
        if self._may_act():
            fault = self.session.type(command.line, command.program)
            self.say(
                fault or f"{command}: on its way; its answer comes as the world runs",
                "failed" if fault else "",
            )
            self._go()

    @work
    async def action_inject(self) -> None:
        """Inject a fault, step by step; every step can be cancelled."""
        if not self._may_act():
            return
        self.session.pause()
        entry = await inject.ask(self.app, self.session)
        if entry is not None:
            fault = self.session.do(entry)
            self.say(fault or f"injected: {in_words(entry)}; z takes it back", "failed" if fault else "ok")
            self._go()

    @work
    async def action_delete(self) -> None:
        """Delete the selected object, after asking."""
        ref = self.board.selected
        if ref is None:
            self.say("select an object first: 2 pods, 3 nodes, 4 objects")
        elif self._may_act():
            line = f"delete {ref}" + (f" -n {ref.namespace}" if ref.namespace else "")
            note = f"kubectl {line}\n\nIt becomes part of the story; z takes it back."
            if await self.app.push_screen_wait(confirm(f"Delete {ref}?", "Delete", note)) == "yes":
                self._carry_out(Typed("kubectl", line, reads=False))

    def action_edit(self) -> None:
        """Begin a kubectl line that changes the selected object: what makes drift."""
        ref = self.board.selected
        if ref is None:
            self.say("select an object first: 2 pods, 3 nodes, 4 objects")
            return
        space = f" -n {ref.namespace}" if ref.namespace else ""
        if ref.kind in {"deployment", "statefulset", "replicaset"}:
            self._type(f"kubectl scale {ref}{space} --replicas=")
        elif ref.kind == "node":
            self._type(f"kubectl cordon {ref.name}")
        else:
            self._type(f"kubectl label {ref}{space} ")

    # --- lines to type in ---------------------------------------------------------------------------------------

    def action_command(self) -> None:
        """Open the command bar."""
        self._type("")

    def _type(self, text: str) -> None:
        line = self.query_one("#command", CommandLine)
        line.add_class("-shown")
        line.begin(text)

    def action_filter(self) -> None:
        """Type a filter for the list in front."""
        board = self.board
        if board.current not in LISTS:
            board.back()
        line = self.query_one("#filter", Input)
        line.add_class("-shown")
        line.value = board.filters.get(board.current, "")
        line.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """A filter works while it is typed."""
        if event.input.id == "filter" and event.input.has_class("-shown"):
            self.board.filters[self.board.current] = event.value
            self.paint()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A filter stays; a command is carried out."""
        event.input.remove_class("-shown")
        self.board.front(self.board.current)
        if event.input.id == "command":
            self._command(event.value)

    def _command(self, text: str) -> None:
        if not text.strip():
            return
        try:
            command = parse(text, self.session.look)
        except BadCommand as error:
            self.say(str(error), "failed")
            return
        match command:
            case ShowKind():
                self.board.show_kind(command.word, command.namespace)
            case Typed(reads=True):
                outcome = self.session.read(command.line, command.program)
                self._tell(str(command), outcome.text, failed=bool(outcome.exit_code))
            case Typed():
                self._carry_out(command)
            case Own(word="goto"):
                self._go_to(command.rest)
            case Own():
                self.call_later(self.run_action, command.action)

    def action_back(self) -> None:
        """Close what is open; then the present; then the gallery."""
        if self._close_lines():
            self.board.front(self.board.current)
        elif self.session.cursor is not None:
            self.session.look_at(None)
            self.say("back in the present")
            self._go()
        elif not self.board.back():
            self.session.pause()
            self.app.pop_screen()

    def _close_lines(self) -> bool:
        shown = [line for line in self.query(Input) if line.has_class("-shown")]
        for line in shown:
            line.remove_class("-shown")
            if line.id == "filter":
                self.board.filters.pop(self.board.current, None)
        return bool(shown)

    # --- keeping ------------------------------------------------------------------------------------------------

    @work
    async def action_save(self) -> None:
        """Save what was done by hand."""
        session = self.session
        if not session.hands.deeds:
            self.say("nothing was done by hand yet: inject with i, type kubectl with :, then save")
            return
        note = "A scenario file that replays all of this: the story, and what was done by hand."
        answer = await self.app.push_screen_wait(Ask("Save as", note, f"{session.title}-by-hand.yaml"))
        if not answer:
            return
        path = Path(answer)
        replace = confirm("Replace the file?", "Replace", f"{path} exists already.")
        if _exists(path) and await self.app.push_screen_wait(replace) != "yes":
            return
        fault = session.save(path)
        self.say(
            fault or f"saved: kcsim run {answer} --delivery {session.delivery}", "failed" if fault else "ok"
        )

    def action_undo(self) -> None:
        """Take the last deed back, by playing the world again without it."""
        deed = self.session.undo()
        self.say(
            "nothing to take back" if deed is None else f"taken back: {in_words(deed.entry)}; Z does it again"
        )
        self._go()

    def action_redo(self) -> None:
        """Do it again."""
        deed = self.session.redo()
        self.say("nothing to do again" if deed is None else f"done again: {in_words(deed.entry)}")
        self._go()

    def action_export(self) -> None:
        """Write the screen as a picture."""
        name = f"kcsim-{self.session.title}-{self.session.seen // 1_000_000}s.svg"
        try:
            self.say(f"written: {self.app.save_screenshot(name)}", "ok")
        except OSError as error:
            self.say(f"{name} cannot be written: {error.strerror or error}", "failed")


def _exists(path: Path) -> bool:
    return path.expanduser().exists()
