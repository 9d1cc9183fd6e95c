"""One run of a story, perturbed or not, and what is remembered of it.

**Walk:** ``run(target, plan)`` -> the scenario with the plan's entries in its timeline -> played to the story's end and for
``quiet`` more -> ``Outcome``: what is there at the end, what the controller did to what, what it raised, whether it rests.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from kcsim.api import objects
from kcsim.api.catalog import Catalog
from kcsim.api.kit.brought import HungController
from kcsim.api.kit.component import Component
from kcsim.api.kit.informer import Informer
from kcsim.api.kit.loops import SLICE, HotLoop, Loops
from kcsim.api.kit.seams import Seams, Sites
from kcsim.api.log import Version
from kcsim.api.objects import Key, Object
from kcsim.api.resources import Resource
from kcsim.engine.clock import MINUTE, SECOND, format_duration, to_seconds
from kcsim.scenario.model import Scenario, TimelineEntry
from kcsim.scenario.play import Play
from kcsim.testing.probing.masks import KINDS, generated, ident, masked, mentions
from kcsim.testing.probing.plan import Plan

QUIET = 5 * MINUTE
RESTING = 2 * MINUTE


class NoSuchController(LookupError):
    """The story runs no controller of that name; the message names those it runs."""


@dataclass(frozen=True)
class Target:
    """What is probed.

    Attributes:
        scenario: the story.
        controller: the program to be perturbed, as it calls itself.
        delivery: the delivery under which the story is played; its first when empty.
        seed: of all dice; the scenario's when None.
        quiet: how long the world has after the story's end to come to rest, in µs.
        ignore: further fields that may differ (see ``masks``).
    """

    scenario: Scenario
    controller: str
    delivery: str = ""
    seed: int | None = None
    quiet: int = QUIET
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A reconcile that ended in an exception which is no answer of the API server."""

    subject: str
    error: str
    time: int

    def __str__(self) -> str:
        return f"raised {self.error} on {self.subject} at t={format_duration(self.time)}"


@dataclass
class Outcome:
    """What is remembered of a run.

    Attributes:
        play: the world.
        effects: what the controller wrote that changed something, oldest first.
        sites: what it sent and was told, in a reference run.
        objects: ``{name: [object without what may legally differ]}`` at the end.
        created, deleted, updated: how often the controller did that, by name.
        failures: its exceptions.
        hot: the loop in which the run was cut short, if it was; or the step that did not come back.
        restless: what it still wrote in the last half of the quiet time, by name.
        steps: what the people of the story brought about: ``created pod/default/web`` and so on.
        informers: the caches of the controller.
        unserved: kinds that the controller watches and the API server does not serve at the end: the nearest that it does.
    """

    play: Play
    effects: list[Version] = field(default_factory=list)
    sites: Sites | None = None
    objects: dict[str, list[Object]] = field(default_factory=dict)
    created: Counter[str] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    hot: HotLoop | HungController | None = None
    restless: Counter[str] = field(default_factory=Counter)
    steps: list[str] = field(default_factory=list)
    informers: list[Informer] = field(default_factory=list)
    unserved: dict[str, str] = field(default_factory=dict)


def perturbed(scenario: Scenario, controller: str, plan: Plan | None) -> Scenario:
    """The story with the plan in its timeline."""
    if plan is None:
        return scenario
    taken = {entry.name for entry in scenario.timeline}
    entries = [_renamed(entry, taken) for entry in plan.entries(controller)] + list(scenario.timeline)
    return replace(scenario, timeline=tuple(sorted(entries, key=lambda entry: entry.at)))


def _renamed(entry: TimelineEntry, taken: set[str | None]) -> TimelineEntry:
    """The entry under a name that the story has not given away."""
    name, number = entry.name, 2
    while name in taken:
        name, number = f"{entry.name}-{number}", number + 1
    return replace(entry, name=name)


def start(target: Target, plan: Plan | None = None) -> Play:
    """The world at its beginning, with the plan armed and the quiet time added."""
    story = perturbed(target.scenario, target.controller, plan)
    end = target.scenario.until + target.quiet
    return Play(story, target.delivery, target.seed, until=to_seconds(end))


