"""Schedules of faults as Hypothesis strategies: lists of windows that shrink to the one that matters.

    @given(stories(shop()))
    def test_flux_converges(story):
        run = Play(story, "flux")
        ...

A window says how long after the one before it comes, which kind of fault it is, what of all there is it hits (an index), how
strongly (an index) and how long: plain numbers, the harmless ones first, so deleting one leaves the rest valid. What a
story has nothing for is not drawn. ``seeds`` draws whole schedules as ``kcsim run --chaos`` does, swarm by swarm.

**Walk:** windows -> ``schedule_of`` -> ``with_schedule``: the story, with the expectation that it converges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from kcsim.engine.clock import SECOND
from kcsim.scenario.diagnostics import ScenarioError
from kcsim.scenario.model import Scenario, TimelineEntry
from kcsim.scenario.schedules import (
    AMOUNTS,
    BEGIN,
    LASTING,
    NAMED,
    QUIET,
    Schedule,
    possible,
    with_chaos,
    with_schedule,
)
from kcsim.scenario.schedules import named as named_kinds
from kcsim.simulation.faults import KINDS

GAPS = (0, 1, 10, 60, 300)
LENGTHS = (10, 30, 60, 300)
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Window:
    """A fault ``gap`` seconds after the one before it began: ``which`` of what its kind could hit, ``amount`` of its values."""

    gap: int
    kind: str
    which: int = 0
    amount: int = 0
    lasts: int = 10


def windows(
    scenario: Scenario, kinds: str | Sequence[str] | None = None, *, min_size: int = 0, max_size: int = 6
) -> st.SearchStrategy[list[Window]]:
    """Lists of windows for a story.

    Raises:
        ValueError: no kinds, one that does not exist, or one that this story has nothing for.
        TypeError: what is given is no story.
    """
    if not isinstance(scenario, Scenario):
        raise TypeError(f"give a Scenario, from read_scenario(...) or shop(), not {scenario!r:.60}")
    there = possible(scenario)
    try:
        chosen = [n for n in there if n not in LASTING | NAMED] if kinds is None else named_kinds(kinds)
    except ScenarioError as refused:
        (fault,) = refused.diagnostics
        raise ValueError(f"{fault.message}; {fault.remedy}") from None
    missing = [name for name in chosen if name not in there]
    if missing or not chosen:
        named = f"nothing for {', '.join(missing)} to hit" if missing else "no kinds of faults"
        raise ValueError(f"{named} in '{scenario.name}'; choose from {', '.join(there)}")
    one = st.builds(
        Window,
        gap=st.sampled_from(GAPS),
        kind=st.sampled_from(chosen),
        which=st.integers(0, 7),
        amount=st.integers(0, 4),
        lasts=st.sampled_from(LENGTHS),
    )
    return st.lists(one, min_size=min_size, max_size=max_size)


def schedule_of(scenario: Scenario, chosen: Sequence[Window], *, begin: int = BEGIN) -> Schedule:
    """The schedule that windows make in a story; the first may come at ``begin`` µs."""
    there = possible(scenario)
    entries: list[TimelineEntry] = []
    now = begin
    for number, window in enumerate(chosen, start=1):
        now += window.gap * SECOND
        kind = window.kind
        targets = there[kind]
        amounts = {
            name: values[window.amount % len(values)] for name, values in AMOUNTS.get(kind, {}).items()
        }
        entries.append(
            TimelineEntry(
                at=now,
                name=f"chaos-{number}",
                fault=kind,
                for_=None if KINDS[kind].momentary else window.lasts * SECOND,
                **targets[window.which % len(targets)],
                **amounts,
            )
        )
    ends = max((entry.at + (entry.for_ or 0) for entry in entries), default=begin)
    return Schedule(0, tuple(dict.fromkeys(window.kind for window in chosen)), tuple(entries), ends)


def stories(
    scenario: Scenario,
    kinds: str | Sequence[str] | None = None,
    *,
    min_size: int = 0,
    max_size: int = 6,
    quiet: int = QUIET,
) -> st.SearchStrategy[Scenario]:
    """The story under such schedules: every agent must come to follow git in the quiet time after them (µs)."""

    def build(chosen: list[Window]) -> Scenario:
        return with_schedule(scenario, schedule_of(scenario, chosen), quiet=quiet)

    return st.builds(build, windows(scenario, kinds, min_size=min_size, max_size=max_size))


def seeds(scenario: Scenario, *, count: int = 6, quiet: int = QUIET) -> st.SearchStrategy[Scenario]:
    """The story under schedules that are drawn from a seed, swarm by swarm: what ``kcsim run --chaos N`` plays."""

    def build(seed: int) -> Scenario:
        return with_chaos(scenario, seed, count=count, quiet=quiet)

    return st.builds(build, st.integers(0, 10**6))
