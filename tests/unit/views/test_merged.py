"""Timelines of twin worlds told as one."""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.engine.clock import SECOND
from kcsim.views.merged import merged


@dataclass(frozen=True)
class Told:
    time: int
    lane: str
    text: str


def told(*moments: tuple[float, str]) -> list[Told]:
    return [Told(round(time * SECOND), "git", text) for time, text in moments]


def rows(**timelines: list[Told]) -> list[tuple[str, list[float | None]]]:
    return [
        (row.moment.text, [None if time is None else time / SECOND for time in row.times])
        for row in merged(timelines)
    ]


def test_what_happens_in_both_worlds_is_told_once():
    push = told((0, "commit"), (5, "pipeline"), (60, "ready"))
    flux = told((0, "commit"), (30, "agent"), (61.5, "ready"))
    assert rows(push=push, flux=flux) == [
        ("commit", [0, 0]),
        ("pipeline", [5, None]),
        ("agent", [None, 30]),
        ("ready", [60, 61.5]),
    ]


def test_the_same_long_after_is_told_again():
    assert rows(push=told((0, "repaired")), flux=told((600, "repaired"))) == [
        ("repaired", [0, None]),
        ("repaired", [None, 600]),
    ]


def test_repetitions_are_paired_one_by_one():
    assert rows(push=told((1, "x"), (2, "x")), flux=told((1, "x"))) == [("x", [1, 1]), ("x", [2, None])]


def test_one_world_is_its_own_timeline():
    assert rows(push=told((0, "a"), (1, "b"))) == [("a", [0]), ("b", [1])]
    assert rows() == []
