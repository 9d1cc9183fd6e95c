"""What a person does to the world from the screen: each deed an entry of a timeline, so that it can be saved.

**Walk:** a key or a command line -> a ``TimelineEntry`` for this instant -> it is carried out exactly as the scenario's
own entries are -> it joins ``deeds``, and its answer arrives when the world has let it happen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from kcsim.engine.clock import format_duration, to_seconds
from kcsim.engine.task import Task
from kcsim.kubectl.command import kubectl
from kcsim.kubectl.session import Outcome
from kcsim.scenario.faults import TARGET_FIELDS
from kcsim.scenario.model import Fault, Kubectl, Scenario, TimelineEntry
from kcsim.scenario.play import Play
from kcsim.simulation.simulation import Simulation, person

PERSON = "you"
"""Who acts at the keyboard: a user of the cluster like any other, with an administrator's kubeconfig."""


@dataclass
class Deed:
    """One thing done by hand: the entry it is in a timeline, and what the command printed once it has ended."""

    entry: TimelineEntry
    outcome: Outcome | None = None
    told: bool = False


class Hands:
    """The deeds of one person in one world.

    Attributes:
        deeds: what was done, in order.
        saved: how many of them have been saved.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.deeds: list[Deed] = []
        self.saved = 0

    def do(self, entry: TimelineEntry) -> Deed:
        """Carry an entry out, now; its ``at`` becomes this instant.

        Raises:
            FaultError: the fault hits nothing.
        """
        deed = Deed(replace(entry, at=self._simulation.engine.now))

        def done(outcome: Outcome) -> None:
            deed.outcome = outcome

        if isinstance(self._simulation, Play):
            self._simulation.act(deed.entry, done)
        else:
            _act(self._simulation, deed.entry, done)
        self.deeds.append(deed)
        return deed

    def finished(self) -> list[Deed]:
        """Commands that have ended since this was last asked."""
        news = [deed for deed in self.deeds if deed.outcome is not None and not deed.told]
        for deed in news:
            deed.told = True
        return news

    def scenario(self, name: str) -> Scenario:
        """The story with what was done by hand in it: played again, it gives the same trace up to now.

        Raises:
            TypeError: there is no story to add it to.
        """
        if not isinstance(self._simulation, Play):
            raise TypeError("a bare cluster has no story to add this to")
        before = self._simulation.scenario
        entries = [*before.timeline, *(deed.entry for deed in self.deeds)]
        # Deeds stand alone in their instants (Session.act), so sorting by time alone keeps every order.
        timeline = tuple(sorted(entries, key=lambda entry: entry.at))
        return replace(before, name=name, seed=self._simulation.seed, timeline=timeline, source=None)


def _act(simulation: Simulation, entry: TimelineEntry, done: Any) -> None:
    """On a bare cluster: requests take no time."""
    action = entry.action
    if isinstance(action, Kubectl):
        user = person(action.user)

        def ended(value: Any, error: Exception | None) -> None:
            done(value if error is None else Outcome(1, "", f"error: {error}\n"))

        with simulation.engine.because(simulation.engine.note(user.name, "kubectl", action.line)):
            Task(kubectl(simulation.cluster().direct(user), action.line), ended)
    elif isinstance(action, Fault):
        duration = None if action.duration is None else to_seconds(action.duration)
        simulation.inject(action.kind, next(iter(action.target.values()), ""), duration=duration)
    else:
        raise TypeError(f"a bare cluster knows no {type(action).__name__}")


def in_words(entry: TimelineEntry) -> str:
    """What an entry does, as a person says it: ``node-crash node-2 for 5m``, ``kubectl scale ...``."""
    if entry.kubectl is not None:
        return f"kubectl {entry.kubectl}"
    if entry.flux is not None:
        return f"flux {entry.flux}"
    targets = " ".join(
        str(getattr(entry, field)) for field in TARGET_FIELDS if getattr(entry, field) is not None
    )
    length = f"for {format_duration(entry.for_)}" if entry.for_ is not None else "for good"
    return " ".join(part for part in (entry.fault or "", targets, length) if part)
