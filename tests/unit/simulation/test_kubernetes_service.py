"""The Service of the API server: there from the first, made again, and a way that packets take."""

from __future__ import annotations

import pytest

from kcsim.simulation.cabling import NetworkPlan
from kcsim.simulation.simulation import Simulation


def test_it_has_the_first_address_of_the_range_and_leads_to_the_api_server():
    sim = Simulation(nodes=1, seed=1)
    assert sim.kubectl("get svc").stdout.splitlines()[1].split()[:5] == [
        "kubernetes",
        "ClusterIP",
        "10.96.0.1",
        "<none>",
        "443/TCP",
    ]
    assert sim.get("endpoints/kubernetes")["subsets"] == [
        {
            "addresses": [{"ip": "192.168.255.1"}],
            "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
        }
    ]
    (endpoint,) = sim.get("endpointslice/kubernetes")["endpoints"]
    assert endpoint == {"addresses": ["192.168.255.1"], "conditions": {"ready": True}}
    assert sim.network.reach("node-1", "service/kubernetes").ok


@pytest.mark.parametrize(
    ("cidr", "address", "family"),
    [("10.0.0.0/24", "10.0.0.1", "IPv4"), ("fd00:10:96::/112", "fd00:10:96::1", "IPv6")],
)
def test_its_family_is_that_of_the_range(cidr, address, family):
    plan = NetworkPlan(service_cidrs=(cidr,), pod_cidrs=("10.244.0.0/16",))
    sim = Simulation(nodes=0, seed=1, plan=plan)
    spec = sim.get("service/kubernetes")["spec"]
    assert (spec["clusterIPs"], spec["ipFamilies"]) == ([address], [family])
    assert sim.get("endpointslice/kubernetes")["addressType"] == family


def test_who_deletes_it_finds_it_again_within_ten_seconds():
    sim = Simulation(nodes=0, seed=1)
    sim.run("3s")
    before = sim.get("service/kubernetes")["metadata"]["uid"]
    sim.kubectl("delete svc --all")
    assert "No resources" in sim.kubectl("get svc").stderr
    sim.run("7s")
    service = sim.get("service/kubernetes")
    assert service["metadata"]["uid"] != before
    assert service["spec"]["clusterIP"] == "10.96.0.1"
    sim.run("10s")
    assert sim.get("endpoints/kubernetes")["subsets"]
    made = [v for v in sim.versions("service/kubernetes") if not v.deleted]
    assert [v.actor for v in made] == ["system:apiserver"] * 2


def test_its_address_is_given_to_nobody_else():
    sim = Simulation(nodes=0, seed=1)
    answer = sim.kubectl("create service clusterip mine --tcp=80 --clusterip=10.96.0.1")
    assert answer.exit_code if hasattr(answer, "exit_code") else answer.stderr


def test_pods_find_it_by_its_name():
    sim = Simulation(nodes=2, seed=1)
    sim.network.install_dns()
    sim.kubectl("run web --image=nginx")
    sim.run("60s")
    found = sim.network.lookup("pod/web", "kubernetes.default.svc")
    assert list(found.addresses) == ["10.96.0.1"]
    assert sim.network.trace("pod/web", "https://kubernetes.default").ok
