"""Networks as scenarios plan them: racks, links, overlays, ranges of two families."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from kcsim.api.status import StatusError
from kcsim.cluster.dns.preference import takes_ipv6
from kcsim.cluster.images import ImageBehaviour
from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.cluster.podnet.encapsulation import Encapsulation
from kcsim.network.impairment import loss_of
from kcsim.network.topology import Network, Route, UnknownHost
from kcsim.profile.distributions import Fixed
from kcsim.simulation.cabling import LinkPlan, NetworkPlan
from kcsim.simulation.simulation import Simulation
from kcsim.views.topology import topology

ZONE = "topology.kubernetes.io/zone"
DUAL = NetworkPlan(
    pod_cidrs=("10.244.0.0/16", "fd00:10:244::/56"), service_cidrs=("10.96.0.0/16", "fd00:10:96::/112")
)


def machine(number: int, zone: str = "", rack: str = "") -> NodeSpec:
    labels = {ZONE: zone} if zone else {}
    return NodeSpec(f"node-{number}", f"192.168.0.{number}", labels=labels, rack=rack)


def built(nodes: list[NodeSpec], plan: NetworkPlan = NetworkPlan(), seed: int = 1) -> Simulation:  # noqa: B008
    sim = Simulation(nodes, seed, checking=True, plan=plan)
    sim.run_until("5s")
    return sim


def pod(name: str, node: str = "", **spec: Any) -> dict[str, Any]:
    place = {"nodeName": node} if node else {}
    container = {"name": "c", "image": "registry.example/c:1", "ports": [{"containerPort": 80}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {**place, **spec, "containers": [container]},
    }


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}], **spec},
    }


# Topology.


def hops(sim: Simulation, a: str, b: str) -> tuple[str, ...]:
    route = sim.world.network.route(a, b)
    assert route is not None
    return route.hops


def test_nodes_of_a_rack_share_a_switch_and_are_closer_than_those_of_others() -> None:
    sim = built([machine(1, "a", "r1"), machine(2, "a", "r1"), machine(3, "a", "r2"), machine(4, "a")])
    assert hops(sim, "node-1", "node-2") == ("node-1", "network/r1", "node-2")
    assert hops(sim, "node-1", "node-3") == ("node-1", "network/r1", "network", "network/r2", "node-3")
    assert hops(sim, "node-1", "node-4") == ("node-1", "network/r1", "network", "node-4")


def test_a_rack_is_cut_off_by_its_name() -> None:
    sim = built([machine(1, "a", "r1"), machine(2, "a", "r1"), machine(3, "a", "r2")])
    sim.inject("network-partition", "r1 <-> r2")
    assert sim.world.network.route("node-1", "node-2") is not None
    assert sim.world.network.route("node-1", "node-3") is None


def test_a_described_link_is_taken_with_its_latency_loss_and_bandwidth() -> None:
    link = LinkPlan(a="a", b="b", latency=9_000, jitter=500, loss=0.01, bandwidth=10**9)
    sim = built([machine(1, "a"), machine(2, "b"), machine(3, "c")], NetworkPlan(links=(link,)))
    route = sim.world.network.route("node-1", "node-2")
    assert route is not None
    assert route.hops == ("node-1", "network/a", "network/b", "node-2")
    assert route.bandwidth == 10**9
    assert loss_of(route.latencies) == pytest.approx(0.01)
    assert 9_000 <= sum(each.at(0.5) for each in route.latencies) < 9_500
    assert hops(sim, "node-1", "node-3") == ("node-1", "network/a", "network", "node-3")
    assert "a - b  9 ms, 1 Gbit/s, loses 1.00%" in str(topology(sim))


def test_a_link_in_the_place_of_the_usual_one_of_a_node() -> None:
    link = LinkPlan(a="node-1", b="network", latency=20_000)
    sim = built([machine(1), machine(2)], NetworkPlan(links=(link,)))
    route = sim.world.network.route("node-1", "node-2")
    assert route is not None
    assert sum(each.at(0.5) for each in route.latencies) > 20_000


def test_a_link_to_nobody_is_refused() -> None:
    with pytest.raises(UnknownHost, match="node-9"):
        built([machine(1)], NetworkPlan(links=(LinkPlan(a="node-1", b="node-9", latency=1),)))


def test_the_narrowest_link_of_a_way_is_its_bandwidth() -> None:
    network = Network()
    for name in "abc":
        network.add_host(name, kind="node")
    network.connect("a", "b", Fixed(10), bandwidth=100)
    network.connect("b", "c", Fixed(10), bandwidth=30)
    route = network.route("a", "c")
    assert route is not None
    assert route.bandwidth == 30


@pytest.mark.parametrize(("bandwidth", "seconds"), [(0, 25), (80_000_000, 100)])
def test_an_image_is_pulled_no_faster_than_the_narrowest_link(bandwidth: int, seconds: int) -> None:
    link = LinkPlan(a="node-1", b="network", latency=100, bandwidth=bandwidth)
    sim = built([machine(1)], NetworkPlan(links=(link,)))
    sim.world.push_image(ImageBehaviour("registry.example/c:1", size_bytes=1_000_000_000))
    sim.apply(pod("one"))
    sim.run_until(lambda s: s.get("pod/one")["status"].get("phase") == "Running", timeout="10m")
    assert seconds <= sim.now - 5 < seconds + 6


# Overlay.


@pytest.mark.parametrize(
    ("kind", "mtu"), [("", 1500), ("vxlan", 1450), ("geneve", 1450), ("ipip", 1480), ("wireguard", 1440)]
)
def test_an_overlay_leaves_less_room_in_a_packet(kind: str, mtu: int) -> None:
    assert Encapsulation(kind).pod_mtu == mtu


def test_a_packed_packet_takes_a_hop_and_some_time_more() -> None:
    plain = Route(("a", "s", "b"), (Fixed(100), Fixed(100)), 7)
    packed = Encapsulation("vxlan").packed(plain)
    assert packed.hops == ("a", "vxlan", "s", "b")
    assert packed.bandwidth == 7
    assert 10 <= packed.delay(lambda d: d.at(0.5)) - plain.delay(lambda d: d.at(0.5)) <= 50


def test_only_packets_between_pods_of_different_nodes_are_packed() -> None:
    sims = [built([machine(1), machine(2)], NetworkPlan(encapsulation=kind)) for kind in ("", "vxlan")]
    for sim in sims:
        sim.apply([pod("one", "node-1"), pod("near", "node-1"), pod("far", "node-2")])
        sim.apply(pod("host", "node-2", hostNetwork=True))
        sim.run_until("40s")
    plain, overlay = (
        {to: sim.network.reach("pod/one", f"pod/{to}", 80) for to in ("near", "far", "host")} for sim in sims
    )
    assert all(plain.values())
    assert all(overlay.values())
    paths = {to: next(h.text for h in found.hops if h.what == "path") for to, found in overlay.items()}
    assert paths == {
        "near": "node-1",
        "far": "node-1 - vxlan - network - node-2",
        "host": "node-1 - network - node-2",
    }
    longer = {to for to in plain if overlay[to].latency_s > plain[to].latency_s}
    assert longer == {"far"}
    assert "vxlan, MTU 1450 in pods, 1500 on nodes" in str(topology(sims[1]))
    sims[1].inject("network-partition", "node-2")
    assert not sims[1].network.reach("pod/one", "pod/far", 80)


# Two families.


def test_nodes_and_pods_have_an_address_of_each_family() -> None:
    sim = built([machine(1), machine(2)], DUAL)
    sim.apply([pod("one"), pod("host", hostNetwork=True)])
    sim.run_until(lambda s: all(p["status"].get("podIP") for p in s.list("pods")), timeout="2m")
    for node in sim.list("nodes"):
        assert [ipaddress.ip_network(each).prefixlen for each in node["spec"]["podCIDRs"]] == [24, 64]
        assert node["spec"]["podCIDR"] == node["spec"]["podCIDRs"][0]
        internal = [a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"]
        assert [ipaddress.ip_address(each).version for each in internal] == [4, 6]
    status = sim.get("pod/one")["status"]
    ips = [each["ip"] for each in status["podIPs"]]
    home = sim.get(f"node/{sim.get('pod/one')['spec']['nodeName']}")["spec"]["podCIDRs"]
    assert all(
        ipaddress.ip_address(ip) in ipaddress.ip_network(cidr) for ip, cidr in zip(ips, home, strict=True)
    )
    assert status["podIP"] == ips[0]
    host = sim.get("pod/host")["status"]
    assert host["podIPs"] == host["hostIPs"]
    assert len(host["hostIPs"]) == 2


@pytest.mark.parametrize(
    ("asked", "families", "policy"),
    [
        ({}, ["IPv4"], "SingleStack"),
        ({"ipFamilies": ["IPv6"]}, ["IPv6"], "SingleStack"),
        ({"ipFamilyPolicy": "PreferDualStack"}, ["IPv4", "IPv6"], "PreferDualStack"),
        (
            {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6"]},
            ["IPv6", "IPv4"],
            "RequireDualStack",
        ),
        ({"clusterIP": "fd00:10:96::5"}, ["IPv6"], "SingleStack"),
        ({"clusterIP": "None"}, ["IPv4"], "SingleStack"),
        ({"clusterIP": "None", "selector": None}, ["IPv4", "IPv6"], "RequireDualStack"),
    ],
)
def test_a_service_gets_the_families_it_asks_for(
    asked: dict[str, Any], families: list[str], policy: str
) -> None:
    sim = built([machine(1)], DUAL)
    sim.apply(service("web", **asked))
    spec = sim.get("service/web")["spec"]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (families, policy)
    if spec["clusterIP"] != "None":
        versions = [f"IPv{ipaddress.ip_address(ip).version}" for ip in spec["clusterIPs"]]
        assert versions == families
        assert spec["clusterIP"] == spec["clusterIPs"][0]


def refusal(sim: Simulation, **asked: Any) -> str:
    client = sim.cluster().direct()
    with pytest.raises(StatusError) as raised:
        client.now(
            client.create(
                "services", {**service("no", **asked), "metadata": {"name": "no", "namespace": "default"}}
            )
        )
    return str(raised.value)


def test_what_a_cluster_cannot_give_is_refused() -> None:
    one, two = built([machine(1)]), built([machine(1)], DUAL)
    dual = "this cluster is not configured for dual-stack services"
    assert dual in refusal(one, ipFamilyPolicy="RequireDualStack")
    assert "not configured on this cluster" in refusal(one, ipFamilies=["IPv6"])
    single = "must be RequireDualStack or PreferDualStack when multiple 'ipFamilies' are specified"
    assert single in refusal(two, ipFamilyPolicy="SingleStack", ipFamilies=["IPv4", "IPv6"])
    assert "does not match the current range" in refusal(two, clusterIP="fd00:ffff::5")


def test_a_service_of_one_family_prefers_two_on_a_cluster_of_one() -> None:
    sim = built([machine(1)])
    sim.apply(service("web", ipFamilyPolicy="PreferDualStack"))
    assert sim.get("service/web")["spec"]["ipFamilies"] == ["IPv4"]


def test_a_second_address_comes_and_goes_with_the_policy() -> None:
    sim = built([machine(1)], DUAL)
    sim.apply(service("web"))
    first = sim.get("service/web")["spec"]["clusterIP"]
    sim.kubectl("""patch service web -p '{"spec":{"ipFamilyPolicy":"PreferDualStack"}}'""")
    spec = sim.get("service/web")["spec"]
    assert spec["clusterIPs"][0] == first
    second = spec["clusterIPs"][1]
    sim.kubectl("""patch service web -p '{"spec":{"ipFamilyPolicy":"SingleStack"}}'""")
    assert sim.get("service/web")["spec"]["clusterIPs"] == [first]
    sim.apply(service("other", clusterIP=second))
    assert sim.get("service/other")["spec"]["clusterIPs"] == [second]


def test_a_dual_stack_service_has_slices_of_each_family_and_records_of_each_type() -> None:
    sim = built([machine(1), machine(2)], DUAL)
    sim.network.install_dns()
    sim.apply([pod("one"), pod("two"), service("web", ipFamilyPolicy="RequireDualStack")])
    sim.apply(service("six", ipFamilies=["IPv6"]))
    sim.run_until("60s")
    slices = [s for s in sim.list("endpointslices") if s["metadata"]["name"].startswith("web-")]
    assert sorted(s["addressType"] for s in slices) == ["IPv4", "IPv6"]
    for each in slices:
        version = int(each["addressType"][-1])
        found = [e["addresses"][0] for e in each["endpoints"]]
        assert len(found) == 2
        assert {ipaddress.ip_address(ip).version for ip in found} == {version}
    server = next(iter(sim.cluster().pods.name_servers.values()))
    spec = sim.get("service/web")["spec"]
    name = "web.default.svc.cluster.local"
    assert [server.answer(name, kind).addresses for kind in ("A", "AAAA")] == [
        (ip,) for ip in spec["clusterIPs"]
    ]
    assert sim.network.trace("pod/one", "http://web").outcome == "answered"
    assert sim.network.trace("pod/one", "http://six").outcome == "answered"
    assert sim.network.reach("pod/one", "service/six")
    assert sim.network.reach("pod/one", sim.get("pod/two")["status"]["podIPs"][1]["ip"], 80)


def test_a_connection_goes_to_pods_addresses_of_the_family_that_was_asked() -> None:
    sim = built([machine(1), machine(2)], DUAL)
    sim.apply([pod("one"), pod("two"), service("web", ipFamilyPolicy="RequireDualStack")])
    sim.run_until("40s")
    for ip in sim.get("service/web")["spec"]["clusterIPs"]:
        shown = f"[{ip}]" if ":" in ip else ip
        journey = sim.network.trace("pod/one", f"http://{shown}")
        assert journey.ok
        assert journey.connection is not None
        assert (":" in journey.connection.ip) == (":" in ip)
        calls = sim.add_traffic(f"to {ip}", f"http://{shown}", source="pod/one", rate=10)
        sim.run("10s")
        assert calls.totals().failed == 0
    # Pods without an address of the second family leave its slices empty.
    rules = sim.cluster().pods.proxy("node-1").rules("default", "web")
    assert rules is not None
    assert [":" in b.ip for b in rules.port(80, "fd00::1").backends] == [True, True]
    assert [":" in b.ip for b in rules.port(80, "10.0.0.1").backends] == [False, False]


@pytest.mark.parametrize(
    ("pods", "services", "version"),
    [
        ("2001:db8:10:244::/56", "2001:db8:10:96::/112", 6),
        ("fd00:10:244::/56", "2001:db8:10:96::/112", 4),
        ("fd00:10:244::/56", "fd00:10:96::/112", 4),
    ],
)
def test_which_family_a_client_prefers_follows_from_the_ranges(
    pods: str, services: str, version: int
) -> None:
    """RFC 6724: global IPv6 before IPv4, where labels match; unique local addresses rank last."""
    plan = NetworkPlan(pod_cidrs=("10.244.0.0/16", pods), service_cidrs=("10.96.0.0/16", services))
    sim = built([machine(1), machine(2)], plan)
    sim.network.install_dns()
    sim.apply([pod("one"), pod("two"), service("web", ipFamilyPolicy="RequireDualStack")])
    sim.run_until("60s")
    journey = sim.network.trace("pod/one", "http://web")
    assert journey.ok
    assert journey.connection is not None
    assert ipaddress.ip_address(journey.connection.ip).version == version
    calls = sim.add_traffic("calls", "http://web", source="pod/one", rate=10)
    sim.run("10s")
    assert calls.totals().failed == 0


@pytest.mark.parametrize(
    ("address", "own", "taken"),
    [
        ("2001:db8::1", ("10.0.0.1", "2001:db8::2"), True),
        ("2001:db8::1", ("10.0.0.1", "fd00::2"), False),
        ("fd00::1", ("10.0.0.1", "fd00::2"), False),
        ("fd00::1", ("10.0.0.1",), False),
        ("fd00::1", ("fd00::2",), True),
        ("2002::1", ("10.0.0.1", "2002::2"), False),
    ],
)
def test_the_table_of_preferences(address: str, own: tuple[str, ...], taken: bool) -> None:
    assert takes_ipv6(address, own) == taken


def test_a_block_of_one_family_means_addresses_of_that_family() -> None:
    sim = built([machine(1), machine(2)], DUAL)
    sim.apply([pod("one"), pod("two")])
    sim.run_until("40s")
    four, six = (each["ip"] for each in sim.get("pod/two")["status"]["podIPs"])
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "six-only"},
        "spec": {
            "podSelector": {},
            "ingress": [{"from": [{"ipBlock": {"cidr": "fd00:10:244::/56"}}]}],
        },
    }
    sim.apply(policy)
    sim.run("5s")
    assert not sim.network.reach("pod/one", four, 80)
    assert sim.network.reach("pod/one", six, 80)


# Masks and exhaustion.


def test_a_node_has_as_many_addresses_as_its_mask_leaves() -> None:
    sim = built([machine(1)], NetworkPlan(pod_cidrs=("10.9.0.0/24",), node_masks=(29, 64)))
    assert sim.get("node/node-1")["spec"]["podCIDR"] == "10.9.0.0/29"
    sim.apply([pod(f"p{number}") for number in range(7)])
    sim.run_until("60s")
    pods = sim.list("pods")
    with_address = [p for p in pods if p["status"].get("podIP")]
    assert len(with_address) == 5  # .1 is the gateway, .7 the last address of the range
    told = [e for e in sim.list("events") if e["reason"] == "FailedCreatePodSandBox"]
    assert told
    assert "no IP addresses available" in told[0]["message"]
    sim.kubectl(f"delete pod {with_address[0]['metadata']['name']} --grace-period=1")
    sim.run_until(
        lambda s: (
            sum(bool(p["status"].get("podIP")) for p in s.list("pods")) == 5 and len(s.list("pods")) == 6
        ),
        timeout="5m",
    )
    sim.run("2m")
    assert sum(bool(p["status"].get("podIP")) for p in sim.list("pods")) == 5


def test_a_node_without_a_range_of_each_family_gets_none() -> None:
    plan = NetworkPlan(
        pod_cidrs=("10.9.0.0/16", "fd00:9::/63"), service_cidrs=DUAL.service_cidrs, node_masks=(24, 64)
    )
    sim = built([machine(1), machine(2), machine(3)], plan)
    sim.run("1m")
    ranges = [node["spec"].get("podCIDRs") for node in sim.list("nodes")]
    assert sorted(len(each or ()) for each in ranges) == [0, 2, 2]
    left = next(node for node in sim.list("nodes") if not node["spec"].get("podCIDRs"))
    ready = next(c for c in left["status"]["conditions"] if c["type"] == "Ready")
    assert ready["status"] == "False"
    assert "cni plugin not initialized" in ready["message"]
    assert any(e["reason"] == "CIDRNotAvailable" for e in sim.list("events"))


def test_a_fork_has_the_same_network() -> None:
    sim = built([machine(1), machine(2)], DUAL)
    sim.apply(service("web", ipFamilyPolicy="PreferDualStack"))
    twin = sim.fork(sim.now)
    assert twin.get("service/web")["spec"]["clusterIPs"] == sim.get("service/web")["spec"]["clusterIPs"]
    assert len(twin.get("node/node-1")["spec"]["podCIDRs"]) == 2


def test_services_share_a_small_range_until_it_is_full_and_give_it_back() -> None:
    sim = built([machine(1)], NetworkPlan(service_cidrs=("10.96.0.0/28",)))
    client = sim.cluster().direct()

    def made(name: str, **asked: Any) -> str:
        body = {**service(name, **asked), "metadata": {"name": name, "namespace": "default"}}
        return str(client.now(client.create("services", body))["spec"]["clusterIP"])

    # 16 addresses, less the network's own, the last one and that of the Service kubernetes.
    given = [made(f"s{number}") for number in range(13)]
    assert len(set(given)) == 13
    assert "10.96.0.1" not in given
    with pytest.raises(StatusError, match="failed to allocate a serviceIP: range is full"):
        made("late")
    with pytest.raises(StatusError, match="provided IP is already allocated"):
        made("late", clusterIP=given[0])
    sim.kubectl("delete service s5")
    assert made("late") == given[5]


@pytest.mark.parametrize("nodes", [2, 5])
def test_ranges_of_any_mask_are_disjoint_and_leave_services_out(nodes: int) -> None:
    plan = NetworkPlan(
        pod_cidrs=("10.96.0.0/12",), service_cidrs=("10.96.0.0/16",), node_masks=(20, 64)
    )  # the simulator takes what the controller manager takes; a scenario is told of the overlap
    sim = built([machine(number) for number in range(1, nodes + 1)], plan)
    ranges = [ipaddress.ip_network(node["spec"]["podCIDR"]) for node in sim.list("nodes")]
    services = ipaddress.ip_network("10.96.0.0/16")
    assert len(set(ranges)) == nodes
    assert not any(each.overlaps(services) for each in ranges)
