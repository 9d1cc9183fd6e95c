"""A silent node, its taints and its pods, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.engine.clock import SECOND
from kcsim.engine.dice import Dice

_TICKS = Dice.ticks


def three_nodes(new_world: Any, seed: int = 1) -> Any:
    world = new_world(seed)
    for i in range(3):
        world.node(f"n{i}")
    world.run(60)
    return world


def test_idle_nodes_cost_nothing(new_world: Any) -> None:
    world = three_nodes(new_world)
    assert world.taints("n0") == []
    assert world.events("n0") == [("RegisteredNode", "Node n0 event: Registered Node n0 in Controller")]
    world.run(2 * 3600)  # the Events of the start are forgotten
    steps = world.engine.steps
    world.run(24 * 3600)
    assert world.engine.steps == steps


@pytest.mark.parametrize("seed", range(4))
def test_silent_node(new_world: Any, seed: int) -> None:
    """The recorded story: NotReady, both taints at once, pods marked, 300 s later deleted."""
    world = three_nodes(new_world, seed)
    world.pod("web", "n1", 300)
    world.pod("stays", "n1", 3000)
    world.run(1 + 3.3 * seed)
    world.crash("n1")
    noticed = world.when(lambda: world.condition("nodes", "n1", "Ready") == "Unknown", 70)
    assert 39.5 <= noticed <= 60.1
    world.run(1)
    assert world.taints("n1") == ["unreachable:NoSchedule", "unreachable:NoExecute"]
    assert [world.condition("pods", name, "Ready") for name in ("web", "stays")] == ["False", "False"]
    assert ("NodeNotReady", "Node n1 status is now: NodeNotReady") in world.events("n1")
    assert world.events("web") == [("NodeNotReady", "Node is not ready")]
    evicted = world.when(lambda: "deletionTimestamp" in world.get("pods", "web")["metadata"], 310)
    assert 298 < evicted < 301
    world.run(0.5)
    assert world.condition("pods", "web", "DisruptionTarget") == "True"
    assert world.events("web")[-1] == ("TaintManagerEviction", "Marking for deletion Pod shop/web")
    assert "deletionTimestamp" not in world.get("pods", "stays")["metadata"]


def test_returning_node_is_cleared_and_evictions_are_cancelled(new_world: Any) -> None:
    world = three_nodes(new_world)
    world.pod("stays", "n1", 300)
    world.run(1)
    world.crash("n1")
    world.run(80)
    assert len(world.taints("n1")) == 2
    world.revive("n1")
    # NoSchedule goes at once, NoExecute with the next monitor pass.
    world.run(0.3)
    assert "unreachable:NoSchedule" not in world.taints("n1")
    world.run(5.5)
    assert world.taints("n1") == []
    assert world.events("stays")[-1] == ("TaintManagerEviction", "Cancelling deletion of Pod shop/stays")
    world.run(600)
    assert "deletionTimestamp" not in world.get("pods", "stays")["metadata"]


def test_short_silence_is_not_noticed(new_world: Any) -> None:
    world = three_nodes(new_world)
    world.crash("n1")
    world.run(25)
    world.revive("n1")
    world.run(300)
    assert world.taints("n1") == []
    assert all(reason != "NodeNotReady" for reason, _ in world.events("n1"))


def test_a_short_silence_of_many_is_not_even_worked_out(new_world: Any, monkeypatch: Any) -> None:
    """A zone that is cut off for a moment costs what it costs to take note of it, however long the cluster was quiet."""
    world = new_world()
    names = [f"n{i}" for i in range(20)]
    for name in names:
        world.node(name)
    world.run(3600)
    drawn = []
    monkeypatch.setattr(Dice, "ticks", lambda *asked: drawn.append(asked) or _TICKS(*asked))
    for name in names:
        world.crash(name)
    world.run(30)
    assert not drawn
    world.run(30)
    assert len(drawn) == len(names)
    assert {world.condition("nodes", name, "Ready") for name in names} == {"Unknown"}


def test_no_toleration_means_at_once(new_world: Any) -> None:
    world = three_nodes(new_world)
    world.pod("hasty", "n1", 0)
    world.run(1)
    world.crash("n1")
    tainted = world.when(lambda: "unreachable:NoExecute" in world.taints("n1"), 70)
    assert tainted < 61
    assert world.when(lambda: "deletionTimestamp" in world.get("pods", "hasty")["metadata"], 2) < 1


def test_kubelet_that_reports_not_ready(new_world: Any) -> None:
    world = three_nodes(new_world)
    world.pod("web", "n1", 300)
    world.run(1)
    world.report("n1", Ready="False")
    world.run(0.4)
    assert world.taints("n1") == ["not-ready:NoSchedule"]
    world.run(5.4)
    assert world.taints("n1") == ["not-ready:NoSchedule", "not-ready:NoExecute"]
    assert world.condition("pods", "web", "Ready") == "False"


def test_two_nodes_of_a_zone_are_tainted_ten_seconds_apart(new_world: Any) -> None:
    world = new_world()
    for i in range(5):
        world.node(f"n{i}")
    world.run(60)
    world.crash("n1")
    world.crash("n2")
    first = world.when(lambda: "unreachable:NoExecute" in world.taints("n1") + world.taints("n2"), 70)
    assert first < 61
    both = world.when(lambda: all("unreachable:NoExecute" in world.taints(name) for name in ("n1", "n2")), 20)
    assert 9 < both < 11


def test_when_everything_is_silent_nobody_is_evicted(new_world: Any) -> None:
    world = three_nodes(new_world)
    world.pod("web", "n1", 30)
    world.run(1)
    for i in range(3):
        world.crash(f"n{i}")
    world.run(600)
    assert world.condition("nodes", "n1", "Ready") == "Unknown"
    assert "unreachable:NoExecute" not in world.taints("n1") + world.taints("n0")
    assert "deletionTimestamp" not in world.get("pods", "web")["metadata"]


def test_server_that_was_away_blames_nobody(new_world: Any) -> None:
    """Ten minutes without a control plane: no eviction, no node declared silent."""
    world = three_nodes(new_world)
    world.endpoint.set_serving(False)
    for i in range(3):
        world.crash(f"n{i}")
    world.run(600)
    world.endpoint.set_serving(True)
    for i in range(3):
        world.revive(f"n{i}")
    world.run(120)
    for i in range(3):
        assert world.taints(f"n{i}") == []
        assert world.condition("nodes", f"n{i}", "Ready") == "True"


def test_removed_node_is_told(new_world: Any) -> None:
    world = three_nodes(new_world)
    world.client.now(world.client.delete("nodes", "", "n1"))
    world.run(6)
    assert world.events("n1")[-1] == ("RemovingNode", "Node n1 event: Removing Node n1 from Controller")


def test_cause_of_an_eviction_is_the_fault(new_world: Any) -> None:
    world = three_nodes(new_world)
    world.pod("web", "n1", 10)
    world.run(1)
    fault = world.engine.note("fault", "inject", "node/n1", {"kind": "crash"})
    with world.engine.because(fault):
        world.crash("n1")
    world.run(90)
    assert "deletionTimestamp" in world.get("pods", "web")["metadata"]
    deletion = next(
        r for r in world.engine.trace.records if r.verb == "delete" and r.subject == "pod/shop/web"
    )
    assert fault in deletion.chain()
    assert world.engine.now > 90 * SECOND
