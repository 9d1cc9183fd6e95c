"""Crash points in a whole cluster: who brings the process back, and that the work is done in the end."""

from __future__ import annotations

import pytest

from kcsim.api.kit.seams import CrashPoint, CursorFault, Seams
from kcsim.engine.clock import SECOND
from kcsim.simulation.simulation import Simulation
from tests.unit.simulation.conftest import deployment


def world() -> Simulation:
    sim = Simulation(nodes=3, seed=1, checking=True)
    sim.run_until("10s")
    return sim


def arm(sim: Simulation, rule: CrashPoint | CursorFault):
    return Seams.of(sim.world.cluster.endpoint).arm(rule)


@pytest.mark.parametrize(
    ("when", "nth", "made"),
    # ReplicaSets create pods in batches of 1, 2, 4 side by side: of the second batch both may be under way.
    [("before", 1, {0}), ("after", 1, {1}), ("before", 2, {1}), ("after", 2, {2, 3}), ("before", 3, {2})],
)
def test_a_controller_manager_that_dies_at_a_pods_creation_waits_for_its_lease_and_makes_three_in_all(
    when, nth, made
) -> None:
    sim = world()
    armed = arm(
        sim,
        CrashPoint(
            "kube-controller-manager",
            when,
            nth,
            verb="create",
            resource="pods",
            reconciler="replicaset-controller",
        ),
    )
    sim.apply(deployment(3))
    sim.run("5s")
    assert armed.fired == 1
    assert len(sim.list("pods")) in made
    assert not any(
        instance.up and instance.leads for instance in sim.world.cluster.instances["kube-controller-manager"]
    )
    sim.run_until(lambda s: s.get("deployment/web")["status"]["readyReplicas"] == 3, timeout="1m")
    assert len(sim.list("pods")) == 3
    crash = next(r for r in sim.trace.records if (r.actor, r.verb) == ("fault", "crash"))
    assert crash.cause is armed.record


def test_a_scheduler_that_dies_after_a_binding_places_the_rest_later() -> None:
    sim = world()
    armed = arm(sim, CrashPoint("kube-scheduler", subresource="binding", down=30 * SECOND))
    sim.apply(deployment(3))
    sim.run("10s")
    assert armed.fired == 1
    assert 1 <= sum(bool(p["spec"].get("nodeName")) for p in sim.list("pods")) < 3
    sim.run_until(lambda s: s.get("deployment/web")["status"]["readyReplicas"] == 3, timeout="2m")


def test_a_kubelet_that_dies_between_two_status_writes_comes_back_to_its_containers() -> None:
    sim = world()
    sim.apply(deployment(3))
    node = "node-2"
    armed = arm(
        sim,
        CrashPoint("kubelet", "before", 1, subresource="status", resource="pods", host=node, down=5 * SECOND),
    )
    sim.run("4s")
    assert armed.fired == 1
    sim.run_until(lambda s: s.get("deployment/web")["status"]["readyReplicas"] == 3, timeout="1m")
    assert {p["status"]["containerStatuses"][0]["restartCount"] for p in sim.list("pods")} == {0}


def test_a_stale_api_server_hides_what_happened_from_one_controller_manager() -> None:
    sim = world()
    armed = arm(sim, CursorFault("hold", "kube-controller-manager"))
    sim.apply(deployment(3))
    sim.run("1m")
    assert sim.list("pods") == []
    armed.lift()
    sim.run_until(lambda s: s.get("deployment/web")["status"]["readyReplicas"] == 3, timeout="1m")
