"""Requests that come at a constant rate, counted without being played one by one.  Decides; never acts.

Request ``k`` is sent ``k / rate`` after the first, rounded up to a whole microsecond. While nothing changes, each class
of outcome gets its share of them, spread evenly from a random phase: among any ``j`` requests in a row a class with
share p has j*p of them, give or take one, and the chance that a given request belongs to it is p. Counting is integer
arithmetic, so it costs the same for one request an hour and for a million a second, and looking does not change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from kcsim.engine.clock import SECOND
from kcsim.engine.dice import Dice

_ONE = 1 << 32


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Requests at ``rate`` a second; ``start`` is when the first is sent (µs)."""

    rate: Fraction
    start: int

    def sent_before(self, when: int) -> int:
        """How many are sent before the instant ``when``."""
        past = when - self.start
        if past <= 0:
            return 0
        return (past - 1) * self.rate.numerator // (SECOND * self.rate.denominator) + 1

    def sent_at(self, index: int) -> int:
        """When request ``index`` (from 0) is sent (µs)."""
        return self.start - (-index * SECOND * self.rate.denominator // self.rate.numerator)


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
