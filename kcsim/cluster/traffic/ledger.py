"""What became of the requests of one traffic source: stretches of constant conditions, and sums over them.

Nothing is kept for each request: a stretch knows how many of its requests were sent, what shares they divided into and
how long each class takes to end, and every question is answered from that, for any instant up to now.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kcsim.cluster.traffic.arrivals import Arrivals, Split
from kcsim.engine.dice import Dice
from kcsim.engine.trace import Record
from kcsim.profile.distributions import Distribution

_SAMPLES = 64


@dataclass(frozen=True, slots=True)
class Outcome:
    """One class of outcomes.

    Attributes:
        cause: why these requests fail; "" when they do not.
        share: of all requests.
        takes: from sending a request until it ends (µs, the median for answered ones).
        pods: ``namespace/name`` of the pods they were meant for.
        links, work: what the time is made of: latencies of the links there and back, and µs the program needs.
    """

    cause: str
    share: float
    takes: int
    pods: tuple[str, ...] = ()
    links: tuple[Distribution, ...] = ()
    work: int = 0


@dataclass(slots=True)
class Stretch:
    """Constant conditions from ``since`` to ``until`` (µs; None: still so).

    Attributes:
        outcomes: the classes, failing ones first.
        first: index of the first request.
        why: the record that began it.
    """

    since: int
    outcomes: tuple[Outcome, ...]
    first: int
    split: Split
    why: Record | None
    until: int | None = None

    @property
    def failing(self) -> tuple[Outcome, ...]:
        """The classes of requests that fail."""
        return tuple(o for o in self.outcomes if o.cause)

    def counts(self, n: int) -> list[int]:
        """How the first ``n`` requests divide into the outcomes, in their order."""
        failing, good = self.split.counts(n)
        bad = len(self.failing)
        return [*failing[:bad], *good[: len(self.outcomes) - bad]]


@dataclass(frozen=True, slots=True)
class Failure:
    """A stretch in which requests failed.

    Attributes:
        since, until: when the first and the last of the failed requests were sent (µs).
        causes: how many failed, by cause.
        pods: the pods they were meant for.
        why: the record that made it so: a fault, a write, an exit; None when it was so from the start.
    """

    since: int
    until: int
    causes: dict[str, int]
    pods: tuple[str, ...]
    why: Record | None

    @property
    def count(self) -> int:
        """How many requests failed."""
        return sum(self.causes.values())


@dataclass(frozen=True, slots=True)
class Totals:
    """Requests up to an instant: ``sent``, ``ended``, of those ``ok``, and the failed ones by cause."""

    sent: int
    ended: int
    ok: int
    causes: dict[str, int]

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(self.causes.values())

    @property
    def availability(self) -> float:
        """Share of ended requests that were answered well; 1 while none has ended: nothing was lost."""
        return self.ok / self.ended if self.ended else 1.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Time to answer, over the requests that were answered well (µs)."""

    count: int
    mean: int
    p50: int
    p90: int
    p99: int


