"""Checks of a lesson: questions that can be answered, numbers that can be read, checks and solutions that fit."""

from collections.abc import Iterable
from typing import Final

from kcsim.api.catalog import Catalog
from kcsim.scenario.contents import at, key_at
from kcsim.scenario.diagnostics import Report, did_you_mean
from kcsim.scenario.expectation_checks import Checker, names_of
from kcsim.scenario.expressions import Names, operands, parse_expression
from kcsim.scenario.lesson_parts import refusal, window_of
from kcsim.scenario.manifest_checks import Objects
from kcsim.scenario.model import Criterion, Expectation, Lesson, Number, Part, Question, Scenario, Solution

_NUMBERS: Final = ("value", "least", "most", "when", "changes")
_CHOICES_MIN: Final = 2


def check_lesson(
    scenario: Scenario, lesson: Lesson, objects: Objects, catalog: Catalog, report: Report
) -> None:
    """Add every fault of a scenario's lesson to the report."""
    names = names_of(scenario, catalog)

    def demand(expectation: Expectation) -> Checker:
        return Checker(scenario, expectation, objects, names, report)

    _unique(lesson.predict, "question", report)
    _unique(lesson.checks, "check", report)
    for check in lesson.checks:
        demand(check).check()
    for question in lesson.predict:
        _check_question(question, report)
        for choice in question.choices:
            demand(choice).check()
    _unique(lesson.score, "criterion", report)
    asking: tuple[Question | Criterion, ...] = (*lesson.predict, *lesson.score)
    for each in asking:
        if each.number is not None:
            checker = demand(window_of(each.name, each.number)) if _has_kind(each.number) else None
            asked = isinstance(each, Question)
            _check_number(scenario, each.number, checker, names, report, asked=asked)
    for criterion in lesson.score:
        if criterion.best >= criterion.worst:
            message = "the best value is not below the worst"
            report.add("KC105", at(criterion, "best"), message, "The smaller the better.")
    _check_moments(scenario, lesson, report)
    for cause in lesson.why:
        place = f', "{cause.namespace}"' if cause.namespace != "default" else ""
        Checker(scenario, Expectation(name="why", source=cause.source), objects, names, report).expression(
            "object", f'exists("{cause.object}"{place})'
        )
        _check_delivery(scenario, cause, "delivery", cause.delivery, report)
    for field in ("reference", "wrong"):
        _check_solution(scenario, lesson, getattr(lesson, field), field == "reference", report)


def _check_question(question: Question, report: Report) -> None:
    if bool(question.choices) == (question.number is not None):
        message = f"question '{question.name}' needs choices or a number, and not both"
        report.add("KC105", at(question), message, "Write `choices` or `number`.")
    elif question.choices and len(question.choices) < _CHOICES_MIN:
        report.add("KC105", key_at(question, "choices"), "one choice is no question", "Add another one.")
    _unique(question.choices, "choice", report)
    if question.several and (question.in_order or not question.choices):
        report.add("KC105", key_at(question, "several"), "several goes with choices, and not with `inOrder`")
    if question.in_order:
        odd = next((choice for choice in question.choices if choice.eventually is None), None)
        if odd is not None or not question.choices:
            where = at(odd) if odd is not None else key_at(question, "inOrder")
            report.add("KC105", where, "what is put in order has a moment: it says `eventually`")


def _has_kind(number: Number) -> bool:
    return any(getattr(number, kind) is not None for kind in _NUMBERS)


def _check_number(
    scenario: Scenario, number: Number, checker: Checker | None, names: Names, report: Report, *, asked: bool
) -> None:
    kinds = [kind for kind in _NUMBERS if getattr(number, kind) is not None]
    if len(kinds) != 1 or checker is None:
        found = " and ".join(kinds) or "none of them"
        message = f"a number is one of {', '.join(_NUMBERS)}; this one says {found}"
        report.add("KC105", at(number), message, "Keep one.")
        return
    checker.expression(number.kind, number.expression)
    checker.trigger("after", number.after)
    checker.trigger("until", number.until)
    expression, _ = parse_expression(number.expression, names)
    if expression is not None and number.kind != "when":
        parts = operands(number.expression, names)
        if [part.text for part in parts] != [" ".join(number.expression.split())]:
            message = f"`{number.kind}` reads one look-up; this computes something from it"
            report.add("KC402", at(number, number.kind), message, 'Write ready("deployment/web"), say.')
    if asked and number.kind == "when" and not number.tolerance:
        message = "nobody can name an instant to the microsecond"
        report.add("KC105", at(number), message, "Give a `tolerance`, in seconds.")
    if number.at is not None and number.kind != "value":
        report.add("KC105", key_at(number, "at"), "`at` goes with `value` only", "Use `after` and `until`.")
    if number.at is not None and number.at > scenario.until:
        report.add("KC302", at(number, "at"), "this is later than `until`, the end of the run")
    for field in ("delivery", "minus"):
        _check_delivery(scenario, number, field, getattr(number, field), report)


def _check_delivery(scenario: Scenario, part: Part, field: str, name: str | None, report: Report) -> None:
    if name is not None and name not in scenario.deliveries:
        remedy = did_you_mean(name, scenario.deliveries, "deliveries")
        report.add("KC206", at(part, field), f"no delivery '{name[:60]}'", remedy)


def _check_moments(scenario: Scenario, lesson: Lesson, report: Report) -> None:
    before = 0
    for stop in lesson.stops:
        if stop.at < before:
            report.add("KC301", at(stop, "at"), "this stop is earlier than the one before it")
        if stop.at > scenario.until:
            report.add("KC302", at(stop, "at"), "this stop is later than `until`, the end of the run")
        before = stop.at
    for cause in lesson.why:
        if cause.at is not None and cause.at > scenario.until:
            report.add("KC302", at(cause, "at"), "this is later than `until`, the end of the run")


def _check_solution(
    scenario: Scenario, lesson: Lesson, solution: Solution, good: bool, report: Report
) -> None:
    known = [check.name for check in lesson.checks]
    for index, name in enumerate(solution.fails):
        if name not in known:
            where = at(solution, "fails", index)
            report.add("KC104", where, f"no check '{name[:60]}'", did_you_mean(name, known, "checks"))
    if good == bool(solution.fails):
        message = "the reference passes every check" if good else "the wrong solution says what it fails"
        where = key_at(solution, "fails") if good else at(solution)
        report.add("KC105", where, message, "Leave `fails` out." if good else "Add `fails: [check]`.")
    for entry in solution.actions:
        why = refusal(scenario, entry)
        if why is not None:
            report.add("KC104", at(entry), why, "Add it to `allow`, or do something else.")


def _unique(parts: Iterable[Part], what: str, report: Report) -> None:
    seen: set[str] = set()
    for part in parts:
        name = str(getattr(part, "name", ""))
        if name in seen:
            report.add("KC106", at(part, "name"), f"there is another {what} '{name[:60]}' above")
        seen.add(name)
