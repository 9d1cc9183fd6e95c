"""Counting requests: exact instants, shares that add up, and looking that changes nothing."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcsim.cluster.traffic.arrivals import Arrivals, Split
from kcsim.engine.clock import HOUR, SECOND
from kcsim.engine.dice import Dice

RATES = st.fractions(min_value=Fraction(1, 3600), max_value=100_000, max_denominator=10_000)
SHARES = st.lists(st.integers(1, 50), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("rate", "until", "count"),
    [
        (Fraction(1), 0, 0),
        (Fraction(1), 1, 1),
        (Fraction(1), SECOND, 1),
        (Fraction(1), SECOND + 1, 2),
        (Fraction(1), 10 * SECOND, 10),
        (Fraction(1, 60), HOUR, 60),
        (Fraction(1000), SECOND, 1000),
        (Fraction(3), SECOND, 3),
    ],
)
def test_how_many_requests_are_due(rate: Fraction, until: int, count: int) -> None:
    assert Arrivals(rate, 0).sent_before(until) == count


@given(RATES, st.integers(0, 10 * SECOND), st.integers(0, 100_000))
def test_instants_and_counts_agree(rate: Fraction, start: int, index: int) -> None:
    arrivals = Arrivals(rate, start)
    when = arrivals.sent_at(index)
    assert arrivals.sent_before(when) <= index < arrivals.sent_before(when + 1)


@given(SHARES, SHARES, st.integers(0, 5000), st.integers(0, 1000))
def test_classes_share_all_requests_evenly(bad: list[int], good: list[int], n: int, seed: int) -> None:
    total = sum(bad) + sum(good)
    split = Split([w / total for w in bad], [w / total for w in good], Dice(seed, "test"))
    failing, fine = split.counts(n)
    after_failing, after_fine = split.counts(n + 1)
    assert sum(failing) + sum(fine) == n
    assert sum(after_failing) + sum(after_fine) == n + 1
    assert all(b >= a for a, b in zip((*failing, *fine), (*after_failing, *after_fine), strict=True))
    for weight, count in zip((*bad, *good), (*failing, *fine), strict=True):
        assert abs(count - n * weight / total) <= 5


@given(st.integers(1, 99), st.integers(0, 1000), st.integers(1, 400))
def test_first_and_last_are_those_that_counting_finds(percent: int, seed: int, n: int) -> None:
    split = Split([percent / 100], [1 - percent / 100], Dice(seed, "test"))
    failed = [sum(split.counts(i)[0]) for i in range(n + 1)]
    first = next((i for i in range(1, n + 1) if failed[i] > failed[i - 1]), None)
    good = next((i for i in range(1, n + 1) if failed[i] == failed[i - 1]), None)
    last = max((i for i in range(1, n + 1) if failed[i] > failed[i - 1]), default=0)
    assert split.last_failed(n) == last
    if first is not None:
        assert split.first_failed() == first
    if good is not None:
        assert split.first_good() == good


@pytest.mark.parametrize(("bad", "good"), [([1.0], []), ([], [1.0]), ([], [0.5, 0.5])])
def test_shares_of_all_and_of_nothing_are_exact(bad: list[float], good: list[float]) -> None:
    split = Split(bad, good, Dice(1, "test"))
    failing, fine = split.counts(10**12)
    assert (sum(failing), sum(fine)) == ((10**12, 0) if bad else (0, 10**12))
    assert (split.first_failed(), split.first_good()) == ((1, None) if bad else (None, 1))


def test_one_request_fails_as_often_as_its_share_says() -> None:
    hits = sum(sum(Split([0.25], [0.75], Dice(seed, "test")).counts(1)[0]) for seed in range(2000))
    assert 430 < hits < 570
