"""What a proxy makes of a Service and its slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kcsim.cluster.podnet.services import (
    DROP,
    EDGE,
    REFUSE,
    Backend,
    Place,
    PortRule,
    not_modelled,
    service_rules,
)
from kcsim.cluster.traffic.source import DROPPED, NO_ENDPOINTS, NO_SERVICE, REFUSED
from kcsim.engine.clock import HOUR, SECOND

Make = Callable[..., Any]


def service(**spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "nodePort": 30080}, {"name": "metrics", "port": 9090}]
    metadata = {"name": "web", "namespace": "shop"}
    return {"metadata": metadata, "spec": {"clusterIP": "10.96.0.9", "ports": ports, **spec}}


def endpoint(ip: str, node: str = "", hints: Any = None, **conditions: bool) -> dict[str, Any]:
    target = {"kind": "Pod", "namespace": "shop", "name": f"pod-{ip[-1]}"}
    extra = {"hints": hints} if hints else {}
    return {"addresses": [ip], "conditions": conditions, "targetRef": target, "nodeName": node, **extra}


def slices(*endpoints: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"endpoints": list(endpoints), "ports": [{"name": "http", "port": 8080}]}]


READY = endpoint("10.0.0.1", ready=True, serving=True, terminating=False)
LEAVING = endpoint("10.0.0.2", ready=False, serving=True, terminating=True)
UNREADY = endpoint("10.0.0.3", ready=False, serving=False, terminating=False)


def rule(*endpoints: dict[str, Any], place: Place = EDGE, **spec: Any) -> PortRule:
    found = service_rules(service(**spec), slices(*endpoints), place).port("http")
    assert found is not None
    return found


def backends(*endpoints: dict[str, Any], **spec: Any) -> tuple[Backend, ...]:
    return rule(*endpoints, **spec).backends


def test_ready_endpoints_get_all_connections() -> None:
    assert backends(READY, LEAVING, UNREADY) == (Backend("10.0.0.1", 8080, "shop/pod-1"),)


def test_terminating_ones_serve_when_none_is_ready() -> None:
    assert backends(LEAVING, UNREADY) == (Backend("10.0.0.2", 8080, "shop/pod-2"),)


def test_nobody_serves_when_none_is_serving() -> None:
    assert backends(UNREADY) == ()


def test_conditions_left_out_count_as_ready() -> None:
    assert len(backends(endpoint("10.0.0.7"))) == 1


def test_ports_are_found_by_number_by_name_and_by_default() -> None:
    rules = service_rules(service(), slices(READY))
    assert [rules.port(p) for p in (80, "http", None)] == [rules.ports[0]] * 3
    assert rules.port(81) is None
    metrics = rules.port("metrics")
    assert metrics is not None
    assert metrics.backends == ()


def test_nobody_translates_the_port_of_a_headless_service() -> None:
    assert backends(READY, clusterIP="None") == (Backend("10.0.0.1", 80, "shop/pod-1"),)


def test_fields_that_would_matter_are_named() -> None:
    assert not_modelled(service(sessionAffinity="ClientIP", internalTrafficPolicy="Local")) == {}
    assert not_modelled(service(loadBalancerSourceRanges=["10.0.0.0/8"])) == {
        "spec.loadBalancerSourceRanges": "10.0.0.0/8"
    }


# --- traffic policies and hints ---------------------------------------------------------------------------------

HERE, ZONE_A = Place("node-1", "a"), {"forZones": [{"name": "a"}]}


def at(ip: str, node: str, hints: Any = None, **conditions: bool) -> dict[str, Any]:
    return endpoint(ip, node, hints, **{"ready": True, "serving": True, "terminating": False, **conditions})


FAR, NEAR = at("10.0.0.1", "node-2"), at("10.0.0.2", "node-1")
NEAR_LEAVING = at("10.0.0.3", "node-1", ready=False, terminating=True)


@pytest.mark.parametrize(
    ("endpoints", "ips", "otherwise"),
    [
        ((FAR, NEAR), ["10.0.0.2"], DROP),
        ((FAR, NEAR_LEAVING), ["10.0.0.3"], DROP),
        ((FAR,), [], DROP),
        ((), [], REFUSE),
        ((UNREADY,), [], REFUSE),
    ],
)
@pytest.mark.parametrize("word", ["internal", "external"])
def test_a_local_policy_keeps_to_the_node(word: str, endpoints: Any, ips: list[str], otherwise: str) -> None:
    found = rule(*endpoints, place=HERE, **{f"{word}TrafficPolicy": "Local"})
    own, other = (found.backends, found.external) if word == "internal" else (found.external, found.backends)
    assert [b.ip for b in own] == ips
    assert len(other) == len([e for e in endpoints if e["conditions"]["ready"]])
    if not ips:
        assert (found.otherwise if word == "internal" else found.external_otherwise) == otherwise


def hinted(ip: str, node: str, zone: str, *, nodes: bool = False) -> dict[str, Any]:
    hints: dict[str, Any] = {"forZones": [{"name": zone}]}
    if nodes:
        hints["forNodes"] = [{"name": node}]
    return at(ip, node, hints)


@pytest.mark.parametrize(
    ("place", "endpoints", "ips"),
    [
        (HERE, (hinted("10.0.0.1", "node-2", "a"), hinted("10.0.0.2", "node-3", "b")), ["10.0.0.1"]),
        (
            Place("n", "c"),
            (hinted("10.0.0.1", "n1", "a"), hinted("10.0.0.2", "n2", "b")),
            ["10.0.0.1", "10.0.0.2"],
        ),
        (HERE, (hinted("10.0.0.1", "node-2", "a"), at("10.0.0.2", "node-3")), ["10.0.0.1", "10.0.0.2"]),
        (
            HERE,
            (hinted("10.0.0.1", "node-1", "a", nodes=True), hinted("10.0.0.2", "node-2", "a", nodes=True)),
            ["10.0.0.1"],
        ),
        (
            Place("node-9", "a"),
            (hinted("10.0.0.1", "node-1", "a", nodes=True), hinted("10.0.0.2", "node-2", "b", nodes=True)),
            ["10.0.0.1"],
        ),
        (EDGE, (hinted("10.0.0.1", "n1", "a"), hinted("10.0.0.2", "n2", "b")), ["10.0.0.1", "10.0.0.2"]),
    ],
)
def test_hints_keep_connections_near(place: Place, endpoints: Any, ips: list[str]) -> None:
    assert [b.ip for b in rule(*endpoints, place=place).backends] == ips


def test_a_hint_does_not_count_among_those_that_end() -> None:
    leaving = at("10.0.0.1", "node-2", {"forZones": [{"name": "b"}]}, ready=False, terminating=True)
    assert [b.ip for b in rule(leaving, place=HERE).backends] == ["10.0.0.1"]


# --- in a cluster -----------------------------------------------------------------------------------------------


def expose(shop: Any, **spec: Any) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    wanted = {"selector": {"app": "web"}, "ports": ports, **spec}
    shop.sim.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "open"}, "spec": wanted})
    shop.sim.run("90s")


def nodes_with_pods(shop: Any) -> set[str]:
    return {p["spec"]["nodeName"] for p in shop.sim.list("pods")}


def test_a_node_port_leads_in_from_every_node(shop: Make) -> None:
    s = shop(replicas=2)
    expose(s, type="NodePort")
    users = s.users(rate=60, service="open", entry="NodePort")
    s.sim.run("10s")
    assert users.totals().failed == 0
    closed = s.users(rate=10, entry="NodePort")
    s.sim.run("10s")
    assert list(closed.totals().causes) == [REFUSED]


def test_with_a_local_policy_nodes_without_a_pod_drop_what_comes_to_their_port(shop: Make) -> None:
    s = shop(replicas=1)
    expose(s, type="NodePort", externalTrafficPolicy="Local")
    users = s.users(rate=30, service="open", entry="NodePort")
    s.sim.run("31s")
    totals = users.totals()
    assert list(totals.causes) == [NO_ENDPOINTS]
    assert abs(totals.failed / totals.ended - 2 / 3) < 0.02


def test_a_load_balancer_gets_an_address_and_sends_where_there_is_a_pod(shop: Make) -> None:
    s = shop(replicas=1)
    early = s.users(rate=1, service="open", entry="LoadBalancer")
    s.sim.run("5s")
    assert list(early.totals().causes) == [NO_SERVICE]
    expose(s, type="LoadBalancer", externalTrafficPolicy="Local")
    ingress = s.sim.get("service/open")["status"]["loadBalancer"]["ingress"]
    assert ingress[0]["ip"].startswith("198.51.100.")
    reasons = [e["reason"] for e in s.sim.list("events") if e["involvedObject"]["name"] == "open"]
    assert reasons == ["EnsuringLoadBalancer", "EnsuredLoadBalancer"]
    assert early.requests(10 * SECOND) == (10, 0)
    s.sim.kubectl("scale deployment web --replicas=0")
    s.sim.run("30s")
    assert early.requests(10 * SECOND) == (10, 10)
    s.sim.kubectl("delete service open")
    s.sim.run("10s")
    assert s.sim.cluster().pods.service(("default", "open")) is None


def test_policies_see_the_client_only_where_its_address_is_kept(shop: Make) -> None:
    s = shop(replicas=3)
    expose(s, type="NodePort")
    users = s.users(rate=30, service="open", entry="NodePort")
    s.sim.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "users"},
            "spec": {
                "podSelector": {"matchLabels": {"app": "web"}},
                "ingress": [{"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}],
            },
        }
    )
    s.sim.run("10s")
    assert DROPPED in users.totals().causes
    s.sim.kubectl(["patch", "service", "open", "-p", '{"spec": {"externalTrafficPolicy": "Local"}}'])
    s.sim.run("20s")
    spread = len(nodes_with_pods(s))
    sent, failed = users.requests(10 * SECOND)
    assert abs(failed - sent * (3 - spread) / 3) <= 2


def test_one_client_stays_with_its_pod_and_moves_when_that_ends(shop: Make) -> None:
    s = shop(replicas=3)
    expose(s, sessionAffinity="ClientIP")
    client = s.users(rate=10, service="open", source="node-1")
    s.sim.run("10s")
    (favourite,) = {p for stretch in client.ledger.stretches for o in stretch.outcomes for p in o.pods}
    s.sim.kubectl(f"delete pod {favourite.partition('/')[2]}")
    s.sim.run("2m")
    (now,) = {p for o in client.ledger.stretches[-1].outcomes for p in o.pods}
    assert now != favourite


def test_a_client_that_asks_seldom_is_forgotten_between_its_requests(shop: Make) -> None:
    s = shop(replicas=3)
    expose(s, sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10}})
    client = s.users(rate=0.01, service="open", source="node-1")
    s.sim.run_until(s.sim.now + 2 * HOUR / SECOND)
    assert len({p for o in client.ledger.stretches[-1].outcomes for p in o.pods}) == 3


def test_traffic_that_prefers_its_zone_stays_in_it(shop: Make) -> None:
    s = shop(replicas=3)
    expose(s, trafficDistribution="PreferSameZone")
    (slice_,) = [
        x
        for x in s.sim.list("endpointslices")
        if x["metadata"]["labels"]["kubernetes.io/service-name"] == "open"
    ]
    homes = {e["nodeName"] for e in slice_["endpoints"]}
    assert all(e["hints"] == {"forZones": [{"name": e["zone"]}]} for e in slice_["endpoints"])
    node = min(homes)
    rules = s.sim.cluster().pods.proxy(node).rules("default", "open")
    local = {e["addresses"][0] for e in slice_["endpoints"] if e["nodeName"] == node}
    assert {b.ip for b in rules.port("http").backends} == local
