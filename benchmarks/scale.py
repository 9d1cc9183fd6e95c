"""A thousand nodes and ten thousand pods, from Deployments to Ready."""

from __future__ import annotations

from typing import Any

from benchmarks.figure import Figure, stopwatch
from benchmarks.floor import floor
from kcsim.simulation.simulation import Simulation

NODES, DEPLOYMENTS, REPLICAS = 1_000, 100, 100
TIMES_THE_FLOOR = 6


def deployment(name: str, replicas: int) -> dict[str, Any]:
    """A Deployment of one container with requests and a readiness probe."""
    container = {
        "name": "app",
        "image": "registry.example/app:1",
        "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 5},
    }
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def ready(simulation: Simulation) -> int:
    """How many pods of Deployments are Ready, by their statuses."""
    return sum(d["status"].get("readyReplicas", 0) for d in simulation.list("deployments"))


def many_pods() -> Figure:
    """Build the cluster, create the Deployments, run until every pod is Ready."""
    spent: dict[str, float] = {}
    pods = DEPLOYMENTS * REPLICAS
    with stopwatch(spent, "all"):
        simulation = Simulation(nodes=NODES, seed=1)
        simulation.run_until("60s")
        client = simulation.cluster().direct()
        for i in range(DEPLOYMENTS):
            client.now(client.create("deployments", deployment(f"app-{i:03}", REPLICAS)))
        while ready(simulation) < pods:
            simulation.run("120s")
    versions, events = len(simulation.cluster().server.log.versions), simulation.engine.steps
    least = floor(versions, events, pods)
    return Figure(
        f"{NODES:,} nodes, {pods:,} pods to Ready",
        spent["all"] / least,
        "x floor",
        TIMES_THE_FLOOR,
        detail={
            "seconds": round(spent["all"], 2),
            "floor": f"{least:.2f} s",
            "versions": versions,
            "events": events,
            "µs a pod": round(spent["all"] / pods * 1e6),
        },
    )
