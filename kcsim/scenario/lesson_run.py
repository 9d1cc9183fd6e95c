"""A lesson taken from code: ``kcsim.lesson("hand-edit")``. The command line goes through the same door.

    run = kcsim.lesson("hand-edit")
    run.answer("who", "flux")
    run.reveal()                                   # what came when nobody laid a hand on it
    run.run_until("5m")
    run.act("kubectl patch kustomization shop -n flux-system ...", delivery="flux")
    run.check()                                    # plays to the end, and asks the trace
    run.chains()

**Walk:** `Attempt` says how far it is, and the worlds of the learner stand beside it; each verb moves both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from kcsim.engine.clock import to_seconds
from kcsim.scenario import gh_lines, git_lines, lessons
from kcsim.scenario.bind import Binder
from kcsim.scenario.check import check
from kcsim.scenario.contents import at
from kcsim.scenario.diagnostics import Position, Report, ScenarioError, did_you_mean
from kcsim.scenario.lesson_parts import refusal, with_deeds
from kcsim.scenario.lessons import Attempt, BadAnswer, Outcome, Truth
from kcsim.scenario.load import load
from kcsim.scenario.model import Lesson, Part, Question, Scenario, TimelineEntry
from kcsim.scenario.shapes import record_of
from kcsim.scenario.shipped import of_code
from kcsim.scenario.values import Json
from kcsim.scenario.yamltree import parse
from kcsim.simulation.simulation import Time

LEARNER = "you"
"""Who acts: a user of the cluster with an administrator's kubeconfig."""


@dataclass(frozen=True, kw_only=True)
class Answers(Part):
    """What a learner says and does, written down: what ``kcsim lesson --answers`` reads."""

    answers: Annotated[Mapping[str, Json], "Predictions: question -> answer."] = field(default_factory=dict)
    actions: Annotated[tuple[TimelineEntry, ...], "What is done, as in a timeline."] = ()


def read_answers(scenario: Scenario, text: str, file: str) -> Answers:
    """Answers from YAML, checked against the lesson they answer.

    Raises:
        ScenarioError: with every fault, each with its place.
    """
    report = Report()
    tree = parse(text, file, report)
    given = Binder(report).record(tree, record_of(Answers), "answers") if tree is not None else Answers()
    if isinstance(given, Answers) and not report.errors:
        _check_answers(scenario, given, report)
    if report.errors or not isinstance(given, Answers):
        raise ScenarioError(report.errors)
    return given


def _check_answers(scenario: Scenario, given: Answers, report: Report) -> None:
    questions = {question.name: question for question in lessons.lesson_of(scenario).predict}
    for name, value in given.answers.items():
        if name not in questions:
            where = given.source.key_at("answers", name) if given.source is not None else Position("answers")
            report.add(
                "KC104", where, f"no question '{name[:60]}'", did_you_mean(name, questions, "questions")
            )
            continue
        try:
            lessons.read_answer(questions[name], _text(value))
        except BadAnswer as error:
            report.add("KC104", at(given, "answers", name), str(error), "Answer as the question asks.")
    for entry in given.actions:
        why = refusal(scenario, entry)
        if why is not None:
            report.add("KC104", at(entry), why, "Do it in another way.")
    if not report.errors:
        played = Report()
        check(with_deeds(scenario, given.actions), played)
        for fault in played.errors:
            report.add(fault.code, fault.position, fault.message, fault.remedy)


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


