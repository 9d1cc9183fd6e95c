"""Names: what the zone answers, in which order a resolver asks, and what happens when nobody answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kcsim.cluster.dns.lookup import REFUSED, TIMEOUT, Lookup, look_up
from kcsim.cluster.dns.records import NOERROR, NXDOMAIN, SERVFAIL, address_in, answer, pointers, reverse_name
from kcsim.cluster.dns.resolver import ResolvConf, candidates, resolv_conf
from kcsim.engine.clock import SECOND
from kcsim.engine.dice import Dice
from kcsim.simulation.dns import install_dns, resolver_of
from kcsim.simulation.simulation import Simulation


class Objects:
    """What a name server knows."""

    def __init__(self) -> None:
        ports = [{"name": "http", "port": 80}]
        self.services: dict[tuple[str, str], Any] = {
            ("shop", "web"): {"spec": {"clusterIP": "10.96.1.1", "ports": ports}},
            ("shop", "db"): {"spec": {"clusterIP": "None", "ports": [{"name": "sql", "port": 5432}]}},
            ("shop", "idle"): {"spec": {"clusterIP": "None"}},
            ("shop", "pay"): {"spec": {"type": "ExternalName", "externalName": "pay.example."}},
        }
        ready, unready = {"ready": True}, {"ready": False}
        self.endpoints = [
            {"addresses": ["10.0.0.1"], "hostname": "db-0", "conditions": ready},
            {"addresses": ["10.0.0.2"], "conditions": ready},
            {"addresses": ["10.0.0.3"], "hostname": "db-2", "conditions": unready},
        ]

    def service(self, namespace: str, name: str) -> Any:
        return self.services.get((namespace, name))

    def slices(self, _namespace: str, name: str) -> Any:
        slice_ = {"endpoints": self.endpoints, "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}]}
        return [slice_] if name == "db" else []

    def has_namespace(self, name: str) -> bool:
        return name == "shop"

    def all_services(self) -> Any:
        return [
            {"metadata": {"namespace": namespace, "name": name}, **service}
            for (namespace, name), service in self.services.items()
        ]

    def all_slices(self) -> Any:
        labels = {"kubernetes.io/service-name": "db"}
        return [{"metadata": {"namespace": "shop", "labels": labels}, "endpoints": self.endpoints}]


@pytest.mark.parametrize(
    ("name", "code", "addresses"),
    [
        ("web.shop.svc.cluster.local", NOERROR, ("10.96.1.1",)),
        ("WEB.shop.svc.cluster.local", NOERROR, ("10.96.1.1",)),
        ("wbe.shop.svc.cluster.local", NXDOMAIN, ()),
        ("web.other.svc.cluster.local", NXDOMAIN, ()),
        ("shop.svc.cluster.local", NOERROR, ()),
        ("other.svc.cluster.local", NXDOMAIN, ()),
        ("db.shop.svc.cluster.local", NOERROR, ("10.0.0.1", "10.0.0.2")),
        ("db-0.db.shop.svc.cluster.local", NOERROR, ("10.0.0.1",)),
        ("db-2.db.shop.svc.cluster.local", NXDOMAIN, ()),
        ("10-0-0-2.db.shop.svc.cluster.local", NOERROR, ("10.0.0.2",)),
        ("idle.shop.svc.cluster.local", NXDOMAIN, ()),
        ("10-9-8-7.shop.pod.cluster.local", NOERROR, ("10.9.8.7",)),
        ("10-9-8.shop.pod.cluster.local", NXDOMAIN, ()),
        ("web.shop.cluster.local", NXDOMAIN, ()),
        ("cluster.local", NOERROR, ()),
    ],
)
def test_what_the_zone_answers(name: str, code: str, addresses: tuple[str, ...]) -> None:
    found = answer(Objects(), name)
    assert (found.code, found.addresses) == (code, addresses)


@pytest.mark.parametrize(
    ("ip", "names"),
    [
        ("10.96.1.1", ("web.shop.svc.cluster.local",)),
        ("10.0.0.1", ("db-0.db.shop.svc.cluster.local",)),
        ("10.0.0.2", ("10-0-0-2.db.shop.svc.cluster.local",)),
        ("10.0.0.3", ("db-2.db.shop.svc.cluster.local",)),
    ],
)
def test_an_address_leads_to_the_name_of_who_has_it(ip: str, names: tuple[str, ...]) -> None:
    found = pointers(Objects(), reverse_name(ip))
    assert found is not None
    assert tuple(record.value for record in found.records) == names


@pytest.mark.parametrize("ip", ["10.0.0.4", "fd00::1"])
def test_an_address_that_nobody_has_is_asked_for_outside(ip: str) -> None:
    assert address_in(reverse_name(ip)) == ip
    assert pointers(Objects(), reverse_name(ip)) is None


@pytest.mark.parametrize(
    "name", ["arpa", "in-addr.arpa", "1.10.in-addr.arpa", "x.y.z.w.in-addr.arpa", "web.shop"]
)
def test_a_name_that_is_no_address(name: str) -> None:
    assert address_in(name) == ""


def test_an_external_name_is_an_alias() -> None:
    (alias,) = answer(Objects(), "pay.shop.svc.cluster.local").records
    assert (alias.type, alias.value) == ("CNAME", "pay.example")


def test_ports_have_names_too() -> None:
    found = answer(Objects(), "_http._tcp.web.shop.svc.cluster.local", "SRV").records
    assert found[0].value == "0 100 80 web.shop.svc.cluster.local"
    each = answer(Objects(), "_sql._tcp.db.shop.svc.cluster.local", "SRV").records
    assert [r.value for r in each] == [
        "0 50 5432 db-0.db.shop.svc.cluster.local",
        "0 50 5432 10-0-0-2.db.shop.svc.cluster.local",
        "10.0.0.1",
        "10.0.0.2",
    ]


def test_no_address_of_the_sixth_version() -> None:
    assert answer(Objects(), "web.shop.svc.cluster.local", "AAAA") == answer(
        Objects(), "shop.svc.cluster.local"
    )


# --- the resolver -----------------------------------------------------------------------------------------------


def pod(**spec: Any) -> Any:
    return {"metadata": {"namespace": "shop", "name": "web"}, "spec": spec}


CONF = resolv_conf(pod(), "10.96.0.10")
DOMAINS = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("web", [*(f"web.{d}" for d in DOMAINS), "web"]),
        ("git.example", [*(f"git.example.{d}" for d in DOMAINS), "git.example"]),
        (
            "web.shop.svc.cluster.local",
            [*(f"web.shop.svc.cluster.local.{d}" for d in DOMAINS), "web.shop.svc.cluster.local"],
        ),
        ("a.b.c.d.e.f", ["a.b.c.d.e.f", *(f"a.b.c.d.e.f.{d}" for d in DOMAINS)]),
        ("git.example.", ["git.example"]),
    ],
)
def test_the_search_path_comes_first_for_names_with_few_dots(name: str, asked: list[str]) -> None:
    assert candidates(name, CONF) == asked


@pytest.mark.parametrize(
    ("spec", "conf"),
    [
        ({}, CONF),
        ({"dnsPolicy": "Default"}, ResolvConf()),
        ({"hostNetwork": True}, ResolvConf()),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}, CONF),
        (
            {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.9"], "searches": ["corp"]}},
            ResolvConf(("10.0.0.9",), ("corp",)),
        ),
        (
            {"dnsConfig": {"options": [{"name": "ndots", "value": "2"}, {"name": "timeout", "value": "1"}]}},
            ResolvConf(CONF.nameservers, CONF.search, 2, SECOND),
        ),
    ],
)
def test_what_a_pod_finds_in_resolv_conf(spec: dict[str, Any], conf: ResolvConf) -> None:
    assert resolv_conf(pod(**spec), "10.96.0.10") == conf


# --- in a cluster -----------------------------------------------------------------------------------------------

CLIENT = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "client", "labels": {"app": "client"}},
    "spec": {"containers": [{"name": "c", "image": "registry.example/client:1"}]},
}
WEB = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "client"}, "ports": [{"port": 80}]},
}


class Town:
    """A cluster with DNS and a pod that asks."""

    def __init__(self) -> None:
        self.sim = Simulation(nodes=3, seed=3, checking=True)
        self.sim.run_until("5s")
        install_dns(self.sim.world)
        self.sim.apply([CLIENT, WEB])
        self.sim.run_until("40s")

    def ask(self, name: str) -> Lookup:
        cluster = self.sim.cluster()
        client = self.sim.get("pod/client")
        end = cluster.pods.firewall.end_of_pod(client)
        node = client["spec"]["nodeName"]
        return look_up(cluster.pods, end, node, resolver_of(cluster, client), name, Dice(1, "test"))

    def servers(self) -> list[Any]:
        return [
            p for p in self.sim.list("pods", "kube-system") if p["metadata"]["name"].startswith("coredns")
        ]


@pytest.fixture
def town() -> Callable[[], Town]:
    return Town


def test_a_service_is_found_with_the_first_question(town: Callable[[], Town]) -> None:
    t = town()
    found = t.ask("web")
    assert found.addresses == (t.sim.get("service/web")["spec"]["clusterIP"],)
    assert [q.result for q in found.questions] == [NOERROR]
    assert found.took < 20_000


def test_an_external_name_costs_three_questions_in_vain(town: Callable[[], Town]) -> None:
    found = town().ask("git.example")
    assert [q.result for q in found.questions] == [NXDOMAIN, NXDOMAIN, NXDOMAIN, NOERROR]
    assert found.addresses == ("198.51.100.10",)


def test_a_name_nobody_has_does_not_exist(town: Callable[[], Town]) -> None:
    found = town().ask("wbe")
    assert (found.failure, len(found.questions)) == (NXDOMAIN, 4)


def test_without_name_servers_questions_are_refused_at_once(town: Callable[[], Town]) -> None:
    t = town()
    t.sim.kubectl("scale deployment coredns --replicas=0", namespace="kube-system")
    t.sim.run("20s")
    assert t.ask("web").failure == REFUSED


def test_dead_name_servers_cost_ten_seconds(town: Callable[[], Town]) -> None:
    t = town()
    home = t.sim.get("pod/client")["spec"]["nodeName"]
    for node in sorted({p["spec"]["nodeName"] for p in t.servers()} - {home}):
        t.sim.inject("node-crash", node)
    t.sim.kubectl(f"cordon {home}")
    for each in t.servers():
        if each["spec"]["nodeName"] == home:
            t.sim.kubectl(f"delete pod {each['metadata']['name']}", namespace="kube-system")
    t.sim.run("15s")
    found = t.ask("web")
    assert found.failure == TIMEOUT
    assert found.took == 10 * SECOND


def test_a_policy_that_denies_all_egress_denies_dns(town: Callable[[], Town]) -> None:
    t = town()
    t.sim.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "silence"},
            "spec": {"podSelector": {"matchLabels": {"app": "client"}}, "policyTypes": ["Egress"]},
        }
    )
    t.sim.run("5s")
    found = t.ask("web")
    assert (found.failure, found.took) == (TIMEOUT, 10 * SECOND)
    assert "default/silence" in found.questions[0].why
    assert "UDP 53" in found.questions[0].why


def test_a_new_service_has_a_name_a_moment_later(town: Callable[[], Town]) -> None:
    t = town()
    t.sim.apply({**WEB, "metadata": {"name": "late"}})
    assert t.ask("late").failure == NXDOMAIN
    t.sim.run("2s")
    assert t.ask("late").addresses


def test_a_name_server_cut_off_from_the_api_gives_old_answers(town: Callable[[], Town]) -> None:
    t = town()
    for each in t.servers():
        t.sim.inject("api-partition", each["spec"]["nodeName"])
    before = t.ask("web").addresses
    t.sim.kubectl("delete service web")
    t.sim.run("5s")
    assert t.ask("web").addresses == before


def test_names_outside_live_in_the_cache_for_their_ttl(town: Callable[[], Town]) -> None:
    t = town()
    server = next(iter(t.sim.cluster().pods.name_servers.values()))
    assert server.answer("git.example").addresses
    network = t.sim.world.network
    network.cut([f"node-{i}" for i in (1, 2, 3)], ["internet"])
    t.sim.run("29s")
    assert server.answer("git.example").addresses
    t.sim.run("2s")
    assert server.answer("git.example").code == "SERVFAIL"


def test_asking_changes_nothing(town: Callable[[], Town]) -> None:
    quiet, asked = town(), town()
    for _ in range(10):
        asked.ask("git.example")
        quiet.sim.run("7s")
        asked.sim.run("7s")
    assert quiet.sim.trace.sha256() == asked.sim.trace.sha256()


def test_a_server_that_cannot_ask_outside_is_asked_again_before_the_next_name() -> None:
    """glibc takes SERVFAIL for a server's own trouble: the same name again, and then the next of the search path."""
    t = Town()
    t.sim.world.network.cut([f"node-{i}" for i in (1, 2, 3)], ["internet"])
    found = t.ask("git.example")
    assert [q.result for q in found.questions] == [NXDOMAIN, NXDOMAIN, NXDOMAIN, SERVFAIL, SERVFAIL]
    assert found.failure == SERVFAIL


def test_the_network_of_a_simulation_answers_lookups() -> None:
    sim = Town().sim
    ip = sim.get("service/web")["spec"]["clusterIP"]
    assert sim.network.lookup("client", "web").addresses == (ip,)
    assert sim.network.lookup("client", ip).records == ("PTR web.default.svc.cluster.local",)
    assert sim.network.lookup("client", "web", "aaaa").failure == "no such record"
    assert sim.network.lookup("users", "git.example").addresses == ("198.51.100.10",)
    with pytest.raises(ValueError, match="A, AAAA, CNAME, SRV, PTR, not 'mx'"):
        sim.network.lookup("client", "web", "mx")
    with pytest.raises(LookupError, match="a Service, which sends nothing"):
        sim.network.lookup("service/web", "web")
