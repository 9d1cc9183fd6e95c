"""Predictions as numbers: how they are written, and how they read beside what came."""

from __future__ import annotations

import pytest

from kcsim.engine.clock import SECOND
from kcsim.scenario.measure import Measure
from kcsim.tui.predictions import BadNumber, Predictions, Said, beside, came, is_number, read_number
from kcsim.tui.worlds import Kept


def measure(value, unit="s"):
    return Measure("lead", "Commit to live", value, unit, "")


@pytest.mark.parametrize(
    ("unit", "text", "value"),
    [
        ("s", "90", 90),
        ("s", "1m30s", 90),
        ("s", " 2.5 ", 2.5),
        ("s", "never", None),
        ("ms", "1s", 1000),
        ("min", "90s", 1.5),
        ("%", "99.5 %", 99.5),
        ("%", "99.5", 99.5),
        ("requests", "1,200", 1200),
    ],
)
def test_a_number_is_read_in_the_unit_of_its_measure(unit, text, value):
    assert read_number(measure(1, unit), text) == value


@pytest.mark.parametrize(
    ("unit", "text"), [("s", "soon"), ("s", "-3"), ("requests", "1m"), ("s", "inf"), ("s", "")]
)
def test_what_is_no_number_is_refused_with_what_would_be(unit, text):
    with pytest.raises(BadNumber, match=r"write .*never"):
        read_number(measure(1, unit), text)


@pytest.mark.parametrize(
    ("value", "said", "right"),
    [
        (74, 30, False),
        (74, 70, True),
        (5, 6, True),
        (5, 7, False),
        (None, None, True),
        (None, 4, False),
        (4, None, False),
    ],
)
def test_a_number_that_is_near_enough_came(value, said, right):
    assert came(measure(value), Said(said, 0)) is right


def test_the_difference_is_told():
    said = Said(30, 10 * SECOND)
    assert beside(measure(74), said, over=True) == "you said 30s at t=10s: it came to 44s more"
    assert beside(measure(12), said, over=False) == "you said 30s at t=10s: so far 18s less"
    assert beside(measure(31), said, over=True).endswith("as it came")
    assert beside(measure(None), said, over=True).endswith("it never came")
    assert beside(measure(None), said, over=False).endswith("never so far")
    assert beside(measure(3), Said(None, 0), over=True).endswith("it came all the same")


def test_texts_and_measures_without_a_unit_are_no_numbers():
    assert is_number(measure(None))
    assert not is_number(measure("v1", ""))


def test_numbers_are_judged_when_the_story_is_over():
    said = Predictions({}, {"lead": Said(70, 0)})
    assert said.tally((), (measure(74),), over=False) == "0 of 0 came as you said, 1 still open"
    assert said.tally((), (measure(74),), over=True) == "1 of 1 came as you said"
    assert not Predictions()


def test_nothing_is_predicted_of_a_world_by_default():
    assert not Kept("push", 0, 0, (), ()).predictions
