"""A Service that becomes one of another type: what it loses, what it is given (registry/core/service/strategy.go)."""

from __future__ import annotations

import pytest

from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.request import ADMIN
from kcsim.api.server import ApiServer
from kcsim.api.status import StatusError
from kcsim.engine.core import Engine
from kcsim.network.topology import Network

BALANCED = {
    "type": "LoadBalancer",
    "externalTrafficPolicy": "Local",
    "loadBalancerClass": "a.example/b",
    "ports": [{"port": 80}],
}


@pytest.fixture
def client():
    engine, network = Engine(seed=1), Network()
    network.add_host("control-plane", kind="control-plane")
    server = ApiServer(engine, checking=True)
    made = DirectClient(
        Endpoint(engine, network, server, "control-plane"), ADMIN, "control-plane", user_agent="t"
    )
    made.now(made.create("namespaces", {"metadata": {"name": "shop"}}))
    return made


def create(client, spec):
    return client.now(
        client.create("services", {"metadata": {"name": "web", "namespace": "shop"}, "spec": spec})
    )


def become(client, **spec):
    return client.now(client.patch("services", "shop", "web", {"spec": spec}))["spec"]


def test_a_balancer_with_local_traffic_gets_a_port_for_health_checks(client):
    spec = create(client, BALANCED)["spec"]
    assert 30000 <= spec["healthCheckNodePort"] <= 32767
    assert spec["healthCheckNodePort"] != spec["ports"][0]["nodePort"]
    assert "healthCheckNodePort" not in become(client, externalTrafficPolicy="Cluster")


def test_a_balancer_that_becomes_a_plain_service_loses_what_only_balancers_have(client):
    before = create(client, BALANCED)["spec"]
    spec = become(client, type="ClusterIP")
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert spec["clusterIP"] == before["clusterIP"]
    assert not {"externalTrafficPolicy", "loadBalancerClass", "allocateLoadBalancerNodePorts"} & set(spec)
    assert "healthCheckNodePort" not in spec


def test_what_a_client_changes_together_with_the_type_is_its_own_fault(client):
    create(client, BALANCED)
    with pytest.raises(StatusError, match="loadBalancerClass: Forbidden"):
        become(client, type="NodePort", loadBalancerClass="c.example/d")


def test_a_service_that_becomes_a_name_gives_its_address_back(client):
    create(client, {"ports": [{"port": 80}]})
    spec = become(client, type="ExternalName", externalName="a.example")
    assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} & set(spec)
    assert become(client, type="ClusterIP", externalName=None)["clusterIP"].startswith("10.96.")
