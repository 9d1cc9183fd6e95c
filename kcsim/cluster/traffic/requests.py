"""Requests one by one: each try is an event with dice of its own. For small runs, and to check the flows against.

**Walk:** a request is due -> its try draws one of the classes of the moment and how long it takes -> it ends, or is broken
off by the end of its pod -> another try after a wait, or an entry in the ``Tally`` -> its user thinks, and asks again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from kcsim.cluster.traffic.arrivals import Arrivals
from kcsim.cluster.traffic.demand import Demand
from kcsim.cluster.traffic.ledger import Failure, Latency, Totals, add, latency_of
from kcsim.cluster.traffic.outcome import RESET, SERVER_ERROR, Mix, Outcome, ordered
from kcsim.cluster.traffic.retries import Retries
from kcsim.cluster.traffic.story import Gone, Story
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine, Timer
from kcsim.engine.dice import Dice
from kcsim.engine.trace import Record

_BURST_OF_BUDGET = 10.0
"""How many retries a client may save up, as in gRPC's and Finagle's budgets."""


@dataclass(slots=True, eq=False)
class _Request:
    sent: int
    tried: int = 0
    outcome: Outcome | None = None
    ends: Timer | None = None
    user: bool = False
    began: int = 0


@dataclass(frozen=True, slots=True)
class _Ended:
    sent: int
    ended: int
    outcome: Outcome
    why: Record | None


class Tally:
    """Requests that have ended, and how many were sent; answers as ``Ledger`` does."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self._ended: list[_Ended] = []
        self._ends: list[int] = []

    def note(self, ended: _Ended) -> None:
        """One more has ended; in the order of time."""
        self._ended.append(ended)
        self._ends.append(ended.ended)

    def _until(self, now: int) -> list[_Ended]:
        return self._ended[: bisect_right(self._ends, now)]

    def ended(self, now: int) -> tuple[int, int]:
        """How many requests have ended by ``now``, and how many of them failed."""
        known = self._until(now)
        return len(known), sum(1 for each in known if each.outcome.cause)

    def totals(self, now: int) -> Totals:
        """Sums up to ``now``."""
        causes: dict[str, int] = {}
        kinds: dict[str, int] = {}
        known = self._until(now)
        for each in known:
            if each.outcome.cause:
                add(causes, each.outcome.cause, 1)
                add(kinds, each.outcome.kind, 1)
        causes, kinds = dict(sorted(causes.items())), dict(sorted(kinds.items()))
        failed = sum(causes.values())
        return Totals(bisect_right(self.sent, now), len(known), len(known) - failed, causes, kinds)

    def failures(self, now: int) -> list[Failure]:
        """Runs of failed requests with the same record to blame."""
        runs: list[list[_Ended]] = []
        for each in self._until(now):
            if not each.outcome.cause:
                continue
            if runs and runs[-1][-1].why is each.why:
                runs[-1].append(each)
            else:
                runs.append([each])
        return [_failure(run) for run in runs]

    def points(self, now: int) -> list[tuple[int, float]]:
        """Times of good answers (µs), each of which stands for itself."""
        return [(e.ended - e.sent, 1.0) for e in self._until(now) if not e.outcome.cause]

    def latency(self, now: int) -> Latency | None:
        """How long good answers took; None before the first."""
        return latency_of(self.points(now))


def _failure(run: list[_Ended]) -> Failure:
    causes: dict[str, int] = {}
    kinds: dict[str, int] = {}
    pods: dict[str, None] = {}
    wheres: dict[str, None] = {}
    for each in run:
        add(causes, each.outcome.cause, 1)
        add(kinds, each.outcome.kind, 1)
        pods.update(dict.fromkeys(pod for pod in each.outcome.pods if pod))
        if each.outcome.where:
            wheres[each.outcome.where] = None
    since, until = min(e.sent for e in run), max(e.sent for e in run)
    return Failure(since, until, causes, tuple(pods), run[0].why, kinds, tuple(wheres)[:8])


