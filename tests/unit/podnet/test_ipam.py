"""Addresses: whose range is whose, in which order, and what happens when there are none left."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcsim.cluster.podnet.ipam import CidrSet, HostLocal, cluster_cidr_for, pod_cidrs
from kcsim.simulation.simulation import Simulation


def test_parts_of_a_range_go_round_and_come_back_when_released() -> None:
    parts = CidrSet("10.0.0.0/22", 24)
    assert [parts.take_next() for _ in range(5)] == [
        "10.0.0.0/24",
        "10.0.1.0/24",
        "10.0.2.0/24",
        "10.0.3.0/24",
        None,
    ]
    parts.release("10.0.1.0/24")
    assert parts.take_next() == "10.0.1.0/24"


def test_an_occupied_part_is_not_given_again() -> None:
    parts = CidrSet("10.0.0.0/23", 24)
    parts.occupy("10.0.0.0/24")
    parts.occupy("192.168.0.0/24")
    assert parts.take_next() == "10.0.1.0/24"
    assert parts.take_next() is None


def test_a_mask_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        CidrSet("10.0.0.0/24", 16)


@pytest.mark.parametrize(("nodes", "room"), [(3, 256), (256, 256), (257, 32768), (5000, 32768)])
def test_the_range_is_planned_for_the_number_of_nodes(nodes: int, room: int) -> None:
    assert CidrSet(cluster_cidr_for(nodes), 24).size == room


def test_addresses_go_round_robin_and_skip_the_gateway() -> None:
    plugin = HostLocal("10.1.2.0/29")
    given = [plugin.allocate() for _ in range(6)]
    assert given == ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6", None]
    plugin.release("10.1.2.3")
    plugin.release("10.1.2.2")
    assert plugin.allocate() == "10.1.2.2"
    assert plugin.allocate() == "10.1.2.3"


def test_a_freed_address_rests_until_the_round_is_over() -> None:
    plugin = HostLocal("10.1.2.0/24")
    first = plugin.allocate()
    assert first is not None
    plugin.release(first)
    assert plugin.allocate() == "10.1.2.3"


@given(st.lists(st.integers(0, 30), max_size=80))
def test_no_address_is_given_twice_at_once(script: list[int]) -> None:
    plugin = HostLocal("10.1.2.0/27")
    held: list[str] = []
    for choice in script:
        if choice < len(held):
            plugin.release(held.pop(choice))
        elif (ip := plugin.allocate()) is not None:
            assert ip not in held
            assert ipaddress.ip_address(ip) in ipaddress.ip_network(plugin.cidr)
            held.append(ip)
        else:
            assert len(held) == plugin.room


def test_every_node_gets_a_range_of_its_own_and_pods_live_in_it() -> None:
    sim = Simulation(nodes=3, seed=1)
    sim.run_until("5s")
    ranges = {n["metadata"]["name"]: pod_cidrs(n) for n in sim.list("nodes")}
    assert sorted(ranges.values()) == [["10.244.0.0/24"], ["10.244.1.0/24"], ["10.244.2.0/24"]]
    sim.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "one"},
            "spec": {"containers": [{"name": "c", "image": "registry.example/c:1"}]},
        }
    )
    sim.run_until(lambda s: s.get("pod/one")["status"]["podIP"])
    pod = sim.get("pod/one")
    home = ipaddress.ip_network(ranges[pod["spec"]["nodeName"]][0])
    assert ipaddress.ip_address(pod["status"]["podIP"]) in home


def test_pods_on_the_host_network_have_the_address_of_their_node() -> None:
    sim = Simulation(nodes=1, seed=1)
    sim.run_until("5s")
    spec = {"hostNetwork": True, "containers": [{"name": "c", "image": "registry.example/c:1"}]}
    sim.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": spec})
    sim.run_until(lambda s: s.get("pod/one")["status"]["podIP"])
    status = sim.get("pod/one")["status"]
    assert status["podIP"] == status["hostIP"] == sim.get("node/node-1")["status"]["addresses"][0]["address"]


def test_a_cluster_that_runs_out_of_ranges_says_so_and_goes_on_when_one_is_free() -> None:
    sim = Simulation(nodes=256, seed=1)
    sim.run_until("60s")
    assert all(pod_cidrs(n) for n in sim.list("nodes"))
    late = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "late"}}
    sim.apply(late)
    sim.run_until("90s")
    assert not pod_cidrs(sim.get("node/late"))
    told = [e for e in sim.list("events") if e["reason"] == "CIDRNotAvailable"]
    assert told
    assert told[0]["message"] == "Node late status is now: CIDRNotAvailable"
    freed = pod_cidrs(sim.get("node/node-9"))
    sim.kubectl("delete node node-9")
    sim.run("20m")
    assert pod_cidrs(sim.get("node/late")) == freed
