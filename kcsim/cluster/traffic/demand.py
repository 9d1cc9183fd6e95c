"""How many requests clients want to send, and when that changes.  Decides; never acts.

Open loop: requests come at a rate, whatever the answers are; the rate has a shape over the day and bursts. Closed loop:
so many users each wait for their answer, think, and ask again, so that slow answers mean fewer requests.

**Walk:** ``rate`` at an instant and ``next_change`` after it -> whoever sends looks again then.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from kcsim.cluster.traffic.arrivals import exact_rate
from kcsim.engine.clock import HOUR, SECOND

DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Level:
    """From ``at`` (µs, from the start of each day) on the rate is multiplied by ``factor``."""

    at: int
    factor: Fraction


@dataclass(frozen=True, slots=True)
class Burst:
    """From ``at`` (µs) on for ``lasts`` µs the rate is multiplied by ``factor``, and again ``every`` so often; 0: once."""

    at: int
    lasts: int
    factor: Fraction
    every: int = 0

    def covers(self, now: int) -> bool:
        """Whether an instant lies in it."""
        if now < self.at:
            return False
        since = (now - self.at) % self.every if self.every else now - self.at
        return since < self.lasts

    def next_edge(self, now: int) -> int | None:
        """The next instant after ``now`` at which it begins or ends."""
        if now < self.at:
            return self.at
        turn = (now - self.at) // self.every if self.every else 0
        begin = self.at + turn * self.every
        edges = [begin + self.lasts]
        if self.every:
            edges += [begin + self.every]
        return min((edge for edge in edges if edge > now), default=None)


@dataclass(frozen=True, slots=True)
class Demand:
    """What clients want.

    Attributes:
        rate: requests a second of an open loop; 0 for a closed one.
        users, think: how many users of a closed loop there are, and how long each thinks (µs) after an answer.
        levels: the shape of the day, in order; none: always the same. Before the first the last one holds.
        bursts: further factors.
        day: how long a day is (µs).
        times: a further factor: a fault's.
    """

    rate: Fraction = Fraction(0)
    users: int = 0
    think: int = 0
    levels: tuple[Level, ...] = ()
    bursts: tuple[Burst, ...] = ()
    day: int = DAY
    times: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        if not self.users and self.rate <= 0:
            raise ValueError(f"a rate must be more than 0, not {float(self.rate):g}")
        if self.users and self.rate:
            raise ValueError("clients have a rate (open loop) or users (closed loop), not both")
        for burst in self.bursts:
            if burst.lasts <= 0 or (burst.every and burst.every <= burst.lasts):
                raise ValueError("a burst lasts longer than 0 and shorter than the time between two of them")

    def factor(self, now: int) -> Fraction:
        """What the shape and the bursts make of the rate at an instant."""
        factor = self.times
        if self.levels:
            time = now % self.day
            past = [level for level in self.levels if level.at <= time]
            factor = (past or self.levels)[-1].factor
        for burst in self.bursts:
            if burst.covers(now):
                factor *= burst.factor
        return factor

    def wanted(self, now: int, takes: float) -> Fraction:
        """Requests a second from ``now`` on, where an answer takes ``takes`` µs on the average."""
        if not self.users:
            return exact_rate(self.rate * self.factor(now))
        active = self.users * self.factor(now)
        cycle = self.think + max(int(takes), 1)
        return exact_rate(active * SECOND / cycle)

    def active(self, now: int) -> int:
        """How many users of a closed loop there are at an instant."""
        return round(self.users * self.factor(now))

    def next_change(self, now: int) -> int | None:
        """The next instant after ``now`` at which the shape or a burst changes; None: never."""
        edges = [edge for burst in self.bursts if (edge := burst.next_edge(now)) is not None]
        if len(self.levels) > 1:
            begin = now - now % self.day
            edges += [begin + level.at for level in self.levels if begin + level.at > now]
            edges.append(begin + self.day + self.levels[0].at)
        return min(edges, default=None)