class Requests:
    """What became of a source's requests, one by one.

    Attributes:
        ledger: those that have ended.
        demand: what its clients want.
    """

    def __init__(
        self, engine: Engine, story: Story, dice: Dice, retries: Retries, demand: Demand, start: int
    ) -> None:
        self._engine = engine
        self._story = story
        self._dice = dice
        self._retries = retries
        self.demand = demand
        self._arrivals = Arrivals(Fraction(0), start)
        self._number = 0
        self._next: Timer | None = None
        self._parts: tuple[Outcome, ...] = ()
        self._mix = Mix(())
        self._loads: list[tuple[int, Mix]] = []
        self._rate = Fraction(0)
        self._why: Record | None = None
        self._going: dict[_Request, None] = {}
        self._users = 0
        self._timeout = 0
        self._saved = _BURST_OF_BUDGET
        self._closed = False
        self.ledger = Tally()

    def begin(
        self, one_try: Mix, rate: Fraction, gone: Sequence[Gone], why: Record | None, timeout: int
    ) -> bool:
        """What becomes of tries from now on; gives whether that differs from before."""
        self._timeout = timeout
        self._break_off(gone, why)
        parts = ordered(one_try.parts)
        if one_try is not self._mix:
            self._loads.append((self._engine.now, one_try))
        changed = parts != self._parts or rate != self._rate or one_try is not self._mix
        if parts != self._parts:
            self._parts, self._why = parts, why
        self._mix, self._rate = one_try, rate
        if self.demand.users:
            self._wake_users(rate)
        elif rate != self._arrivals.rate:
            self._arrivals.change(self._engine.now, rate)
            self._expect()
        return changed

    def end(self) -> None:
        """Nobody sends any more."""
        self._closed = True
        if self._next is not None:
            self._next.cancel()

    def visits(self, pod: str, since: int, until: int) -> float:
        """How many requests (times µs a second) reached a pod between two instants; of all pods when "" is asked for."""
        sent = self.ledger.sent
        total, end = 0.0, until
        for begin, mix in reversed(self._loads):
            start = max(begin, since)
            count = bisect_right(sent, end - 1) - bisect_right(sent, start - 1)
            total += max(count, 0) * (mix.visits().get(pod, 0.0) if pod else 1.0)
            end = min(end, begin)
            if begin <= since:
                break
        return total * SECOND

    def often_at(self, when: int) -> dict[str, float]:
        """How often a request visits each pod at an instant; of those that it visits at all."""
        at = bisect_right(self._loads, when, key=lambda load: load[0]) - 1
        found = self._loads[at][1].visits() if at >= 0 else {}
        return {pod: often for pod, often in found.items() if often > 1e-9}

    # --- sending ------------------------------------------------------------------------------------------------

    def _expect(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None
        at = self._arrivals.sent_at(self._number)
        if at is not None and not self._closed:
            self._next = self._engine.at(max(at, self._engine.now), self._due)

    def _due(self) -> None:
        self._number += 1
        self._next = None
        self._send(_Request(self._engine.now))
        self._expect()

    def _wake_users(self, rate: Fraction) -> None:
        """As many users as the time of the day wants; nobody asks where no client is there to."""
        wanted = self.demand.active(self._engine.now) if rate else 0
        think = self.demand.think
        while self._users < wanted:
            self._users += 1
            # They do not begin all at once.
            self._engine.after(self._dice.integer(max(think, 1)), self._ask, _Request(0, user=True))

    def _ask(self, request: _Request) -> None:
        wanted = self.demand.active(self._engine.now) if self._rate else 0
        if self._closed or self._users > wanted:
            self._users -= 1
            return
        request.sent = self._engine.now
        self._send(request)

    def _send(self, request: _Request) -> None:
        self.ledger.sent.append(request.sent)
        if self._retries.budget is not None:
            self._saved = min(self._saved + self._retries.budget, _BURST_OF_BUDGET)
        self._try(request)

    def _try(self, request: _Request) -> None:
        request.tried += 1
        request.began = self._engine.now
        outcome = self._drawn()
        takes = outcome.takes
        if outcome.links:
            takes = outcome.work + self._dice.total(outcome.links)
        request.outcome = outcome
        self._going[request] = None
        request.ends = self._engine.after(takes, self._end_try, request, outcome)

    def _drawn(self) -> Outcome:
        point = self._dice.uniform()
        for part in self._parts:
            point -= part.share
            if point < 0:
                return part
        return self._parts[-1]

    # --- ending -------------------------------------------------------------------------------------------------

    def _end_try(self, request: _Request, outcome: Outcome) -> None:
        self._going.pop(request, None)
        again = outcome.cause and self._retries.again(outcome.cause)
        if again and request.tried <= self._retries.attempts and self._granted():
            self._engine.after(self._retries.wait(request.tried), self._try, request)
            return
        now = self._engine.now
        self.ledger.note(_Ended(request.sent, now, outcome, self._why if outcome.cause else None))
        self._tell(request, outcome)
        if request.user:
            self._engine.after(self.demand.think, self._ask, _Request(0, user=True))

    def _granted(self) -> bool:
        if self._retries.budget is None:
            return True
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True

    def _break_off(self, gone: Sequence[Gone], why: Record | None) -> None:
        """End the tries that were under way to pods that are gone, or let them wait for nothing."""
        del why
        now = self._engine.now
        breaking = {each.cause: self._mix.visits(each.cause) for each in gone}
        for request in list(self._going):
            outcome, ends = request.outcome, request.ends
            if outcome is None or outcome.cause or ends is None:
                continue
            for each in gone:
                first = each.pod in outcome.pods
                part = 1 / len(outcome.pods) if first else min(breaking[each.cause].get(each.pod, 0.0), 1.0)
                young = now - request.began < (outcome.takes if first else each.latency)
                if not young or self._dice.uniform() >= part * each.share:
                    continue
                ends.cancel()
                cause = each.cause if first or each.cause != RESET else SERVER_ERROR
                where = "" if first else f"{each.pod}: {each.cause}"
                left = 0 if each.cause == RESET else max(request.began + self._timeout - now, 0)
                broken = Outcome(cause, 0.0, 0, (each.pod,), (), 0, where)
                request.outcome = broken
                request.ends = self._engine.after(left, self._end_try, request, broken)
                break

    def _tell(self, request: _Request, outcome: Outcome) -> None:
        """Say when requests begin to fail, and when they no longer do."""
        causes: dict[str, float] = {}
        for part in self._parts:
            if part.cause:
                causes[part.cause] = round(causes.get(part.cause, 0.0) + part.share, 4)
        if causes == self._story.said or bool(outcome.cause) != bool(causes):
            return
        pods = sorted({pod for part in self._parts if part.cause for pod in part.pods if pod})
        self._story.tell(request.sent, causes, pods, [])
