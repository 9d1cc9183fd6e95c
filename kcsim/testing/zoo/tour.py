"""A tour of the zoo: every exhibit and its twin under the probe, and how many were found.

**Walk:** ``tour`` -> ``probe`` each broken controller and each mended one -> ``Visit`` an exhibit -> recall and false alarms by
pattern.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.testing.probing.probe import probe
from kcsim.testing.probing.report import Report
from kcsim.testing.zoo import indirect, intermediate, stale, unobserved
from kcsim.testing.zoo.exhibit import PATTERNS, Exhibit

EXHIBITS: tuple[Exhibit, ...] = (
    *intermediate.EXHIBITS,
    *stale.EXHIBITS,
    *unobserved.EXHIBITS,
    *indirect.EXHIBITS,
)
"""Every exhibit, by pattern."""


@dataclass(frozen=True, slots=True)
class Visit:
    """An exhibit, what the probe says of the broken controller, and what of its twin."""

    exhibit: Exhibit
    broken: Report
    mended: Report

    @property
    def found(self) -> bool:
        """Whether the defect was found."""
        return not self.broken.passed

    @property
    def false_alarm(self) -> bool:
        """Whether the twin was accused."""
        return not self.mended.passed

    @property
    def schedule(self) -> str:
        """The smallest schedule that shows the defect; "" when none does."""
        return str(self.broken.violations[0].plan) if self.found else ""


def visit(exhibit: Exhibit, seed: int = 1) -> Visit:
    """Probe an exhibit and its twin."""
    return Visit(
        exhibit,
        probe(exhibit.world(seed=seed), exhibit.name),
        probe(exhibit.world(mended=True, seed=seed), exhibit.name),
    )


def tour(seed: int = 1, exhibits: Sequence[Exhibit] = EXHIBITS) -> Iterator[Visit]:
    """Visit the exhibits, one after the other."""
    for exhibit in exhibits:
        yield visit(exhibit, seed)


def table(visits: Sequence[Visit]) -> str:
    """Each exhibit in a line, then recall and false alarms by pattern."""
    width = max(len(each.exhibit.name) for each in visits)
    lines = []
    for each in visits:
        verdict = "found" if each.found else "MISSED"
        twin = "twin accused" if each.false_alarm else "twin clean"
        plans = sum(each.broken.tried.values()) + sum(each.mended.tried.values())
        lines.append(
            f"{each.exhibit.name:<{width}}  {each.exhibit.pattern:<12}  {verdict:<6}  {twin:<12}  "
            f"{plans:>4} plans  {each.schedule}"
        )
    lines += ["", f"{'pattern':<12}  recall  false alarms"]
    for pattern, found, all_, alarms in scores(visits):
        lines.append(f"{pattern:<12}  {f'{found}/{all_}':>6}  {f'{alarms}/{all_}':>12}")
    return "\n".join(lines)


def scores(visits: Sequence[Visit]) -> list[tuple[str, int, int, int]]:
    """(pattern, found, exhibits, twins accused), and the same for all."""
    rows: list[tuple[str, int, int, int]] = []
    for pattern in (*PATTERNS, "all"):
        of = [each for each in visits if pattern in {each.exhibit.pattern, "all"}]
        if of:
            rows.append((pattern, sum(e.found for e in of), len(of), sum(each.false_alarm for each in of)))
    return rows


def to_json(visits: Sequence[Visit]) -> dict[str, Any]:
    """``{exhibits: [...], scores: [{pattern, found, exhibits, falseAlarms}]}``."""
    return {
        "exhibits": [
            {
                "name": each.exhibit.name,
                "pattern": each.exhibit.pattern,
                "models": each.exhibit.models,
                "defect": each.exhibit.defect,
                "mend": each.exhibit.mend,
                "found": each.found,
                "falseAlarm": each.false_alarm,
                "schedule": each.schedule,
                "broken": each.broken.to_json(),
                "mended": each.mended.to_json(),
            }
            for each in visits
        ],
        "scores": [
            {"pattern": pattern, "found": found, "exhibits": count, "falseAlarms": alarms}
            for pattern, found, count, alarms in scores(visits)
        ],
    }


def label(one: Visit) -> str:
    """All about one exhibit: what is wrong, what mends it, what it models, and what the probe found."""
    exhibit = one.exhibit
    return "\n".join(
        [
            f"{exhibit.name} ({exhibit.pattern})",
            f"  defect   {exhibit.defect}",
            f"  mend     {exhibit.mend}",
            f"  models   {exhibit.models}",
            "",
            one.broken.text(),
            "",
            one.mended.text(),
        ]
    )
