"""Faults of machines."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.engine.clock import SECOND, parse_rfc3339
from kcsim.simulation.faults import FaultError
from tests.unit.faults.conftest import ready


def restarts(sim, node):
    pods = [p for p in sim.list("pods") if p["spec"].get("nodeName") == node]
    return [p["status"]["containerStatuses"][0]["restartCount"] for p in pods]


def test_a_reboot_is_over_after_a_minute_by_itself_and_restarts_containers(sim):
    sim.inject("node-reboot", "node-2")
    sim.run("59s")
    assert not sim.world.network.is_up("node-2")
    sim.run("1m")
    assert sim.world.network.is_up("node-2")
    assert objects.condition_is(sim.get("node/node-2"), "Ready")
    assert set(restarts(sim, "node-2")) == {1}


def test_a_frozen_machine_is_unreachable_and_goes_on_without_a_restart(sim):
    sim.inject("node-freeze", "node-2", duration="2m")
    sim.run("90s")
    assert objects.condition_is(sim.get("node/node-2"), "Ready", "Unknown")
    assert all(s.running() for s in sim.cluster().kubelets["node-2"].runtime.sandboxes())
    assert ready(sim) == 2
    sim.run("2m")
    assert objects.condition_is(sim.get("node/node-2"), "Ready")
    assert set(restarts(sim, "node-2")) == {0}
    assert ready(sim) == 3


def test_a_crash_in_a_freeze_is_a_crash(sim):
    sim.inject("node-freeze", "node-2", duration="30s")
    sim.run("5s")
    sim.inject("node-crash", "node-2", duration="60s")
    sim.run("40s")
    assert not sim.world.network.is_up("node-2")
    sim.run("1m")
    assert sim.world.network.is_up("node-2")
    assert set(restarts(sim, "node-2")) == {1}


@pytest.mark.parametrize(
    ("kind", "condition", "resource"),
    [
        ("node-disk-pressure", "DiskPressure", "ephemeral-storage"),
        ("node-memory-pressure", "MemoryPressure", "memory"),
    ],
)
def test_pressure_evicts_pods_and_ends_five_minutes_after_the_fault(sim, kind, condition, resource):
    sim.inject(kind, "node-2", duration="1m")
    sim.run("15s")
    assert objects.condition_is(sim.get("node/node-2"), condition)
    taints = {t["key"] for t in sim.get("node/node-2")["spec"]["taints"]}
    assert any(condition.lower().removesuffix("pressure") in key for key in taints)
    evicted = [p for p in sim.list("pods") if p["status"].get("reason") == "Evicted"]
    assert evicted
    assert any(f"low on resource: {resource}" in p["status"]["message"] for p in evicted)
    sim.run("4m")
    assert objects.condition_is(sim.get("node/node-2"), condition)
    sim.run("3m")
    assert objects.condition_is(sim.get("node/node-2"), condition, "False")
    assert ready(sim) == 3


def test_a_wrong_clock_shows_in_what_the_kubelet_writes_and_in_nothing_else(sim):
    sim.inject("node-clock-skew", "node-2", skew="-10m")
    sim.kubectl("scale deployment web --replicas=9")
    sim.run("1m")
    now = sim.engine.now
    for pod in sim.list("pods"):
        if pod["metadata"]["creationTimestamp"] < "2026-01-01T00:00:20Z":
            continue
        started = parse_rfc3339(pod["status"]["startTime"])
        behind = pod["spec"]["nodeName"] == "node-2"
        assert (started < now - 500 * SECOND) == behind
    assert objects.condition_is(sim.get("node/node-2"), "Ready"), "others judge its lease by their own clock"


def test_pods_of_a_machine_whose_clock_is_ahead_are_available_late(sim):
    sim.kubectl('patch deployment web --type=merge -p \'{"spec":{"minReadySeconds":5}}\'')
    sim.run("10s")
    for node in ("node-1", "node-2", "node-3"):
        sim.inject("node-clock-skew", node, skew="2m", duration="10m")
    sim.kubectl("scale deployment web --replicas=4")
    sim.run("1m")
    status = sim.get("deployment/web")["status"]
    assert (status["readyReplicas"], status["availableReplicas"]) == (4, 3)
    sim.run("2m")
    assert sim.get("deployment/web")["status"]["availableReplicas"] == 4


def test_a_zone_goes_and_comes_back_as_a_whole(sim):
    zone = sim.get("node/node-1")["metadata"]["labels"]["topology.kubernetes.io/zone"]
    sim.inject("zone-outage", zone, duration="2m")
    sim.inject("node-crash", "node-1", duration="4m")
    sim.run("1m")
    assert [sim.world.network.is_up(f"node-{n}") for n in (1, 2, 3)] == [False, True, True]
    sim.run("2m")
    assert not sim.world.network.is_up("node-1"), "its own crash is not over"
    sim.run("2m")
    assert sim.world.network.is_up("node-1")


def test_an_unknown_zone_is_refused_with_those_there_are(sim):
    with pytest.raises(FaultError, match="no zone 'zone-x'; there are zone-a, zone-b, zone-c"):
        sim.inject("zone-outage", "zone-x")