class LessonRun:
    """Somebody's way through one lesson.

    Attributes:
        scenario: the story as it is played, with the seed and what the lesson hides.
        lesson: its lesson.
        attempt: how far it has come.
        worlds: {delivery: world} of the learner's own.
    """

    def __init__(self, scenario: Scenario) -> None:
        """Of a story as ``lessons.prepared`` gives it."""
        self.scenario = scenario
        self.lesson: Lesson = lessons.lesson_of(scenario)
        self.attempt = Attempt()
        self.worlds = lessons.open_worlds(scenario)

    @property
    def questions(self) -> tuple[Question, ...]:
        """What is to be predicted."""
        return self.lesson.predict

    # --- predicting ---------------------------------------------------------------------------------------------

    def answer(self, question: str, text: object) -> None:
        """Predict: the name or number of a choice, names in order with commas between them, a number, ``never``.

        Raises:
            BadAnswer: no such question, or no answer to it.
            ValueError: it has been revealed already.
        """
        if self.attempt.truths:
            raise ValueError("what came has been told already: begin the lesson anew to predict")
        found = {each.name: each for each in self.questions}
        if question not in found:
            raise BadAnswer(f"no question {question!r}: {did_you_mean(question, found, 'questions')}")
        self.attempt = self.attempt.answered(found[question], _text(text))

    def reveal(self) -> tuple[Truth, ...]:
        """What comes when nobody lays a hand on the story; from now on it is the learner's turn."""
        if self.attempt.stage == "predict":
            self.attempt = self.attempt.revealed(lessons.untouched(self.scenario))
        return self.attempt.truths

    # --- acting -------------------------------------------------------------------------------------------------

    def run_until(self, when: Time) -> None:
        """Let time pass in every world of the learner's."""
        for world in self.worlds.values():
            world.run_until(when)

    def act(self, line: str | TimelineEntry, delivery: str | None = None) -> None:
        """Do something now: a line of kubectl, flux, argocd, git or gh, or an entry of a timeline.

        Args:
            line: ``kubectl scale ...``, ``git revert HEAD``, ``sed -i 's/OLD/NEW/' FILE && git commit -am MESSAGE``.
            delivery: in whose world; in all of them when None.

        Raises:
            ValueError: the lesson does not allow it, or it cannot be read.
        """
        names = [delivery] if delivery is not None else list(self.worlds)
        for name in names:
            if name not in self.worlds:
                raise ValueError(f"no world {name!r}: {did_you_mean(name, self.worlds, 'worlds')}")
            world = self.worlds[name]
            entry = self._entry(world, line) if isinstance(line, str) else line
            why = refusal(self.scenario, entry)
            if why is not None:
                raise ValueError(why)
            world.act(entry)

    def _entry(self, world: Any, line: str) -> TimelineEntry:
        program, _, rest = line.strip().partition(" ")
        if program in {"git", "sed"}:
            return git_lines.entry_of(world, rest.strip() if program == "git" else line.strip(), LEARNER)
        if program == "gh":
            return gh_lines.entry_of(world, rest.strip(), LEARNER)
        if program in {"kubectl", "flux", "argocd"}:
            return TimelineEntry(at=world.engine.now, as_=LEARNER, **{program: rest.strip()})  # type: ignore[arg-type]
        raise ValueError(
            f"{program[:40]!r} is no command here: kubectl, flux, argocd, git, gh, or sed before a git commit"
        )

    def hint(self) -> str:
        """The next hint; each costs a fifth of the points. After the last one, that again."""
        self.attempt = self.attempt.hinted(self.lesson)
        return self.lesson.hints[self.attempt.hints - 1] if self.lesson.hints else "this lesson has no hints"

    def again(self) -> None:
        """From the beginning of the story, with worlds nobody has touched."""
        self.worlds = lessons.open_worlds(self.scenario)

    # --- judging ------------------------------------------------------------------------------------------------

    def check(self) -> tuple[Outcome, ...]:
        """Play the learner's worlds to their end, and judge them."""
        lessons.finish(self.worlds)
        self.attempt = self.attempt.judged(
            lessons.outcomes(self.scenario, self.worlds), lessons.scores(self.scenario, self.worlds)
        )
        return self.attempt.outcomes

    def give_up(self) -> None:
        """On to the debrief."""
        self.attempt = self.attempt.given_up()

    def chains(self) -> tuple[tuple[str, str], ...]:
        """The causal chains of the debrief, of the learner's worlds at their end."""
        lessons.finish(self.worlds)
        return lessons.chains(self.scenario, self.worlds)

    # --- all at once --------------------------------------------------------------------------------------------

    def play(self, given: Answers) -> tuple[Outcome, ...]:
        """Predict, reveal, act and be judged as written down."""
        self.answer_all(given)
        self.reveal()
        self.act_all(given)
        return self.check()

    def answer_all(self, given: Answers) -> None:
        """Every prediction that is written down."""
        for name, value in given.answers.items():
            self.answer(name, value)

    def act_all(self, given: Answers) -> None:
        """Every action that is written down, at its time, in worlds of its own."""
        story = replace(with_deeds(self.scenario, given.actions), lesson=self.lesson)
        self.worlds = lessons.open_worlds(story)

    def result(self) -> dict[str, Any]:
        """What ``kcsim lesson --json`` prints: stage, score, predictions, checks; times in virtual seconds."""
        right, made = self.attempt.predicted
        answers = self.attempt.answers
        return {
            "lesson": self.scenario.name,
            "seed": self.scenario.seed,
            "stage": self.attempt.stage,
            "passed": self.attempt.passed,
            "stars": self.attempt.stars,
            "points": self.attempt.points(self.lesson),
            "most_points": self.lesson.most_points,
            "code": lessons.code_of(self.scenario),
            "hints": self.attempt.hints,
            "predictions": {"right": right, "made": made},
            "questions": [
                {
                    "name": truth.question,
                    "answer": answers.get(truth.question),
                    "right": lessons.is_right(answers[truth.question], truth)
                    if truth.question in answers
                    else None,
                    "came": truth.said,
                    "seen": list(truth.seen),
                }
                for truth in self.attempt.truths
            ],
            "score": [
                {"name": s.name, "said": s.said, "points": s.points, "most": s.most}
                for s in self.attempt.scores
            ],
            "checks": [
                {"name": o.check, "delivery": o.delivery, "passed": o.passed, "why": o.why, "note": o.note}
                for o in self.attempt.outcomes
            ],
        }

    def __repr__(self) -> str:
        now = max(to_seconds(world.engine.now) for world in self.worlds.values())
        what = "passed" if self.attempt.passed else self.attempt.stage
        return f"<LessonRun {self.scenario.name} {what} t={now:g}s seed={self.scenario.seed}>"


def lesson(path_or_name: str | int | Path, seed: int | None = None) -> LessonRun:
    """A lesson at its beginning, by name (``04-hand-edit``), number (``4``), code (``16-challenge:9``), or file.

    Raises:
        ScenarioError: it cannot be read, or is no lesson.
    """
    named = str(path_or_name) if isinstance(path_or_name, int) else path_or_name
    if isinstance(named, str):
        named, coded = of_code(named)
        seed = coded if seed is None else seed
    return LessonRun(lessons.prepared(load(named), seed))


def solution_named(scenario: Scenario, name: str) -> Answers | None:
    """The lesson's own ``reference`` or ``wrong`` solution; None for any other name."""
    if name not in {"reference", "wrong"}:
        return None
    return Answers(actions=getattr(lessons.lesson_of(scenario), name).actions)
