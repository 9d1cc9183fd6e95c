"""What a probe found, as data and as text.

**Walk:** ``Finding`` per plan that went wrong -> findings with the same differences are one ``Violation``, told by its
shortest plan -> ``Report.text`` for people, ``Report.to_json`` for tools.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.engine.clock import format_duration
from kcsim.testing.probing.compare import Difference
from kcsim.testing.probing.plan import PATTERNS, Plan
from kcsim.testing.probing.runs import Target

_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Violation:
    """A way in which the controller goes wrong.

    Attributes:
        plan: the shortest schedule that shows it; None: it goes wrong unperturbed.
        differences: what is wrong then, the end state first.
        plans: every schedule that shows it, the shortest first.
        time: when the perturbation took hold (µs).
    """

    plan: Plan | None
    differences: tuple[Difference, ...]
    plans: tuple[Plan, ...] = ()
    time: int = 0

    @property
    def pattern(self) -> str:
        """Which of Sieve's patterns it belongs to: that of its shortest plan."""
        return self.plan.pattern if self.plan is not None else "unperturbed"

    def to_json(self) -> dict[str, Any]:
        """``{pattern, plan, time, plans, differences: [{oracle, subject, what, told}]}``; time in virtual seconds."""
        return {
            "pattern": self.pattern,
            "plan": str(self.plan) if self.plan is not None else None,
            "time": self.time / 1_000_000,
            "plans": [str(plan) for plan in self.plans],
            "differences": [
                {"oracle": each.oracle, "subject": each.subject, "what": each.what, "told": each.told}
                for each in self.differences
            ],
        }


@dataclass
class Report:
    """The outcome of a probe.

    Attributes:
        target: what was probed.
        effects: how many writes of the reference run took effect.
        tried: how many plans were run, by pattern.
        pruned: how many places were left out, by rule.
        incomparable: plans under which the story's own steps met another state, so that its end says nothing.
        violations: each way in which the controller goes wrong, by its shortest plan.
        command: how a plan is replayed: a command line that ends where the plan's text goes.
    """

    target: Target
    effects: int = 0
    tried: Counter[str] = field(default_factory=Counter)
    pruned: Counter[str] = field(default_factory=Counter)
    incomparable: list[Plan] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    command: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing went wrong."""
        return not self.violations

    @property
    def patterns(self) -> tuple[str, ...]:
        """Patterns of all the plans that went wrong."""
        found = {plan.pattern for violation in self.violations for plan in violation.plans}
        return tuple(pattern for pattern in PATTERNS if pattern in found)

    def text(self) -> str:
        """The report for people."""
        target = self.target
        tried = ", ".join(f"{self.tried[pattern]} {pattern}" for pattern in PATTERNS if self.tried[pattern])
        lines = [
            f"{target.controller} in {target.scenario.name}: {_count(self.effects, 'write')} took effect",
            f"  {sum(self.tried.values())} plans run ({tried or 'none'}), {sum(self.pruned.values())} places left out",
        ]
        if self.incomparable:
            lines.append(f"  {len(self.incomparable)} not judged: the story's own steps met another state")
        for number, violation in enumerate(self.violations, 1):
            lines.append(f"{number}. {violation.pattern}: {violation.plan or 'without any perturbation'}")
            lines.extend(f"     {each}" for each in violation.differences[:_SHOWN])
            if len(violation.differences) > _SHOWN:
                lines.append(f"     ... and {len(violation.differences) - _SHOWN} more")
            if len(violation.plans) > 1:
                lines.append(f"     so do {len(violation.plans) - 1} more plans")
            if violation.plan is not None:
                again = f'demand(story, plan="{violation.plan}")'
                command = f'{self.command} --plan "{violation.plan}"' if self.command else again
                lines.append(f"     replay: {command}")
        lines.append(_verdict(self))
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """``{scenario, controller, effects, plans: {pattern: count}, pruned, incomparable, passed, violations}``."""
        return {
            "scenario": self.target.scenario.name,
            "controller": self.target.controller,
            "seed": self.target.scenario.seed if self.target.seed is None else self.target.seed,
            "quiet": format_duration(self.target.quiet),
            "effects": self.effects,
            "plans": {pattern: self.tried[pattern] for pattern in PATTERNS},
            "pruned": dict(sorted(self.pruned.items())),
            "incomparable": [str(plan) for plan in self.incomparable],
            "passed": self.passed,
            "violations": [violation.to_json() for violation in self.violations],
        }

    def __str__(self) -> str:
        return self.text()


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _verdict(report: Report) -> str:
    if report.passed:
        return "nothing went wrong"
    count = len(report.violations)
    return f"{count} way{'s' if count != 1 else ''} to go wrong"


def grouped(findings: Iterable[tuple[Plan, Sequence[Difference], int]]) -> list[Violation]:
    """One violation for each set of differences, told by its lightest plan; the lightest violation first."""
    found: dict[tuple[tuple[str, str], ...], list[tuple[Plan, Sequence[Difference], int]]] = {}
    for finding in findings:
        signature = tuple(sorted({(each.subject, each.what) for each in finding[1]}))
        found.setdefault(signature, []).append(finding)
    violations = []
    for same in found.values():
        same.sort(key=lambda finding: finding[0].weight)
        plan, differences, time = same[0]
        violations.append(Violation(plan, tuple(differences), tuple(each[0] for each in same), time))
    return sorted(violations, key=lambda violation: violation.plan.weight if violation.plan else ())
