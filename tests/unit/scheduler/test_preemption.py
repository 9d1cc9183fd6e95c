"""Preemption in virtual time: who is evicted, what is told, and who gets the room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

NewWorld = Callable[..., Any]


@pytest.fixture
def world(new_world: NewWorld) -> Any:
    """One node of 1 cpu and two priority classes."""
    world = new_world()
    for name, value, policy in [
        ("high", 1000, "PreemptLowerPriority"),
        ("middle", 500, "PreemptLowerPriority"),
        ("polite", 1000, "Never"),
    ]:
        world.create(
            "priorityclasses",
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": name},
                "value": value,
                "preemptionPolicy": policy,
            },
        )
    world.node("node-0", cpu="1")
    return world


def budget(world: Any, app: str, allowed: int) -> None:
    world.create(
        "poddisruptionbudgets",
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": app, "namespace": "shop"},
            "spec": {"selector": {"matchLabels": {"app": app}}},
        },
    )
    status = {"status": {"disruptionsAllowed": allowed, "observedGeneration": 1}}
    world.client.now(world.client.patch("poddisruptionbudgets", "shop", app, status, subresource="status"))


def test_victim_leaves_and_the_preemptor_takes_its_room(world: Any) -> None:
    world.pod("low", "800m")
    world.run(1)
    world.pod("vip", "800m", priorityClassName="high")
    world.run(1)
    victim, vip = world.get("low"), world.get("vip")
    assert victim["metadata"]["deletionGracePeriodSeconds"] == 30
    told = next(c for c in victim["status"]["conditions"] if c["type"] == "DisruptionTarget")
    assert (told["status"], told["reason"], told["message"]) == (
        "True",
        "PreemptionByScheduler",
        "default-scheduler: preempting to accommodate a higher priority pod",
    )
    preempted = f"Preempted by pod {vip['metadata']['uid']} on node node-0"
    assert world.events("low")[1] == ("Preempted", preempted)
    assert vip["status"]["nominatedNodeName"] == "node-0"
    # Preemption that succeeds adds nothing to the refusal.
    assert world.events("vip") == [("FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.")]
    world.delete("low")
    world.run(2)
    vip = world.get("vip")
    assert vip["spec"]["nodeName"] == "node-0"
    assert "nominatedNodeName" not in vip["status"]


def test_a_better_place_may_turn_up_while_a_victim_takes_its_time(world: Any) -> None:
    world.pod("low", "500m")
    world.pod("other", "400m")
    world.run(1)
    world.pod("vip", "600m", priorityClassName="high")
    world.run(1)
    # Something else happens that may help: the pod is tried again, and told to wait.
    world.node("node-1", cpu="100m")
    world.patch("nodes", "node-1", {"status": {"allocatable": {"cpu": "700m"}}}, subresource="status")
    world.run(0.5)
    assert world.node_of("vip") == "node-1"
    assert [name for name in ("low", "other") if "deletionTimestamp" in world.get(name)["metadata"]] == [
        "low"
    ]


def test_pod_that_waits_for_its_victims_says_so(world: Any) -> None:
    world.pod("low", "800m")
    world.run(1)
    world.pod("vip", "800m", priorityClassName="high")
    world.run(1)
    world.run(400)
    assert world.events("vip")[-1][1].endswith(
        "no new claims to deallocate, preemption: not eligible due to a terminating pod on the nominated node."
    )


def test_a_polite_pod_evicts_nobody(world: Any) -> None:
    world.pod("low", "800m")
    world.run(1)
    world.pod("vip", "800m", priorityClassName="polite")
    world.run(1)
    text = (
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
        "preemption: not eligible due to preemptionPolicy=Never."
    )
    assert world.events("vip") == [("FailedScheduling", text)]
    assert "deletionTimestamp" not in world.get("low")["metadata"]


def test_equals_are_not_evicted(world: Any) -> None:
    world.pod("first", "800m", priorityClassName="high")
    world.run(1)
    world.pod("second", "800m", priorityClassName="high")
    world.run(1)
    assert world.events("second")[0][1].endswith(
        "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
    )


def test_room_is_kept_for_the_nominated_pod(world: Any) -> None:
    world.pod("low", "800m")
    world.run(1)
    world.pod("vip", "800m", priorityClassName="high")
    world.run(1)
    world.pod("late", "800m")
    world.delete("low")
    world.run(2)
    assert (world.node_of("vip"), world.node_of("late")) == ("node-0", "")


def test_a_more_important_pod_takes_over_a_nomination(world: Any) -> None:
    world.pod("low", "800m")
    world.run(1)
    world.pod("middle", "800m", priorityClassName="middle")
    world.run(1)
    assert world.get("middle")["status"]["nominatedNodeName"] == "node-0"
    world.pod("vip", "800m", priorityClassName="high")
    world.run(1)
    assert world.get("vip")["status"]["nominatedNodeName"] == "node-0"
    assert "nominatedNodeName" not in world.get("middle")["status"]


def test_budgets_decide_where_to_evict(world: Any) -> None:
    world.node("node-1", cpu="1")
    world.pod("kept", "800m", nodeName="node-0", labels={"app": "kept"})
    world.pod("spared", "800m", nodeName="node-1", labels={"app": "free"})
    budget(world, "kept", 0)
    world.run(1)
    world.pod("vip", "800m", priorityClassName="high")
    world.run(1)
    assert "deletionTimestamp" not in world.get("kept")["metadata"]
    assert "deletionTimestamp" in world.get("spared")["metadata"]


def test_the_trace_tells_whom_it_cost(world: Any) -> None:
    world.pod("low", "800m")
    world.run(1)
    world.pod("vip", "800m", priorityClassName="high")
    world.run(1)
    (note,) = world.notes("preempt")
    assert note.subject == "node/node-0"
    assert note.detail == {"for": "pod/shop/vip", "victims": ["pod/shop/low"], "budgets violated": 0}
