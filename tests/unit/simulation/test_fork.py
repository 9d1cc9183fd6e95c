"""Forks: another world with the same past, byte for byte, and a future of its own."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kcsim
from kcsim import Simulation
from kcsim.engine.clock import MINUTE, seconds
from kcsim.scenario.compare import Twins
from kcsim.scenario.model import TimelineEntry
from kcsim.simulation.inputs import NotReplayable
from kcsim.simulation.simulation import Time


def _lines(sim: Simulation, until: Time | None = None) -> list[str]:
    lines = list(sim.trace.lines())
    if until is None:
        return lines
    count = sum(record.time <= seconds(until) for record in sim.trace.records)
    return lines[:count]


def _busy() -> Simulation:
    sim = Simulation(nodes=2, seed=4, checking=True)
    sim.run_until("5s")
    sim.kubectl("create deployment web --image=web:1 --replicas=2", as_="dana")
    sim.kubectl("rollout status deployment/web")
    sim.inject("node-crash", "node-1", duration="30s")
    sim.run("50s")
    sim.step()
    sim.kubectl("scale deployment/web --replicas=3")
    sim.run("1m")
    return sim


def test_a_fork_of_now_is_the_same_world() -> None:
    sim = _busy()
    fork = sim.fork()
    assert fork.trace.sha256() == sim.trace.sha256()
    assert fork.now == sim.now
    assert fork.engine.steps == sim.engine.steps
    for each in (sim, fork):
        each.run("10m")
    assert fork.trace.sha256() == sim.trace.sha256()


@given(st.floats(0, 1))
def test_a_fork_has_the_same_past_up_to_any_instant(share: float) -> None:
    sim, waited_until = _busy_once()
    when = round(sim.now * share, 6)
    if 5 <= when < waited_until:
        with pytest.raises(NotReplayable, match="fork before it or after that"):
            sim.fork(when)
        return
    fork = sim.fork(when)
    assert fork.now == pytest.approx(when)
    assert _lines(fork) == _lines(sim, when)


@cache
def _busy_once() -> tuple[Simulation, float]:
    """A busy world, and until when its ``rollout status`` waited, which began at 5 s."""
    sim = _busy()
    return sim, next(each.time for each in sim.inputs if each.verb == "inject") / 1e6


def test_from_the_fork_on_both_are_free() -> None:
    sim = _busy()
    fork = sim.fork("10s")
    before = sim.trace.sha256()
    fork.kubectl("delete deployment web")
    fork.run("5m")
    assert sim.trace.sha256() == before
    assert fork.list("pods", "default") == []
    assert fork.fork().trace.sha256() == fork.trace.sha256()


def test_what_was_done_past_the_facade_is_found_out() -> None:
    sim = Simulation(nodes=1, seed=1)
    sim.run_until("5s")
    sim.engine.note("a-test", "does", "something/by-itself")
    sim.run("5s")
    with pytest.raises(NotReplayable, match=r"from t=5s on .*something/by-itself"):
        sim.fork()
    assert sim.fork("4s").now == 4


def test_the_future_cannot_be_forked() -> None:
    with pytest.raises(ValueError, match="has not happened yet"):
        Simulation(nodes=1).fork("1m")


def test_stages_and_dns_are_done_again() -> None:
    sim = Simulation(nodes=1, seed=1)
    sim.network.install_dns(replicas=1)
    sim.run("1m")
    assert sim.fork().trace.sha256() == sim.trace.sha256()


def test_a_story_without_one_of_its_entries() -> None:
    sim = kcsim.load("drift-at-night", delivery="flux")
    hands = [entry for entry in sim.scenario.timeline if entry.kubectl is not None]
    sim.finish()
    at = hands[0].at
    fork = sim.fork((at - 1) / 1e6, without=hands)
    assert _lines(fork) == _lines(sim, (at - 1) / 1e6)
    fork.finish()
    assert not fork.episodes.episodes
    assert sim.episodes.episodes
    assert fork.fork(sim.end / 2).without == fork.without
    twins = Twins(sim.scenario, {"as it was": sim, "calm": fork})
    divergence = twins.divergence()
    assert divergence is not None
    assert divergence.time >= at / 1e6


def test_what_cannot_be_left_out_is_told() -> None:
    sim = kcsim.load("drift-at-night", delivery="flux")
    name = next(entry.name for entry in sim.scenario.timeline if entry.name is not None)
    with pytest.raises(ValueError, match="has no entry 'nothing'"):
        sim.fork(without=["nothing"])
    with pytest.raises(ValueError, match="no entry of the timeline"):
        sim.fork(without=[TimelineEntry(at=MINUTE, kubectl="get pods")])
    sim.finish()
    with pytest.raises(ValueError, match="to leave it out, fork before that"):
        sim.fork(without=[name])


def test_deeds_of_a_person_at_the_screen_are_done_again() -> None:
    sim = kcsim.load("drift-at-night", delivery="push")
    sim.run_until("5m")
    sim.act(TimelineEntry(at=0, kubectl="scale deployment/web -n shop --replicas=1", as_="you"))
    sim.run("5m")
    assert sim.fork("7m").get("deployment/web", "shop")["spec"]["replicas"] == 1
    assert sim.fork("4m59s").get("deployment/web", "shop")["spec"]["replicas"] == 3
