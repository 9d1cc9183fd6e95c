"""Requests as flows: an hour of 100,000 a second through three tiers of pods, while the middle one is replaced."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.figure import Figure
from benchmarks.floor import floor
from kcsim.cluster.images import Call, ImageBehaviour
from kcsim.simulation.simulation import Simulation

RATE = 100_000
NODES, PODS = 100, 50
_CALLS = {"web": ("cart",), "cart": ("db",), "db": ()}


def an_hour_of_requests() -> list[Figure]:
    """The cost of the requests: the hour with them, less the same hour without; and at a thousandth of the rate."""
    _hour(0)
    without, events, versions = _hour(0)
    busy, _, _ = _hour(RATE)
    calm, _, _ = _hour(RATE // 1000)
    least = floor(versions, events, NODES)
    detail = {
        "requests": RATE * 3600,
        "hour without": round(without, 2),
        "at 100/s": round(calm - without, 2),
    }
    return [
        Figure("an hour of 100,000 requests a second", busy - without, "s", 5, floor=least, detail=detail),
        Figure("the same, against 100 a second", (busy - without) / max(calm - without, 1e-3), "times", 1.5),
    ]


def _hour(rate: int) -> tuple[float, int, int]:
    """(seconds, events, versions) of an hour in which a rollout, a scaling and a node's death happen."""
    simulation = Simulation(nodes=NODES, seed=1)
    for name, calls in _CALLS.items():
        made = tuple(Call(f"http://{each}") for each in calls)
        for version in (1, 2):
            simulation.world.push_image(ImageBehaviour(f"registry.example/{name}:{version}", calls=made))
    simulation.run_until("1m")
    for name in _CALLS:
        simulation.apply([_deployment(name), _service(name)])
    simulation.run_until("5m")
    log = simulation.cluster().server.log
    versions, steps = len(log.versions), simulation.engine.steps
    begin = time.process_time()
    if rate:
        simulation.world.add_traffic("users", service="web", rate=rate, start=simulation.engine.now)
    simulation.run("20m")
    simulation.kubectl("set image deployment/cart app=registry.example/cart:2")
    simulation.run("20m")
    simulation.inject("node-crash", "node-7", duration="5m")
    simulation.run("20m")
    if rate:
        source = simulation.world.traffic["users"]
        totals = source.totals()
        assert abs(totals.sent - rate * 3600) <= 1
        assert source.latency() is not None
    return time.process_time() - begin, simulation.engine.steps - steps, len(log.versions) - versions


def _deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    container = {
        "name": "app",
        "image": f"registry.example/{name}:1",
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 5},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": PODS, "selector": {"matchLabels": labels}, "template": template},
    }


def _service(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
