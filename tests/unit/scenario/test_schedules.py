"""Schedules of faults: drawn alike from the same seed, valid as scenarios, swarm by swarm different."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from kcsim.engine.clock import MINUTE
from kcsim.scenario.diagnostics import ScenarioError
from kcsim.scenario.dump import to_yaml
from kcsim.scenario.load import load, loads
from kcsim.scenario.model import Cluster
from kcsim.scenario.play import Play
from kcsim.scenario.schedules import BEGIN, EXPECTATION, LASTING, NAMED, QUIET, draw, named, with_chaos
from kcsim.simulation.faults import KINDS
from kcsim.testing.shop import shop


def test_the_same_seed_draws_the_same_schedule_and_another_one_another():
    assert draw(shop(), 7) == draw(shop(), 7)
    assert draw(shop(), 7).entries != draw(shop(), 8).entries


@pytest.mark.parametrize("seed", range(25))
def test_what_was_drawn_is_a_scenario_that_can_be_saved_and_loaded(seed):
    story = with_chaos(load("plain-release"), seed, count=12)
    again = loads(to_yaml(story))
    assert again.timeline == story.timeline
    assert again.expectations == story.expectations


def test_every_fault_lies_in_its_window_and_a_quiet_period_follows():
    for seed in range(30):
        schedule = draw(shop(), seed, begin=10 * MINUTE, end=20 * MINUTE)
        for entry in schedule.entries:
            assert 10 * MINUTE <= entry.at < 20 * MINUTE
            assert entry.at + (entry.for_ or 0) <= 20 * MINUTE
            assert (entry.for_ is None) == KINDS[entry.fault].momentary
        assert with_chaos(shop(), seed).until >= schedule.ends + QUIET - 15 * MINUTE


def test_a_swarm_leaves_kinds_out_and_over_many_seeds_uses_them_all():
    schedules = [draw(shop(), seed, count=8) for seed in range(200)]
    used = Counter(entry.fault for each in schedules for entry in each.entries)
    allowed = [len(each.kinds) for each in schedules]
    assert min(allowed) < max(allowed) < len(used) * 0.9
    assert all({e.fault for e in each.entries} <= set(each.kinds) for each in schedules)
    assert len(used) > 30
    every = draw(shop(), 1, swarm=False)
    assert set(every.kinds) == {n for n, kind in KINDS.items() if kind.in_stories} - LASTING - NAMED


def test_kinds_can_be_chosen():
    schedule = draw(shop(), 3, kinds=["node-crash", "api-latency"], count=20, swarm=False)
    assert {entry.fault for entry in schedule.entries} == {"node-crash", "api-latency"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ["node-crsh"]}, "there is no fault 'node-crsh'\n  did you mean 'node-crash'"),
        ({"kinds": []}, "no kinds of faults to draw from"),
        ({"begin": 10 * MINUTE, "end": 5 * MINUTE}, "the faults end at 5m, before they begin at 10m"),
    ],
)
def test_a_schedule_that_cannot_be_drawn_is_refused(options, message):
    with pytest.raises(ScenarioError, match=message):
        draw(shop(), 1, **options)


@pytest.mark.parametrize("kind", ["zone-outage", "two-leaders"])
def test_a_fault_that_the_story_has_nothing_for_is_refused(kind):
    with pytest.raises(ScenarioError, match=f"{kind} has nothing in this story to hit"):
        draw(replace(shop(), cluster=Cluster(nodes=1)), 1, kinds=[kind])


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_after_the_quiet_period_flux_has_converged(seed):
    play = Play(with_chaos(shop(), seed, end=BEGIN + 10 * MINUTE), "flux")
    play.run_until(play.end)
    verdict = next(v for v in play.verdicts() if v.name == EXPECTATION)
    assert verdict.passed, verdict.why


@pytest.mark.parametrize("kind", ["human-edit", "human-label-removed", "suspend-forgotten"])
def test_what_people_do_is_drawn_where_it_is_named_and_put_right(kind):
    story = shop()
    assert kind not in draw(story, 1, swarm=False).kinds
    play = Play(with_chaos(story, 3, kinds=[kind], count=3), "flux")
    play.finish()
    assert [record.subject for record in play.trace.records if record.verb == "miss"] == []
    assert len([r for r in play.trace.records if r.actor == "fault" and r.verb in {"inject", "strike"}]) == 3
    assert all(verdict.passed for verdict in play.verdicts())


def test_kinds_are_known_by_the_names_of_other_tools():
    assert draw(shop(), 1, kinds=["pod-kill"], swarm=False).kinds == ("human-delete",)
    assert named("node-stop") == ["node-crash"]
    with pytest.raises(ScenarioError, match="there is no fault 'pod-kil'"):
        draw(shop(), 1, kinds=["pod-kil"])
