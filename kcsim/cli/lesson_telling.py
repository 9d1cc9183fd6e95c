"""A lesson on the console: what `kcsim lesson` prints, and what it asks where somebody is there.

**Walk:** `begin` -> `reveal` -> `turns`, stop by stop, a line at a time -> `verdict` -> `debrief`.
"""

from collections.abc import Callable

from kcsim.cli.console import Console, wrapped
from kcsim.engine.clock import format_duration, seconds, to_seconds
from kcsim.scenario.lesson_run import Answers, LessonRun
from kcsim.scenario.lessons import BadAnswer, answer_text, code_of, is_right, score_line
from kcsim.scenario.model import Question
from kcsim.scenario.play import Play
from kcsim.simulation.faults import FaultError
from kcsim.simulation.finding import NotFound

HELP = (
    "kubectl ..., flux ..., argocd ..., git revert HEAD, sed -i 's/OLD/NEW/' FILE && git commit -am MESSAGE",
    "hint; why KIND/NAME NAMESPACE; in DELIVERY (whose world; `in all`); wait 30s; go (to the next stop); quit",
)
READS = frozenset({"get", "describe", "logs", "top", "explain", "events", "version"})
ALL = "all"


class Telling:
    """One lesson on one console."""

    def __init__(self, console: Console, run: LessonRun) -> None:
        self.console, self.run, self.lesson = console, run, run.lesson
        self._place: str | None = None

    # --- telling ------------------------------------------------------------------------------------------------

    def _title(self, text: str) -> None:
        self.console.print()
        self.console.print(self.console.paint(text, "bold"))

    def _say(self, text: str, indent: str = "  ") -> None:
        for line in wrapped(text, self.console.width, indent=indent) if text else ():
            self.console.print(line)

    def begin(self) -> None:
        """What the lesson is about, and what it will ask."""
        story = self.run.scenario
        self.console.print(self.console.paint(f"Lesson {self.lesson.number}: {story.title}", "title"))
        self._say(story.summary, "")
        self._title("Goal")
        self._say(self.lesson.goal)
        if self.lesson.predict:
            self._title("Predict")
        for question in self.lesson.predict:
            self._ask(question)

    def _ask(self, question: Question) -> None:
        self._say(question.ask)
        for number, choice in enumerate(question.choices, 1):
            self._say(f"{number}  {choice.says}", "    ")
        if question.in_order or question.several:
            self._say(
                "Numbers with commas: 2,1,3"
                if question.in_order
                else "All that are right: numbers with commas",
                "    ",
            )

    def reveal(self) -> None:
        """What came, beside what was said."""
        truths = self.run.reveal()
        if truths:
            self._title("What came")
        for question, truth in zip(self.lesson.predict, truths, strict=True):
            self._say(question.ask)
            given = self.run.attempt.answers.get(question.name)
            if given is not None:
                came = "as it came" if is_right(given, truth) else "it came otherwise"
                self._say(f"you said: {answer_text(question, given)} ({came})", "    ")
            self._say(f"it came: {truth.said}", "    ")
            self._say(question.because, "    ")

    def task(self) -> None:
        """What is to be done."""
        self._title("Your turn")
        self._say(self.lesson.task)

    def verdict(self) -> None:
        """What the checks say."""
        self._title("Checks")
        for outcome in self.run.attempt.outcomes:
            mark = self.console.paint(*(("✓", "good") if outcome.passed else ("✗", "bad")))
            under = f" under {outcome.delivery}" if outcome.delivery else ""
            self.console.print(f"  {mark} {outcome.check}{under}")
            self._say(outcome.why, "      ")
            if not outcome.passed:
                self._say(outcome.note, "      ")

    def debrief(self) -> None:
        """What happened and why, and the score."""
        attempt = self.run.attempt
        self._title("Debrief")
        self._say(self.lesson.explain)
        for what, chain in self.run.chains():
            self._title(f"Why {what}")
            for line in chain.splitlines():
                self.console.print(f"  {line}")
        self._title("Score")
        for score in attempt.scores if attempt.passed else ():
            self._say(f"{score.said}: {score.points} of {score.most} points")
        self._say(score_line(attempt, self.lesson))
        code = code_of(self.run.scenario)
        if code:
            self._say(f"Share this challenge: kcsim lesson {code}")

    # --- playing ------------------------------------------------------------------------------------------------

    def play(self, given: Answers) -> None:
        """As somebody has written down."""
        self.begin()
        self.run.answer_all(given)
        self.reveal()
        self.task()
        self.run.act_all(given)
        self.run.check()
        self.verdict()
        self.debrief()

    def ask(self) -> None:
        """With somebody at the terminal."""
        self.begin()
        for question in self.lesson.predict:
            self._title("Your prediction")
            self._ask(question)
            self._line("answer, or nothing> ", lambda text, q=question: self._predict(q, text))  # type: ignore[misc]
        self.reveal()
        while True:
            self.task()
            for text in HELP:
                self._say(text, "    ")
            if not self._turns():
                self.run.give_up()
                break
            self.run.check()
            self.verdict()
            if self.run.attempt.passed:
                break
            self._say("Try it again from the beginning of the story; quit leads to the debrief.", "")
            self.run.again()
        self.debrief()

    def _predict(self, question: Question, text: str) -> None:
        if text:
            self.run.answer(question.name, text)

    def _turns(self) -> bool:
        """Stop by stop; False when somebody leaves."""
        for stop in self.lesson.stops:
            if to_seconds(stop.at) > self._now():
                self.run.run_until(to_seconds(stop.at))
            self._title(f"t={format_duration(stop.at)}")
            self._say(stop.say)
            going = True
            while going:
                try:
                    text = input(f"t={self._now():g}s {self._place or ALL}> ").strip()
                except EOFError:
                    return False
                if text in {"quit", "q"}:
                    return False
                going = text not in {"go", ""}
                if going:
                    self._typed(text)
        return True

    def _now(self) -> float:
        return max(world.now for world in self.run.worlds.values())

    def _typed(self, text: str) -> None:
        """One line of the learner's."""
        word, _, rest = text.partition(" ")
        rest = rest.strip()
        try:
            if word == "hint":
                self._say(self.run.hint())
            elif word == "wait":
                self.run.run_until(self._now() + to_seconds(seconds(rest)))
            elif word == "in":
                self._go_in(rest)
            elif word == "why":
                self._why(rest)
            elif word == "kubectl" and rest.split(" ")[0] in READS:
                for name, world in self._here():
                    self._head(name)
                    self.console.print(world.kubectl(rest).text.rstrip())
            else:
                self.run.act(text, self._place)
                self._say("on its way; `wait 10s` lets it happen")
        except (ValueError, NotFound, FaultError) as error:
            self._say(str(error))

    def _here(self) -> list[tuple[str, Play]]:
        return [item for item in self.run.worlds.items() if self._place in {None, item[0]}]

    def _head(self, name: str) -> None:
        if len(self._here()) > 1:
            self._title(name)

    def _go_in(self, name: str) -> None:
        if name != ALL and name not in self.run.worlds:
            raise ValueError(f"the worlds are {', '.join(self.run.worlds)}, and all")
        self._place = None if name == ALL else name

    def _why(self, rest: str) -> None:
        words = rest.replace("-n ", "").split()
        if not words:
            raise ValueError("why what? deployment/web shop, say")
        for name, world in self._here():
            self._head(name)
            self.console.print(str(world.why(words[0], words[1] if len(words) > 1 else None)))

    def _line(self, prompt: str, take: Callable[[str], object]) -> None:
        """A line that is asked for until it can be taken."""
        while True:
            try:
                take(input(prompt).strip())
            except BadAnswer as error:
                self._say(str(error))
            except EOFError:
                return
            else:
                return
