"""The shape of KWOK's own benchmark, in process: many nodes, and many pods bound to one of them.

Its gate allows 60, 60 and 90 s for 5,000 nodes, 10,000 pods and their deletion; a real control plane on two cores took
7, 32 and 30 s for the same work.
"""

from __future__ import annotations

from typing import Any

from benchmarks.figure import Figure, stopwatch
from benchmarks.floor import floor
from kcsim.api import objects
from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.engine.collector import collector_at_rest
from kcsim.simulation.simulation import Simulation

NODES, PODS = 5_000, 10_000
LIMIT_S = 2.0


def many_nodes() -> Figure:
    """Register nodes until all are Ready."""
    spent: dict[str, float] = {}
    with stopwatch(spent, "all"):
        simulation = Simulation(nodes=NODES, seed=1)
        while not all(objects.condition_is(node, "Ready") for node in _nodes(simulation)):
            simulation.run("30s")
    return _figure(f"{NODES:,} nodes to Ready", spent["all"], simulation, (0, 0), NODES)


def one_node() -> list[Figure]:
    """Pods created with their node's name, until all run; then all deleted, until all are gone."""
    node = NodeSpec("node-1", "192.168.0.1", {"cpu": "10k", "memory": "10Ti", "pods": str(2 * PODS)})
    simulation = Simulation(nodes=[node], seed=1)
    simulation.run_until("60s")
    client, spent = simulation.cluster().direct(), dict[str, float]()
    before = _written(simulation)
    with stopwatch(spent, "create"):
        with collector_at_rest():
            for i in range(PODS):
                client.now(client.create("pods", _pod(f"pod-{i:05}")))
        while not all(pod["status"]["phase"] == "Running" for pod in simulation.list("pods", "default")):
            simulation.run("120s")
    created = _figure(
        f"{PODS:,} pods bound to one node to Running", spent["create"], simulation, before, PODS
    )
    before = _written(simulation)
    with stopwatch(spent, "delete"):
        with collector_at_rest():
            for i in range(PODS):
                client.now(client.delete("pods", "default", f"pod-{i:05}"))
        while simulation.list("pods", "default"):
            simulation.run("120s")
    return [created, _figure(f"the {PODS:,} deleted", spent["delete"], simulation, before, PODS)]


def _pod(name: str) -> dict[str, Any]:
    """As ``kwokctl scale pod`` makes them: one container, the node's own network, no probes."""
    spec = {
        "nodeName": "node-1",
        "hostNetwork": True,
        "containers": [{"name": "app", "image": "registry.example/app:1"}],
    }
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _nodes(simulation: Simulation) -> list[dict[str, Any]]:
    return simulation.list("nodes") or [{}]


def _written(simulation: Simulation) -> tuple[int, int]:
    return len(simulation.cluster().server.log.versions), simulation.engine.steps


def _figure(name: str, seconds: float, simulation: Simulation, before: tuple[int, int], count: int) -> Figure:
    versions, events = (now - then for now, then in zip(_written(simulation), before, strict=True))
    least = floor(versions, events, count)
    detail = {"x floor": round(seconds / least, 1), "versions": versions, "events": events}
    return Figure(name, seconds, "s", LIMIT_S, floor=least, detail=detail)
