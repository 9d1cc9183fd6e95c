"""Requests as flows: counted for as long as nothing changes, without an event for any of them.

How far the counts are from requests played one by one (``requests.py``): requests that are under way when conditions
change meet, as flows, those of the instant at which they were sent, with all their tries. Beyond chance itself the two
differ by no more than the rate times the longest time that a request takes, for each change.

**Walk:** ``begin`` with what becomes of requests from now on -> a stretch in the ledger -> when its first request fails, or the
first succeeds again, the trace says so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

from kcsim.cluster.traffic.arrivals import Arrivals
from kcsim.cluster.traffic.ledger import Broken, Ledger, Stretch
from kcsim.cluster.traffic.outcome import RESET, SERVER_ERROR, Mix, Outcome, ordered
from kcsim.cluster.traffic.retries import Retries, retried
from kcsim.cluster.traffic.story import Gone, Story
from kcsim.engine.core import Engine, Timer
from kcsim.engine.dice import Dice
from kcsim.engine.trace import Record


class Flows:
    """What became of a source's requests, as flows.

    Attributes:
        ledger: the stretches.
    """

    def __init__(self, engine: Engine, story: Story, dice: Dice, retries: Retries, start: int) -> None:
        self._engine = engine
        self._story = story
        self._dice = dice
        self._retries = retries
        self.ledger = Ledger(Arrivals(Fraction(0), start))
        self._news: Timer | None = None
        self._loads: list[tuple[int, Mix]] = []
        """From when on requests visit the pods of which mix."""
        self._counted: tuple[Mix, dict[str, float]] | None = None
        self._ended: int | None = None

    def begin(
        self, one_try: Mix, rate: Fraction, gone: Sequence[Gone], why: Record | None, timeout: int
    ) -> bool:
        """What becomes of requests sent from now on; gives whether that differs from before."""
        whole = retried(one_try, self._retries).mix
        moved = not self._loads or self._loads[-1][1] is not whole
        outcomes = ordered(whole.parts)
        broken = self._broken(gone, timeout)
        now = self._engine.now
        stretch = self.ledger.begin(now, outcomes, self._dice, why, rate=rate, broken=broken)
        if moved:
            if self._loads and self._loads[-1][0] == now:
                self._loads.pop()
            self._loads.append((now, whole))
        if stretch is None:
            return moved
        self._expect_news(stretch)
        return True

    def end(self) -> None:
        """Nobody sends any more."""
        self._ended = self._engine.now
        self.ledger.close(self._engine.now)

    def visits(self, pod: str, since: int, until: int) -> float:
        """How many requests (times µs a second) reached a pod between two instants; of all pods when "" is asked for."""
        requests = 0.0
        end = until if self._ended is None else min(until, self._ended)
        for begin, mix in reversed(self._loads):
            for time, rate in self.ledger.arrivals.spans(max(begin, since), end):
                often = self._often(mix).get(pod, 0.0) if pod else 1.0
                requests += float(rate) * time * often
            end = min(end, begin)
            if begin <= since:
                break
        return requests

    def often_at(self, when: int) -> dict[str, float]:
        """How often a request visits each pod at an instant; of those that it visits at all."""
        at = bisect_right(self._loads, when, key=lambda load: load[0]) - 1
        if at < 0 or (self._ended is not None and when >= self._ended):
            return {}
        return {pod: often for pod, often in self._often(self._loads[at][1]).items() if often > 1e-9}

    def _often(self, mix: Mix) -> dict[str, float]:
        if self._counted is None or self._counted[0] is not mix:
            self._counted = (mix, mix.visits())
        return self._counted[1]

    def _breaking(self, cause: str) -> dict[str, float]:
        """How often such an end of each pod takes a request of now with it."""
        return self._loads[-1][1].visits(cause)

    def _broken(self, gone: Sequence[Gone], timeout: int) -> list[Broken]:
        """The requests under way that a change breaks off; those that are tried again come to a good end."""
        current = self.ledger.current
        found: list[Broken] = []
        for i, outcome in enumerate(current.outcomes if current is not None else ()):
            if outcome.cause or current is None or current.since == self._engine.now:
                continue
            for each in gone:
                found.extend(self._break(i, outcome, each, timeout))
        return found

    def _break(self, index: int, outcome: Outcome, gone: Gone, timeout: int) -> list[Broken]:
        first = gone.pod in outcome.pods
        part = 1 / len(outcome.pods) if first else min(self._breaking(gone.cause).get(gone.pod, 0.0), 1.0)
        part *= gone.share
        age = min(outcome.takes, outcome.takes if first else gone.latency)
        if first:
            cause, where = gone.cause, ""
        else:
            cause = SERVER_ERROR if gone.cause == RESET else gone.cause
            where = f"{gone.pod}: {gone.cause}"
        if not part or (self._retries.attempts and self._retries.again(cause)):
            return []
        lasts = 0 if gone.cause == RESET else timeout
        return [Broken(index, part, age, cause, (gone.pod,), where, lasts)]

    def _expect_news(self, stretch: Stretch) -> None:
        """Arm the end of the first request that shows what has changed for users."""
        if self._news is not None:
            self._news.cancel()
            self._news = None
        causes: dict[str, float] = {}
        for outcome in stretch.failing:
            causes[outcome.cause] = round(causes.get(outcome.cause, 0.0) + outcome.share, 4)
        if causes == self._story.said:
            return
        number = stretch.split.first_failed() if causes else stretch.split.first_good()
        sent = self.ledger.arrivals.sent_at(stretch.first + number - 1) if number is not None else None
        if sent is None:
            return
        takes = max(o.takes for o in (stretch.failing or stretch.outcomes))
        pods = sorted({pod for outcome in stretch.failing for pod in outcome.pods if pod})
        where = sorted({outcome.where for outcome in stretch.failing if ": " in outcome.where})
        with self._engine.because(stretch.why):
            self._news = self._engine.at(sent + takes, self._story.tell, sent, causes, pods, where)
