"""Promised renewals: worked out when somebody asks, as if each had been made."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcsim.api.heartbeat import Heartbeats
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine
from kcsim.engine.dice import Dice

LEASE = ("kube-node-lease", "node-1")
PERIOD, JITTER = 10 * SECOND, 0.04
STEPS = st.lists(st.tuples(st.integers(0, 200 * SECOND), st.sampled_from(["suspend", "resume", "ask"])))


class Eager:
    """The same, one renewal at a time."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.begin(0)

    def begin(self, now: int) -> None:
        self.last, self.stands = now, True
        self.due = now + self.dice.jitter(PERIOD, JITTER)

    def run(self, now: int) -> None:
        while self.stands and self.due <= now:
            self.last = self.due
            self.due += self.dice.jitter(PERIOD, JITTER)


@settings(max_examples=60)
@given(STEPS)
def test_the_last_renewal_is_what_it_would_be_if_each_were_made(steps: list[tuple[int, str]]) -> None:
    engine = Engine(1)
    beats = Heartbeats(engine)
    beats.begin(*LEASE, PERIOD, JITTER)
    eager = Eager(Dice(1, "lease/kube-node-lease/node-1"))
    for wait, what in steps:
        engine.run_until(engine.now + wait)
        eager.run(engine.now)
        if what == "suspend":
            beats.suspend(*LEASE)
            eager.stands = False
        elif what == "resume":
            beats.resume(*LEASE)
            if not eager.stands:
                eager.begin(engine.now)
        else:
            since = beats.renewed_since(*LEASE)
            assert since is not None
            assert since <= eager.last
            assert beats.last_renewal(*LEASE) == eager.last
    assert beats.last_renewal(*LEASE) == eager.last
    assert beats.is_standing(*LEASE) == eager.stands


def test_a_silence_is_not_worked_out_before_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(1)
    beats = Heartbeats(engine)
    beats.begin(*LEASE, PERIOD, JITTER)
    engine.run_until(100_000 * SECOND)
    asked: list[int] = []
    ticks = Dice.ticks

    def counted(dice: Dice, due: int, now: int, period: int, factor: float) -> tuple[int, int]:
        asked.append(now)
        return ticks(dice, due, now, period, factor)

    monkeypatch.setattr(Dice, "ticks", counted)
    beats.suspend(*LEASE)
    assert not asked
    engine.run_until(100_100 * SECOND)
    last = beats.last_renewal(*LEASE)
    assert last is not None
    assert 100_000 * SECOND - 1.04 * PERIOD <= last <= 100_000 * SECOND
    assert asked == [100_000 * SECOND], "up to the silence, not beyond"
