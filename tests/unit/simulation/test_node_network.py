"""A node is not ready before its pod network is, and that waits for the range of addresses the node is given."""

from kcsim.api.log import Version
from kcsim.cluster.podnet.ipam import pod_cidrs
from kcsim.simulation.simulation import Simulation


def ready(node):
    return next(c for c in node["status"]["conditions"] if c["type"] == "Ready")


def test_nodes_of_a_large_cluster_turn_ready_after_they_have_their_range():
    sim = Simulation(nodes=120, seed=1)
    sim.run("30s")
    waited = False
    for record in sim.trace.records:
        if isinstance(record, Version) and record.subject.startswith("node/"):
            if ready(record.object)["status"] == "True":
                assert pod_cidrs(record.object), record
            else:
                waited = True
                assert "NetworkReady=false reason:NetworkPluginNotReady" in ready(record.object)["message"]
    assert waited
    assert all(ready(node)["status"] == "True" for node in sim.list("nodes"))


def test_pods_that_are_created_at_once_find_an_address():
    sim = Simulation(nodes=120, seed=1)
    sim.kubectl("create deployment web --image=web:1 --replicas=240")
    sim.run("2m")
    assert not [event for event in sim.list("events") if event["reason"] == "FailedCreatePodSandBox"]
    assert sim.get("deployment/web")["status"]["readyReplicas"] == 240


def test_a_node_that_boots_again_has_its_network_still():
    sim = Simulation(nodes=2, seed=1)
    sim.run("10s")
    cluster = sim.cluster()
    cluster.crash_node("node-1")
    sim.run("2m")
    assert ready(sim.get("node/node-1"))["status"] == "Unknown"
    cluster.boot_node("node-1")
    sim.run("15s")
    assert ready(sim.get("node/node-1"))["status"] == "True"
