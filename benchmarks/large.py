"""A cluster as large as Kubernetes allows, and whether a pod costs the same in it; only with ``--large``."""

from __future__ import annotations

import gc
import resource
import sys
from itertools import cycle

from benchmarks.figure import Figure, stopwatch
from benchmarks.floor import floor
from benchmarks.scale import deployment, ready
from kcsim.simulation.simulation import Simulation

NODES, PODS = 5_000, 150_000
SIZES = (10, 50, 100, 500, 1_000)
"""Replicas of the Deployments, in turn."""
TIMES_THE_FLOOR = 8
LIMIT_S, LIMIT_MB = 60, 4_096
TIMES_A_SMALL_ONE = 1.3


def largest() -> list[Figure]:
    """A tenth of it first, so that the cost of a pod can be compared."""
    small, _, _ = _run(NODES // 10, PODS // 10)
    gc.collect()
    seconds, versions, events = _run(NODES, PODS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 if sys.platform != "darwin" else 1024**2
    )
    least = floor(versions, events, PODS)
    name = f"{NODES:,} nodes, {PODS:,} pods to Ready"
    each = {"µs a pod": round(seconds / PODS * 1e6), "at a tenth": round(small / PODS * 10 * 1e6)}
    return [
        Figure(name, seconds, "s", LIMIT_S, detail={"versions": versions, "events": events}),
        Figure(
            f"{name}, beside the floor",
            seconds / least,
            "x floor",
            TIMES_THE_FLOOR,
            detail={"floor": f"{least:.2f} s"},
        ),
        Figure(f"{name}, memory", peak, "MB", LIMIT_MB),
        Figure(
            "a pod among 150,000 beside one among 15,000",
            seconds / small / 10,
            "x",
            TIMES_A_SMALL_ONE,
            detail=each,
        ),
    ]


def _run(nodes: int, pods: int) -> tuple[float, int, int]:
    """(seconds, versions, events) from nothing to that many pods that are Ready."""
    spent: dict[str, float] = {}
    with stopwatch(spent, "all"):
        simulation = Simulation(nodes=nodes, seed=1)
        simulation.run_until("60s")
        client = simulation.cluster().direct()
        left, sizes, number = pods, cycle(SIZES), 0
        while left:
            size = min(next(sizes), left)
            client.now(client.create("deployments", deployment(f"app-{number:05}", size)))
            left -= size
            number += 1
        while ready(simulation) < pods:
            simulation.run("300s")
    return spent["all"], len(simulation.cluster().server.log.versions), simulation.engine.steps
