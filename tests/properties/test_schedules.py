"""Under any schedule of faults, and in any order of events, a flux world comes to follow git in the quiet after it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, find, given, settings
from hypothesis import strategies as st

from kcsim.scenario.model import Cluster
from kcsim.scenario.play import Play
from kcsim.scenario.schedules import EXPECTATION
from kcsim.testing.schedules import Window, schedule_of, seeds, stories, windows
from kcsim.testing.shop import shop


def converges(story) -> None:
    play = Play(story, "flux")
    play.run_until(play.end)
    for verdict in play.verdicts():
        if verdict.name == EXPECTATION:
            assert verdict.passed, verdict.why


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(stories(shop(), max_size=4))
def test_flux_converges_after_any_schedule(story):
    converges(story)


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(seeds(shop()), st.sampled_from(["fifo", "random", "random@10ms", "pct:3@10ms"]))
def test_flux_converges_after_a_swarm_in_any_order(story, order):
    converges(replace(story, order=order))


@settings(max_examples=50)
@given(windows(shop(), max_size=6))
@example([])
def test_windows_make_entries_in_order_that_end(chosen):
    schedule = schedule_of(shop(), chosen)
    assert len(schedule.entries) == len(chosen)
    assert [e.at for e in schedule.entries] == sorted(e.at for e in schedule.entries)
    assert all(e.at + (e.for_ or 0) <= schedule.ends for e in schedule.entries)


def test_a_counterexample_shrinks_to_the_one_window_that_matters():
    smallest = find(
        windows(shop(), ["node-crash", "git-outage", "api-latency"], max_size=6),
        lambda chosen: any(w.kind == "git-outage" and w.lasts >= 60 for w in chosen),
    )
    assert smallest == [Window(0, "git-outage", lasts=60)]


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ([], "no kinds of faults"),
        (["nope"], "there is no fault 'nope'"),
    ],
)
def test_a_strategy_that_can_generate_nothing_says_so(kinds, message):
    with pytest.raises(ValueError, match=message):
        windows(shop(), kinds)


def test_a_strategy_for_a_fault_that_the_story_has_nothing_for_says_so():
    with pytest.raises(ValueError, match="nothing for two-leaders to hit"):
        windows(replace(shop(), cluster=Cluster(nodes=1)), ["two-leaders"])
