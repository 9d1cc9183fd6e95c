"""A lesson on the live screen: the goal, predictions before the reveal, stops, hints, the checks, and the debrief.

**Walk:** goal -> a dialog for each question -> the untouched story is played where the worlds are, and what came stands beside what
was said -> the learner's run goes on to its first stop -> deeds -> `K` judges -> debrief, and the best score is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from kcsim.engine.clock import format_duration
from kcsim.scenario.lessons import (
    Attempt,
    BadAnswer,
    answer_text,
    code_of,
    is_right,
    read_answer,
    score_line,
)
from kcsim.tui.asks import lesson as asks
from kcsim.tui.asks.choices import Choice
from kcsim.tui.asks.commands import Typed
from kcsim.tui.asks.lines import TextLine, dim
from kcsim.tui.dialogs import Ask, Choose, Read, confirm
from kcsim.tui.keys import key
from kcsim.tui.link import World
from kcsim.tui.run import RunScreen
from kcsim.tui.session import Session

if TYPE_CHECKING:
    from kcsim.scenario.model import Question, Stop


class LessonScreen(RunScreen):
    """One world of a lesson, live, with the lesson beside it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("K", "check", "Check", "Lesson: play to the end and say whether it worked", bar=True),
        key("A", "hint", "Hint", "Lesson: the next hint; each costs a fifth of the points", bar=True),
        key("L", "lesson", "Lesson", "Lesson: goal, task, and what was said so far"),
        key("R", "restart", "Again", "Lesson: the story from its beginning, untouched"),
        key("E", "debrief", "Debrief", "Lesson: give up, and see what happened and why"),
    ]

    def __init__(self, world: World) -> None:
        super().__init__(world)
        scenario = world.link.scenario
        assert scenario.lesson is not None, "opened for being one"
        self.lesson = scenario.lesson
        self._stop: Stop | None = None

    @property
    def attempt(self) -> Attempt:
        """How far the person has come; the same in every world of the story."""
        return self.app.attempts.setdefault(self.world.link.scenario.name, Attempt())

    @attempt.setter
    def attempt(self, attempt: Attempt) -> None:
        self.app.attempts[self.world.link.scenario.name] = attempt
        self._show_lesson()

    def compose(self) -> ComposeResult:
        """The live screen, and the lesson."""
        parts = iter(super().compose())
        yield next(parts)
        with VerticalScroll(id="lesson", can_focus=False):
            yield Static("", id="lesson-text")
        yield from parts

    def on_mount(self) -> None:
        """Begin where the person is; Textual calls this of every class, the most special one first."""
        self._show_lesson()
        if self.attempt.stage == "predict":
            self._begin()

    # --- the panel ----------------------------------------------------------------------------------------------

    def _show_lesson(self) -> None:
        attempt, lesson = self.attempt, self.lesson
        words = {"predict": "predict", "act": "your turn", "debrief": "done" if attempt.passed else "debrief"}
        text = Text(f"LESSON {lesson.number} {words[attempt.stage]}", style="bold")
        text.append(f"  K check  A hint {attempt.hints}/{len(lesson.hints)}  L more  ", style="not bold dim")
        if attempt.passed:
            text.append(f"{'*' * attempt.stars} {attempt.points(lesson)} points  ")
        if self._stop is not None:
            text.append(f"{self._stop.say}  ")  # in full, which the line of messages has no room for
        text.append(lesson.goal if attempt.stage == "predict" else lesson.task, style="not bold")
        self.query_one("#lesson-text", Static).update(text)

    def paint(self) -> None:
        """The world, and at a stop what is to be seen there."""
        super().paint()
        before, state = self._stop, self.world.state
        waits = self.attempt.stage == "act" and not state.running
        self._stop = next((each for each in self.lesson.stops if waits and each.at == state.seen), None)
        if self._stop is not None:
            self.say(self._stop.say, "pending")
        if self._stop is not before:
            self._show_lesson()

    # --- predicting ---------------------------------------------------------------------------------------------

    @work(group="lesson")  # driving the world starts a group anew
    async def _begin(self) -> None:
        scenario = self.world.link.scenario
        about: list[TextLine] = [
            ((scenario.title, "title"),),
            ((scenario.summary, ""),),
            (("", ""),),
            (("Goal  ", "title"), (self.lesson.goal, "")),
        ]
        await self.app.push_screen_wait(Read(f"Lesson {self.lesson.number}", about))
        for place, question in enumerate(self.lesson.predict, 1):
            title = f"Predict {place} of {len(self.lesson.predict)}"
            answer = await self._ask_question(title, question)
            if answer is not None:
                self.attempt = self.attempt.answered(question, answer)
        truths = await self.slowly("playing the story untouched", lambda: self.world.ask_all(asks.reveal))
        self.attempt = self.attempt.revealed(truths)
        if truths:
            await self.app.push_screen_wait(Read("What came", self._told_lines()))
        await self.app.push_screen_wait(Read("Your turn", self._task_lines()))
        self._to_next_stop()

    async def _ask_question(self, title: str, question: Question) -> str | None:
        if question.choices and not question.in_order and not question.several:
            choices = [Choice(each.name, each.says) for each in question.choices]
            return await self.app.push_screen_wait(Choose(title, choices, question.ask))

        def fault(text: str) -> str | None:
            try:
                read_answer(question, text)
            except BadAnswer as error:
                return str(error)
            return None

        listed = "".join(f"\n{place} {each.says}" for place, each in enumerate(question.choices, 1))
        how = "\nnumbers with commas: 2,1,3" if question.in_order else ""
        how = "\nall that are right: numbers with commas" if question.several else how
        return await self.app.push_screen_wait(Ask(title, question.ask + listed + how, check=fault))

    def _told_lines(self) -> list[TextLine]:
        """What came, beside what was said."""
        lines: list[TextLine] = []
        for question, truth in zip(self.lesson.predict, self.attempt.truths, strict=True):
            lines.append(((question.ask, "title"),))
            given = self.attempt.answers.get(question.name)
            if given is not None:
                good = is_right(given, truth)
                mark = ("as it came", "state--ok") if good else ("it came otherwise", "state--pending")
                lines.append((("  you said: ", "key"), (f"{answer_text(question, given)}, ", ""), mark))
            lines.append((("  it came:  ", "key"), (truth.said, "")))
            if question.because:
                lines.append(((f"  {question.because}", "dim"),))
            lines.append((("", ""),))
        return lines

    def _task_lines(self) -> list[TextLine]:
        allowed = ", ".join(self.lesson.allow) or "anything"
        return [
            ((self.lesson.task, ""),),
            (("", ""),),
            ((f"It may be done with {allowed}. The run pauses at each stop;", "dim"),),
            (("space goes on, K checks, A gives a hint, b goes to another delivery's world.", "dim"),),
            *(((f"t={format_duration(stop.at):<6} ", "key"), (stop.say, "")) for stop in self.lesson.stops),
        ]

    def _to_next_stop(self) -> None:
        stop = self.world.ask(asks.next_stop)
        if stop is not None:
            self.world.ask(Session.go_to, stop)
            self._go()

    # --- acting -------------------------------------------------------------------------------------------------

    def _may_use(self, tool: str) -> bool:
        if not self.lesson.allow or tool in self.lesson.allow:
            return True
        self.say(f"this lesson is to be solved with {' and '.join(self.lesson.allow)}", "pending")
        return False

    def _carry_out(self, command: Typed) -> None:
        if self._may_use(command.program):
            super()._carry_out(command)

    @work
    async def action_inject(self) -> None:
        """A fault, where the lesson lets one."""
        if self._may_use("fault"):
            super().action_inject()

    @work
    async def action_hint(self) -> None:
        """The next hint, and those before."""
        self.attempt = self.attempt.hinted(self.lesson)
        given = self.lesson.hints[: self.attempt.hints]
        lines: list[TextLine] = [((f"{place}  ", "key"), (hint, "")) for place, hint in enumerate(given, 1)]
        await self.app.push_screen_wait(Read(f"Hint {len(given)} of {len(self.lesson.hints)}", lines))

    @work
    async def action_lesson(self) -> None:
        """All of it so far."""
        lines: list[TextLine] = [(("Goal  ", "title"), (self.lesson.goal, "")), (("", ""),)]
        if self.attempt.truths:
            lines += self._told_lines()
        if self.attempt.stage != "predict":
            lines += self._task_lines()
        await self.app.push_screen_wait(Read(f"Lesson {self.lesson.number}", lines))

    @work
    async def action_predict(self) -> None:
        """Predictions belong before the reveal."""
        if self.attempt.stage == "predict":
            self._begin()
        else:
            self.say("it has been told already what comes: L shows it", "pending")

    @work
    async def action_restart(self) -> None:
        """From the beginning."""
        note = "What was done by hand in this story's worlds is gone then, and so are its branches."
        if await self.app.push_screen_wait(confirm("Begin the story again?", "Again", note)) == "yes":
            await self.slowly("beginning again", lambda: self.world.ask_all(asks.again))
            self.world.refresh()
            self._to_next_stop()
            self.paint()

    # --- judging ------------------------------------------------------------------------------------------------

    @work
    async def action_check(self) -> None:
        """Play every world to its end, and judge."""
        if self.attempt.stage == "predict":
            self.say("first say what you expect: P asks", "pending")
            return
        found, scores = await self.slowly("playing to the end", lambda: self.world.ask_all(asks.check))
        self.world.refresh()
        self.attempt = self.attempt.judged(found, scores)
        self.paint()
        passed = self.attempt.passed
        title = "Passed" if passed else "Not yet"
        lines = asks.outcome_lines(found)
        if not passed:
            lines += [
                (("", ""),),
                (("A gives a hint, z takes the last deed back, R begins the story again.", "dim"),),
            ]
        await self.app.push_screen_wait(Read(title, lines))
        if passed:
            self.app.reached.passed(
                self.world.link.scenario.name, self.attempt.points(self.lesson), self.attempt.stars
            )
            await self._debrief()

    @work
    async def action_debrief(self) -> None:
        """What happened and why; before the checks passed that means giving up, and is asked about."""
        if not self.attempt.passed:
            note = "The debrief tells what to do. The lesson can be taken again, from the gallery."
            if await self.app.push_screen_wait(confirm("Give up?", "Debrief", note)) != "yes":
                return
            self.attempt = self.attempt.given_up()
        await self._debrief()

    async def _debrief(self) -> None:
        attempt, lesson = self.attempt, self.lesson
        lines: list[TextLine] = [((lesson.explain, ""),)]
        for what, chain in await self.slowly("looking for causes", lambda: self.world.ask_all(asks.chains)):
            lines += [(("", ""),), ((f"Why {what}", "title"),)]
            lines += [((line, ""),) for line in chain.splitlines()]
        lines.append((("", ""),))
        for score in attempt.scores if attempt.passed else ():
            lines.append(dim(f"       {score.said}: {score.points} of {score.most} points"))
        lines.append((("Score  ", "title"), (score_line(attempt, lesson), "")))
        code = code_of(self.world.link.scenario)
        if code:
            lines.append(
                (("Share  ", "title"), (f"kcsim tui {code}", "key"), (" is this challenge again", ""))
            )
        self.world.refresh()
        self.paint()
        await self.app.push_screen_wait(Read("Debrief", lines))
        best = self.app.reached.fault
        ending = format_duration(self.world.state.end)
        self.say(best or f"t={ending}: [ goes back in time, R begins again, esc leads to the gallery", "ok")
