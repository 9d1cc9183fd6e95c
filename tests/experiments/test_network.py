"""The network rows of the experiments: C12 on planned networks, and the incident of D6 that is one of the network."""

from __future__ import annotations

import ipaddress
import itertools

import pytest

from kcsim.simulation.cabling import NetworkPlan
from kcsim.simulation.simulation import Simulation
from tests.workloads.worlds import pods, service, settle, workload

REFLECTOR = "route-reflector"


def planned(nodes: int, plan: NetworkPlan, seed: int = 2) -> Simulation:
    sim = Simulation(nodes, seed, checking=True, plan=plan)
    sim.run_until("10s")
    return sim


@pytest.mark.parametrize("kind", ["", "vxlan"])
def test_c12_cutting_k_pods_off_removes_exactly_their_pairs(kind: str) -> None:
    plan = NetworkPlan(pod_cidrs=("10.8.0.0/22",), node_masks=(26, 64), encapsulation=kind)
    sim = planned(4, plan)
    settle(sim, workload(replicas=12), ready=12)
    n = 12
    assert sim.network.matrix().pairs == n * (n - 1)
    ranges = [ipaddress.ip_network(node["spec"]["podCIDR"]) for node in sim.list("nodes")]
    assert {each.prefixlen for each in ranges} == {26}
    assert not any(a.overlaps(b) for a, b in itertools.combinations(ranges, 2))
    k = len(pods(sim, node="node-1"))
    sim.inject("network-partition", "node-1", duration="1m")
    # Pods that are cut off together still reach each other.
    assert sim.network.matrix().pairs == n * (n - 1) - 2 * k * (n - k)
    sim.run("90s")
    assert sim.network.matrix().pairs == n * (n - 1)


@pytest.mark.parametrize("reflectors", [f"{REFLECTOR}=true", ""])
def test_d6_a_label_that_nobody_missed_cuts_the_nodes_apart(reflectors: str) -> None:
    """An upgrade takes a label away: nodes and pods look healthy, and packets find no way to another node.

    The one setting that prevents it: no reflectors, every node tells every other.
    """
    sim = planned(3, NetworkPlan(reflectors=reflectors))
    sim.kubectl(f"label node node-1 {REFLECTOR}=true")
    settle(sim, workload(replicas=6), service(), ready=6)
    at_first = sim.network.matrix().pairs
    assert at_first == 6 * 5
    source = pods(sim)[0]["metadata"]["name"]
    users = sim.add_traffic("others", "service/web", rate=50, source=f"pod/{source}")
    sim.run("1m")
    assert users.totals().failed == 0
    sim.kubectl(f"label node node-1 {REFLECTOR}-")
    sim.run("10m")
    assert all(
        next(c["status"] for c in each["status"]["conditions"] if c["type"] == "Ready") == "True"
        for each in (*sim.list("nodes"), *pods(sim))
    )
    left = sim.network.matrix()
    if not reflectors:
        assert left.pairs == at_first
        assert users.totals().failed == 0
        return
    homes = {each["metadata"]["name"]: each["spec"]["nodeName"] for each in pods(sim)}
    assert left.pairs == sum(homes[a] == homes[b] for a, b in itertools.permutations(homes, 2))
    assert "route reflector" in next(iter(left.why.values()))
    totals = users.totals()
    near = sum(home == homes[source] for home in homes.values()) / len(homes)
    assert totals.failed / (50 * 600) == pytest.approx(1 - near, abs=0.05)
    assert set(totals.kinds) == {"timeout"}
    sim.kubectl(f"label node node-1 {REFLECTOR}=true")
    sim.run("10s")
    assert sim.network.matrix().pairs == at_first
