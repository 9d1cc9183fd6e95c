"""Plans: one perturbation each, as plain data with a short text that says it all and can be read back.

======================================================  ============  ==================================================
text                                                    pattern       what happens
======================================================  ============  ==================================================
``crash after write 3``                                 intermediate  the process dies right after its third write took
                                                                      effect, and starts again a second later
``crash after write 3, back after 1m10s``               unobserved    the same, but it stays down for so long and misses
                                                                      what comes and goes meanwhile
``drop change 2 of pods default/db from 1m for 5s``     unobserved    the second change of that object from that instant on
                                                                      never arrives; the informer lists again at the end
``drop changes 1-3 of pods default/db from 1m for 5s``  unobserved    the first three do not
``hold pods from 1m0.2s for 30s``                       stale         the cache of pods stands still meanwhile
``restart at 2m30s into revision 57 for 30s``           stale         the process restarts, lists from an API server that
                                                                      still shows that revision, and catches up later
======================================================  ============  ==================================================

Writes are counted from the start of the story; writes of Events and Leases do not count. Each plan is a few
entries of a scenario's timeline (``entries``), so a plan that was found is a scenario file like any other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from kcsim.engine.clock import SECOND, format_duration, seconds
from kcsim.scenario.model import TimelineEntry

Pattern = Literal["intermediate", "stale", "unobserved"]
PATTERNS: tuple[Pattern, ...] = ("intermediate", "stale", "unobserved")
DOWN = SECOND
"""How long a process stays down, in µs."""


@dataclass(frozen=True, slots=True)
class Crash:
    """The process dies right after its ``nth`` write took effect, for ``down`` µs."""

    nth: int
    down: int = DOWN

    @property
    def pattern(self) -> Pattern:
        """A process that stays down for long misses what comes and goes meanwhile."""
        return "intermediate" if self.down == DOWN else "unobserved"

    def __str__(self) -> str:
        back = "" if self.down == DOWN else f", back after {format_duration(self.down)}"
        return f"crash after write {self.nth}{back}"

    def entries(self, component: str) -> tuple[TimelineEntry, ...]:
        """The plan on a timeline."""
        return (
            TimelineEntry(
                at=0, name="crash", fault="crash-point", component=component, nth=self.nth, down=self.down
            ),
        )

    @property
    def weight(self) -> tuple[int, ...]:
        """How much of a perturbation it is: the least is told."""
        return (0, self.nth) if self.down == DOWN else (4, self.down, self.nth)


@dataclass(frozen=True, slots=True)
class Drop:
    """``times`` changes of one object, from the ``nth`` after the instant ``since``, never arrive; after ``lasts`` (µs) the
    informer lists again, as it does when its watch ends.
    """

    resource: str
    namespace: str
    name: str
    nth: int
    times: int
    since: int
    lasts: int

    pattern: Pattern = "unobserved"

    def __str__(self) -> str:
        which = f"change {self.nth}" if self.times == 1 else f"changes {self.nth}-{self.nth + self.times - 1}"
        since, lasts = format_duration(self.since), format_duration(self.lasts)
        return f"drop {which} of {self.resource} {self.namespace}/{self.name} from {since} for {lasts}"

    def entries(self, component: str) -> tuple[TimelineEntry, ...]:
        """The plan on a timeline."""
        return (
            TimelineEntry(
                at=self.since,
                name="drop",
                fault="watch-drop",
                component=component,
                resource=self.resource,
                namespace=self.namespace or None,
                object_name=self.name,
                nth=self.nth,
                times=self.times,
                for_=self.lasts,
            ),
        )

    @property
    def weight(self) -> tuple[int, ...]:
        """How much of a perturbation it is: the least is told."""
        return (1, self.times, self.lasts, self.since, self.nth)


@dataclass(frozen=True, slots=True)
class Hold:
    """The cache of a resource stands still from ``at`` for ``lasts`` (µs)."""

    resource: str
    at: int
    lasts: int

    pattern: Pattern = "stale"

    def __str__(self) -> str:
        return f"hold {self.resource} from {format_duration(self.at)} for {format_duration(self.lasts)}"

    def entries(self, component: str) -> tuple[TimelineEntry, ...]:
        """The plan on a timeline."""
        return (
            TimelineEntry(
                at=self.at,
                name="hold",
                fault="api-stale",
                component=component,
                resource=self.resource,
                for_=self.lasts,
            ),
        )

    @property
    def weight(self) -> tuple[int, ...]:
        """How much of a perturbation it is: the least is told."""
        return (2, self.lasts, self.at)


@dataclass(frozen=True, slots=True)
class Rewind:
    """At ``at`` the process restarts into the state of ``revision``, and catches up after ``lasts`` (µs)."""

    at: int
    revision: int
    lasts: int

    pattern: Pattern = "stale"

    def __str__(self) -> str:
        lasts = format_duration(self.lasts)
        return f"restart at {format_duration(self.at)} into revision {self.revision} for {lasts}"

    def entries(self, component: str) -> tuple[TimelineEntry, ...]:
        """The plan on a timeline."""
        return (
            TimelineEntry(
                at=self.at,
                name="rewind",
                fault="watch-rewind",
                component=component,
                revision=self.revision,
                delay=self.lasts,
                down=DOWN,
            ),
        )

    @property
    def weight(self) -> tuple[int, ...]:
        """How much of a perturbation it is: the least is told."""
        return (3, -self.revision, self.at)


Plan = Crash | Drop | Hold | Rewind

_TIME = r"([0-9hms.µ]+)"
_FORMS = (
    (
        rf"crash after write ([0-9]+)(?:, back after {_TIME})?",
        lambda n, down: Crash(int(n), _us(down) or DOWN),
    ),
    (
        rf"drop changes? ([0-9]+)(?:-([0-9]+))? of (\S+) ([^/\s]*)/(\S+) from {_TIME} for {_TIME}",
        lambda first, last, resource, namespace, name, since, lasts: Drop(
            resource,
            namespace,
            name,
            int(first),
            int(last or first) - int(first) + 1,
            _us(since),
            _us(lasts),
        ),
    ),
    (rf"hold (\S+) from {_TIME} for {_TIME}", lambda what, at, lasts: Hold(what, _us(at), _us(lasts))),
    (
        rf"restart at {_TIME} into revision ([0-9]+) for {_TIME}",
        lambda at, revision, lasts: Rewind(_us(at), int(revision), _us(lasts)),
    ),
)


def _us(text: str | None) -> int:
    return seconds(text) if text else 0


def parse(text: str) -> Plan:
    """The plan that a text says.

    Raises:
        ValueError: it says none; the message shows the forms.
    """
    for form, make in _FORMS:
        found = re.fullmatch(form, " ".join(text.split()))
        if found is not None:
            plan: Plan = make(*found.groups())
            return plan
    forms = (
        "crash after write 3 | drop change 2 of pods default/db from 1m for 5s | hold pods from 1m for 30s | "
    )
    raise ValueError(f"{text!r} is no plan; write {forms}restart at 2m30s into revision 57 for 30s")
