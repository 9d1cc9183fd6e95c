"""Lessons: predict, see the untouched story, change one's own run of it, and have the trace say whether that worked.

What is right is computed from traces and never written down, so that a lesson cannot get out of date (reference: ux C3).
Predictions cost nothing; a hint costs a fifth of the points. Deeds are judged by what came of them: any way will do.

**Walk:** `Attempt` at "predict" -> answers -> `truths` of the untouched worlds, "act" -> deeds in worlds of one's own ->
`outcomes` of the checks there -> `finished`, "debrief" -> `chains` of causes. `Attempt` is a value; nothing here keeps state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from kcsim.engine.clock import to_seconds
from kcsim.scenario.diagnostics import Diagnostic, Position, ScenarioError, did_you_mean
from kcsim.scenario.expectations import Window
from kcsim.scenario.lesson_parts import window_of
from kcsim.scenario.model import Choice, Criterion, Lesson, Number, Question, Scenario
from kcsim.scenario.play import Play
from kcsim.scenario.schedules import QUIET, draw
from kcsim.scenario.signals import Signal
from kcsim.simulation.finding import NotFound

Stage = Literal["predict", "act", "debrief"]
Worlds = Mapping[str, Play]
"""delivery -> its world; "" for a story without deliveries."""

NEVER = "never"
STARS = 3


class BadAnswer(ValueError):
    """An answer that answers nothing; the message says what would."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What the trace answers to one question.

    Attributes:
        question: its name.
        right: the answers that are right, as `Attempt.answered` keeps them: names of choices (in order or several: one text,
            joined by commas), or a number.
        said: the same in words.
        seen: what was seen in the worlds, a line each.
    """

    question: str
    right: tuple[str, ...]
    said: str
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one check in one world of the learner's."""

    check: str
    delivery: str
    passed: bool
    why: str
    note: str


@dataclass(frozen=True, slots=True)
class Score:
    """What a criterion came to in the learner's run, and what that is worth."""

    name: str
    said: str
    points: int
    most: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """How far somebody has come with a lesson.

    Attributes:
        stage: what comes next: predict, act, debrief.
        answers: {question: answer}, as given.
        truths: what came; () before the reveal.
        hints: how many were taken.
        tries: how often the checks were asked.
        outcomes: of the last time.
        scores: of the last time.
    """

    stage: Stage = "predict"
    answers: Mapping[str, str] = field(default_factory=dict)
    truths: tuple[Truth, ...] = ()
    hints: int = 0
    tries: int = 0
    outcomes: tuple[Outcome, ...] = ()
    scores: tuple[Score, ...] = ()

    def answered(self, question: Question, text: str) -> "Attempt":
        """With an answer to a question.

        Raises:
            BadAnswer: the text is none of the answers.
        """
        return replace(self, answers={**self.answers, question.name: read_answer(question, text)})

    def revealed(self, truths: Sequence[Truth]) -> "Attempt":
        """With what really came: now it is the learner's turn."""
        return replace(self, truths=tuple(truths), stage="act")

    def hinted(self, lesson: Lesson) -> "Attempt":
        """With one more hint, as long as there are any."""
        return replace(self, hints=min(self.hints + 1, len(lesson.hints)))

    def judged(self, found: Sequence[Outcome], scores: Sequence[Score] = ()) -> "Attempt":
        """With what the checks say of the learner's run: passed, it is over; else one may try again."""
        passed = bool(found) and all(outcome.passed for outcome in found)
        stage: Stage = "debrief" if passed else "act"
        return replace(self, outcomes=tuple(found), scores=tuple(scores), tries=self.tries + 1, stage=stage)

    def given_up(self) -> "Attempt":
        """On to the debrief without having passed."""
        return replace(self, stage="debrief")

    @property
    def passed(self) -> bool:
        """Whether the checks were passed."""
        return self.stage == "debrief" and bool(self.outcomes) and all(o.passed for o in self.outcomes)

    @property
    def stars(self) -> int:
        """3 for passing without a hint, one less for each hint."""
        return max(0, STARS - self.hints) if self.passed else 0

    def points(self, lesson: Lesson) -> int:
        """What it is worth so far: for passing, and for how well; a fifth less for each hint."""
        reached = lesson.points + sum(score.points for score in self.scores)
        return reached * max(0, 5 - self.hints) // 5 if self.passed else 0

    @property
    def predicted(self) -> tuple[int, int]:
        """(predictions that came so, predictions made)."""
        made = [truth for truth in self.truths if truth.question in self.answers]
        return sum(is_right(self.answers[truth.question], truth) for truth in made), len(made)


# Answers.


