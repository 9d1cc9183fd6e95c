"""Which rule a request falls under, and what Ingresses, Gateways and HTTPRoutes make of it."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.cluster.podnet.plane import Ask
from kcsim.cluster.routing.ingress import table_of
from kcsim.cluster.routing.table import host_fits, path_fits
from kcsim.engine.clock import SECOND
from tests.unit.traffic.worlds import GATEWAY, INGRESS, conditions, die, image, program, route, shop


@pytest.mark.parametrize(
    ("kind", "pattern", "path", "fits"),
    [
        # The table in the documentation of Ingress paths.
        ("Prefix", "/", "/anything", True),
        ("Exact", "/foo", "/foo", True),
        ("Exact", "/foo", "/bar", False),
        ("Exact", "/foo", "/foo/", False),
        ("Exact", "/foo/", "/foo", False),
        ("Prefix", "/foo", "/foo/", True),
        ("Prefix", "/foo/", "/foo", True),
        ("Prefix", "/aaa/bb", "/aaa/bbb", False),
        ("Prefix", "/aaa/bbb", "/aaa/bbb", True),
        ("Prefix", "/aaa/bbb/", "/aaa/bbb", True),
        ("Prefix", "/aaa/bbb", "/aaa/bbb/ccc", True),
        ("Prefix", "/aaa/bbb", "/aaa/bbbxyz", False),
        ("RegularExpression", "/v[12]/.*", "/v1/x", True),
    ],
)
def test_paths(kind: str, pattern: str, path: str, fits: bool) -> None:
    assert path_fits(kind, pattern, path) is fits


@pytest.mark.parametrize(
    ("pattern", "host", "one_label", "fits"),
    [
        ("*.foo.com", "bar.foo.com", True, True),
        ("*.foo.com", "baz.bar.foo.com", True, False),
        ("*.foo.com", "baz.bar.foo.com", False, True),
        ("*.foo.com", "foo.com", True, False),
        ("", "any", True, True),
        ("Foo.com", "foo.com", True, True),
    ],
)
def test_hosts(pattern: str, host: str, one_label: bool, fits: bool) -> None:
    assert host_fits(pattern, host, one_label=one_label) is fits


def ingress(paths: list[tuple[str, str, str]], host: str = "a.example", name: str = "x", **notes: str) -> Any:
    found = [
        {"path": p, "pathType": k, "backend": {"service": {"name": s, "port": {"number": 80}}}}
        for p, k, s in paths
    ]
    return {
        "metadata": {"name": name, "namespace": "d", "creationTimestamp": "t", "annotations": notes},
        "spec": {"rules": [{"host": host, "http": {"paths": found}}]},
    }


def chosen(table: Any, host: str, path: str, **headers: str) -> Any:
    rule = table.match(Ask(host, path, "GET", tuple(headers.items())), 80)
    return None if rule is None else [(u.key[1], u.weight) for u in rule.upstreams]


def test_the_longest_path_wins_and_an_exact_one_before_it() -> None:
    table = table_of([ingress([("/", "Prefix", "root"), ("/a", "Prefix", "a"), ("/a", "Exact", "exact")])])
    assert chosen(table, "a.example", "/a") == [("exact", 1)]
    assert chosen(table, "a.example", "/a/b") == [("a", 1)]
    assert chosen(table, "a.example", "/b") == [("root", 1)]
    assert chosen(table, "b.example", "/b") is None


def test_a_request_belongs_to_the_most_specific_host_only() -> None:
    table = table_of(
        [
            ingress([("/", "Prefix", "wild")], "*.example", "w"),
            ingress([("/only", "Prefix", "named")], "a.example", "n"),
        ]
    )
    assert chosen(table, "a.example", "/only") == [("named", 1)]
    assert chosen(table, "a.example", "/other") is None
    assert chosen(table, "b.example", "/other") == [("wild", 1)]


def test_a_canary_by_annotation_takes_its_weight_and_its_header() -> None:
    nginx = "nginx.ingress.kubernetes.io/"
    notes = {f"{nginx}canary": "true", f"{nginx}canary-weight": "20", f"{nginx}canary-by-header": "x-try"}
    table = table_of(
        [ingress([("/", "Prefix", "main")]), ingress([("/", "Prefix", "new")], name="y", **notes)]
    )
    assert chosen(table, "a.example", "/") == [("main", 80), ("new", 20)]
    assert chosen(table, "a.example", "/", **{"x-try": "always"}) == [("new", 1)]
    assert chosen(table, "a.example", "/", **{"x-try": "never"}) == [("main", 1)]


# --- in a cluster -----------------------------------------------------------------------------------------------


def behind_ingress() -> Any:
    sim = shop()
    sim.network.install_ingress()
    sim.apply(INGRESS)
    sim.run_until("3m")
    return sim


def test_an_ingress_is_played_by_host_and_path() -> None:
    sim = behind_ingress()
    address = sim.get("ingress/shop")["status"]["loadBalancer"]["ingress"]
    assert (
        address
        == sim.get("service/ingress-nginx-controller", "ingress-nginx")["status"]["loadBalancer"]["ingress"]
        or address[0]["ip"]
    )
    page = sim.add_traffic("page", "http://shop.example/x", entry="Ingress", rate=50)
    cart = sim.add_traffic("cart", "http://shop.example/cart/1", entry="Ingress", rate=50)
    lost = sim.add_traffic("lost", "http://other.example/", entry="Ingress", rate=50)
    sim.run("20s")
    assert page.totals().failed == cart.totals().failed == 0
    assert set(lost.totals().kinds) == {"404"}
    web = [
        f"default/{p['metadata']['name']}"
        for p in sim.list("pods", "default")
        if "web" in p["metadata"]["name"]
    ]
    assert all(pod in page.pods_reached() and pod not in cart.pods_reached() for pod in web)


def test_an_ingress_without_ready_backends_answers_503() -> None:
    sim = behind_ingress()
    page = sim.add_traffic("page", "http://shop.example/cart", entry="Ingress", rate=50)
    sim.kubectl("scale deployment cart --replicas=0")
    sim.run("60s")
    assert page.totals().kinds["5xx"] > 1000
    assert page.failures()[-1].where == ("ingress: Service default/cart has no ready endpoint: 503",)


def test_a_router_tries_the_next_backend_while_its_list_is_old() -> None:
    """The controller hears of a dead pod some seconds late; nginx asks the next upstream, so nobody notices."""
    sim = behind_ingress()
    page = sim.add_traffic("page", "http://shop.example/cart", entry="Ingress", rate=200, timeout="8s")
    pod = next(p for p in sim.list("pods", "default") if p["metadata"]["name"].startswith("cart"))
    sim.kubectl(f"delete pod {pod['metadata']['name']} --wait=false --grace-period=1")
    sim.run("60s")
    assert page.totals().kinds.get("5xx", 0) <= 5


def test_a_router_asks_the_next_backend_for_what_a_dying_one_had_begun() -> None:
    """``proxy_next_upstream error``: a backend that closes the connection before it answers is one. Without another: 502."""
    for replicas, failed in ((2, {}), (1, {"5xx": pytest.approx(50, abs=4)})):
        sim = shop(image("web", latency=500_000))
        sim.network.install_ingress()
        sim.apply(INGRESS)
        sim.kubectl(f"scale deployment web --replicas={replicas}")
        sim.run_until("3m")
        page = sim.add_traffic("page", "http://shop.example/", entry="Ingress", rate=100, timeout="5s")
        sim.run("10s")
        die(sim, next(p for p in sim.list("pods", "default") if p["metadata"]["name"].startswith("web")))
        sim.run("0.001s")
        assert page.totals().kinds == failed


def test_a_backend_that_vanishes_is_waited_for() -> None:
    """``proxy_read_timeout`` is a minute, and clients give up before: what a dead machine had begun is lost."""
    sim = shop(image("web", latency=500_000), nodes=5)
    sim.network.install_ingress()
    sim.apply(INGRESS)
    sim.run_until("3m")
    page = sim.add_traffic("page", "http://shop.example/", entry="Ingress", rate=100, timeout="5s")
    sim.run("10s")
    routers = {p["spec"]["nodeName"] for p in sim.list("pods", "ingress-nginx")}
    homes = [
        p["spec"]["nodeName"] for p in sim.list("pods", "default") if p["metadata"]["name"].startswith("web")
    ]
    crashed = sim.engine.now
    sim.inject("node-crash", next(node for node in homes if node not in routers))
    sim.run("8s")
    begun = page.failures()[0]
    assert begun.since < crashed
    assert begun.causes == {"timed out": pytest.approx(25, abs=4)}


def test_a_router_that_dies_resets_what_it_had_passed_on() -> None:
    sim = shop(image("web", latency=500_000))
    sim.network.install_ingress()
    sim.apply(INGRESS)
    sim.run_until("3m")
    page = sim.add_traffic("page", "http://shop.example/", entry="Ingress", rate=100, timeout="5s")
    sim.run("10s")
    die(sim, sim.list("pods", "ingress-nginx")[0])
    sim.run("0.001s")
    assert page.totals().kinds == {"reset": pytest.approx(25, abs=4)}, "half of the requests of half a second"


def with_gateway(*more: Any) -> Any:
    sim = shop(image("new", serves_errors=None))
    sim.network.install_gateway()
    sim.run("5s")
    sim.apply(GATEWAY)
    for each in more:
        sim.apply(each)
    sim.run_until("3m")
    return sim


def test_a_gateway_gets_an_address_and_says_that_it_is_programmed() -> None:
    sim = with_gateway(route([{"name": "web", "port": 80}]))
    gateway = sim.get("gateway/public")["status"]
    assert conditions(gateway) == {"Accepted": ("True", "Accepted"), "Programmed": ("True", "Programmed")}
    (listener,) = gateway["listeners"]
    assert listener["attachedRoutes"] == 1
    assert conditions(listener)["ResolvedRefs"] == ("True", "ResolvedRefs")
    assert gateway["addresses"][0]["type"] == "IPAddress"
    (parent,) = sim.get("httproute/shop")["status"]["parents"]
    assert conditions(parent) == {"Accepted": ("True", "Accepted"), "ResolvedRefs": ("True", "ResolvedRefs")}
    assert sim.get("gatewayclass/kcsim")["status"]["conditions"][0]["reason"] == "Accepted"


def test_weights_split_requests() -> None:
    backends = [{"name": "web", "port": 80, "weight": 90}, {"name": "new", "port": 80, "weight": 10}]
    sim = with_gateway(program("new", 1), route(backends))
    users = sim.add_traffic("users", "http://shop.example/", entry="Gateway", gateway="public", rate=100)
    sim.run("10s")
    now = sim.engine.now
    new = next(
        p["metadata"]["name"] for p in sim.list("pods", "default") if p["metadata"]["name"].startswith("new")
    )
    assert users.rate_to(f"default/{new}", now - 5 * SECOND, now) == pytest.approx(10)


@pytest.mark.parametrize(
    ("made", "type_", "reason", "share"),
    [
        (route([{"name": "nobody", "port": 80}]), "ResolvedRefs", "BackendNotFound", 1.0),
        (route([{"name": "web", "port": 81}]), "ResolvedRefs", "BackendNotFound", 1.0),
        (
            route([{"name": "web", "port": 80, "weight": 3}, {"name": "nobody", "port": 80}]),
            "ResolvedRefs",
            "BackendNotFound",
            0.25,
        ),
        (route([{"name": "web", "namespace": "kube-system", "port": 80}]), "ResolvedRefs", "RefNotPermitted", 1.0),
        (route([{"name": "web", "kind": "Secret", "port": 80}]), "ResolvedRefs", "InvalidKind", 1.0),
        (route([{"name": "web", "port": 80}], hostnames=["shop.test"]), "Accepted", "NoMatchingListenerHostname", None),
        (
            route([{"name": "web", "port": 80}], parentRefs=[{"name": "public", "sectionName": "https"}]),
            "Accepted",
            "NoMatchingParent",
            None,
        ),
        (
            {**route([{"name": "web", "port": 80}]), "metadata": {"name": "shop", "namespace": "kube-system"},
             "spec": {**route([{"name": "web", "port": 80}])["spec"], "parentRefs": [{"name": "public", "namespace": "default"}]}},
            "Accepted",
            "NotAllowedByListeners",
            None,
        ),
    ],
    ids=["backend", "port", "a share", "grant", "kind", "hostname", "listener", "namespace"],
)  # fmt: skip
def test_routes_say_what_is_wrong_with_them(made: Any, type_: str, reason: str, share: float | None) -> None:
    sim = with_gateway(made)
    (parent,) = sim.get("httproute/shop", made["metadata"]["namespace"])["status"]["parents"]
    assert conditions(parent)[type_] == ("False", reason)
    users = sim.add_traffic("users", "http://shop.example/", entry="Gateway", gateway="public", rate=100)
    sim.run("10s")
    totals = users.totals()
    if share is None:
        assert set(totals.kinds) == {"404"}
    else:
        assert totals.kinds["5xx"] / totals.ended == pytest.approx(share, abs=0.01)


def test_the_api_refuses_routes_that_cannot_be() -> None:
    sim = with_gateway()
    bad = route([{"name": "web", "port": 80, "weight": -1}])
    out = sim.kubectl("apply -f -", stdin=str_of(bad))
    assert out.exit_code == 1
    assert "spec.rules[0].backendRefs[0].weight" in out.stderr


def str_of(obj: Any) -> str:
    import yaml

    return str(yaml.safe_dump(obj))


# --- one request, traced ----------------------------------------------------------------------------------------


def test_a_request_is_followed_through_router_and_calls() -> None:
    sim = behind_ingress()
    found = sim.network.trace("users", "http://shop.example/page")
    assert found.ok
    stations = [hop.what for hop in found.hops]
    assert stations.index("balancer") < stations.index("router") < stations.index("call")
    assert "ingress: Service default/web" in str(found)
    assert sim.network.trace("users", "http://other.example/").outcome == "NXDOMAIN"


def test_a_traced_page_fails_where_its_database_does() -> None:
    sim = behind_ingress()
    sim.kubectl("scale deployment db --replicas=0")
    sim.run("60s")
    found = sim.network.trace("users", "http://shop.example/page")
    assert found.outcome == "server error"
    assert "no endpoints" in found.why
    assert [hop.what for hop in found.hops].count("call") == 2


def test_a_traced_weight_leads_where_the_route_says() -> None:
    sim = with_gateway(route([{"name": "nobody", "port": 80}]))
    found = sim.network.trace("users", "http://shop.example/")
    assert found.outcome == "server error"
    assert "BackendNotFound" in found.why


def test_a_traced_circle_of_calls_ends() -> None:
    sim = shop(image("db", "http://web"))
    found = sim.network.trace("users", "http://web.default/")
    assert found.outcome == "server error"
    assert "circle" in str(found)
