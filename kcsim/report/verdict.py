"""The verdict of a run in one sentence: whether the story held, and the one thing in which its worlds differ most."""

from __future__ import annotations

from kcsim.report.facts import Facts

_TELLING = (
    "recovery_time",
    "drift_repair_time",
    "failed_requests",
    "change_lead_time",
    "convergence_time",
    "minutes_adrift",
    "credentials_outside",
    "api_writes_by_delivery",
)
"""Measures by what they say to somebody who decides between deliveries; the first in which the worlds differ is told."""


def verdict(facts: Facts) -> str:
    """The sentence."""
    difference = _difference(facts)
    return f"{_came_out(facts)}{f'; {difference}' if difference else ''}."


def _came_out(facts: Facts) -> str:
    judged, failed = facts.judged, facts.failed
    if facts.interrupted:
        return "The run was interrupted, so nothing is decided"
    if not judged:
        return "The story expects nothing, so there is nothing to judge"
    if failed:
        world, first = failed[0]
        under = f" under {world.name}" if world.name else ""
        more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        what = "held but should not have" if first.held else "did not hold"
        count = f"{len(failed)} of {len(judged)} expectations came out otherwise than the story says"
        return f"{count}: {first.name} {what}{under}{more}"
    if len(judged) == 1:
        return "The one expectation came out as the story says"
    return f"All {len(judged)} expectations came out as the story says"


def _difference(facts: Facts) -> str:
    if len(facts.worlds) < 2:
        return ""
    for name in _TELLING:
        found = [(world.name, world.measure(name)) for world in facts.worlds]
        known = [(world, measure) for world, measure in found if measure is not None]
        if len(known) == len(found) and len({measure.text for _, measure in known}) > 1:
            title = known[0][1].title
            cells = [f"{measure.text} under {world}" for world, measure in known]
            return f"{title[0].lower()}{title[1:]}: {', '.join(cells)}"
    return "no measure tells its worlds apart"
