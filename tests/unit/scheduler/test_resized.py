"""What a pod counts for while its size changes."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.cluster.scheduler.pod_requests import counted, pod_requests
from kcsim.simulation.simulation import Simulation


def pod(name: str, cpu: str) -> dict[str, Any]:
    container = {"name": "app", "image": "app:1", "resources": {"requests": {"cpu": cpu}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container]},
    }


def resize(sim: Simulation, name: str, cpu: str) -> None:
    patch = f'{{"spec":{{"containers":[{{"name":"app","resources":{{"requests":{{"cpu":"{cpu}"}}}}}}]}}}}'
    outcome = sim.kubectl(["patch", "pod", name, "--subresource", "resize", "--patch", patch])
    assert outcome.text == f"pod/{name} patched\n"


def node_of(sim: Simulation, name: str) -> str:
    return sim.get(f"pod/{name}")["spec"].get("nodeName", "")


@pytest.mark.parametrize(
    ("asked", "has", "given", "reason", "counts"),
    [
        ("1", "1", None, "", 1000),
        ("2", "1", "1", "Deferred", 2000),
        ("2", "1", "1", "Infeasible", 1000),
        ("1", "2", "1", "", 2000),
        ("1", "1", "2", "", 2000),
    ],
    ids=["alike", "deferred", "infeasible", "shrinking", "given"],
)
def test_the_larger_counts(asked: str, has: str, given: str | None, reason: str, counts: int) -> None:
    status: dict[str, Any] = {"name": "app", "resources": {"requests": {"cpu": has}}}
    if given is not None:
        status["allocatedResources"] = {"cpu": given}
    conditions = [{"type": "PodResizePending", "status": "True", "reason": reason}] if reason else []
    placed = {**pod("a", asked), "status": {"containerStatuses": [status], "conditions": conditions}}
    assert pod_requests(counted(placed)) == {"cpu": counts}


def test_what_does_not_change_is_the_very_same() -> None:
    placed = pod("a", "1")
    assert counted(placed) is placed["spec"]
    running = {
        **placed,
        "status": {"containerStatuses": [{"name": "app", "resources": {"requests": {"cpu": "1"}}}]},
    }
    assert counted(running) == placed["spec"]


def test_a_smaller_pod_makes_room() -> None:
    sim = Simulation(nodes=1, seed=1)
    sim.apply(pod("big", "3"))
    sim.run("10s")
    sim.apply(pod("late", "2"))
    sim.run("20s")
    assert node_of(sim, "late") == ""
    resize(sim, "big", "1")
    sim.run("30s")
    assert node_of(sim, "late") == "node-1"


def test_a_pod_that_grows_takes_its_room_at_once() -> None:
    sim = Simulation(nodes=1, seed=1)
    sim.apply(pod("big", "1"))
    sim.run("10s")
    resize(sim, "big", "3")
    sim.apply(pod("late", "2"))
    sim.run("30s")
    assert node_of(sim, "late") == ""


def test_a_pod_that_went_back_to_its_size_counts_as_before() -> None:
    sim = Simulation(nodes=1, seed=1)
    sim.apply(pod("big", "1"))
    sim.run("10s")
    resize(sim, "big", "3")
    sim.run("10s")
    resize(sim, "big", "1")
    sim.run("10s")
    sim.apply(pod("late", "2"))
    sim.run("20s")
    assert node_of(sim, "late") == "node-1"


def test_the_larger_counts_of_a_pod_that_asks_as_a_whole() -> None:
    asked = pod("a", "1")
    whole = {**asked, "spec": {**asked["spec"], "resources": {"requests": {"cpu": "2"}}}}
    has = {"resources": {"requests": {"cpu": "3"}}, "allocatedResources": {"cpu": "2"}, "conditions": []}
    assert pod_requests(counted({**whole, "status": has}))["cpu"] == 3000
    assert pod_requests(counted({**whole, "status": {}}))["cpu"] == 2000