def read_answer(question: Question, text: str) -> str:
    """An answer as it is kept: the name of a choice, names joined by commas, a number, or never.

    Choices may be named by their numbers, from 1.

    Raises:
        BadAnswer: it is none of them.
    """
    text = text.strip()
    if question.number is not None:
        if text.lower() == NEVER and question.number.kind == "when":
            return NEVER
        body = text.removesuffix(question.number.unit).strip()
        try:
            return f"{float(body):g}"
        except ValueError:
            more = ", or never" if question.number.kind == "when" else ""
            raise BadAnswer(f"{text[:40]!r} is no number: write one ({question.number.unit}){more}") from None
    names = [choice.name for choice in question.choices]
    words = text.replace(",", " ").split() if question.in_order or question.several else [text]
    chosen = [names[int(w) - 1] if w.isdigit() and 0 < int(w) <= len(names) else w for w in words]
    unknown = next((word for word in chosen if word not in names), None)
    if unknown is not None:
        raise BadAnswer(f"{unknown[:40]!r} is no answer: {did_you_mean(unknown, names, 'answers')}")
    if question.in_order and sorted(chosen) != sorted(names):
        raise BadAnswer(f"put all {len(names)} in order, each once: {', '.join(names)}")
    if question.several:
        chosen = [name for name in names if name in chosen]
    return ",".join(chosen)


def is_right(answer: str, truth: Truth) -> bool:
    """Whether an answer is what came."""
    return answer in truth.right or any(_near(answer, right) for right in truth.right)


def _near(answer: str, right: str) -> bool:
    low, dots, high = right.partition("..")
    return bool(dots) and answer != NEVER and float(low) <= float(answer) <= float(high)


def answer_text(question: Question, answer: str) -> str:
    """An answer in words."""
    if question.number is not None:
        return answer if answer == NEVER else f"{answer} {question.number.unit}"
    says = {choice.name: choice.says for choice in question.choices}
    return (", then " if question.in_order else "; ").join(says[name] for name in answer.split(","))


# What the trace says.


def truths(scenario: Scenario, worlds: Worlds) -> tuple[Truth, ...]:
    """What comes in worlds that have come to their end, question by question."""
    lesson = lesson_of(scenario)
    return tuple(_truth(question, worlds) for question in lesson.predict)


def _truth(question: Question, worlds: Worlds) -> Truth:
    if question.number is not None:
        return _numbered(question, question.number, worlds)
    if question.in_order:
        return _ordered(question, worlds)
    found = [choice for choice in question.choices if _comes_so(choice, worlds)]
    said = ("; " if question.several else " / ").join(choice.says for choice in found) or "none of these"
    seen = tuple(line for choice in found for line in _seen(choice, worlds))
    names = tuple(choice.name for choice in found)
    return Truth(question.name, (",".join(names),) if question.several else names, said, seen)


def _comes_so(choice: Choice, worlds: Worlds) -> bool:
    verdicts = [world.judged([choice])[0] for world in worlds.values()]
    judged = [verdict for verdict in verdicts if verdict.expected != "not judged"]
    return bool(judged) and all(verdict.passed for verdict in judged)


def _seen(choice: Choice, worlds: Worlds) -> list[str]:
    told = []
    for name, world in worlds.items():
        verdict = world.judged([choice])[0]
        if verdict.expected != "not judged":
            told.append(f"{name}: {verdict.why}" if name else verdict.why)
    return told


def _ordered(question: Question, worlds: Worlds) -> Truth:
    world = next(iter(worlds.values()))
    moments = []
    for place, choice in enumerate(question.choices):
        verdict = world.judged([choice])[0]
        if verdict.at is not None and verdict.held:
            moments.append((verdict.record.seq if verdict.record is not None else 0, place, verdict.at))
    moments.sort(key=lambda moment: (moment[2], moment[0], moment[1]))
    names = [question.choices[place].name for _, place, _ in moments]
    seen = tuple(f"t={at:g}s {question.choices[place].says}" for _, place, at in moments)
    return Truth(
        question.name,
        (",".join(names),),
        ", then ".join(question.choices[p].says for _, p, _ in moments),
        seen,
    )


def _numbered(question: Question, number: Number, worlds: Worlds) -> Truth:
    first = next(iter(worlds))
    name = number.delivery or first
    value = number_in(worlds[name], question.name, number)
    seen = [f"{name}: {_written(value, number.unit)}"] if name else []
    if number.minus is not None:
        other = number_in(worlds[number.minus], question.name, number)
        seen.append(f"{number.minus}: {_written(other, number.unit)}")
        value = None if value is None or other is None else value - other
    if value is None:
        return Truth(question.name, (NEVER,), NEVER, tuple(seen))
    low, high = value - number.tolerance, value + number.tolerance
    return Truth(
        question.name, (f"{round(low, 6)}..{round(high, 6)}",), _written(value, number.unit), tuple(seen)
    )


def _written(value: float | None, unit: str) -> str:
    return NEVER if value is None else f"{round(value, 3):g} {unit}".rstrip()


def number_in(world: Play, name: str, number: Number) -> float | None:
    """A number read from one world; None: it never comes, or nothing is there."""
    observed = world.observed(window_of(name, number))
    if not observed:
        return None
    window, signal = observed[0]
    if number.kind == "when":
        first = signal.first(window.opened, window.closes, True)
        return None if first is None else to_seconds(first[0] - window.opened)
    if number.kind == "value":
        sample = signal.at(window.closes if number.at is None else number.at)
        return _plain(sample.values[0]) if sample is not None else None
    values = _values(window, signal)
    if number.kind == "changes":
        return float(max(0, len(values) - 1))
    known = [value for value in map(_plain, values) if value is not None]
    if not known:
        return None
    return min(known) if number.kind == "least" else max(known)


