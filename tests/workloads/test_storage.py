"""Volumes that tie pods to a zone."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.simulation.simulation import Simulation
from tests.workloads.worlds import cluster, pods, when, workload, zoned

ZONE = "topology.kubernetes.io/zone"


def three_zones(mode: str) -> tuple[Simulation, list[NodeSpec]]:
    """A cluster of one node a zone, and a claim of a class that binds in that mode."""
    machines = [node for number, zone in enumerate("abc") for node in zoned(f"zone-{zone}", 1, number)]
    sim = cluster(machines)
    head = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "disk"}}
    sim.apply({**head, "provisioner": "disk.example.com", "volumeBindingMode": mode})
    asked = {"resources": {"requests": {"storage": "1Gi"}}, "accessModes": ["ReadWriteOnce"]}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}}
    sim.apply({**claim, "spec": {"storageClassName": "disk", **asked}})
    sim.run("20s")
    return sim, machines


def with_claim(cpu: str) -> dict:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    container = {"resources": {"requests": {"cpu": cpu}}}
    return workload(replicas=1, container=container, pod={"volumes": volumes})


def home(sim: Simulation) -> str:
    """The node in the zone that the claim's volume lives in."""
    name = sim.get("pvc/data")["spec"]["volumeName"]
    (term,) = sim.get(f"pv/{name}")["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    (zone,) = next(e["values"] for e in term["matchExpressions"] if e["key"] == ZONE)
    return f"{zone}-0"


def test_a_volume_made_at_once_keeps_its_pod_out_of_all_other_zones():
    """S12: the one zone that the volume is in has no room, and the others do not match its node affinity."""
    sim, _ = three_zones("Immediate")
    full = home(sim)
    container = {
        "name": "app",
        "image": "registry.example/web:1",
        "resources": {"requests": {"cpu": "3800m"}},
    }
    filler = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "filler", "labels": {"is": "filler"}}}
    sim.apply({**filler, "spec": {"nodeName": full, "containers": [container]}})
    sim.run("5s")
    sim.apply(with_claim("500m"))
    sim.run("10m")
    waiting = [pod for pod in pods(sim) if pod["metadata"]["name"] != "filler"]
    (pod,) = waiting
    message = objects.condition(pod, "PodScheduled")["message"]
    assert message.startswith(
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match PersistentVolume's node affinity."
    )
    assert "2 Preemption is not helpful for scheduling" in message


def test_a_volume_made_for_its_pod_is_lost_with_the_zone_until_that_returns():
    """S12: WaitForFirstConsumer finds room; when the zone dies, the replacement waits for it."""
    sim, _ = three_zones("WaitForFirstConsumer")
    assert "volumeName" not in sim.get("pvc/data")["spec"]
    sim.apply(with_claim("500m"))
    when(sim, lambda s: s.get("deployment/web")["status"].get("readyReplicas") == 1)
    (first,) = pods(sim)
    lost = first["spec"]["nodeName"]
    assert home(sim) == lost
    sim.inject("node-crash", lost, duration="30m")
    sim.run("15m")
    (left,) = [pod for pod in pods(sim) if not objects.is_deleting(pod)]
    assert left["metadata"]["name"] != first["metadata"]["name"]
    message = objects.condition(left, "PodScheduled")["message"]
    assert "2 node(s) didn't match PersistentVolume's node affinity" in message
    assert "1 node(s) had untolerated taint(s)" in message or "1 node(s) had untolerated taint" in message
    sim.run_until(lambda s: s.get("deployment/web")["status"].get("readyReplicas") == 1, timeout="30m")
    assert sim.get(f"pod/{left['metadata']['name']}")["spec"]["nodeName"] == lost


@pytest.mark.parametrize("mode", ["Immediate", "WaitForFirstConsumer"])
def test_when_a_claim_is_bound(mode):
    sim, _ = three_zones(mode)
    assert sim.get("pvc/data")["status"]["phase"] == ("Bound" if mode == "Immediate" else "Pending")
