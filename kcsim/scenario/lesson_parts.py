"""The parts of a lesson that others look at: what it asks of a trace as expectations, and its story with deeds in it.

**Walk:** `lesson_expectations` gives checks, choices and the windows of numbers, those of the score too -> a play follows their expressions from its
beginning -> `lessons` asks it. `with_deeds` is the story as a learner's deeds make it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from kcsim.scenario.model import Expectation, Number, Question, Scenario, TimelineEntry

TOOLS = {
    "kubectl": "kubectl",
    "apply": "kubectl",
    "commit": "git",
    "revert": "git",
    "rerun": "gh",
    "flux": "flux",
    "argocd": "argocd",
    "fault": "fault",
}
"""What an entry of a timeline does -> the word of `allow` that permits it."""


def lesson_expectations(scenario: Scenario) -> tuple[Expectation, ...]:
    """Everything that the lesson of a scenario will ask of a play; () when it is no lesson."""
    lesson = scenario.lesson
    if lesson is None:
        return ()
    return (
        *lesson.checks,
        *(part for question in lesson.predict for part in _asked(question)),
        *(window_of(criterion.name, criterion.number) for criterion in lesson.score),
    )


def _asked(question: Question) -> Iterator[Expectation]:
    yield from question.choices
    if question.number is not None:
        yield window_of(question.name, question.number)


def window_of(name: str, number: Number) -> Expectation:
    """The window in which a number is read, as the expectation that opens and closes with it."""
    return Expectation(
        name=name,
        eventually=number.expression,
        after=number.after,
        until=number.until,
        source=number.source,
    )


def with_deeds(scenario: Scenario, deeds: Iterable[TimelineEntry]) -> Scenario:
    """The story with things done in it, each at its time; it is no lesson any more."""
    timeline = tuple(sorted([*scenario.timeline, *deeds], key=lambda entry: entry.at))
    return replace(scenario, timeline=timeline, lesson=None)


def refusal(scenario: Scenario, entry: TimelineEntry) -> str | None:
    """Why the lesson does not let this be done by hand; None when it does."""
    lesson = scenario.lesson
    if lesson is None or not lesson.allow:
        return None
    word = next((TOOLS.get(name, "") for name in entry.action_names()), "")
    if word in lesson.allow:
        return None
    return f"this lesson is to be solved with {' and '.join(lesson.allow)}"
