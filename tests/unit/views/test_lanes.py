"""The timeline drawn as lanes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest

from kcsim.engine.clock import HOUR, MINUTE, SECOND
from kcsim.views.lanes import Scale, lanes, ruler, ticks
from kcsim.views.readiness import ReadyStep


@dataclass(frozen=True)
class Happened:
    time: int
    lane: str
    verb: str = ""
    subject: str = ""


SCALE = Scale(0, 100 * SECOND, 10)


def drawn(*moments, steps=(), now=100 * SECOND, most=None):
    return {lane.name: lane.glyphs for lane in lanes(moments, steps, SCALE, now, most)}


def test_a_moment_is_a_mark_in_its_column():
    assert drawn(Happened(0, "git"), Happened(55 * SECOND, "git"))["git"] == "◆    ◆    "


def test_what_lies_in_the_future_is_not_drawn():
    assert drawn(Happened(55 * SECOND, "git"), now=50 * SECOND) == {"pods": " " * 10}


def test_a_fault_is_a_stretch_until_it_is_healed():
    begin, end = Happened(20 * SECOND, "fault", "inject", "x"), Happened(60 * SECOND, "fault", "heal", "x")
    assert drawn(begin, end)["fault"] == "  ✗━━━○   "
    assert drawn(begin, end, now=50 * SECOND)["fault"] == "  ✗━━━    ", "it is still open"


def test_faults_overlap():
    moments = [
        Happened(10 * SECOND, "fault", "inject", "x"),
        Happened(30 * SECOND, "fault", "inject", "y"),
        Happened(50 * SECOND, "fault", "heal", "x"),
        Happened(80 * SECOND, "fault", "heal", "y"),
    ]
    assert drawn(*moments)["fault"] == " ✗━✗━○━━○ "


def test_a_pipeline_run_is_a_stretch_with_its_stages():
    moments = [
        Happened(0, "ci", "start", "run/shop/1"),
        Happened(30 * SECOND, "ci", "succeed", "stage/shop/1/lint"),
        Happened(60 * SECOND, "ci", "fail", "run/shop/1"),
    ]
    assert drawn(*moments)["ci"] == "■━━■━━✗   "


def test_the_pods_lane_shows_the_worst_of_each_stretch():
    steps = [
        ReadyStep(0, 0, 2),
        ReadyStep(15 * SECOND, 2, 2),
        ReadyStep(52 * SECOND, 1, 2),
        ReadyStep(58 * SECOND, 2, 2),
    ]
    assert drawn(steps=steps)["pods"] == "▁▁███▄████"
    assert drawn(steps=steps, now=30 * SECOND)["pods"] == "▁▁██      "


def test_pods_that_are_all_gone_leave_a_gap():
    steps = [ReadyStep(0, 1, 1), ReadyStep(30 * SECOND, 0, 0), ReadyStep(60 * SECOND, 1, 1)]
    assert drawn(steps=steps)["pods"] == "████  ████"


def test_where_there_is_little_room_what_users_run_and_who_acts_stay():
    moments = [Happened(0, lane) for lane in ("git", "agent", "api", "person", "traffic")]
    assert list(drawn(*moments, most=4)) == ["git", "agent", "pods", "person"]


def test_columns_and_times_are_inverse():
    scale = Scale(0, 80 * MINUTE, 69)
    for column in range(scale.width):
        assert scale.column(scale.time(column)) == column


@pytest.mark.parametrize(
    ("end", "width", "first"),
    [
        (100 * SECOND, 60, "0s                30s"),
        (80 * MINUTE, 70, "0s           15m"),
        (24 * HOUR, 70, "0s         4h"),
    ],
)
def test_the_ruler_shows_round_times_that_do_not_touch(end, width, first):
    line = ruler(Scale(0, end, width))
    assert line.startswith(first)
    assert len(line) == width


@pytest.mark.parametrize("end", [100 * SECOND, 40 * HOUR, 24_000 * HOUR], ids=["short", "days", "years"])
def test_ticks_are_at_least_so_far_apart(end):
    scale = Scale(0, end, 60)
    columns = [scale.column(time) for time in ticks(scale, 10)]
    assert all(right - left >= 10 for left, right in pairwise(columns))
