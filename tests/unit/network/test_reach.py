"""Who reaches whom in a running world, and where a request dies."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcsim.cluster.images import ImageBehaviour, Window
from kcsim.engine.clock import SECOND
from kcsim.simulation.reach import UnknownSpot
from kcsim.simulation.simulation import Simulation

WEB = "registry.example/web:1.0"
SHOP = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: %d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example/web:1.0
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {port: 8080, path: /}, periodSeconds: 2}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec: {containers: [{name: c, image: "registry.example/client:1"}]}
"""


def town(replicas: int = 3, *, nodes: int = 3, dns: bool = False, **behaviour: Any) -> Simulation:
    """Nodes are Ready at 5 s, the shop is open well before 40 s."""
    sim = Simulation(nodes=nodes, seed=2, checking=True)
    sim.world.push_image(ImageBehaviour(WEB, **behaviour))
    sim.run_until("5s")
    if dns:
        sim.network.install_dns()
    sim.apply(SHOP % replicas)
    sim.run_until("40s")
    return sim


def deny(direction: str, app: str) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"no-{direction.lower()}"},
        "spec": {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": [direction]},
    }


# --- reach ------------------------------------------------------------------------------------------------------


def test_a_pod_reaches_a_pod_and_says_how() -> None:
    found = town().network.reach("pod/client", "deployment/web", 8080)
    assert found
    assert [h.what for h in found.hops] == ["egress", "path", "ingress", "listener"]
    assert 0.0001 < found.latency_s < 0.005


def test_nobody_listens_on_another_port() -> None:
    found = town().network.reach("client", "deployment/web", 81)
    assert not found
    assert "connection refused" in found.why


def test_the_rule_that_decides_is_named() -> None:
    sim = town()
    sim.apply(deny("Ingress", "web"))
    sim.run("5s")
    found = sim.network.reach("client", "deployment/web", 8080)
    assert not found
    assert [h.what for h in found.hops][-1] == "ingress"
    assert "NetworkPolicy default/no-ingress" in found.why
    assert found.share == 0
    assert str(found).splitlines()[0].endswith(": no")
    assert "from default/client" in found.why


def test_a_service_is_reached_when_all_its_backends_are() -> None:
    sim = town()
    assert sim.network.reach("client", "service/web")
    home = sim.get("pod/client")["spec"]["nodeName"]
    far = min({p["spec"]["nodeName"] for p in sim.list("pods", labels="app=web")} - {home})
    sim.world.network.cut([home], [far])
    found = sim.network.reach("client", "service/web")
    assert not found
    assert 0 < found.share < 1
    assert "lost" in found.why


def test_words_that_mean_nothing_are_refused_with_what_there_is() -> None:
    sim = town()
    with pytest.raises(UnknownSpot, match="pod/client"):
        sim.network.reach("pod/cleint", "service/web")
    with pytest.raises(UnknownSpot, match="hosts are"):
        sim.network.reach("nowhere", "service/web")


# --- the flat network -------------------------------------------------------------------------------------------


def test_ports_and_protocols_that_are_none_are_refused() -> None:
    looks = town().network
    for port in (0, -1, 65_536):
        with pytest.raises(ValueError, match="1 to 65535"):
            looks.reach("client", "service/web", port)
        with pytest.raises(ValueError, match="1 to 65535"):
            looks.matrix("default", port)
    with pytest.raises(ValueError, match="TCP, UDP, SCTP, not 'ICMP'"):
        looks.reach("client", "service/web", 80, "ICMP")
    with pytest.raises(UnknownSpot, match="sends nothing"):
        looks.reach("service/web", "client")
    with pytest.raises(UnknownSpot, match="sends nothing"):
        looks.trace("service/web", "http://web")


def pods_of(sim: Simulation) -> list[Any]:
    return [p for p in sim.list("pods") if p["status"].get("podIP")]


@settings(max_examples=8)
@given(st.integers(2, 6), st.data())
def test_n_pods_reach_each_other_and_a_cut_removes_exactly_its_pairs(nodes: int, data: st.DataObject) -> None:
    sim = town(6, nodes=nodes)
    matrix = sim.network.matrix()
    n = len(matrix.names)
    assert matrix.pairs == n * (n - 1)
    names = [f"node-{i + 1}" for i in range(nodes)]
    off = data.draw(st.sets(st.sampled_from(names), min_size=1))
    rest = [name for name in names if name not in off]
    sim.world.network.cut(off, rest)
    sim.world.network.cut(rest, off)
    homes = {p["metadata"]["name"]: p["spec"]["nodeName"] for p in pods_of(sim)}
    cut = sim.network.matrix()
    for a, b in itertools.permutations(cut.names, 2):
        assert cut.cells[a][b] is ((homes[a] in off) == (homes[b] in off))


@settings(max_examples=6)
@given(st.lists(st.sampled_from(["2", "9", "0", "5", "12"]), min_size=1, max_size=4))
def test_running_pods_never_share_an_address(scales: list[str]) -> None:
    sim = Simulation(nodes=2, seed=4)
    sim.run_until("5s")
    sim.apply(SHOP % 3)
    for replicas in scales:
        sim.kubectl(f"scale deployment web --replicas={replicas}")
        for _ in range(10):
            sim.run("3s")
            ips = [p["status"]["podIP"] for p in pods_of(sim) if p["status"]["phase"] == "Running"]
            assert len(set(ips)) == len(ips)


def test_a_policy_that_selects_nobody_changes_nothing() -> None:
    sim = town()
    before = sim.network.matrix()
    sim.apply(deny("Ingress", "nobody"))
    sim.run("5s")
    assert sim.network.matrix().cells == before.cells


