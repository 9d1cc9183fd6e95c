"""How many worlds a second: small ones one after the other, in one process and in two; and a thousand seeds of a story.

Everything counts: building the world, playing it, and clearing it away. Time is CPU time, of each process for itself; two
processes are as fast as the slower of them, on a machine that has two cores for them.
"""

from __future__ import annotations

import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks.figure import Figure
from benchmarks.floor import floor
from kcsim.scenario.sweep import sweep
from kcsim.simulation.control_plane import ControlPlane
from kcsim.simulation.simulation import Simulation

BATCH, BATCHES, NODES = 40, 5, 3
NEEDED = ControlPlane(
    controllers=(
        "deployment-controller",
        "replicaset-controller",
        "node-ipam-controller",
        "node-lifecycle-controller",
        "service-account-controller",
    )
)
"""What the world of this benchmark needs, as ``--controllers`` of a controller manager says it."""
STORY, FEW, MORE, SEEDS = "drift-at-night", 4, 44, 1000


def world(seed: int, control_plane: ControlPlane | None = None) -> Simulation:
    """Three nodes; a Deployment is rolled out, somebody scales its ReplicaSet by hand, and that is put right."""
    sim = Simulation(nodes=NODES, seed=seed, control_plane=control_plane)
    sim.kubectl("create deployment web --image=web:1 --replicas=2")
    sim.run("30s")
    (replica_set,) = sim.list("replicasets")
    sim.kubectl(f"scale rs/{replica_set['metadata']['name']} --replicas=1")
    sim.run("30s")
    assert sim.get("deployment/web")["status"]["readyReplicas"] == 2
    return sim


def needed(seed: int) -> Simulation:
    """The same, and the controller manager runs what it takes and no more."""
    return world(seed, NEEDED)


def released(seed: int) -> Simulation:
    """The same, and a second version is rolled out over the first before the drift."""
    sim = Simulation(nodes=NODES, seed=seed)
    sim.kubectl("create deployment web --image=web:1 --replicas=2")
    sim.run("30s")
    sim.kubectl("set image deployment/web web=web:2")
    sim.run("30s")
    (replica_set,) = (each for each in sim.list("replicasets") if each["spec"]["replicas"])
    sim.kubectl(f"scale rs/{replica_set['metadata']['name']} --replicas=1")
    sim.run("30s")
    assert sim.get("deployment/web")["status"]["readyReplicas"] == 2
    return sim


def fastest(kind: str) -> float:
    """Seconds for each world of the fastest of some batches."""
    play = {"world": world, "needed": needed, "released": released}[kind]
    play(0)
    best = float("inf")
    for batch in range(BATCHES):
        begin = time.process_time()
        for number in range(BATCH):
            play(batch * BATCH + number)
        best = min(best, (time.process_time() - begin) / BATCH)
    return best


def small_worlds() -> list[Figure]:
    """A rollout, a drift and its repair in three nodes: 200 a second are asked for."""
    name = "world of three nodes: a rollout, a drift, its repair"
    longer = fastest("released")
    figures = []
    for kind, controllers in (("world", "all controllers"), ("needed", "the five controllers it needs")):
        one = fastest(kind)
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            two = max(pool.map(fastest, [kind, kind])) / 2
        sim = world(0, NEEDED if kind == "needed" else None)
        least = floor(len(sim.cluster().server.log.versions), sim.engine.steps, NODES) * 1000
        detail = {"a second": round(1 / one)}
        if kind == "world":
            detail["with a release before"] = round(1 / longer)
        figures += [
            Figure(f"{name}; {controllers}, one process", one * 1000, "ms", 10, floor=least, detail=detail),
            Figure(
                f"{name}; {controllers}, two processes",
                two * 1000,
                "ms",
                5,
                floor=least / 2,
                detail={"a second": round(1 / two)},
            ),
        ]
    return figures


def thousand_seeds() -> Figure:
    """A thousand seeds of a story of the gallery on two cores, from a few of them and what two processes take to start."""
    few, more = (_cpu_of(count) for count in (FEW, MORE))
    each = (more - few) / (MORE - FEW)
    spent = (few + each * (SEEDS - FEW)) / 2
    return Figure(
        f"{SEEDS} seeds of {STORY} under flux, two processes",
        spent,
        "s",
        60,
        detail={"ms a seed": round(each * 1000)},
    )


def _cpu_of(seeds: int) -> float:
    """CPU seconds of both processes of a sweep."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    sweep(STORY, seeds=seeds, deliveries=["flux"], jobs=2, progress=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
