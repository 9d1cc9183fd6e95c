"""Why a pod went where it is, or nowhere."""

from __future__ import annotations

from kcsim.simulation.simulation import Simulation

POD = """
apiVersion: v1
kind: Pod
metadata: {name: %s}
spec:
  containers:
  - name: app
    image: registry.example/app:1
    resources: {requests: {cpu: %s}}
"""


def test_a_refused_pod_is_told_node_by_node() -> None:
    sim = Simulation(nodes=3, seed=1)
    sim.run("10s")
    sim.apply(POD % ("large", 50))
    sim.run("5s")
    told = str(sim.why("pod/large")).splitlines()
    assert "kube-scheduler refused pod/default/large  0/3 nodes are available: 3 Insufficient cpu." in told[0]
    assert sorted(line.strip() for line in told[1:4]) == [
        f"node-{i}: NodeResourcesFit: Insufficient cpu" for i in (1, 2, 3)
    ]


def test_a_placed_pod_is_told_with_the_scores_of_every_plugin() -> None:
    sim = Simulation(nodes=3, seed=1)
    sim.run("10s")
    sim.apply(POD % ("small", "100m"))
    sim.run("5s")
    why = sim.why("pod/small")
    assert why.links[1].verb == "placed"
    assert len(why.links[1].lines) == 3
    assert "NodeResourcesFit 97 + NodeResourcesBalancedAllocation" in why.links[1].lines[0]