@dataclass(slots=True)
class Ledger:
    """The stretches of one source, in order."""

    arrivals: Arrivals
    stretches: list[Stretch] = field(default_factory=list)
    _settled: list[tuple[int, int, int]] = field(default_factory=lambda: [(-1, 0, 0)])
    """For the first n stretches: the instant by which all their requests have ended, how many, how many failed."""

    # --- writing ------------------------------------------------------------------------------------------------

    def begin(
        self, now: int, outcomes: tuple[Outcome, ...], dice: Dice, why: Record | None
    ) -> Stretch | None:
        """Conditions from now on; gives the new stretch, None when they are what they were."""
        current = self.current
        if current is not None and current.outcomes == outcomes:
            return None
        self.close(now)
        failing = [o.share for o in outcomes if o.cause]
        good = [o.share for o in outcomes if not o.cause]
        first = self.arrivals.sent_before(now)
        stretch = Stretch(now, outcomes, first, Split(failing, good, dice), why)
        self.stretches.append(stretch)
        return stretch

    def close(self, now: int) -> None:
        """The present conditions end; requests sent at ``now`` or later meet others."""
        current = self.current
        if current is None:
            return
        if current.since == now:
            self.stretches.pop()
            return
        current.until = now
        last, ended, failed = self._settled[-1]
        n = self.arrivals.sent_before(now) - current.first
        for outcome, count in zip(current.outcomes, current.counts(n), strict=True):
            if count:
                last = max(last, now + outcome.takes)
                ended += count
                failed += count if outcome.cause else 0
        self._settled.append((last, ended, failed))

    @property
    def current(self) -> Stretch | None:
        """The stretch that goes on."""
        return self.stretches[-1] if self.stretches and self.stretches[-1].until is None else None

    # --- asking -------------------------------------------------------------------------------------------------

    def _sent(self, stretch: Stretch, before: int) -> int:
        """How many requests of a stretch are sent before an instant."""
        end = before if stretch.until is None else min(before, stretch.until)
        return max(self.arrivals.sent_before(end) - stretch.first, 0)

    def _ended(self, stretch: Stretch, now: int) -> Iterator[tuple[Outcome, int]]:
        """How many of each outcome have ended by ``now`` (that instant included)."""
        for i, outcome in enumerate(stretch.outcomes):
            yield outcome, stretch.counts(self._sent(stretch, now + 1 - outcome.takes))[i]

    def ended(self, now: int) -> tuple[int, int]:
        """How many requests have ended by ``now``, and how many of them failed."""
        if now < 0:
            return 0, 0
        known = bisect_right(self._settled, now, key=lambda entry: entry[0]) - 1
        _, ended, failed = self._settled[known]
        for stretch in self.stretches[known:]:
            if stretch.since > now:
                break
            for outcome, count in self._ended(stretch, now):
                ended += count
                failed += count if outcome.cause else 0
        return ended, failed

    def totals(self, now: int) -> Totals:
        """Sums up to ``now``."""
        causes: dict[str, int] = {}
        sent = ok = 0
        for stretch in self.stretches:
            sent += self._sent(stretch, now + 1)
            for outcome, count in self._ended(stretch, now):
                if not outcome.cause:
                    ok += count
                elif count:
                    causes[outcome.cause] = causes.get(outcome.cause, 0) + count
        return Totals(sent, ok + sum(causes.values()), ok, dict(sorted(causes.items())))

    def failures(self, now: int) -> list[Failure]:
        """The stretches with requests that were sent, and failed, by ``now``."""
        found = []
        for stretch in self.stretches:
            sent = self._sent(stretch, now + 1)
            last = stretch.split.last_failed(sent)
            first = stretch.split.first_failed()
            if not last or first is None:
                continue
            causes: dict[str, int] = {}
            pods: dict[str, None] = {}
            for outcome, count in zip(stretch.outcomes, stretch.counts(sent), strict=True):
                if outcome.cause and count:
                    causes[outcome.cause] = causes.get(outcome.cause, 0) + count
                    pods.update(dict.fromkeys(outcome.pods))
            at = self.arrivals.sent_at
            since, until = at(stretch.first + first - 1), at(stretch.first + last - 1)
            found.append(Failure(since, until, causes, tuple(pods), stretch.why))
        return found

    def latency(self, now: int) -> Latency | None:
        """How long good answers took; None before the first. Link latencies are sampled with dice of their own."""
        weights: dict[tuple[tuple[Distribution, ...], int], int] = {}
        for stretch in self.stretches:
            for outcome, count in self._ended(stretch, now):
                if count and not outcome.cause:
                    key = (outcome.links, outcome.work)
                    weights[key] = weights.get(key, 0) + count
        dice = Dice(0, "latency samples")
        points: list[tuple[int, float]] = []
        for (links, work), count in weights.items():
            times = (work + sum(dice.draw(link) for link in links) for _ in range(_SAMPLES))
            points.extend((time, count / _SAMPLES) for time in times)
        if not points:
            return None
        points.sort()
        total = sum(weights.values())
        mean = round(sum(value * weight for value, weight in points) / total)
        return Latency(total, mean, *(_quantile(points, total * q) for q in (0.5, 0.9, 0.99)))


def _quantile(points: Sequence[tuple[int, float]], rank: float) -> int:
    passed = 0.0
    for value, weight in points:
        passed += weight
        if passed >= rank:
            return value
    return points[-1][0]
