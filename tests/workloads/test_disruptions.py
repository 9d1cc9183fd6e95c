"""Drains and disruption budgets."""

from __future__ import annotations

import pytest

from kcsim.api.log import Version
from kcsim.simulation.simulation import Simulation
from tests.workloads.worlds import budget, cluster, image, pods, ready, settle, when, workload

REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
DRAIN = "drain {node} --ignore-daemonsets --timeout={timeout}"


def drain(sim: Simulation, node: str, timeout: str = "0s") -> float:
    """How long (seconds) a drain takes."""
    began = sim.now
    outcome = sim.kubectl(DRAIN.format(node=node, timeout=timeout))
    assert outcome.exit_code == 0, outcome.stderr
    return sim.now - began


def test_a_budget_without_room_blocks_a_drain_and_a_third_replica_frees_it():
    """S05: 429 every five seconds; a further pod is the way out."""
    sim = cluster(2)
    settle(sim, workload(replicas=2), budget(minAvailable=2), ready=2)
    node = pods(sim)[0]["spec"]["nodeName"]
    here = len(pods(sim, node=node))
    outcome = sim.kubectl(DRAIN.format(node=node, timeout="31s"))
    assert outcome.exit_code == 1
    # One try at once and one each five seconds, for each pod that is there.
    assert (outcome.stdout + outcome.stderr).count(REFUSED) == 7 * here
    assert sim.get(f"node/{node}")["spec"]["unschedulable"] is True
    assert ready(sim) == 2
    sim.kubectl("scale deployment/web --replicas=3")
    sim.run_until(lambda s: s.get("pdb/web")["status"]["disruptionsAllowed"] == 1, timeout="1m")
    drain(sim, node)
    assert pods(sim, node=node) == []
    assert when(sim, lambda s: ready(s) == 3) < 40


@pytest.mark.parametrize(("policy", "freed"), [("IfHealthyBudget", False), ("AlwaysAllow", True)])
def test_a_broken_pod_blocks_a_drain_unless_it_may_always_go(policy, freed):
    """S05's variant: one of two pods crashes at start, so fewer are healthy than have to be."""
    broken = image("registry.example/web:broken", crash_after=1, ready_after=5)
    sim = cluster(2, image(), broken)
    spec = {"minAvailable": 2, "unhealthyPodEvictionPolicy": policy}
    sim.apply([workload(replicas=2), budget(**spec)])
    sim.run_until(lambda s: ready(s) == 2, timeout="1m")
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    sim.apply(workload(replicas=2, picture=broken.name, strategy=strategy))
    sim.run("3m")
    (bad,) = pods(sim, broken.name)
    answer = sim.kubectl(f"drain {bad['spec']['nodeName']} --pod-selector=app=web --timeout=20s")
    gone = bad["metadata"]["name"] not in {p["metadata"]["name"] for p in pods(sim)}
    assert gone is freed, answer.stderr


def test_a_wave_of_drains_keeps_to_the_budget_and_takes_minutes_a_node():
    """S35: five pods a node, one at a time, 40 s until the next one may go."""
    slow = image(ready_after=40)
    sim = cluster(3, slow)
    probe = {"tcpSocket": {"port": 80}, "periodSeconds": 2}
    app = workload(
        replicas=10, container={"readinessProbe": probe}, pod={"terminationGracePeriodSeconds": 30}
    )
    settle(sim, app, budget(maxUnavailable=1), ready=10)
    node = max((f"node-{n}" for n in (1, 2, 3)), key=lambda name: len(pods(sim, node=name)))
    here = len(pods(sim, node=node))
    before = len(sim.trace)
    took = drain(sim, node)
    assert 45 * (here - 1) <= took <= 75 * here
    least = min(
        (
            record.object["status"]["currentHealthy"]
            for record in sim.trace.records[before:]
            if isinstance(record, Version) and record.subject.startswith("poddisruptionbudget")
        ),
        default=10,
    )
    assert least >= 9


def test_without_a_budget_a_drain_takes_all_at_once():
    sim = cluster(2)
    settle(sim, workload(replicas=4), ready=4)
    assert drain(sim, "node-1") <= 35
    assert pods(sim, node="node-1") == []
