"""Disruption budgets: their status follows the pods, and an eviction waits for it."""

from __future__ import annotations

import kcsim

BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: default}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: web}}
"""


def shop(replicas: int) -> kcsim.Simulation:
    sim = kcsim.Simulation(nodes=2, seed=3)
    sim.apply(BUDGET)
    sim.kubectl(f"create deployment web --image=web:1 --replicas={replicas}")
    sim.run_until(lambda s: s.get("deployment/web")["status"]["readyReplicas"] == replicas, timeout="2m")
    sim.run("5s")
    return sim


def test_a_budget_counts_the_pods_it_covers() -> None:
    status = shop(3).get("pdb/web")["status"]
    assert {
        key: status[key] for key in ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods")
    } == {
        "currentHealthy": 3,
        "desiredHealthy": 1,
        "disruptionsAllowed": 2,
        "expectedPods": 3,
    }


def test_a_drain_waits_until_the_budget_allows_the_last_pod_to_go() -> None:
    sim = shop(1)
    node = sim.list("pods", "default")[0]["spec"]["nodeName"]
    assert sim.get("pdb/web")["status"]["disruptionsAllowed"] == 0
    refused = sim.kubectl(f"drain {node} --ignore-daemonsets --timeout=12s")
    assert refused.exit_code == 1
    assert "Cannot evict pod as it would violate the pod's disruption budget." in refused.stderr
    sim.kubectl("scale deployment web --replicas=2")
    drained = sim.kubectl(f"drain {node} --ignore-daemonsets --timeout=2m")
    assert drained.exit_code == 0, drained.stderr
    assert all(pod["spec"]["nodeName"] != node for pod in sim.list("pods", "default"))