def _values(window: Window, signal: Signal) -> list[object]:
    """What the look-up of a signal gave within a window, each change once."""
    begin = signal.at(window.opened)
    later = [s for s in signal.samples if window.opened < s.time <= window.closes]
    found: list[object] = []
    for sample in ([begin] if begin is not None else []) + later:
        if not found or found[-1] != sample.values[0]:
            found.append(sample.values[0])
    return found


def _plain(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def outcomes(scenario: Scenario, worlds: Worlds) -> tuple[Outcome, ...]:
    """What becomes of the lesson's checks in the learner's worlds, as far as they have come."""
    lesson = lesson_of(scenario)
    return tuple(
        Outcome(verdict.name, name, verdict.passed, verdict.why, verdict.note)
        for name, world in worlds.items()
        for verdict in world.judged(lesson.checks)
        if verdict.expected != "not judged"
    )


def scores(scenario: Scenario, worlds: Worlds) -> tuple[Score, ...]:
    """What the lesson's criteria come to in the learner's worlds."""
    return tuple(_scored(criterion, worlds) for criterion in lesson_of(scenario).score)


def _scored(criterion: Criterion, worlds: Worlds) -> Score:
    number = criterion.number
    world = worlds[number.delivery or next(iter(worlds))]
    if not world.observed(window_of(criterion.name, number)):
        return Score(
            criterion.name, f"{criterion.says}: nothing to count", criterion.points, criterion.points
        )
    value = number_in(world, criterion.name, number)
    if value is None:
        return Score(criterion.name, f"{criterion.says}: {NEVER}", 0, criterion.points)
    share = (criterion.worst - value) / (criterion.worst - criterion.best)
    points = int(criterion.points * min(max(share, 0.0), 1.0))
    return Score(
        criterion.name, f"{criterion.says}: {_written(value, number.unit)}", points, criterion.points
    )


def chains(scenario: Scenario, worlds: Worlds) -> tuple[tuple[str, str], ...]:
    """The causal chains of the debrief: (what is traced back, the chain as text), of worlds at their end."""
    found = []
    for cause in lesson_of(scenario).why:
        name = cause.delivery or next(iter(worlds))
        world = worlds[name]
        past = world if cause.at is None else world.at(to_seconds(cause.at))
        under = f" under {name}" if name else ""
        try:
            chain = str(past.why(cause.object, cause.namespace))
        except NotFound:
            chain = "there is none in this run: what led to it did not happen, or was undone"
        found.append((f"{cause.object}{under}", chain))
    return tuple(found)


def score_line(attempt: Attempt, lesson: Lesson) -> str:
    """Stars, points and predictions in a line."""
    right, made = attempt.predicted
    stars = "*" * attempt.stars or "no star"
    return (
        f"{stars}: {attempt.points(lesson)} of {lesson.most_points} points, {right} of {made} predictions came so, "
        f"{attempt.hints} of {len(lesson.hints)} hints"
    )


def code_of(scenario: Scenario) -> str:
    """What to share so that somebody else meets the same challenge: the name and the seed; "" where nothing is hidden."""
    return f"{scenario.name}:{scenario.seed}" if lesson_of(scenario).hidden_faults else ""


# Playing.


def lesson_of(scenario: Scenario) -> Lesson:
    """The lesson of a scenario.

    Raises:
        ScenarioError: it is none.
    """
    if scenario.lesson is None:
        where = scenario.source.position if scenario.source is not None else Position(scenario.name)
        remedy = "`kcsim list` shows the lessons; `kcsim run` plays any story."
        raise ScenarioError([Diagnostic(where, "KC013", f"'{scenario.name}' is no lesson", remedy)])
    return scenario.lesson


def prepared(scenario: Scenario, seed: int | None = None) -> Scenario:
    """The story as it is played: with the seed, and with the faults that the lesson hides."""
    lesson = lesson_of(scenario)
    seed = scenario.seed if seed is None else seed
    story = replace(scenario, seed=seed)
    if not lesson.hidden_faults:
        return story
    last = scenario.until - QUIET
    drawn = draw(scenario, seed, count=lesson.hidden_faults, end=last, swarm=False)
    timeline = tuple(sorted([*scenario.timeline, *drawn.entries], key=lambda entry: entry.at))
    return replace(story, timeline=timeline)


def open_worlds(scenario: Scenario) -> dict[str, Play]:
    """A world for each delivery, at its beginning."""
    return {name: Play(scenario, name) for name in scenario.deliveries or ("",)}


def finish(worlds: Worlds) -> None:
    """Play worlds to their end."""
    for world in worlds.values():
        world.finish()


def untouched(scenario: Scenario) -> tuple[Truth, ...]:
    """The reveal: what comes when nobody lays a hand on the story."""
    worlds = open_worlds(scenario)
    finish(worlds)
    return truths(scenario, worlds)
