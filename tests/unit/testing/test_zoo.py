"""The bug zoo: every defect is found by its smallest schedule, no twin is accused."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest

from kcsim.testing.zoo.exhibit import PATTERNS
from kcsim.testing.zoo.tour import EXHIBITS, Exhibit, Visit, label, scores, table, to_json, visit


@pytest.fixture(autouse=True)
def kcsim_worlds_keep_their_promises() -> None:
    """The probe judges its worlds itself; there are hundreds of them."""


@cache
def visited(name: str) -> Visit:
    """A visit takes seconds: the tests share it when they run in one process."""
    return visit(next(exhibit for exhibit in EXHIBITS if exhibit.name == name))


def form(schedule: str) -> str:
    """A schedule without revisions and fractions of seconds: those move with every object that a bare cluster has."""
    return re.sub(r"revision \d+|(?<=\d)\.\d+(?=s)", "", schedule)


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)
def test_a_defect_is_found_by_its_smallest_schedule_and_its_twin_is_clean(exhibit: Exhibit) -> None:
    one = visited(exhibit.name)
    assert one.found
    assert form(one.schedule) == form(exhibit.schedule)
    assert one.mended.passed, one.mended.text()
    if exhibit.pattern != "indirect":
        assert exhibit.pattern in one.broken.patterns


def test_the_score_is_told_by_pattern() -> None:
    visits = [visited(exhibit.name) for exhibit in EXHIBITS]
    told = table(visits)
    assert scores(visits)[-1] == ("all", len(EXHIBITS), len(EXHIBITS), 0)
    assert f"all            {len(EXHIBITS)}/{len(EXHIBITS)}          0/{len(EXHIBITS)}" in told
    document = to_json(visits)
    assert [row["pattern"] for row in document["scores"]] == [*PATTERNS, "all"]
    assert "models   pravega/zookeeper-operator#312" in label(visited("old-deletion"))


def test_there_are_enough_and_each_is_described() -> None:
    assert len(EXHIBITS) >= 18
    assert len({exhibit.name for exhibit in EXHIBITS}) == len(EXHIBITS)
    assert min(Counter(exhibit.pattern for exhibit in EXHIBITS).values()) >= 4
    for exhibit in EXHIBITS:
        assert exhibit.broken.name == exhibit.name
        assert issubclass(exhibit.mended, exhibit.broken)
        assert exhibit.defect
        assert exhibit.mend
        assert exhibit.models
