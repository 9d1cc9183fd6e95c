"""The network of a large cluster: what a question costs, and what it costs to cut a zone off; only with ``--large``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from benchmarks.figure import Figure
from benchmarks.scale import deployment, ready
from kcsim.api import objects
from kcsim.simulation.simulation import Simulation

NODES, PODS, SERVICES = 5_000, 50_000, 1_000
QUESTIONS = 1_000
TRAFFIC = 20
QUESTION_MS, PARTITION_MS = 1, 100


def questions_and_cuts() -> list[Figure]:
    """Random pairs are asked twice; a zone is cut off and comes back, while users send requests to twenty Services."""
    simulation = _world()
    looks = simulation.network
    names = [f"pod/{objects.name(pod)}" for pod in simulation.list("pods")]
    draw = Random(1)
    pairs = [(draw.choice(names), draw.choice(names)) for _ in range(QUESTIONS)]
    services = [
        (draw.choice(names), f"service/app-{draw.randrange(SERVICES):04}") for _ in range(QUESTIONS // 10)
    ]
    direct = [partial(looks.reach, a, b, 8080) for a, b in pairs]
    indirect = [partial(looks.reach, a, b) for a, b in services]
    cold, warm = _each(direct), _each(direct)
    _each(indirect)
    through = _each(indirect)
    for number in range(TRAFFIC):
        simulation.add_traffic(f"users-{number}", f"service/app-{number:04}", rate=100)
    simulation.run("10s")
    cut = _each([partial(simulation.inject, "network-partition", "zone-a")])
    asked = _each(direct)
    size = {"nodes": NODES, "pods": PODS, "Services": SERVICES}
    return [
        Figure(
            "a reachability question", warm, "ms", QUESTION_MS, detail={**size, "at first": round(cold, 3)}
        ),
        Figure("the same through a Service of 50 pods", through, "ms", QUESTION_MS * 5),
        Figure(
            "a partition of one zone",
            cut,
            "ms",
            PARTITION_MS,
            detail={"clients": TRAFFIC, "a question behind it": round(asked, 3)},
        ),
    ]


def _each(tasks: Sequence[Callable[[], object]]) -> float:
    """Milliseconds a task."""
    begin = time.process_time()
    for task in tasks:
        task()
    return (time.process_time() - begin) / len(tasks) * 1000


def _world() -> Simulation:
    simulation = Simulation(nodes=NODES, seed=1)
    simulation.run_until("60s")
    client = simulation.cluster().direct()
    for number in range(SERVICES):
        name = f"app-{number:04}"
        client.now(client.create("deployments", deployment(name, PODS // SERVICES)))
        spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}}
        client.now(client.create("services", {**service, "spec": spec}))
    while ready(simulation) < PODS:
        simulation.run("300s")
    return simulation
