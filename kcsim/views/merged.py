"""The timelines of several worlds as one: what happened in all of them is told once.

Pure. Twin worlds see the same commits, faults and people; what they do about them differs. Merged, the first stands
once with a mark for each world, and the differences stand out.

**Walk:** moments of each world -> equal ones at nearly the same time are paired, in their order -> rows by time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from kcsim.engine.clock import SECOND

NEARLY = 2 * SECOND
"""Moments of two worlds that say the same and lie no farther apart are the same for a reader."""


class Told(Protocol):
    """What is needed of a moment: ``kcsim.views.timeline.Moment`` is one."""

    @property
    def time(self) -> int:
        """When, in µs."""

    @property
    def lane(self) -> str:
        """Which lane it belongs to."""

    @property
    def text(self) -> str:
        """What is told of it."""


M = TypeVar("M", bound=Told)


@dataclass(frozen=True, slots=True)
class Row(Generic[M]):
    """One line: what happened, and when (µs) in each world, None where it did not."""

    moment: M
    times: tuple[int | None, ...]

    @property
    def time(self) -> int:
        """When it first happened in any world."""
        return min(time for time in self.times if time is not None)

    @property
    def is_common(self) -> bool:
        """Whether it happened in every world."""
        return None not in self.times


def merged(timelines: Mapping[str, Sequence[M]]) -> list[Row[M]]:
    """All rows, by time; `times` is in the order of `timelines`."""
    rows: list[_Open[M]] = []
    open_rows: dict[tuple[str, str], list[_Open[M]]] = {}
    for place, moments in enumerate(timelines.values()):
        for moment in moments:
            same = open_rows.setdefault((moment.lane, moment.text), [])
            row = next((row for row in same if row.takes(place, moment.time)), None)
            if row is None:
                row = _Open(moment, [None] * len(timelines))
                rows.append(row)
                same.append(row)
            row.times[place] = moment.time
    # The sort is stable: of rows at one instant those of the first world come first, in its own order.
    return sorted((Row(row.first, tuple(row.times)) for row in rows), key=lambda row: row.time)


@dataclass(slots=True)
class _Open(Generic[M]):
    first: M
    times: list[int | None]

    def takes(self, place: int, time: int) -> bool:
        """Whether a moment of a further world is this one."""
        return self.times[place] is None and abs(self.first.time - time) <= NEARLY
