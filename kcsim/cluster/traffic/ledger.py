"""What became of the requests of one traffic source: stretches of constant conditions, and sums over them.

Nothing is kept for each request: a stretch knows how many of its requests were sent, what shares they divided into and
how long each class takes to end, and every question is answered from that, for any instant up to now.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from kcsim.cluster.traffic.arrivals import Arrivals, Split
from kcsim.cluster.traffic.outcome import Outcome
from kcsim.engine.dice import Dice
from kcsim.engine.trace import Record
from kcsim.profile.distributions import Distribution

_SAMPLES = 64
_WHERES = 8


@dataclass(frozen=True, slots=True)
class Broken:
    """What a change did to requests that were under way.

    Attributes:
        outcome: index of their class in the stretch that ends.
        part: of them that were under way to what has gone.
        age: those were under way that were sent less than this before the change (µs).
        cause, pods, where: what became of them.
        lasts: how long after the change they end (µs).
    """

    outcome: int
    part: float
    age: int
    cause: str
    pods: tuple[str, ...]
    where: str = ""
    lasts: int = 0


@dataclass(slots=True)
class Stretch:
    """Constant conditions from ``since`` to ``until`` (µs; None: still so).

    Attributes:
        outcomes: the classes, failing ones first.
        first: index of the first request.
        why: the record that began it.
        rate: requests a second.
        broken: requests of its end that the change broke off, with how many there are.
    """

    since: int
    outcomes: tuple[Outcome, ...]
    first: int
    split: Split
    why: Record | None
    until: int | None = None
    rate: Fraction = Fraction(0)
    broken: tuple[tuple[Broken, int], ...] = ()
    broken_why: Record | None = None

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
        kinds: how many failed, by kind of error.
        where: the stations at which they failed, in words, the first few.
    """

    since: int
    until: int
    causes: dict[str, int]
    pods: tuple[str, ...]
    why: Record | None
    kinds: dict[str, int] = field(default_factory=dict)
    where: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many requests failed."""
        return sum(self.causes.values())


@dataclass(frozen=True, slots=True)
class Totals:
    """Requests up to an instant: ``sent``, ``ended``, of those ``ok``, and the failed ones by cause and by kind."""

    sent: int
    ended: int
    ok: int
    causes: dict[str, int]
    kinds: dict[str, int] = field(default_factory=dict)

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
    p95: int = 0
    p999: int = 0


def add(counts: dict[str, int], key: str, count: int) -> None:
    """Count so many more of a key."""
    if count:
        counts[key] = counts.get(key, 0) + count


@dataclass(slots=True)
class Ledger:
    """The stretches of one source, in order."""

    arrivals: Arrivals
    stretches: list[Stretch] = field(default_factory=list)
    _settled: list[tuple[int, int, int]] = field(default_factory=lambda: [(-1, 0, 0)])
    """For the first n stretches: the instant by which all their requests have ended, how many, how many failed."""

    # --- writing ------------------------------------------------------------------------------------------------

    def begin(
        self,
        now: int,
        outcomes: tuple[Outcome, ...],
        dice: Dice,
        why: Record | None,
        *,
        rate: Fraction | None = None,
        broken: Sequence[Broken] = (),
    ) -> Stretch | None:
        """Conditions from now on; gives the new stretch, None when they are what they were."""
        current = self.current
        rate = self.arrivals.rate if rate is None else rate
        if current is not None and not broken and (current.outcomes, current.rate) == (outcomes, rate):
            return None
        self.close(now, broken, why)
        self.arrivals.change(now, rate)
        failing = [o.share for o in outcomes if o.cause]
        good = [o.share for o in outcomes if not o.cause]
        first = self.arrivals.sent_before(now)
        stretch = Stretch(now, outcomes, first, Split(failing, good, dice), why, None, rate)
        self.stretches.append(stretch)
        return stretch

    def close(self, now: int, broken: Sequence[Broken] = (), why: Record | None = None) -> None:
        """The present conditions end; requests sent at ``now`` or later meet others."""
        current = self.current
        if current is None:
            return
        if current.since == now:
            self.stretches.pop()
            return
        current.until = now
        last, ended, failed = self._settled[-1]
        counts = current.counts(self.arrivals.sent_before(now) - current.first)
        found = []
        for each in broken:
            before = current.counts(max(self.arrivals.sent_before(now - each.age) - current.first, 0))
            under_way = counts[each.outcome] - before[each.outcome]
            if gone := round(under_way * each.part):
                found.append((each, gone))
                failed += gone
                last = max(last, now + each.lasts)
        current.broken, current.broken_why = tuple(found), why
        for outcome, count in zip(current.outcomes, counts, strict=True):
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
        gone: dict[int, int] = {}
        for each, count in stretch.broken:
            gone[each.outcome] = gone.get(each.outcome, 0) + count
        whole: list[int] = []
        if gone and stretch.until is not None:
            whole = stretch.counts(self._sent(stretch, stretch.until))
        known: dict[int, list[int]] = {}  # most outcomes come of the same number of requests
        for i, outcome in enumerate(stretch.outcomes):
            sent = self._sent(stretch, now + 1 - outcome.takes)
            counts = known.get(sent)
            if counts is None:
                counts = known[sent] = stretch.counts(sent)
            count = counts[i]
            yield outcome, min(count, max(whole[i] - gone[i], 0)) if i in gone else count
        for each, count in stretch.broken:
            if stretch.until is not None and now >= stretch.until + each.lasts:
                yield Outcome(each.cause, 0.0, each.age, each.pods, (), 0, each.where), count

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
        kinds: dict[str, int] = {}
        sent = ok = 0
        for stretch in self.stretches:
            sent += self._sent(stretch, now + 1)
            for outcome, count in self._ended(stretch, now):
                if not outcome.cause:
                    ok += count
                else:
                    add(causes, outcome.cause, count)
                    add(kinds, outcome.kind, count)
        causes, kinds = dict(sorted(causes.items())), dict(sorted(kinds.items()))
        return Totals(sent, ok + sum(causes.values()), ok, causes, kinds)

    def failures(self, now: int) -> list[Failure]:
        """The stretches with requests that were sent, and failed, by ``now``."""
        found = []
        for stretch in self.stretches:
            sent = self._sent(stretch, now + 1)
            last = stretch.split.last_failed(sent)
            first = stretch.split.first_failed()
            if last and first is not None:
                counts = stretch.counts(sent)
                failed = [(o, n) for o, n in zip(stretch.outcomes, counts, strict=True) if o.cause and n]
                at = self.arrivals.sent_at
                since, until = at(stretch.first + first - 1), at(stretch.first + last - 1)
                assert since is not None
                assert until is not None
                found.append(_failure(since, until, failed, stretch.why))
            if stretch.broken and stretch.until is not None and now >= stretch.until:
                gone = [(Outcome(b.cause, 0.0, 0, b.pods, (), 0, b.where), n) for b, n in stretch.broken]
                age = max(each.age for each, _ in stretch.broken)
                since = max(stretch.until - age, stretch.since)
                found.append(_failure(since, stretch.until, gone, stretch.broken_why))
        return found

    def points(self, now: int) -> list[tuple[int, float]]:
        """Times of good answers (µs) with how many they stand for. Link latencies are sampled with dice of their own."""
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
        return points

    def latency(self, now: int) -> Latency | None:
        """How long good answers took; None before the first."""
        return latency_of(self.points(now))


def _failure(since: int, until: int, failed: list[tuple[Outcome, int]], why: Record | None) -> Failure:
    causes: dict[str, int] = {}
    kinds: dict[str, int] = {}
    pods: dict[str, None] = {}
    wheres: dict[str, None] = {}
    for outcome, count in failed:
        add(causes, outcome.cause, count)
        add(kinds, outcome.kind, count)
        pods.update(dict.fromkeys(pod for pod in outcome.pods if pod))
        if outcome.where:
            wheres[outcome.where] = None
    return Failure(since, until, causes, tuple(pods), why, kinds, tuple(wheres)[:_WHERES])


def latency_of(points: list[tuple[int, float]]) -> Latency | None:
    """The percentiles of times (µs) with their weights; None of none."""
    if not points:
        return None
    points.sort()
    total = sum(weight for _, weight in points)
    mean = round(sum(value * weight for value, weight in points) / total)
    at = [_quantile(points, total * q) for q in (0.5, 0.9, 0.99, 0.95, 0.999)]
    return Latency(round(total), mean, *at)


def merged_latency(sources: Sequence[list[tuple[int, float]]]) -> Latency | None:
    """The percentiles over the points of several sources."""
    return latency_of([point for points in sources for point in points])


def _quantile(points: Sequence[tuple[int, float]], rank: float) -> int:
    passed = 0.0
    for value, weight in points:
        passed += weight
        if passed >= rank:
            return value
    return points[-1][0]
