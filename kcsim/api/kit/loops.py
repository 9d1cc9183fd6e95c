"""Hot loops: a key that is reconciled again and again, or one reconcile that sends requests on and on.

**Walk:** every ``SLICE`` of virtual time somebody lets ``Loops`` look at the programs -> it compares how often each key was
handled, and how many requests were sent, with its last look -> what is busy in ``ROWS`` slices in a row is a ``HotLoop``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kcsim.engine.clock import SECOND, format_duration

if TYPE_CHECKING:
    from kcsim.api.kit.component import Component

SLICE: Final = 5 * SECOND
HOT: Final = 100
"""So many reconciles of one key in a slice, or requests of one reconcile, are many."""
ROWS: Final = 3


@dataclass(frozen=True, slots=True)
class HotLoop:
    """A key that is reconciled again and again, or one reconcile that sends requests on and on (``endless``)."""

    subject: str
    times: int
    time: int
    endless: bool = False

    @property
    def told(self) -> str:
        """What it does."""
        often = f"in {format_duration(SLICE)}, on and on at t={format_duration(self.time // 1000 * 1000)}"
        if self.endless:
            return f"is in a hot loop: one reconcile does not end, and sends {self.times} requests {often}"
        return f"is in a hot loop: it is reconciled {self.times} times {often}"

    def __str__(self) -> str:
        return f"{self.subject} {self.told}"


class Loops:
    """What programs did until the last look; each loop is told once."""

    __slots__ = ("_asked", "_handled", "_often", "_stuck", "_told", "_when")

    def __init__(self) -> None:
        self._handled: Counter[str] = Counter()
        self._often: Counter[str] = Counter()
        self._stuck: Counter[str] = Counter()
        self._told: set[str] = set()
        self._asked = 0
        self._when = 0

    def look(self, programs: Sequence[Component], now: int) -> list[HotLoop]:
        """The loops that turn out to be ones by now; a slice that lasted much longer than it should counts for nothing."""
        handled: Counter[str] = Counter()
        busy: set[str] = set()
        for program in programs:
            for controller in program.controllers:
                name = controller.reconciler.name
                for key, times in controller.handled.items():
                    handled[_subject(name, key)] += times
                busy.update(_subject(name, key) for key in controller.processing)
        server = programs[0].endpoint.server if programs else None
        asked = sum(server.asked.get(user, 0) for user in {p.user.name for p in programs}) if server else 0
        before, sent, counts = self._handled, asked - self._asked, now - self._when < 2 * SLICE
        self._handled, self._asked, self._when = handled, asked, now
        found = []
        for subject, times in handled.items():
            more = times - before[subject]
            often = counts and more >= HOT
            stuck = counts and more == 0 and subject in busy and sent >= HOT
            self._often[subject] = self._often[subject] + 1 if often else 0
            self._stuck[subject] = self._stuck[subject] + 1 if stuck else 0
            if subject in self._told:
                continue
            if self._often[subject] == ROWS:
                found.append(HotLoop(subject, more, now))
            elif self._stuck[subject] == ROWS:
                found.append(HotLoop(subject, sent, now, endless=True))
        self._told.update(loop.subject for loop in found)
        return found


def _subject(name: str, key: tuple[str, str]) -> str:
    return f"{name} {'/'.join(key).lstrip('/')}"
