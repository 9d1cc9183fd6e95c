"""Judging: what becomes of an expectation, given when its expressions were true.

A row says when an expression was true (in minutes), what is expected of it, and the verdict at the end of the hour.
"""

import pytest

from kcsim.engine.clock import MINUTE
from kcsim.scenario.expectations import Judge
from kcsim.scenario.expressions import compile_expression
from kcsim.scenario.model import Expectation, Push, Scenario
from kcsim.scenario.signals import Sample, Signal

HOUR = 60 * MINUTE


def signal(text: str, *true: tuple[float, float]) -> Signal:
    """A signal that is true in these stretches [from, until), in minutes."""
    made = Signal(compile_expression(text), ())
    edges = {0: False} | {int(a * MINUTE): True for a, _ in true} | {int(b * MINUTE): False for _, b in true}
    for time in sorted(edges):
        made.samples.append(Sample(time, edges[time], (), None))
        made._times.append(time)
    return made


IT, OPENS, CLOSES = "now() > 1", "now() > 2", "now() > 3"


def judged(it: dict, true=(), opens=(), closes=(), *, now=60, until=60, done=None, delivery="push"):
    expectation = Expectation(name="it", **it)
    scenario = Scenario(
        name="s", until=HOUR, deliveries={"push": Push(), "flux": Push()}, expectations=(expectation,)
    )
    signals = {IT: signal(IT, *true), OPENS: signal(OPENS, *opens), CLOSES: signal(CLOSES, *closes)}
    judge = Judge(
        scenario, delivery, signals, until * MINUTE, {k: v * MINUTE for k, v in (done or {}).items()}
    )
    (verdict,) = judge.verdicts(now * MINUTE)
    return verdict


FOR_EVER = ((0, 99),)


@pytest.mark.parametrize(
    ("it", "true", "more", "held", "at"),
    [
        ({"always": IT}, FOR_EVER, {}, True, None),
        ({"always": IT}, ((0, 30),), {}, False, 30),
        ({"always": IT}, ((5, 99),), {}, False, 0),
        ({"always": IT, "after": OPENS}, ((5, 99),), {"opens": ((6, 7),)}, True, None),
        ({"always": IT, "after": OPENS}, ((5, 50),), {"opens": ((6, 7),)}, False, 50),
        ({"always": IT, "after": OPENS, "until": CLOSES}, ((5, 50),), {"opens": ((6, 7),), "closes": ((20, 21),)}, True, None),
        ({"always": IT, "after": OPENS, "within": 10 * MINUTE}, ((5, 17),), {"opens": ((6, 7),)}, True, None),
        ({"always": IT, "after": OPENS, "within": 10 * MINUTE}, ((5, 15),), {"opens": ((6, 7),)}, False, 15),
        # For always only the first time counts.
        ({"always": IT, "after": OPENS, "within": 10 * MINUTE}, ((5, 17),), {"opens": ((6, 7), (30, 31))}, True, None),
        ({"never": IT}, (), {}, True, None),
        ({"never": IT}, ((40, 41),), {}, False, 40),
        ({"never": IT, "after": "entry"}, ((1, 2),), {"done": {"entry": 3}}, True, None),
        ({"eventually": IT}, ((40, 41),), {}, True, 40),
        ({"eventually": IT}, (), {}, False, None),
        ({"eventually": IT, "within": 10 * MINUTE}, ((9, 11),), {}, True, 9),
        ({"eventually": IT, "within": 10 * MINUTE}, ((11, 12),), {}, False, 10),
        ({"eventually": IT, "within": 10 * MINUTE}, ((10, 12),), {}, True, 10),
        ({"eventually": IT, "after": OPENS, "within": 5 * MINUTE}, ((12, 13),), {"opens": ((10, 20),)}, True, 12),
        # True already when it opens.
        ({"eventually": IT, "after": OPENS, "within": 5 * MINUTE}, ((5, 13),), {"opens": ((10, 20),)}, True, 10),
        # Each time it opens counts.
        ({"eventually": IT, "after": OPENS, "within": 5 * MINUTE}, ((12, 13),), {"opens": ((10, 20), (30, 40))}, False, 35),
        ({"eventually": IT, "after": OPENS, "within": 5 * MINUTE}, ((12, 13), (31, 32)), {"opens": ((10, 20), (30, 40))}, True, 31),
        ({"eventually": IT, "stays": 5 * MINUTE}, ((10, 16),), {}, True, 10),
        ({"eventually": IT, "stays": 5 * MINUTE}, ((10, 14),), {}, False, None),
        # It must begin inside the window; it may last beyond it.
        ({"eventually": IT, "within": 12 * MINUTE, "stays": 5 * MINUTE}, ((10, 16),), {}, True, 10),
        ({"eventually": IT, "within": 12 * MINUTE, "stays": 5 * MINUTE}, ((10, 11), (12, 18)), {}, True, 12),
        ({"eventually": IT, "within": 12 * MINUTE, "stays": 5 * MINUTE}, ((10, 11), (13, 20)), {}, False, 12),
        ({"eventually": IT, "after": "entry"}, ((20, 30),), {"done": {"entry": 25}}, True, 25),
    ],
)  # fmt: skip
def test_verdicts(it, true, more, held, at):
    verdict = judged(it, true, **more)
    assert (verdict.held, verdict.passed, verdict.decided) == (held, held, True), verdict.why
    assert verdict.at == (None if at is None else at * 60), verdict.why


