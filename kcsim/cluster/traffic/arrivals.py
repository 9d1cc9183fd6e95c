"""Requests that come at a rate, counted without being played one by one.  Decides; never acts.

While the rate is constant, request ``k`` is sent ``k / rate`` after the first, rounded up to a whole microsecond; where
the rate changes, the part of a request that had come up by then is kept. While nothing changes, each class
of outcome gets its share of them, spread evenly from a random phase: among any ``j`` requests in a row a class with
share p has j*p of them, give or take one, and the chance that a given request belongs to it is p. Counting is integer
arithmetic, so it costs the same for one request an hour and for a million a second, and looking does not change it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

from kcsim.engine.clock import SECOND
from kcsim.engine.dice import Dice

_ONE = 1 << 32
_FINEST = 1_000_000


def exact_rate(rate: float | Fraction) -> Fraction:
    """A rate as the fraction that counting needs: with a denominator of a million at most.

    Raises:
        ValueError: it is negative.
    """
    exact = Fraction(rate).limit_denominator(_FINEST)
    if exact < 0:
        raise ValueError(f"a rate must be 0 or more, not {rate}")
    return exact


class Arrivals:
    """Requests at a rate that changes now and then.

    Attributes:
        rate: requests a second, now.
        start: when the first is sent (µs).
    """

    __slots__ = ("_due", "_since", "_steps", "rate", "start")

    def __init__(self, rate: Fraction, start: int) -> None:
        self.rate = rate
        self.start = start
        self._since = [start]
        self._steps: list[Fraction] = [rate / SECOND]
        self._due: list[Fraction] = [Fraction(0)]
        """For each step: when it begins, its rate a µs, and how many requests (with fractions) came up before it."""

    def change(self, when: int, rate: Fraction) -> None:
        """Requests come at this rate from ``when`` on; not before the last change."""
        if rate == self.rate:
            return
        if not self._steps[-1] and len(self._steps) == 1:
            self.start = self._since[0] = max(when, self.start)  # nothing has been sent so far
            self._steps[0] = rate / SECOND
        elif when <= self._since[-1]:
            self._steps[-1] = rate / SECOND
        else:
            due = self._due[-1] + (when - self._since[-1]) * self._steps[-1]
            # Counting needs no more than a millionth of a request; denominators must not grow with each change.
            self._due.append(Fraction(int(due * _FINEST), _FINEST))
            self._since.append(when)
            self._steps.append(rate / SECOND)
        self.rate = rate

    def sent_before(self, when: int) -> int:
        """How many are sent before the instant ``when``; as far as the present rate holds."""
        last = when - 1
        if last < self.start or not self._steps[0]:
            return 0
        at = bisect_right(self._since, last) - 1
        step, due = self._steps[at], self._due[at]
        count = (
            due.numerator * step.denominator + (last - self._since[at]) * step.numerator * due.denominator
        ) // (due.denominator * step.denominator)
        return count + 1

    def spans(self, since: int, until: int) -> list[tuple[int, Fraction]]:
        """The parts of a stretch of time with like rates: how long each is (µs), and requests a second."""
        found = []
        for at in range(len(self._since) - 1, -1, -1):
            begin = max(self._since[at], since)
            if until > begin:
                found.append((until - begin, self._steps[at] * SECOND))
                until = begin
            if self._since[at] <= since:
                break
        return found

    def sent_at(self, index: int) -> int | None:
        """When request ``index`` (from 0) is sent (µs); None: never at the present rate."""
        at = bisect_right(self._due, index) - 1
        while at > 0 and self._due[at] == index:
            at -= 1  # it came up at the very end of a step before
        while at < len(self._steps) and not self._steps[at]:
            at += 1
        if at >= len(self._steps):
            return None
        missing = max(index - self._due[at], Fraction(0))
        ticks = -(-missing // self._steps[at]) if missing else 0
        return self._since[at] + int(ticks)


class Split:
    """How a run of requests divides into failed ones and good ones, and each of these into classes.

    ``failing`` and ``good`` are the classes' shares of all requests; together they make 1.
    """

    __slots__ = ("_fail", "_failing", "_good", "_phase")

    def __init__(self, failing: Sequence[float], good: Sequence[float], dice: Dice) -> None:
        failed = sum(failing)
        self._fail = _ONE if not good else 0 if not failing else min(max(round(failed * _ONE), 1), _ONE - 1)
        self._phase = dice.integer(_ONE) if 0 < self._fail < _ONE else 0
        self._failing = _steps(failing, dice)
        self._good = _steps(good, dice)

    def counts(self, n: int) -> tuple[list[int], list[int]]:
        """Of the first ``n`` requests: how many in each failing class, and in each good one."""
        failed = (n * self._fail + self._phase) >> 32
        return _divide(failed, self._failing), _divide(n - failed, self._good)

    def first_failed(self) -> int | None:
        """The number (from 1) of the first request that fails; None: none ever does."""
        return -((self._phase - _ONE) // self._fail) if self._fail else None

    def first_good(self) -> int | None:
        """The number (from 1) of the first request that is answered well; None: none ever is."""
        return self._phase // (_ONE - self._fail) + 1 if self._fail < _ONE else None

    def last_failed(self, n: int) -> int:
        """The number of the last request that fails among the first ``n``; 0 for none."""
        failed = (n * self._fail + self._phase) >> 32
        return -((self._phase - failed * _ONE) // self._fail) if failed else 0


def _steps(shares: Sequence[float], dice: Dice) -> list[tuple[int, int]]:
    """For each class but the last: its share of what the classes before it left, and its phase."""
    left = sum(shares)
    steps = []
    for share in shares[:-1]:
        steps.append((min(round(share / left * _ONE), _ONE), dice.integer(_ONE)))
        left -= share
    return steps


def _divide(n: int, steps: list[tuple[int, int]]) -> list[int]:
    counts = []
    for share, phase in steps:
        count = (n * share + phase) >> 32
        counts.append(count)
        n -= count
    counts.append(n)
    return counts
