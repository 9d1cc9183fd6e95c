"""Drains and disruption budgets."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.api.log import Version
from kcsim.simulation.simulation import Simulation
from tests.workloads.worlds import budget, cluster, events, image, pods, ready, settle, when, workload

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


def important(policy: str = "PreemptLowerPriority") -> dict:
    head = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "important"}}
    return {**head, "value": 1000, "preemptionPolicy": policy}


def full_cluster(policy: str = "PreemptLowerPriority") -> Simulation:
    """Two nodes full of pods that are worth nothing and take 20 s to go; one more of priority 1000 comes."""
    slow = image(stops_after_sigterm=20)
    sim = cluster(2, slow)
    asks = {"resources": {"requests": {"cpu": "1800m"}}}
    settle(sim, workload(replicas=4, container=asks), ready=4)
    sim.apply(important(policy))
    container = {"name": "app", "image": slow.name, **asks}
    vip = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "vip"}}
    sim.apply({**vip, "spec": {"priorityClassName": "important", "containers": [container]}})
    return sim


def test_a_pod_of_priority_takes_the_place_of_one_without():
    """S19: one failed attempt that names the filters' reasons, a victim with its grace, a place when it is gone."""
    sim = full_cluster()
    asked = sim.now
    sim.run("5s")
    (failed,) = events(sim, "FailedScheduling")[-1:]
    assert failed["involvedObject"]["name"] == "vip"
    assert failed["message"].startswith("0/2 nodes are available: 2 Insufficient cpu.")
    vip = sim.get("pod/vip")
    chosen = vip["status"]["nominatedNodeName"]
    (victim,) = [pod for pod in pods(sim) if objects.is_deleting(pod)]
    assert victim["spec"]["nodeName"] == chosen
    (told,) = events(sim, "Preempted")
    assert told["involvedObject"]["name"] == victim["metadata"]["name"]
    assert told["message"] == f"Preempted by pod {vip['metadata']['uid']} on node {chosen}"
    sim.run_until(lambda s: not any(objects.is_deleting(pod) for pod in pods(s)), timeout="1m")
    assert 20 <= sim.now - asked <= 31
    assert when(sim, lambda s: s.get("pod/vip")["spec"].get("nodeName") == chosen) <= 2


def test_who_may_not_preempt_waits_for_room():
    """S19 with preemptionPolicy Never: nobody has to go, and a pod that leaves by itself makes room."""
    sim = full_cluster("Never")
    sim.run("10m")
    assert not events(sim, "Preempted")
    assert "nominatedNodeName" not in sim.get("pod/vip")["status"]
    (told,) = events(sim, "FailedScheduling")[-1:]
    assert "preemption: not eligible due to preemptionPolicy=Never." in told["message"]
    sim.kubectl("scale deployment/web --replicas=3")
    sim.run_until(lambda s: len(pods(s)) == 4, timeout="1m")  # three and the one that waited
    assert when(sim, lambda s: s.get("pod/vip")["spec"].get("nodeName")) <= 2