def test_one_direction_cut_stops_both_for_connections() -> None:
    sim = town(6)
    homes = {p["metadata"]["name"]: p["spec"]["nodeName"] for p in pods_of(sim)}
    sim.world.network.cut(["node-1"], ["node-2"])
    matrix = sim.network.matrix()
    assert {"node-1", "node-2"} <= set(homes.values())
    for a, b in itertools.permutations(matrix.names, 2):
        assert matrix.cells[a][b] is ({homes[a], homes[b]} != {"node-1", "node-2"})


# --- trace ------------------------------------------------------------------------------------------------------


def test_a_request_goes_through_name_proxy_path_and_back() -> None:
    journey = town(dns=True).network.trace("client", "http://web")
    assert journey
    assert [h.what for h in journey.hops] == [
        "dns",
        "proxy",
        "egress",
        "path",
        "ingress",
        "listener",
        "reply",
    ]
    assert journey.took < SECOND


@pytest.mark.parametrize("client", ["client", "node-1", "users"])
def test_who_asks_for_the_service_by_its_address(client: str) -> None:
    sim = town()
    ip = sim.get("service/web")["spec"]["clusterIP"]
    journey = sim.network.trace(client, f"http://{ip}")
    assert journey.outcome == ("timeout" if client == "users" else "answered")


def test_users_come_in_at_the_edge_or_by_a_node_port() -> None:
    sim = town()
    assert sim.network.trace("users", "http://web")
    sim.kubectl(["patch", "service", "web", "-p", '{"spec": {"type": "NodePort"}}'])
    sim.run("5s")
    port = sim.get("service/web")["spec"]["ports"][0]["nodePort"]
    journey = sim.network.trace("users", f"http://192.168.0.2:{port}")
    assert journey
    assert "node-2 sends Service default/web:80" in "\n".join(h.text for h in journey.hops)


def test_users_come_in_by_a_load_balancer() -> None:
    sim = town()
    sim.kubectl(["patch", "service", "web", "-p", '{"spec": {"type": "LoadBalancer"}}'])
    sim.run("90s")
    ip = sim.get("service/web")["status"]["loadBalancer"]["ingress"][0]["ip"]
    assert sim.network.trace("users", f"http://{ip}")
    assert sim.network.trace("pod/client", f"http://{ip}")


def broken(sim: Simulation, how: str) -> str:
    """Break something; the URL to ask for."""
    match how:
        case "policy drop":
            sim.apply(deny("Ingress", "web"))
        case "dns timeout":
            sim.apply(deny("Egress", "client"))
        case "no endpoints":
            sim.kubectl("scale deployment web --replicas=0")
        case "connection refused":
            return f"http://{sim.list('pods', labels='app=web')[0]['status']['podIP']}:9999"
        case "NXDOMAIN":
            return "http://wbe"
        case "timeout":
            sim.world.network.cut(
                [sim.get("pod/client")["spec"]["nodeName"]],
                sorted({p["spec"]["nodeName"] for p in sim.list("pods", labels="app=web")}),
            )
            return f"http://{sim.get('service/web')['spec']['clusterIP']}"
    return "http://web"


@pytest.mark.parametrize(
    "how", ["policy drop", "dns timeout", "no endpoints", "connection refused", "NXDOMAIN", "timeout"]
)
def test_where_a_request_dies(how: str) -> None:
    sim = town(dns=True)
    url = broken(sim, how)
    sim.run("20s")
    journey = sim.network.trace("client", url)
    assert journey.outcome == how
    assert journey.why
    assert not journey.hops[-1].passed
    if how in ("timeout", "policy drop", "dns timeout"):
        assert journey.took == 10 * SECOND


def test_a_pod_that_is_not_ready_gets_nothing() -> None:
    sim = town(2, fails_readiness=Window())
    journey = sim.network.trace("client", "http://web")
    assert journey.outcome == "not ready"
    assert "2 pods have the labels app=web, none is ready" in journey.why


def test_errors_and_slow_answers_are_told() -> None:
    assert town(serves_errors=Window()).network.trace("client", "http://web").outcome == "server error"
    slow = town(latency=3 * SECOND).network.trace("client", "http://web", timeout="1s")
    assert slow.outcome in ("timeout", "not ready")


def test_a_stale_proxy_is_told() -> None:
    sim = town()
    home = sim.get("pod/client")["spec"]["nodeName"]
    assert sim.network.trace("client", "http://web")
    sim.inject("api-partition", home)
    ip = sim.get("service/web")["spec"]["clusterIP"]
    sim.kubectl("scale deployment web --replicas=0")
    sim.run("60s")
    journey = sim.network.trace("client", f"http://{ip}")
    assert not journey
    assert "one of 3" in "\n".join(h.text for h in journey.hops)


def test_the_same_look_twice_gives_the_same() -> None:
    sim = town(dns=True)
    assert sim.network.trace("client", "http://web") == sim.network.trace("client", "http://web")


# --- topology ---------------------------------------------------------------------------------------------------


def test_the_topology_is_a_graph_of_hosts_pods_and_services() -> None:
    sim = town()
    graph = sim.network.topology()
    kinds = {data["kind"] for _, data in graph.nodes(data=True)}
    assert {"node", "switch", "pod", "service", "control-plane", "users"} <= kinds
    serves = [edge for *edge, data in graph.edges(data=True) if data["kind"] == "serves"]
    assert len(serves) == 3
    assert graph.nodes["service/default/kubernetes"]["endpoints"] == 1, "the API server is no pod"
    assert graph.nodes["node-1"]["zone"] == "zone-a"
    sim.inject("node-crash", "node-1")
    assert not sim.network.topology().nodes["node-1"]["up"]
