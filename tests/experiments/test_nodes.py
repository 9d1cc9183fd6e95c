"""N: what a node's loss must cost, in virtual time and over many crashes."""

from __future__ import annotations

from statistics import mean

import pytest

from kcsim.api import objects
from kcsim.api.log import Version
from kcsim.engine.clock import SECOND
from kcsim.engine.dice import Dice
from kcsim.scenario.play import Play
from kcsim.simulation.simulation import Simulation
from kcsim.testing.operations import Operation, scenario_of
from tests.workloads.worlds import cluster, pods, ready, service, settle, when, workload

UNREACHABLE = "node.kubernetes.io/unreachable"
CRASHES = 1_000


def delays(profile: str, seed: int) -> list[float]:
    """Seconds from a crash to NotReady, of twenty nodes that crash at random instants of a minute."""
    sim = Simulation(nodes=20, seed=seed, profile=profile)
    dice = Dice(seed, "crashes")
    crashed = {f"node-{n + 1}": 60 * SECOND + dice.integer(60 * SECOND) for n in range(20)}
    for name, at in crashed.items():
        sim.engine.after(at, sim.inject, "node-crash", name)
    sim.run_until("4m")
    noticed = {
        record.key[1]: record.time
        for record in reversed(sim.trace.records)
        if isinstance(record, Version)
        and record.subject.startswith("node/")
        and objects.condition_is(record.object, "Ready", "Unknown")
    }
    return [(noticed[name] - at) / SECOND for name, at in crashed.items()]


@pytest.mark.slow
@pytest.mark.parametrize(("profile", "low", "high", "middle"), [("1.36", 40, 60, 50), ("1.31", 30, 50, 40)])
def test_n1_silence_is_noticed_after_the_grace(profile, low, high, middle):
    found = [each for seed in range(CRASHES // 20) for each in delays(profile, seed)]
    # Each write takes some ms on top.
    assert low - 0.5 <= min(found)
    assert max(found) <= high + 0.5
    # Sum of a renewal's age (0 to 10 s) and the wait for a tick (0 to 5 s): the mean of a thousand is good to 0.3 s.
    assert mean(found) == pytest.approx(middle, abs=3)
    assert max(found) - min(found) > 10


def away(seconds: int | None, **more):
    """A cluster whose pods tolerate a lost node for so long."""
    sim = cluster(2, seed=4)
    tolerations = [
        {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}
    ]
    spec = {} if seconds is None else {"pod": {"tolerations": tolerations}}
    settle(sim, workload(replicas=4, **spec, **more), ready=4)
    return sim


@pytest.mark.parametrize(("seconds", "wait"), [(None, 300), (0, 0), (30, 30)], ids=["N3", "N4", "30s"])
def test_n3_n4_deletion_follows_the_taint_after_the_toleration(seconds, wait):
    sim = away(seconds)
    sim.inject("node-crash", "node-2")

    def tainted(s):
        taints = s.get("node/node-2")["spec"].get("taints") or ()
        return any(taint["effect"] == "NoExecute" for taint in taints)

    when(sim, tainted)
    began = sim.now
    sim.run_until(lambda s: any(objects.is_deleting(p) for p in pods(s)), timeout="10m")
    assert wait <= sim.now - began <= wait + 1


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_n6_a_deployment_is_made_whole_and_a_stateful_set_is_not(kind):
    sim = cluster(3, seed=2)
    settle(sim, workload(kind), ready=3, kind=kind.lower())
    node = pods(sim)[1]["spec"]["nodeName"]
    lost = {p["metadata"]["uid"] for p in pods(sim, node=node)}
    sim.inject("node-crash", node)
    sim.run("2h")
    assert {p["metadata"]["uid"] for p in pods(sim, node=node)} == lost
    assert all(objects.is_deleting(p) for p in pods(sim, node=node))
    assert ready(sim) == (3 if kind == "Deployment" else 3 - len(lost))
    sim.kubectl(f"delete node {node}")
    assert when(sim, lambda s: ready(s) == 3, "5m") <= 100


def test_n8_ten_minutes_without_a_control_plane_cost_nobody_anything():
    sim = cluster(3, seed=2)
    settle(sim, workload(replicas=6), service(), ready=6)
    users = sim.world.add_traffic("users", service="web", rate=10, start=sim.engine.now)
    there = {p["metadata"]["uid"] for p in pods(sim)}
    sim.inject("api-outage", duration="10m")
    sim.run("20m")
    assert users.totals().failed == 0
    assert {p["metadata"]["uid"] for p in pods(sim)} == there
    assert not any(n["spec"].get("taints") for n in sim.list("nodes"))


def test_n8_commits_made_meanwhile_arrive_afterwards():
    story = scenario_of([Operation(60, "commit-replicas", 0, 3), Operation(60, "commit-version", 1, 1)])
    play = Play(story, "flux")
    play.run_until("5m")
    play.inject("api-outage", duration="10m")
    play.run_until("15m")
    assert play.get("deployment/web", "shop")["spec"]["replicas"] == 2
    play.run_until("25m")
    assert play.get("deployment/web", "shop")["spec"]["replicas"] == 4
    assert play.drift("", "") == []
