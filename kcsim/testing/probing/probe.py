"""The probe: a reference run, every plan that could matter, and what went wrong under which.

**Walk:** ``probe("story.yaml", "my-operator")`` -> the reference -> its plans -> a run each -> the report. ``try_plan`` runs a
single plan, and ``demand`` does so in a test.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from kcsim.engine.clock import seconds
from kcsim.scenario.model import Scenario
from kcsim.scenario.play import read_scenario
from kcsim.testing.probing.compare import Difference, alone, differences
from kcsim.testing.probing.holds import NotJudged, taken_hold, why_not
from kcsim.testing.probing.plan import PATTERNS, Pattern, Plan, parse
from kcsim.testing.probing.planner import plan_all
from kcsim.testing.probing.report import Report, Violation, grouped
from kcsim.testing.probing.runs import QUIET, NoSuchController, Target, run

Story = str | Path | Scenario
Progress = Callable[[int, int], None]
"""Told (plans run, plans in all) before each run."""

_FIELD = re.compile(r"(\w+:)?[^\s.:]+(\.[^\s.:]+)*")
"""A field's path, with the kind before it where only objects of that kind are meant."""


class NoSuchField(ValueError):
    """What may differ is no field's path."""


def target_of(
    story: Story,
    controller: str = "",
    *,
    delivery: str = "",
    seed: int | None = None,
    quiet: str | float = QUIET / 1_000_000,
    ignore: Iterable[str] = (),
) -> Target:
    """What ``probe``'s arguments mean.

    Raises:
        ScenarioError: the story cannot be read.
        NoSuchController: no controller is named, and the story brings none or several.
        NoSuchField: a field that may differ is no path.
    """
    for path in ignore:
        if not _FIELD.fullmatch(path):
            raise NoSuchField(
                f"{path!r} is no field of an object: write status.lastSeen or configmap:data.seen"
            )
    scenario = story if isinstance(story, Scenario) else read_scenario(story)
    if not controller:
        names = [each.name for each in scenario.controllers]
        if len(names) != 1:
            told = f"brings several: {', '.join(names)}" if names else "brings none of its own"
            raise NoSuchController(f"which controller is to be probed? {scenario.name} {told}")
        controller = names[0]
    return Target(scenario, controller, delivery, seed, seconds(quiet), tuple(ignore))


def probe(
    story: Story,
    controller: str = "",
    *,
    delivery: str = "",
    patterns: Sequence[Pattern] = PATTERNS,
    seed: int | None = None,
    quiet: str | float = QUIET / 1_000_000,
    ignore: Iterable[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Find every way in which a controller goes wrong when it crashes, looks at the past or misses a change.

    Args:
        story: a scenario, its file, or a name of the gallery; ``kcsim.testing.tiny.story`` makes small ones.
        controller: the program to be perturbed; the only one that the story brings when empty.
        delivery: the delivery under which it is played; the first when empty.
        patterns: which perturbations: ``intermediate``, ``stale``, ``unobserved``.
        seed: of all dice; the story's when None.
        quiet: how long the world has after the story's end to come to rest (``"5m"``, virtual seconds).
        ignore: further fields that may differ, ``"status.lastSeen"`` or ``"configmap:data.seen"``.
        progress: told how far it is.

    Raises:
        ScenarioError: the story cannot be read.
        NoSuchController: the story runs no such program.
        ValueError: an unknown pattern.
    """
    for pattern in patterns:
        if pattern not in PATTERNS:
            raise ValueError(f"no pattern {pattern!r}; there are {', '.join(PATTERNS)}")
    target = target_of(story, controller, delivery=delivery, seed=seed, quiet=quiet, ignore=ignore)
    reference = run(target)
    report = Report(target, len(reference.effects))
    wrong = alone(reference)
    if wrong:
        report.violations.append(Violation(None, wrong))
        if any(each.oracle == "settling" for each in wrong):
            return report  # a run that does not end cannot be compared with
    planned = plan_all(target, reference)
    report.pruned = planned.pruned
    plans = [plan for plan in planned.plans if plan.pattern in patterns]
    findings: list[tuple[Plan, Sequence[Difference], int]] = []
    for count, plan in enumerate(plans):
        if progress is not None:
            progress(count, len(plans))
        report.tried[plan.pattern] += 1
        outcome = run(target, plan)
        if outcome.steps != reference.steps:
            report.incomparable.append(plan)
            continue
        found = differences(reference, outcome)
        if found:
            findings.append((plan, found, taken_hold(outcome, plan)))
    report.violations += grouped(findings)
    return report


def try_plan(target: Target, plan: Plan | str) -> Violation | None:
    """Run a single plan; what goes wrong, or None.

    Raises:
        ValueError: the text is no plan.
        NotJudged: the plan never took hold, or the story's own steps met another state under it.
    """
    chosen = parse(plan) if isinstance(plan, str) else plan
    reference, outcome = run(target), run(target, chosen)
    if outcome.steps != reference.steps:
        raise NotJudged(
            f"{chosen}: cannot be judged: the story's own steps met another state than without it"
        )
    found, time = differences(reference, outcome), taken_hold(outcome, chosen)
    if found:
        return Violation(chosen, found, (chosen,), time)
    if not time:
        raise NotJudged(f"{chosen}: never took hold: {why_not(target, chosen, reference)}")
    return None


def demand(story: Story, controller: str = "", plan: Plan | str | None = None, **options: object) -> None:
    """Demand in a test that a controller goes right: under one plan, or under every one.

    A plan that never takes hold, perhaps because the mended controller writes less, is a warning: it shows nothing.

    Raises:
        AssertionError: it goes wrong; the message tells how, and how to see it again.
    """
    __tracebackhide__ = True
    if plan is None:
        report = probe(story, controller, **options)  # type: ignore[arg-type]  # handed on by name
        if not report.passed:
            raise AssertionError(report.text())
        return
    target = target_of(story, controller, **options)  # type: ignore[arg-type]  # handed on by name
    try:
        violation = try_plan(target, plan)
    except NotJudged as reason:
        warnings.warn(str(reason), stacklevel=2)
        return
    if violation is not None:
        lines = [f"{target.controller} goes wrong: {violation.plan}"]
        lines += [f"  {each}" for each in violation.differences]
        raise AssertionError("\n".join(lines))
