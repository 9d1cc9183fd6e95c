"""Signals: expressions over time, evaluated only when something they read has changed."""

import pytest

import kcsim
from kcsim.engine.clock import SECOND
from kcsim.scenario.expressions import compile_expression, operands
from kcsim.scenario.functions import TrafficRead
from kcsim.scenario.signals import Signal, _moments


class View:
    """A view whose only value is the clock."""

    def __init__(self, now: int) -> None:
        self.now = now


def looked(*seconds: int, text: str = "now() >= 3") -> Signal:
    signal = Signal(compile_expression(text), operands(text))
    for second in seconds:
        signal.look(View(second * SECOND), second * SECOND, None)
    return signal


def test_only_changes_are_kept():
    signal = looked(0, 1, 2, text="seconds('3s') == 3")
    assert [(sample.time, sample.holds) for sample in signal.samples] == [(0, True)]


def test_of_one_instant_only_its_end_counts():
    signal = Signal(compile_expression("now() >= 3"), ())
    for now in (0, 5, 1):
        signal.look(View(now * SECOND), 7, None)
    assert [(sample.time, sample.holds) for sample in signal.samples] == [(7, False)]
    signal.look(View(4 * SECOND), 8, None)
    signal.look(View(1 * SECOND), 8, None)
    assert [(sample.time, sample.holds) for sample in signal.samples] == [(7, False)]


def test_first_and_rises_look_at_a_stretch():
    signal = Signal(compile_expression("now() >= 3"), ())
    for time, holds in ((0, False), (3, True), (5, False), (9, True)):
        signal.look(View(3 * SECOND if holds else 0), time, None)
    assert signal.first(0, 9, True)[0] == 3
    assert signal.first(4, 9, True)[0] == 4  # true already when the stretch begins
    assert signal.first(5, 8, True) is None
    assert signal.first(3, 9, False)[0] == 5
    assert [sample.time for sample in signal.rises(0, 9)] == [3, 9]
    assert signal.at(4).holds
    assert not signal.at(6).holds


def test_values_are_told_as_the_expression_writes_them():
    signal = looked(0, 4)
    assert signal.values_text(signal.samples[-1]) == "now() was 4.0"
    assert operands("seconds('3s') == 3") == ()
    found = operands('min(ready("deployment/a"), 3) > 1 and deployment("b", "x").status.replicas == 2')
    assert [part.text for part in found] == ['ready("deployment/a")', 'deployment("b", "x").status.replicas']


class Failing:
    """Requests of which those at some seconds failed."""

    def __init__(self, *seconds: int) -> None:
        self.seconds = [second * SECOND for second in seconds]

    def failed(self, since: int, until: int) -> list[int]:
        return [when for when in self.seconds if since < when <= until]


@pytest.mark.parametrize(
    ("text", "failures", "since", "until", "wanted"),
    [
        ('success_rate("users", "5s") > 0.9', (), 0, 1000, []),
        ('success_rate("users", "5s") > 0.9', (10,), 0, 1000, range(10, 17)),
        ('success_rate("users", "5s") > 0.9', (10,), 12, 1000, range(13, 17)),
        ('success_rate("users", "5s") > 0.9', (10, 12), 0, 1000, range(10, 19)),
        ('success_rate("users", "5s") > 0.9', (10, 900), 0, 20, range(10, 17)),
        ('requests("users") > 9', (), 3, 7, range(4, 8)),
        ("now() > 5", (), 3, 7, [6]),
        ("now() >= 5", (), 3, 7, [5]),
        ('now() < seconds("5s")', (), 3, 7, [5]),
        ('seconds("5s") < now()', (), 3, 7, [6]),
        ("now() <= 4.5 or now() > 5.5", (), 3, 7, [5, 6]),
        ("5 <= now()", (), 6, 9, []),
        ("now() == 5", (), 3, 7, range(4, 8)),
        ("now() - 3 > 5", (), 3, 7, range(4, 8)),
    ],
)
def test_time_alone_is_looked_at_only_while_it_can_change_something(text, failures, since, until, wanted):
    reads = compile_expression(text).reads
    found = _moments(reads, {"users": Failing(*failures)}, since * SECOND, until * SECOND)
    assert found == [second * SECOND for second in wanted]


def test_what_an_expression_reads_of_traffic():
    reads = compile_expression('success_rate("a", "5m") > 0.9 or requests("b") > 3').reads
    assert sorted(reads.traffic) == [TrafficRead("a", 300 * SECOND, False), TrafficRead("b", -1, True)]


def test_a_success_rate_falls_when_requests_fail_and_recovers_when_they_leave_the_window():
    play = kcsim.load("bad-release-during-node-failure", "push")
    play.finish()
    play.verdicts()
    signal = play._reading.signals['success_rate("shoppers", "10m") >= 0.85']
    rates = [sample.values[0] for sample in signal.samples]
    assert rates[0] == rates[-1] == 1.0
    assert 0.85 < min(rates) < 1.0
    fell = next(sample.time for sample in signal.samples if sample.values[0] < 1.0)
    assert 721 <= fell / SECOND <= 723


END = 3600


def over_an_hour(text):
    """The signal of an expression, looked at when time may change it."""
    signal, clock = Signal(compile_expression(text), operands(text)), View(0)
    for when in (0, *_moments(signal.expression.reads, {}, 0, END * SECOND)):
        clock.now = when
        signal.look(clock, when, None)
    return signal


@pytest.mark.parametrize(
    "text", ["now() >= 90 and now() < 3000", 'seconds("25m") < now()', "not now() <= 61", "now() > 7200"]
)
def test_looking_at_the_turning_points_of_the_clock_finds_what_every_second_would(text):
    """Of ``max(now(), 0)`` nobody knows that it is ``now()``: that one is looked at each second."""
    quick, slow = over_an_hour(text), over_an_hour(text.replace("now()", "max(now(), 0)"))
    assert len(quick.samples) <= 3
    assert len(slow.samples) == END + 1
    for second in range(0, END, 7):
        one, two = quick.at(second * SECOND), slow.at(second * SECOND)
        assert (one.holds, quick.values_text(one)) == (two.holds, slow.values_text(two))
    for since in (0, 60, 1000, 3500):
        for holds in (True, False):
            found = [each.first(since * SECOND, END * SECOND, holds) for each in (quick, slow)]
            times = [each and (each[0], each[1].values) for each in found]
            assert times[0] == times[1]