def test_what_must_fail_fails_the_test_when_it_holds():
    under = {"always": IT, "fails_under": ("push",)}
    assert judged(under, FOR_EVER).passed is False
    assert judged(under, ((0, 30),)).passed is True
    assert judged(under, FOR_EVER, delivery="flux").passed is True


def test_what_is_expected_under_other_deliveries_only_is_not_judged():
    verdict = judged({"always": IT, "deliveries": ("flux",)})
    assert (verdict.expected, verdict.passed) == ("not judged", True)
    assert "flux" in verdict.why


def test_an_expectation_that_never_opens_holds_and_says_so():
    verdict = judged({"eventually": IT, "after": OPENS})
    assert verdict.passed
    assert "never opened" in verdict.why


def test_while_it_runs_nothing_is_decided_but_what_is_lost_or_won_already():
    assert not judged({"always": IT}, FOR_EVER, now=10).decided
    assert judged({"always": IT}, ((0, 5),), now=10).decided
    open_ = judged({"eventually": IT}, now=10)
    assert (open_.decided, open_.passed) == (False, False)
    assert judged({"eventually": IT}, ((5, 6),), now=10).decided
    staying = judged({"eventually": IT, "stays": 9 * MINUTE}, ((5, 20),), now=10)
    assert (staying.decided, staying.passed) == (False, False)
    assert "must stay so" in staying.why


def test_a_run_cut_short_judges_only_what_was_decided():
    short = {"now": 10, "until": 10}
    assert judged({"eventually": IT}, **short).expected == "not judged"
    assert judged({"always": IT}, FOR_EVER, **short).expected == "not judged"
    assert judged({"always": IT}, ((0, 5),), **short).passed is False
    assert judged({"eventually": IT}, ((5, 6),), **short).passed is True


@pytest.mark.parametrize(
    ("it", "true", "words"),
    [
        ({"always": IT}, ((0, 30),), "was not true at 30m"),
        ({"never": IT}, ((40, 41),), "was true at 40m"),
        ({"eventually": IT}, ((40, 41),), "became true at 40m"),
        ({"eventually": IT, "within": MINUTE}, (), "did not become true within 1m"),
        ({"eventually": IT, "stays": 5 * MINUTE}, ((10, 14),), "it stayed so for 4m at most"),
    ],
)
def test_reasons_say_when(it, true, words):
    assert words in judged(it, true).why