def run(target: Target, plan: Plan | None = None) -> Outcome:
    """Play the story once; a run without a plan is a reference, and collects where a plan could act.

    Raises:
        NoSuchController: the story runs no such program.
    """
    with _collector_at_rest():
        play = start(target, plan)
        sites = Seams.of(play.world.cluster.endpoint).collect() if plan is None else None
        try:
            hot: HotLoop | HungController | None = _advance(play, target)
        except HungController as hung:
            hot = hung
        outcome = examine(target, play)
        outcome.sites, outcome.hot = sites, hot
    return outcome


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Let a small world grow without the cyclic collector walking it; it is collected as a whole when it is left."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def examine(target: Target, play: Play) -> Outcome:
    """What is remembered of a world that was played to its end.

    Raises:
        NoSuchController: the story runs no such program.
    """
    programs = _programs(play, target)
    if not programs:
        components = play.world.cluster.endpoint.components
        known = sorted({each.name for each in components if any(True for _ in each.informers)})
        raise NoSuchController(f"the story runs no {target.controller!r}; it runs {', '.join(known)}")
    _come_to_rest(play, target)
    outcome = Outcome(play)
    _remember(outcome, target, programs)
    return outcome


def _come_to_rest(play: Play, target: Target) -> None:
    """Go on to a moment at which the controller is in the middle of nothing: agents look again at intervals."""
    log, last = play.world.cluster.server.log, play.engine.now + RESTING
    while play.engine.now < last:
        since = log.revision_at(play.engine.now - SLICE)
        if not any(version.manager == target.controller for version in log.versions[since:]):
            return
        play.engine.run_until(play.engine.now + SLICE)


def _programs(play: Play, target: Target) -> list[Component]:
    return [
        each
        for each in play.world.cluster.endpoint.components
        if each.name == target.controller and any(True for _ in each.informers)
    ]


def _advance(play: Play, target: Target) -> HotLoop | None:
    """Run to the end in slices, unless a key turns out to be in a hot loop."""
    end, loops = round(play.end * SECOND), Loops()
    while play.engine.now < end:
        play.engine.run_until(min(play.engine.now + SLICE, end))
        found = loops.look(_programs(play, target), play.engine.now)
        if found:
            return found[0]
    return None


def _remember(outcome: Outcome, target: Target, programs: Sequence[Component]) -> None:
    cluster = outcome.play.world.cluster
    users = {each.user.name for each in programs}
    outcome.informers = [informer for program in programs for informer in program.informers]
    outcome.unserved = _unserved(cluster.server.catalog, programs)
    log = cluster.server.log
    late = round(outcome.play.end * SECOND) - target.quiet // 2
    recent: dict[tuple[Resource, Key], list[Version]] = {}
    people = {entry.as_ for entry in target.scenario.timeline}
    for version in log.versions:
        if version.actor in people:
            outcome.steps.append(f"{_done(version)} {_called(version)}")
        if version.manager != target.controller or version.actor not in users:
            continue
        if version.object["kind"] in KINDS:
            continue
        called = _called(version)
        outcome.effects.append(version)
        counts = {"created": outcome.created, "deleted": outcome.deleted, "changed": outcome.updated}
        counts[_done(version)][called] += 1
        if version.time > late:
            recent.setdefault((version.resource, version.key), []).append(version)
    for writes in recent.values():
        # A report that says the same again but for its time is no unrest: agents look again at intervals.
        before, last = writes[0].previous, writes[-1]
        if last.deleted or before is None or masked(before.object, None) != masked(last.object, None):
            outcome.restless[_called(last)] += len(writes)
    there = [
        version
        for resource in cluster.server.catalog
        if resource.kind not in KINDS
        for version in log.list(resource)
    ]
    names = mentions(version.key[1] for version in log.versions if generated(version.object))
    for version in there:
        found = outcome.objects.setdefault(_called(version), [])
        found.append(masked(version.object, names, target.ignore))
    for record in outcome.play.trace.records:
        if record.verb == "error" and record.actor == target.controller:
            facts = record.facts()
            if "exception" in facts:
                error = f"{facts['exception']}: {facts['error']}" + (
                    f" ({facts['at']})" if "at" in facts else ""
                )
                outcome.failures.append(Failure(record.subject, error, record.time))


def _unserved(catalog: Catalog, programs: Sequence[Component]) -> dict[str, str]:
    words = {informer.resource: None for program in programs for informer in program.informers}
    known = [f"{each.plural}.{each.group}" if each.group else each.plural for each in catalog]
    return {
        word: "".join(get_close_matches(word, known, 1)) for word in words if catalog.by_word(word) is None
    }


def _done(version: Version) -> str:
    """What a write did to its object; to be on its way out counts as deleted."""
    before = version.previous
    if before is None:
        return "created"
    is_leaving, was_leaving = objects.is_deleting(version.object), objects.is_deleting(before.object)
    return "deleted" if version.deleted or (is_leaving and not was_leaving) else "changed"


def _called(version: Version) -> str:
    return ident(version.resource.singular, version.object)


__all__ = [
    "Failure",
    "HotLoop",
    "NoSuchController",
    "Outcome",
    "Target",
    "examine",
    "perturbed",
    "run",
    "start",
]
