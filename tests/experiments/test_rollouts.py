"""R: rollouts step by step. Waves are told apart by the time that new pods take to get ready."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise

import pytest

from kcsim.api import objects
from kcsim.api.log import Version
from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.engine.clock import MILLISECOND, SECOND
from kcsim.profile.distributions import Fixed
from kcsim.simulation.simulation import Simulation
from tests.workloads.worlds import (
    BAD,
    GOOD,
    NEXT,
    budget,
    cluster,
    image,
    pods,
    ready,
    settle,
    sizes,
    when,
    workload,
)

S = 60
"""Seconds until a new pod is ready."""


def slow_cluster(replicas: int, **spec):
    """One large machine on which the pods of a wave get ready together, and an API that answers at once."""
    sim = Simulation(nodes=0)
    home = sim.cluster()
    ms = MILLISECOND
    home.endpoint.profile = replace(
        home.endpoint.profile, write=Fixed(ms), read=Fixed(ms), watch=Fixed(ms), reaction=Fixed(ms)
    )
    steady = {
        field.name: Fixed(100 * ms)
        for field in fields(home._timings)
        if not isinstance(getattr(home._timings, field.name), int | float)
    }
    home._timings = replace(home._timings, **steady)
    capacity = {"cpu": "400", "memory": "400Gi", "pods": "400", "ephemeral-storage": "100Gi"}
    home.add_nodes([NodeSpec("node-1", "192.168.0.1", capacity, {})])
    sim.world.push_image(image())
    sim.world.push_image(image(NEXT, ready_after=S))
    sim.run_until("30s")
    settle(sim, workload(replicas=replicas, **spec), ready=replicas)
    return sim


@dataclass(frozen=True)
class Course:
    """What a rollout did: waves of new pods, fewest available and most pods wanted at any instant."""

    waves: int
    least: int
    most: int


def roll(sim: Simulation, replicas: int) -> Course:
    before = len(sim.trace)
    available = {pod["metadata"]["uid"] for pod in pods(sim)}
    sim.kubectl(f"set image deployment/web app={NEXT}")
    sim.run_until(
        lambda s: (
            s.get("deployment/web")["status"].get("updatedReplicas") == replicas
            and sum(sizes(s).values()) == replicas
            and ready(s, NEXT) == replicas
        ),
        timeout="3h",
    )
    born: list[int] = []
    wanted = {each["metadata"]["name"]: each["spec"]["replicas"] for each in sim.list("replicasets")}
    wanted = dict.fromkeys(wanted, 0)
    least, most = len(available), replicas
    sets = {GOOD: replicas, NEXT: 0}
    for record in sim.trace.records[before:]:
        if not isinstance(record, Version):
            continue
        if record.subject.startswith("pod/default/"):
            uid = record.object["metadata"]["uid"]
            if record.previous is None:
                born.append(record.time)
            serving = (
                not record.deleted
                and objects.condition_is(record.object, "Ready")
                and not objects.is_deleting(record.object)
            )
            (available.add if serving else available.discard)(uid)
            least = min(least, len(available))
        elif record.subject.startswith("replicaset.apps/default/"):
            picture = record.object["spec"]["template"]["spec"]["containers"][0]["image"]
            sets[picture] = record.object["spec"]["replicas"]
            most = max(most, sum(sets.values()))
    born.sort()
    waves = 1 + sum(b - a > S * SECOND // 2 for a, b in pairwise(born))
    return Course(waves, least, most)


@pytest.mark.parametrize(
    ("replicas", "course"),
    [
        (1, Course(1, 1, 2)),
        (3, Course(3, 3, 4)),
        (4, Course(2, 3, 5)),
        (10, Course(2, 8, 13)),
    ],
)
def test_r1_defaults(replicas, course):
    assert roll(slow_cluster(replicas), replicas) == course


def test_r1_a_hundred_replicas():
    assert roll(slow_cluster(100), 100) == Course(2, 75, 125)


@pytest.mark.parametrize("seed", range(8))
def test_r1_holds_at_the_latencies_of_the_profile(seed):
    """Pods get ready one by one and statuses lag: a scale-down waits for the one before it to be counted."""
    sim = cluster(3, image(), image(NEXT), seed=seed)
    settle(sim, workload(replicas=10), ready=10)
    assert roll(sim, 10).least >= 8


@pytest.mark.parametrize("replicas", [1, 2, 5, 8])
def test_r2_one_more_and_none_less(replicas):
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    sim = slow_cluster(replicas, strategy=strategy)
    assert roll(sim, replicas) == Course(replicas, replicas, replicas + 1)


def test_r3_ten_replicas_step_by_step():
    sim = slow_cluster(10)
    before = len(sim.trace)
    began = sim.engine.now
    sim.kubectl(f"set image deployment/web app={NEXT}")
    sim.run("4m")
    steps: list[tuple[int, int, float]] = []
    sets = {GOOD: 10, NEXT: 0}
    for record in sim.trace.records[before:]:
        if isinstance(record, Version) and record.subject.startswith("replicaset.apps/"):
            picture = record.object["spec"]["template"]["spec"]["containers"][0]["image"]
            size = record.object["spec"]["replicas"]
            if sets[picture] != size:
                sets[picture] = size
                steps.append((sets[NEXT], sets[GOOD], (record.time - began) / SECOND))
    assert [(new, old) for new, old, _ in steps[:3]] == [(3, 10), (3, 8), (5, 8)]
    assert all(at < 1 for _, _, at in steps[:3])
    by_then = {
        after: [(new, old) for new, old, at in steps if at <= after][-1] for after in (S + 10, 2 * S + 20)
    }
    assert by_then == {S + 10: (10, 3), 2 * S + 20: (10, 0)}


@pytest.mark.parametrize(("replicas", "least"), [(1, 1), (3, 3), (4, 3), (10, 8)])
def test_r4_an_image_that_never_comes_stops_where_it_may(replicas, least):
    sim = cluster(2)
    settle(sim, workload(replicas=replicas), ready=replicas)
    began = sim.now
    sim.kubectl(f"set image deployment/web app={BAD}")
    late = when(sim, lambda s: objects.condition_is(s.get("deployment/web"), "Progressing", "False"))
    condition = objects.condition(sim.get("deployment/web"), "Progressing")
    assert condition["reason"] == "ProgressDeadlineExceeded"
    assert 600 <= late <= 603
    sim.run("2h")
    assert (ready(sim), ready(sim, BAD)) == (least, 0)
    assert sizes(sim)[BAD] > 0
    assert began > 0


@pytest.mark.parametrize(("grace", "start"), [(5, 10), (20, 40)])
def test_r6_recreate_is_away_for_grace_and_start(grace, start):
    stubborn = image(ignores_sigterm=True)
    sim = cluster(2, stubborn, image(NEXT, ready_after=start))
    app = workload(replicas=3, strategy={"type": "Recreate"}, pod={"terminationGracePeriodSeconds": grace})
    settle(sim, app, ready=3)
    sim.kubectl(f"set image deployment/web app={NEXT}")
    before = when(sim, lambda s: ready(s) == 0 or all(objects.is_deleting(p) for p in pods(s)))
    assert before < 1
    away = when(sim, lambda s: ready(s, NEXT) == 3)
    # Detection, teardown, scheduling, sandbox, pull and probe: some seconds of propagation.
    assert grace + start <= away <= grace + start + 10


@pytest.mark.parametrize("least", [1, 3, 5])
@pytest.mark.parametrize("seed", [1, 2])
def test_r9_a_drain_never_goes_below_the_budget(least, seed):
    sim = cluster(3, image(ready_after=10), seed=seed)
    settle(sim, workload(replicas=6), budget(minAvailable=least), ready=6)
    before = len(sim.trace)
    sim.kubectl("drain node-1 --ignore-daemonsets")
    healthy = [
        record.object["status"]["currentHealthy"]
        for record in sim.trace.records[before:]
        if isinstance(record, Version) and record.subject.startswith("poddisruptionbudget")
    ]
    assert min(healthy, default=6) >= least
    assert pods(sim, node="node-1") == []


def test_r9_an_eviction_below_the_budget_is_a_429():
    sim = cluster(1)
    settle(sim, workload(replicas=2), budget(minAvailable=2), ready=2)
    name = pods(sim)[0]["metadata"]["name"]
    client = sim.cluster().direct()
    answers: list[object] = []
    client.evict("default", name).start(lambda _value, error: answers.append(error))
    (error,) = answers
    assert getattr(error, "code", None) == 429
    assert sim.get(f"pod/{name}")
