"""Same seed, same bytes: in one process twice, in two processes, with anything else going on beside."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from kcsim.simulation.simulation import Simulation
from tests.unit.simulation.conftest import IMAGE, deployment, settled

STORY = """
from tests.unit.simulation.test_determinism import story
print(story(7).trace.sha256())
"""


def story(seed: int) -> Simulation:
    """A crash, a rollout and a partition under traffic."""
    sim = settled(seed=seed)
    service = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}
    sim.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": service})
    sim.world.add_traffic("users", service="web", rate=5)
    sim.inject("node-crash", sim.list("pods")[0]["spec"]["nodeName"], duration="7m")
    sim.run("1m")
    sim.apply(deployment(4, image="registry.example/web:2.0"))
    sim.inject("api-partition", "kube-scheduler", duration="30s")
    sim.run("1m")
    sim.inject("image-crash", IMAGE, duration="20s")
    sim.run("10m")
    return sim


def test_the_same_seed_gives_the_same_trace_and_another_seed_another() -> None:
    once, again, other = story(7), story(7), story(8)
    assert once.trace.sha256() == again.trace.sha256()
    assert once.trace.sha256() != other.trace.sha256()
    assert once.world.traffic["users"].totals() == again.world.traffic["users"].totals()


def test_two_worlds_in_one_process_do_not_touch_each_other() -> None:
    alone = settled(seed=3)
    alone.run("5m")
    here, there = settled(seed=3), settled(seed=4)
    there.inject("node-crash", "node-1")
    for _ in range(60):
        here.run("5s")
        there.run("5s")
        there.kubectl("scale deployment web --replicas=7")
        there.kubectl("scale deployment web --replicas=2")
    assert here.trace.sha256() == alone.trace.sha256()


def test_running_in_steps_is_running_at_once() -> None:
    at_once, stepwise = settled(seed=5), settled(seed=5)
    for sim in (at_once, stepwise):
        sim.inject("node-crash", "node-2", duration="2m")
    at_once.run("10m")
    while stepwise.engine.next_time is not None and stepwise.engine.next_time <= at_once.engine.now:
        stepwise.engine.step()
    assert stepwise.trace.sha256() == at_once.trace.sha256()


@pytest.mark.slow
def test_two_processes_with_different_hash_seeds_agree() -> None:
    def digest(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", STORY], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert digest("1") == digest("2") == story(7).trace.sha256()


def test_nothing_stored_is_changed_in_place() -> None:
    sim = story(9)
    for cluster in sim.world.clusters.values():
        cluster.server.log.verify()


def test_an_idle_world_does_nothing() -> None:
    sim = settled()
    sim.run("2h")  # the Events of the start are forgotten
    records, steps = len(sim.trace), sim.engine.steps
    sim.run("24h")
    assert len(sim.trace) == records
    assert sim.engine.steps - steps < 20
