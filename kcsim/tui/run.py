"""The live run: a world, its clock, and everything one may ask or do, on one screen.

**Walk:** ``_drive`` lets the world run in slices of a few milliseconds -> ``paint`` shows what changed, a dozen times a
second -> keys act on the session -> the panes show the past or the present alike. The screen holds no rules: what is
shown is made by ``kcsim.views``, what is done goes through ``Session``.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, Static

from kcsim.engine.clock import SECOND, format_duration
from kcsim.tui import inject
from kcsim.tui.asks import commands, lanes, panes, score, steer
from kcsim.tui.asks.choices import Choice
from kcsim.tui.asks.commands import BadCommand, Own, ShowKind, Typed
from kcsim.tui.base import PAST, WorldScreen, head
from kcsim.tui.board import LISTS, Board
from kcsim.tui.compare import CompareScreen
from kcsim.tui.dialogs import Ask, Choose, Read, confirm
from kcsim.tui.explain import ExplainScreen
from kcsim.tui.explorer import ExplorerScreen
from kcsim.tui.hands import in_words
from kcsim.tui.keys import key
from kcsim.tui.link import FRAMES, World
from kcsim.tui.network import NetworkScreen
from kcsim.tui.scrubber import ScrubberScreen
from kcsim.tui.session import Session
from kcsim.tui.widgets.command_line import CommandLine
from kcsim.tui.widgets.keybar import KeyBar
from kcsim.tui.widgets.timeline import TimelineStrip
from kcsim.tui.worlds import Worlds
from kcsim.views.objects import Ref

_SEARCHING = 4
"""How many times as long as the panes took to paint they rest while a filter goes on: it goes on in between."""

DONE = "(that is all)"
"""The choice that ends a list of questions."""


class RunScreen(WorldScreen):
    """One world, live."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("space", "run", "Run", "Run or pause the world", bar=True),
        key("full_stop", "step", "Step", "Step: the next event that leaves a trace", bar=True),
        key("comma", "step_back", "Step back", "Step back: look at the event before"),
        key("right_square_bracket", "next", "Next", "Go to the next change", bar=True),
        key("left_square_bracket", "previous", "Back", "Look back at the change before", bar=True),
        key("g", "go_to", "Go to", "Go to a time: 90, 1m30s, +30s, commit, now, end", bar=True),
        key("plus,equals_sign", "speed(1)", "Faster", "Let time pass faster"),
        key("minus", "speed(-1)", "Slower", "Let time pass slower"),
        key("i", "inject", "Inject", "Inject a fault: what, where, how long", bar=True),
        key(
            "colon",
            "command",
            "Command",
            "Command bar: kinds (:deploy), kubectl, flux, argocd and git lines",
            bar=True,
        ),
        key("slash", "filter", "Filter", "Filter the list: text, !text, -l app=web"),
        key("e", "edit", "Edit", "Change the selected object by hand"),
        key("ctrl+d", "delete", "Delete", "Delete the selected object; asks first"),
        key("l", "logs", "Logs", "The logs of the selected pod"),
        key("f", "fork", "Fork", "Fork: a branch of this world from the instant looked at", bar=True),
        key("b", "worlds", "Worlds", "Switch to another delivery or branch of this story"),
        key("c", "compare", "Compare", "Compare two or three worlds on one clock", bar=True),
        key("t", "timeline", "Timeline", "The timeline in full: zoom, bookmarks, branches"),
        key("n", "network", "Network", "The network: topology, heat map of nodes, the path of a request"),
        key("P", "predict", "Predict", "Say what will hold, before the world tells"),
        key("m", "bookmark", "Bookmark", "Put a bookmark at the instant looked at, or take it away"),
        key("z", "undo", "Undo", "Take the last thing done by hand back"),
        key("Z", "redo", "Redo", "Do again what was taken back"),
        key("s", "save", "Save", "Save what was done by hand as a scenario file"),
        key(
            "x",
            "export",
            "Export",
            "Export: the screen as SVG, an object or the story as YAML, the result as JSON",
        ),
        key("escape", "back", "Close", "Close; then back to now; then back to the gallery"),
    ]

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self._dirty = True
        self._wake = asyncio.Event()
        self._answered = False  # whether a command has answered since the world was set going

    def compose(self) -> ComposeResult:
        """Header, panes, timeline, the line of why, lines to type in, messages, and the keys."""
        yield Static("", id="head", classes="line")
        yield Board(self.world)
        yield TimelineStrip(id="timeline")
        yield Static("", id="why", classes="line")
        yield CommandLine(lambda text: self.world.ask(commands.complete, text), id="command")
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
        """Let the world run, here or in its own process, and look at it now and then."""
        while True:
            self._wake.clear()
            await self._wake.wait()
            last = due = time.perf_counter()
            while self.world.state.running:
                now = time.perf_counter()
                before = self.world.state.now
                self.world.link.turn(now - last)
                last = now
                if self.world.refresh().now != before:
                    self._dirty = True
                    self._paint_head()
                # Due times, not pauses: what a look takes must not make the next one later.
                due = max(due + self.world.link.rest, now)
                await asyncio.sleep(max(_BREATH, due - time.perf_counter()))
            self._stopped()

    def _stopped(self) -> None:
        """The world has come to rest: say why."""
        state = self.world.state
        if state.failure:
            self.say("the world stopped: a defect of kcsim; the record so far is kept", "failed")
            self.app.push_screen(Read("The world stopped", state.failure))
        elif state.at_end:
            came = self.world.ask(score.tally)
            told = f" ({came})" if came else ""
            self.say(f"the story is over: 6 shows the score{told}, [ goes back in time", "ok")
        elif not self._answered:
            self.say(state.arrived or f"t={format_duration(state.now)}")
        if self.is_current:
            self.paint()

    def _go(self) -> None:
        """Something about time has changed."""
        if self.world.state.running:
            self._answered = False
            self._wake.set()
        if self.world.state.failure:
            self._stopped()
        else:
            self.paint()

    def on_screen_resume(self) -> None:
        """Another screen may have set the world going."""
        self.world.refresh()
        if self.world.state.running:
            self._wake.set()
        self.call_after_refresh(self._paint_again)

    # --- painting -----------------------------------------------------------------------------------------------

    def _paint_if_dirty(self) -> None:
        """Paint, but leave most of the time to the world, or to what is still being looked for."""
        if not self.is_current:
            return
        if (self._dirty and self.has_rested()) or (self.board.unfinished and self.has_rested(_SEARCHING)):
            self.paint()

    def _paint_head(self) -> None:
        """The clock, which is shown at every look."""
        if self.is_current:
            self.show_head(head(self.world.state, self.size.width))

    def paint(self) -> None:
        """Show the world as it is at the instant one looks at."""
        self._dirty = False
        world = self.world
        with self.frame(world.link):
            timeline = self.query_one(TimelineStrip)
            self.board.paint()
            timeline.show([world.ask(lanes.strip, timeline.columns, timeline.room)])
            why = world.ask(panes.why_line, self.size.width - 2)
            self.query_one("#why", Static).update(why, layout=False)
            answers = world.ask(panes.answers)
            self._paint_head()
        self.tell_news(world.link)
        for answer in answers:
            self._tell(answer.command, answer.text, failed=answer.failed)

    def _tell(self, command: str, text: str, *, failed: bool) -> None:
        """What a command printed: one line here, more of them in a window; so is a refusal whose remedy would be cut off."""
        self._answered = True
        lines = text.strip().split("\n")
        if len(lines) > 1 or (failed and len(lines[0]) > self.size.width - 2):
            self.app.push_screen(Read(command, text))
        else:
            self.say(lines[0] or f"{command}: done", "failed" if failed else "ok")

    def on_board_says(self, event: Board.Says) -> None:
        """A remark of the panes."""
        self.say(event.text)

    # --- time ---------------------------------------------------------------------------------------------------

    def action_run(self) -> None:
        """Run or pause."""
        self.world.ask(Session.toggle)
        state = self.world.state
        self.say("running" if state.running else "the story is over" if state.at_end else "paused")
        self._go()

    def action_step(self) -> None:
        """One event that leaves a trace; in the past: the next one."""
        if self.world.state.cursor is not None:
            self.world.ask(Session.next_record, 1)
        else:
            text = self.world.ask(steer.step)
            if text:
                self.say(text)
        self._go()

    def action_step_back(self) -> None:
        """Look at the instant of the event before."""
        self.world.ask(Session.next_record, -1)
        self.say(PAST)
        self._go()

    def action_next(self) -> None:
        """On to the next change."""
        self.world.ask(Session.next_change)
        self._go()

    def action_previous(self) -> None:
        """Back to the change before."""
        self.world.ask(Session.previous_change)
        self.say(PAST)
        self._go()

    @work
    async def action_go_to(self) -> None:
        """Ask for a time."""
        note = "90, 1m30s, +30s, -1m, a word of the timeline (commit), now, end"
        answer = await self.app.push_screen_wait(Ask("Go to", note, check=self._wrong_time))
        if answer is not None:
            self._go_to(answer)

    def _wrong_time(self, text: str) -> str | None:
        return self.world.ask(steer.wrong_time, text)

    def _go_to(self, text: str) -> None:
        fault = self._wrong_time(text)
        if fault is None:
            self.world.ask(steer.go_to_text, text)
            if self.world.state.cursor is not None:
                self.say(PAST)
            self._go()
        else:
            self.say(fault, "failed")

    def action_speed(self, by: int) -> None:
        """Faster or slower."""
        self.world.ask(Session.change_speed, by)
        self.say(f"speed {self.world.state.speed}: virtual seconds a second")
        self._go()

    def on_timeline_strip_picked(self, event: TimelineStrip.Picked) -> None:
        """The timeline was clicked or dragged: look there."""
        self.world.ask(Session.look_at, event.instant)
        if self.world.state.cursor is not None:
            self.say(PAST)
        self._go()

    def action_bookmark(self) -> None:
        """A bookmark here."""
        state = self.world.state
        text = f"t={format_duration(state.seen // SECOND * SECOND)}"
        is_there = self.world.ask_all(lanes.bookmark, state.seen, text)
        self.say(f"bookmark at {text}: t shows it" if is_there else f"no bookmark at {text} any more")

    # --- worlds -------------------------------------------------------------------------------------------------

    @work
    async def action_fork(self) -> None:
        """A branch from the instant one looks at."""
        await self.fork_at(self.world.state.seen)

    async def fork_at(self, when: int, without: tuple[int, ...] = (), name: str = "") -> None:
        """Ask for a name, make the branch, and go there."""
        suggested = name or self.world.ask_all(Worlds.free_name, self.world.name)
        note = f"A branch of {self.world.name} from t={format_duration(when)}: the same past, and a future of its own."
        answer = await self.app.push_screen_wait(Ask("Fork", note, suggested, check=self._taken))
        if answer is None:
            return
        try:
            branch = await self.slowly(
                "replaying",
                lambda: self.world.ask_all(Worlds.fork, self.world.name, answer, when, without),
            )
        except (ValueError, RuntimeError) as error:
            self.say(str(error), "failed")
            return
        self.app.switch_world(self.world.other(branch))
        self.app.tell(f"{branch}: forked at t={format_duration(when)}; b switches, c compares")

    def _taken(self, name: str) -> str | None:
        if name.strip() in self.world.state.worlds:
            return f"there is a world {name.strip()!r} already"
        return None

    @work
    async def action_worlds(self) -> None:
        """Switch to another world of the story."""
        chosen = await self.app.push_screen_wait(
            Choose("Worlds of this story", self.app.world_choices(self.world), "Deliveries and branches.")
        )
        if chosen is not None and chosen != self.world.name:
            self.app.go_to_world(self.world, chosen)

    @work
    async def action_compare(self) -> None:
        """Choose what to compare with, and show both."""
        others = [c for c in self.app.world_choices(self.world) if c.value != self.world.name]
        if not others:
            self.say("there is nothing to compare with: f forks a branch here", "pending")
            return
        if len(others) > 1:
            both = Choice(",".join(c.value for c in others[:2]), "both", "three worlds side by side")
            others = [*others, both] if len(others) == 2 else others
        chosen = others[0].value
        if len(others) > 1:
            picked = await self.app.push_screen_wait(Choose(f"Compare {self.world.name} with", others))
            if picked is None:
                return
            chosen = picked
        names = [self.world.name]
        for name in chosen.split(","):
            if name not in self.world.state.worlds:
                self.world.ask_all(Worlds.open, name)
            names.append(name)
        self.app.push_screen(CompareScreen(self.world, tuple(names)))

    def action_timeline(self) -> None:
        """The timeline in full."""
        self.app.push_screen(ScrubberScreen(self.world))

    def action_network(self) -> None:
        """The network."""
        self.app.push_screen(NetworkScreen(self.world))

    def action_explain(self) -> None:
        """Why what is selected is as it is."""
        self.board.action_why()

    def on_board_asked_why(self, event: Board.AskedWhy) -> None:
        """The causal chain of an object or a moment."""
        self.app.push_screen(ExplainScreen(self.world, event.what))

    def on_board_opened(self, event: Board.Opened) -> None:
        """An object in full."""
        self.app.push_screen(ExplorerScreen(self.world, event.ref, event.form))

    @work
    async def action_predict(self) -> None:
        """Ask what the person expects: one expectation after the other, then any measure."""
        world = self.world
        questions, measures = world.ask(score.questions), world.ask(score.numbers)
        if not questions and not measures:
            self.say("nothing is left to predict: the story is over", "pending")
            return
        world.ask(Session.pause)
        guesses: dict[str, bool] = {}
        for place, question in enumerate(questions, 1):
            choices = [Choice("yes", "it will hold"), Choice("no", "it will not"), Choice("skip", "no idea")]
            title = f"Predict {place} of {len(questions)}: {question.name}"
            answer = await self.app.push_screen_wait(Choose(title, choices, question.text))
            if answer is None:
                break
            if answer != "skip":
                guesses[question.name] = answer == "yes"
        world.ask(score.predict, guesses)
        count = len(guesses) + await self._predict_numbers()
        if count:
            self.say(f"{count} predictions kept: 6 shows them beside what comes", "ok")
        self.paint()

    async def _predict_numbers(self) -> int:
        """Ask for numbers, as many as one likes; gives how many were said."""
        world, told = self.world, ""
        count = 0
        while measures := world.ask(score.numbers):
            choices = [Choice(DONE, "that is all"), *(Choice(m.name, m.title, m.text) for m in measures)]
            note = told or "What will a measure come to when the story is over?"
            chosen = await self.app.push_screen_wait(Choose("Predict a number", choices, note, search=True))
            if chosen is None or chosen == DONE:
                break
            measure = next(m for m in measures if m.name == chosen)
            check = lambda text, name=chosen: world.ask(score.wrong_number, name, text)  # noqa: E731 - short
            answer = await self.app.push_screen_wait(Ask(measure.title, measure.text, check=check))
            if answer is not None:
                told = world.ask(score.predict_number, chosen, answer)
                count += 1
        return count

    # --- acting -------------------------------------------------------------------------------------------------

    def _may_act(self) -> bool:
        if self.world.state.cursor is not None:
            self.say("the past is read only: esc returns to now, f forks a branch here", "pending")
            return False
        return True

    def _carry_out(self, command: Typed) -> None:
        if self._may_act():
            fault = self.world.ask(steer.carry_out, command.program, command.line)
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
        self.world.ask(Session.pause)
        entry = await inject.ask(self.app, self.world)
        if entry is not None:
            fault = self.world.ask(steer.inject, entry)
            self.say(fault or f"injected: {in_words(entry)}; z takes it back", "failed" if fault else "ok")
            self._go()

    @work
    async def action_delete(self) -> None:
        """Delete the selected object, after asking."""
        ref = self.board.selected
        if ref is None:
            self.say("select an object first: 2 pods, 3 nodes, 4 objects")
        else:
            await self.delete(ref)

    async def delete(self, ref: Ref) -> None:
        """Delete an object, after asking."""
        if self._may_act():
            line = f"delete {ref}" + (f" -n {ref.namespace}" if ref.namespace else "")
            note = f"kubectl {line}\n\nIt becomes part of the story; z takes it back."
            if await self.app.push_screen_wait(confirm(f"Delete {ref}?", "Delete", note)) == "yes":
                self._carry_out(Typed("kubectl", line, reads=False))

    def action_logs(self) -> None:
        """Begin the line that prints a pod's logs."""
        ref = self.board.selected
        if ref is None or ref.kind != "pod":
            self.say("select a pod first: 2 shows them")
            return
        self._type(f"kubectl logs {ref.name} -n {ref.namespace}")

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
        line.begin(text)
        self._open_line(line)

    def _open_line(self, line: Input) -> None:
        """Show a line and give it the keys, at once: whoever types fast must not type at the screen."""
        line.add_class("-shown")
        line.display = True
        self.set_focus(line)

    def action_filter(self) -> None:
        """Type a filter for the list in front."""
        board = self.board
        if board.current not in LISTS:
            board.back()
        line = self.query_one("#filter", Input)
        line.value = board.filters.get(board.current, "")
        self._open_line(line)

    def on_input_changed(self, event: Input.Changed) -> None:
        """A filter works while it is typed."""
        if event.input.id == "filter" and event.input.has_class("-shown"):
            self.board.filters[self.board.current] = event.value
            self.paint()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A filter stays; a command is carried out."""
        event.input.remove_class("-shown")
        event.input.display = False
        self.board.front(self.board.current)
        if event.input.id == "command":
            self._command(event.value)

    def _command(self, text: str) -> None:
        if not text.strip():
            return
        try:
            command = self.world.ask(commands.parse, text)
        except BadCommand as error:
            self._tell(text, str(error), failed=True)
            return
        match command:
            case ShowKind():
                self.board.show_kind(command.word, command.namespace, command.wanted)
            case Typed(reads=True):
                outcome = self.world.ask(steer.look_up, command.program, command.line)
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
        elif self.world.state.cursor is not None:
            self.world.ask(Session.look_at, None)
            self.say("back in the present")
            self._go()
        elif not self.board.back():
            self.world.ask(Session.pause)
            self.app.pop_screen()

    def _close_lines(self) -> bool:
        shown = [line for line in self.query(Input) if line.has_class("-shown")]
        for line in shown:
            line.remove_class("-shown")
            line.display = False
            if line.id == "filter":
                self.board.filters.pop(self.board.current, None)
        return bool(shown)

    # --- keeping ------------------------------------------------------------------------------------------------

    @work
    async def action_save(self) -> None:
        """Save what was done by hand."""
        state = self.world.state
        if not state.deeds and not state.kept.without:
            self.say("nothing was done by hand yet: inject with i, type kubectl with :, then save")
            return
        note = "A scenario file that replays all of this: the story, and what was done by hand."
        own = state.title if state.name == state.delivery else f"{state.title}-{state.name}"
        answer = await self.app.push_screen_wait(Ask("Save as", note, f"{own}-by-hand.yaml"))
        if not answer:
            return
        replace = confirm("Replace the file?", "Replace", f"{answer} exists already.")
        if _exists(answer) and await self.app.push_screen_wait(replace) != "yes":
            return
        fault = self.world.ask(steer.save, answer)
        option = f" --delivery {state.delivery}" if state.delivery else ""
        self.say(fault or f"saved: kcsim run {answer}{option}", "failed" if fault else "ok")

    @work
    async def action_undo(self) -> None:
        """Take the last deed back, by playing the world again without it."""
        text = await self.slowly("replaying", lambda: self.world.ask(steer.undo))
        self.say("nothing to take back" if text is None else f"taken back: {text}; Z does it again")
        self._go()

    @work
    async def action_redo(self) -> None:
        """Do it again."""
        text, done = await self.slowly("replaying", lambda: self.world.ask(steer.redo))
        if done:
            self.say(f"done again: {text}")
        else:
            self.say(text or "nothing to do again", "failed" if text else "")
        self._go()

    @work
    async def action_export(self) -> None:
        """Write the screen, an object, the story, the result or the trace to a file."""
        state, ref = self.world.state, self.board.selected
        choices = [
            Choice("svg", "screen", "as an SVG picture"),
            Choice("json", "result", "measures and verdicts of this world as JSON"),
            Choice("story", "story", "this world's scenario as YAML, with what was done by hand"),
            Choice("trace", "trace", "every record as JSON lines"),
            Choice("lanes", "lanes", "what happened so far, as lanes: an SVG picture"),
        ]
        if ref is not None:
            choices.insert(1, Choice("yaml", "object", f"{ref} as YAML, at the instant looked at"))
        form = await self.app.push_screen_wait(Choose("Export", choices))
        if form is None:
            return
        ends = {
            "svg": "svg",
            "json": "json",
            "story": "yaml",
            "trace": "jsonl",
            "yaml": "yaml",
            "lanes": "svg",
        }
        what = f"-{ref.kind}-{ref.name}" if form == "yaml" and ref is not None else ""
        what = "-lanes" if form == "lanes" else what
        name = f"kcsim-{state.title}-{state.name}{what}-{state.seen // 1_000_000}s.{ends[form]}"
        try:
            if form == "svg":
                # What is asked about is the screen below the question.
                self.call_after_refresh(self._picture, name)
                return
            text = self.world.ask_all(steer.export, self.world.name, form, ref)
            _write(name, text)
            self.say(f"written: {name}", "ok")
        except OSError as error:
            self.say(f"{name} cannot be written: {error.strerror or error}", "failed")

    def _picture(self, name: str) -> None:
        try:
            self.say(f"written: {self.app.save_screenshot(name)}", "ok")
        except OSError as error:
            self.say(f"{name} cannot be written: {error.strerror or error}", "failed")


_BREATH = 0.001
"""Seconds that the keyboard gets between two slices of a world in this process (ux reference, A3)."""


def _write(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="utf-8")


def _exists(path: str) -> bool:
    return Path(path).expanduser().exists()
