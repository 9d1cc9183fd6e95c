"""Faults between the log and a component of a whole cluster; the interventions themselves are tested with the kit."""

from __future__ import annotations

import pytest

from kcsim.simulation.faults import FaultError
from tests.unit.faults.conftest import ready, told

MANAGER = "kube-controller-manager"


def test_a_lagging_controller_acts_late(sim):
    sim.inject("watch-lag", MANAGER, resource="deployments", delay="30s", duration="5m")
    sim.kubectl("scale deployment web --replicas=4")
    sim.run("25s")
    assert len(sim.list("pods")) == 3
    sim.run("10s")
    assert len(sim.list("pods")) == 4
    sim.run("1m")
    assert ready(sim) == 4
    assert told(sim, "fault", "lag")


def test_a_change_that_is_dropped_is_made_good_when_the_fault_is_over(sim):
    sim.inject("watch-drop", MANAGER, resource="deployments", times=9, duration="2m")
    sim.kubectl("scale deployment web --replicas=5")
    sim.run("1m")
    assert len(sim.list("pods")) == 3
    assert {r.subject for r in told(sim, "fault", "drop")} == {"deployment.apps/default/web"}
    sim.run("90s")
    assert ready(sim) == 5


@pytest.mark.parametrize("kind", ["watch-repeat", "watch-reorder"])
def test_controllers_do_not_mind_repeated_or_reordered_changes(sim, kind):
    sim.inject(kind, MANAGER, duration="5m", **({"times": 3} if kind == "watch-repeat" else {}))
    sim.kubectl("scale deployment web --replicas=6")
    sim.run("2m")
    assert ready(sim) == 6
    assert len(sim.list("pods")) == 6
    assert told(sim, "fault", kind.removeprefix("watch-"))


def test_a_relist_tells_every_object_again(sim):
    handled = sim.world.cluster.controller_manager
    seen = []
    pods = next(i for i in handled.informers if i.resource == "pods")
    pods.on_change(lambda old, new: seen.append(new["metadata"]["name"]))
    del seen[:]
    sim.inject("watch-relist", MANAGER, resource="pods")
    sim.run("2s")
    assert sorted(seen) == sorted(p["metadata"]["name"] for p in sim.list("pods"))


def test_a_stale_server_keeps_a_controller_in_the_past(sim):
    sim.inject("api-stale", MANAGER, duration="1m")
    sim.kubectl("scale deployment web --replicas=5")
    sim.run("50s")
    assert len(sim.list("pods")) == 3
    sim.run("30s")
    assert ready(sim) == 5


def test_a_component_that_travels_back_in_time_lists_what_was_and_catches_up(sim):
    sim.run("2m")
    sim.kubectl("scale deployment web --replicas=5")
    sim.run("20s")
    assert ready(sim) == 5
    sim.inject("watch-rewind", MANAGER, ago="1m", delay="20s", duration="5m")
    assert told(sim, "fault", "inject")[-1].detail["ago"] == "1m"
    # It waits for its own lease, lists the world of a minute ago, and twenty seconds later that of now.
    sim.run("3m")
    assert told(sim, "fault", "rewind")
    assert ready(sim) == 5
    assert len(sim.list("pods")) == 5


def test_a_revision_that_is_not_written_yet_is_told(sim):
    with pytest.raises(FaultError, match="watch-rewind: revision 999999 is not written yet; the newest is "):
        sim.inject("watch-rewind", MANAGER, revision=999_999)


def test_what_is_no_name_is_no_fault(sim):
    with pytest.raises(FaultError, match="no fault 7; there are api-latency"):
        sim.inject(7)
