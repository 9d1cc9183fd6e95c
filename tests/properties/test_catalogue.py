"""Every fault of the catalogue, in the world that generated stories happen in: it does something, and the world heals."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from kcsim.scenario.model import Scenario
from kcsim.scenario.play import Play
from kcsim.scenario.schedules import LASTING, possible
from kcsim.simulation.faults import KINDS
from kcsim.testing.operations import Operation, scenario_of
from kcsim.testing.schedules import Window, schedule_of
from kcsim.testing.temporal import expect

PUSHED = {"ci-outage", "runner-crash", "webhook-loss", "webhook-delay", "webhook-duplicate"}
"""What the ways of a push meet."""
MISSED = {"ci-outage"}
"""A push that no CI system heard of stays undelivered until the next one: nothing can be demanded."""
IN_STORIES = [name for name, kind in KINDS.items() if kind.in_stories]


@cache
def busy() -> Scenario:
    """While the fault lasts somebody commits, and somebody scales by hand: most faults are in somebody's way."""
    return scenario_of([Operation(30, "commit-version", which=0, amount=1), Operation(30, "scale", which=1)])


def played(story: Scenario, kind: str) -> Play:
    play = Play(story, "push" if kind in PUSHED else "flux")
    play.finish()
    return play


def happened(play: Play) -> Any:
    """All there is to tell, but for the coming and going of the fault itself."""
    told = [
        (record.time, record.actor, record.verb, record.subject, record.facts())
        for record in play.trace.records
        if record.actor != "fault" or record.verb not in {"inject", "heal"}
    ]
    return told, play.result()["traffic"]


@pytest.mark.parametrize("kind", IN_STORIES)
def test_it_does_something_and_the_world_heals(kind: str) -> None:
    undisturbed = happened(played(busy(), kind))
    for which in range(len(possible(busy())[kind])):
        entries = schedule_of(busy(), [Window(0, kind, which=which, amount=1, lasts=300)]).entries
        timeline = tuple(sorted((*busy().timeline, *entries), key=lambda each: each.at))
        play = played(replace(busy(), timeline=timeline), kind)
        struck = [record.verb for record in play.trace.records if record.actor == "fault"]
        assert "inject" in struck or KINDS[kind].momentary
        assert "miss" not in struck
        if kind not in LASTING | MISSED:
            expect(play).converges(within="20m", stays="5m")
        if happened(play) != undisturbed:
            return
    pytest.fail(f"{kind} does nothing to anybody")
