"""The scheduler against a real API server, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kcsim.engine.clock import SECOND

NOT_HELPFUL = " no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling."
NO_MATCH = "node(s) didn't match Pod's node affinity/selector"
NewWorld = Callable[..., Any]


def four_nodes(new_world: NewWorld, **options: Any) -> Any:
    world = new_world(**options)
    for i in range(4):
        world.node(f"node-{i}")
    return world


def test_pod_is_bound_and_told(new_world: NewWorld) -> None:
    world = four_nodes(new_world)
    world.pod("web", "500m")
    world.run(1)
    node = world.node_of("web")
    assert node.startswith("node-")
    assert world.events("web") == [("Scheduled", f"Successfully assigned shop/web to {node}")]
    assert world.condition("web")["status"] == "True"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "cpu": ({"cpu": "50"}, "4 Insufficient cpu."),
    "extended": (
        {"resources": {"requests": {"x.example/gpu": "1"}, "limits": {"x.example/gpu": "1"}}},
        "4 Insufficient x.example/gpu.",
    ),
    "near": (
        {
            "affinity": {
                "podAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {"matchLabels": {"no": "such"}},
                        }
                    ]
                }
            }
        },
        "4 node(s) didn't match pod affinity rules.",
    ),
    "spread": (
        {
            "labels": {"s": "1"},
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "nolabel",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"s": "1"}},
                }
            ],
        },
        "4 node(s) didn't match pod topology spread constraints (missing required label).",
    ),
    "selector": ({"nodeSelector": {"disk": "ssd"}}, f"4 {NO_MATCH}."),
    "affinity": (
        {
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
                        ]
                    }
                }
            }
        },
        f"4 {NO_MATCH}.",
    ),
    "mixed": (
        {"cpu": "50", "nodeSelector": {"kubernetes.io/hostname": "node-0"}},
        f"1 Insufficient cpu, 3 {NO_MATCH}.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_are_worded_as_recorded(new_world: NewWorld, case: str) -> None:
    spec, reasons = REFUSED[case]
    world = four_nodes(new_world)
    world.pod("p", **spec)
    world.run(1)
    message = f"0/4 nodes are available: {reasons}{NOT_HELPFUL}"
    assert world.events("p") == [("FailedScheduling", message)]
    condition = world.condition("p")
    assert (condition["status"], condition["reason"], condition["message"]) == (
        "False",
        "Unschedulable",
        message,
    )
    (note,) = world.notes("refused")
    assert note.subject == "pod/shop/p"
    assert note.detail["nodes"] == 4
    assert sum(refusal["count"] for refusal in note.detail["refusals"]) == 4


def test_taken_host_ports_leave_preemption_without_victims(new_world: NewWorld) -> None:
    world = new_world()
    world.node("node-0")
    ports = [{"containerPort": 80, "hostPort": 8081}]
    world.pod("first", ports=ports)
    world.run(1)
    world.pod("second", ports=ports)
    world.run(1)
    message = (
        "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. "
        "no new claims to deallocate, preemption: 0/1 nodes are available: "
        "1 No preemption victims found for incoming pod."
    )
    assert world.events("second") == [("FailedScheduling", message)]


def test_no_nodes_at_all(new_world: NewWorld) -> None:
    world = new_world()
    world.pod("p")
    world.run(1)
    assert world.events("p") == [("FailedScheduling", "no nodes available to schedule pods")]
    world.node("node-0")
    world.run(1)
    assert world.node_of("p") == "node-0"


def test_freed_room_lets_a_waiting_pod_in(new_world: NewWorld) -> None:
    world = new_world()
    world.node("node-0", cpu="1")
    world.pod("big", "800m")
    world.run(1)
    world.pod("late", "800m")
    world.run(3)
    assert world.node_of("late") == ""
    world.delete("big")
    world.run(0.5)
    assert world.node_of("late") == "node-0"


def test_uncordoned_node_lets_a_waiting_pod_in(new_world: NewWorld) -> None:
    world = new_world()
    world.node("node-0", unschedulable=True)
    world.pod("p")
    world.run(2)
    assert world.events("p")[0][1].startswith("0/1 nodes are available: 1 node(s) were unschedulable.")
    world.patch("nodes", "node-0", {"spec": {"unschedulable": None, "taints": None}})
    world.run(1)
    assert world.node_of("p") == "node-0"


def test_gated_pod_waits_for_its_gate(new_world: NewWorld) -> None:
    world = four_nodes(new_world)
    world.pod("p", schedulingGates=[{"name": "example.com/g"}])
    world.run(400)
    assert (world.node_of("p"), world.events("p")) == ("", [])
    world.patch("pods", "p", [{"op": "remove", "path": "/spec/schedulingGates"}], type="json")
    world.run(1)
    assert world.node_of("p")


def test_other_schedulers_pods_are_left_alone(new_world: NewWorld) -> None:
    world = four_nodes(new_world)
    world.pod("p", schedulerName="not-running")
    world.run(2)
    assert (world.node_of("p"), world.events("p")) == ("", [])


def test_unmodelled_fields_are_reported(new_world: NewWorld) -> None:
    world = four_nodes(new_world)
    world.pod("p", resourceClaims=[{"name": "gpu", "resourceClaimName": "gpu"}])
    world.run(1)
    (note,) = world.notes("warning")
    assert note.detail == {"not modelled": ["spec.resourceClaims"]}


def test_bindings_keep_to_the_client_limit(new_world: NewWorld) -> None:
    """50 a second after a burst of 100."""
    world = four_nodes(new_world)
    for i in range(200):
        world.pod(f"p{i}")
    world.run(1.6)
    bound = sum(1 for i in range(200) if world.node_of(f"p{i}"))
    assert 150 <= bound <= 185
    world.run(2)
    assert all(world.node_of(f"p{i}") for i in range(200))


def test_waiting_costs_next_to_nothing(new_world: NewWorld) -> None:
    """An unschedulable pod is tried again every 330 s: on the first tick of 30 s after five minutes."""
    world = four_nodes(new_world)
    world.pod("p", "50")
    world.run(1)
    steps = world.engine.steps
    world.run(3600)
    attempts = len(world.notes("refused"))
    assert attempts == 11
    assert world.engine.steps - steps < 20 * attempts


def test_restart_sees_what_was_bound(new_world: NewWorld) -> None:
    world = new_world()
    world.node("node-0", cpu="1")
    world.pod("first", "800m")
    world.run(1)
    world.scheduler.stop()
    world.pod("second", "800m")
    world.run(1)
    assert world.events("second") == []
    world.scheduler.start()
    world.run(1)
    assert world.events("second")[0][0] == "FailedScheduling"
    assert world.scheduler.cache.statistics() == {"nodes": 1, "pods": 1, "unknown_nodes": 0}


def test_binding_that_fails_is_tried_again_after_back_off(new_world: NewWorld) -> None:
    world = four_nodes(new_world)
    world.run(1)
    world.scheduler.client.bind = lambda pod, node: Failing(world.engine)
    world.pod("p")
    world.run(0.4)
    del world.scheduler.client.bind
    assert world.events("p")[0][1] == 'running Bind plugin "DefaultBinder": no'
    assert world.condition("p")["reason"] == "SchedulerError"
    world.run(3)
    assert world.node_of("p")


class Failing:
    def __init__(self, engine: Any) -> None:
        self.engine = engine

    def start(self, done: Any) -> None:
        self.engine.after(SECOND // 100, done, None, RuntimeError("no"))
