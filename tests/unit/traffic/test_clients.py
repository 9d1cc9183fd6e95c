"""Clients of all kinds: pods that call by name, graphs of services, retries, kept connections, users who wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kcsim.cluster.images import Call
from kcsim.cluster.traffic.demand import Burst, Demand, Level
from kcsim.cluster.traffic.retries import Retries
from kcsim.cluster.traffic.source import KeepAlive
from kcsim.engine.clock import SECOND
from tests.unit.traffic.worlds import die, image, program, shop

Make = Callable[..., Any]
DENY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "deny", "namespace": "default"},
    "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": {}}]}]},
}


# --- pods and names ---------------------------------------------------------------------------------------------


def test_pods_ask_by_name_and_feel_their_own_node() -> None:
    sim = shop(dns=True)
    calls = sim.add_traffic("calls", "http://cart", source="deployment/web", rate="50/s")
    sim.run("30s")
    totals = calls.totals()
    assert (totals.sent, totals.failed) == (1501, 0)
    found = calls.latency()
    assert found is not None
    assert 2_000 < found.p50 < 12_000, "no way over the internet, and a name server that answers"


def test_nobody_sends_where_no_pod_runs() -> None:
    sim = shop()
    calls = sim.add_traffic("calls", "http://cart", source="deployment/web", rate=10)
    sim.run("10s")
    sim.kubectl("scale deployment web --replicas=0")
    sim.run("40s")
    before = calls.totals().sent
    sim.run("30s")
    assert calls.totals().sent == before
    sim.kubectl("scale deployment web --replicas=1")
    sim.run("30s")
    assert calls.totals().sent > before


@pytest.mark.parametrize(
    ("dns", "url", "kind"),
    [
        (True, "http://crat", "NXDOMAIN"),
        (False, "http://crat", "NXDOMAIN"),
        (True, "http://cart.shop", "NXDOMAIN"),
    ],
)
def test_a_name_that_is_none(dns: bool, url: str, kind: str) -> None:
    sim = shop(dns=dns)
    calls = sim.add_traffic("calls", url, source="deployment/web", rate=10)
    sim.run("20s")
    assert list(calls.totals().kinds) == [kind]


def test_a_service_that_comes_later_is_found() -> None:
    sim = shop(image("late"), dns=True)
    calls = sim.add_traffic("calls", "http://late", source="deployment/web", rate=10)
    sim.run("10s")
    sim.apply(program("late"))
    sim.run("30s")
    assert calls.requests(10 * SECOND) == (100, 0)
    assert set(calls.totals().kinds) <= {"NXDOMAIN", "not ready", "no endpoints"}


def test_dns_times_out_after_a_default_deny_policy() -> None:
    """S25: no egress to kube-dns: each lookup waits, pods stay ready."""
    sim = shop(dns=True)
    users = sim.add_traffic("users", "service/web", rate=10, timeout="30s")
    calls = sim.add_traffic("calls", "http://cart", source="deployment/web", rate=10, timeout="30s")
    sim.run("10s")
    assert users.totals().failed == calls.totals().failed == 0
    sim.apply(DENY)
    sim.run("60s")
    (failure, *_) = calls.failures()[-1:]
    assert failure.kinds == {"dns timeout": failure.count}
    assert failure.count > 400
    assert "rule" in failure.where[0]
    assert "UDP 53" in failure.where[0]
    assert set(users.totals().kinds) == {"5xx"}
    assert sim.get("deployment/web")["status"]["readyReplicas"] == 2
    # Two tries of five seconds each, for the first name of the search path.
    stretch = calls._way.ledger.stretches[-1]
    assert 10 * SECOND <= stretch.failing[0].takes < 10.2 * SECOND


# --- graphs -----------------------------------------------------------------------------------------------------


def test_errors_of_a_database_come_up_as_errors_of_the_page() -> None:
    sim = shop()
    users = sim.add_traffic("users", "service/web", rate=100)
    sim.run("10s")
    sim.kubectl("scale deployment db --replicas=0")
    sim.run("30s")
    assert users.totals().kinds["5xx"] > 2000
    failure = users.failures()[-1]
    assert failure.where == ("cart > db: no ready endpoints",)
    assert failure.why.chain()[-1].subject == "scale deployment db --replicas=0"


def test_an_optional_call_costs_time_and_no_errors() -> None:
    optional = image("web", Call("http://cart", optional=True))
    sim = shop(optional)
    sim.kubectl("scale deployment cart --replicas=0")
    sim.run("30s")
    users = sim.add_traffic("users", "service/web", rate=100)
    sim.run("10s")
    assert users.totals().failed == 0


@pytest.mark.parametrize(
    ("call", "failed"),
    [
        (Call("http://cart"), 25),
        (Call("http://cart", optional=True), 0),
        (Call("http://cart", retries=1), 0),
    ],
)
def test_a_called_program_that_dies_fails_those_who_do_not_get_over_it(call: Call, failed: int) -> None:
    sim = shop(image("web", call), image("cart", latency=500_000))
    users = sim.add_traffic("users", "service/web", rate=100, timeout="5s")
    sim.run("10s")
    die(sim, next(p for p in sim.list("pods", "default") if p["metadata"]["name"].startswith("cart")))
    sim.run("0.001s")
    assert users.totals().failed == pytest.approx(failed, abs=4)
    assert set(users.totals().kinds) == ({"5xx"} if failed else set())


def test_latencies_of_calls_add_up() -> None:
    sim = shop(image("db", latency=200_000))
    users = sim.add_traffic("users", "service/web", rate=100)
    sim.run("10s")
    found = users.latency()
    assert found is not None
    assert 0.22 < found.p50 / SECOND < 0.30


def test_a_slow_call_is_given_up_and_the_page_fails() -> None:
    sim = shop(image("db", latency=2_000_000))
    users = sim.add_traffic("users", "service/web", rate=100, timeout="5s")
    sim.run("20s")
    assert set(users.totals().kinds) == {"5xx"}
    assert users.failures()[0].where == ("cart > db: timed out",)


def test_a_circle_of_calls_is_told_and_ends() -> None:
    sim = shop(image("db", "http://web"))
    users = sim.add_traffic("users", "service/web", rate=10)
    sim.run("10s")
    assert set(users.totals().kinds) == {"5xx"}
    assert "circle" in users.failures()[0].where[0]


def test_load_reaches_the_programs_that_are_called() -> None:
    sim = shop()
    users = sim.add_traffic("users", "service/web", rate=60)
    sim.run("30s")
    now = sim.engine.now
    for pod in sim.list("pods", "default"):
        assert users.rate_to(f"default/{pod['metadata']['name']}", now - 10 * SECOND, now) == pytest.approx(
            30
        )


# --- retries ----------------------------------------------------------------------------------------------------


def test_retries_hide_a_share_of_errors_and_multiply_the_load(shop: Make) -> None:
    from kcsim.cluster.images import Window

    s = shop(replicas=2, serves_errors=Window(), error_fraction=0.5)
    now = s.sim.engine.now
    plain = s.sim.world.add_traffic("plain", service="web", rate=100, start=now)
    tried = s.sim.world.add_traffic("tried", service="web", rate=100, start=now, retries=Retries(2))
    kept = s.sim.world.add_traffic("kept", service="web", rate=100, start=now, retries=Retries(2, budget=0.2))
    s.sim.run("60s")
    shares = [t.totals().failed / t.totals().ended for t in (plain, tried, kept)]
    assert shares == pytest.approx([0.5, 0.125, 0.4], abs=0.01)
    pods = [f"default/{p['metadata']['name']}" for p in s.sim.list("pods", "default")]
    now = s.sim.engine.now
    load = [sum(t.rate_to(pod, now - SECOND, now) for pod in pods) for t in (plain, tried, kept)]
    assert load == pytest.approx([100, 175, 120], rel=0.01)


def test_retries_find_the_living_pod_of_a_dead_node(shop: Make) -> None:
    s = shop(replicas=3)
    users = s.users(rate=100, retries=Retries(3, 100_000), timeout=300_000)
    s.sim.inject("node-crash", s.node_of())
    s.sim.run("30s")
    assert users.totals().failed / users.totals().ended < 0.05


# --- kept connections -------------------------------------------------------------------------------------------


def test_a_scale_out_does_not_move_kept_connections(shop: Make) -> None:
    s = shop(replicas=2)
    users = s.users(rate=100, keep_alive=KeepAlive(40))
    s.sim.run("5s")
    before = users.connections()
    s.sim.kubectl("scale deployment web --replicas=6")
    s.sim.run("60s")
    assert users.connections() == before
    assert len(before) == 2


def test_connections_of_a_pod_that_ends_are_opened_elsewhere_at_once(shop: Make) -> None:
    s = shop(replicas=3)
    users = s.users(rate=100, keep_alive=KeepAlive(30))
    s.sim.run("5s")
    gone = s.sim.list("pods")[0]["metadata"]["name"]
    s.sim.kubectl(f"delete pod {gone} --wait=false")
    s.sim.run("30s")
    assert f"default/{gone}" not in users.connections()
    assert sum(users.connections().values()) == 30
    # Those that the proxy, which has not heard of it yet, sends to its address once more try again a second later.
    assert users.totals().failed <= 60


def test_connections_to_a_dead_node_hang_for_a_timeout(shop: Make) -> None:
    s = shop(replicas=3)
    users = s.users(rate=100, keep_alive=KeepAlive(30), timeout=2 * SECOND)
    s.sim.run("5s")
    before = users.connections()
    node = s.node_of()
    lost = sum(
        before.get(f"default/{p['metadata']['name']}", 0)
        for p in s.sim.list("pods")
        if p["spec"]["nodeName"] == node
    )
    s.sim.inject("node-crash", node)
    s.sim.run("2s")
    failed = users.requests()[1]
    s.sim.run("90s")
    assert failed <= 200 * lost / 30 + 1
    assert set(users.totals().kinds) == {"timeout"}
    assert sum(users.connections().values()) == 30


def test_established_connections_survive_a_policy(shop: Make) -> None:
    s = shop()
    deny = {**DENY, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    kept = s.users(rate=50, keep_alive=KeepAlive(10))
    fresh = s.sim.world.add_traffic("fresh", service="web", rate=50, start=s.sim.engine.now)
    s.sim.run("5s")
    s.sim.apply(deny)
    s.sim.run("30s")
    assert kept.totals().failed == 0
    assert set(fresh.totals().kinds) == {"policy drop"}


# --- demand -----------------------------------------------------------------------------------------------------


def test_the_shape_of_a_day_and_its_bursts(shop: Make) -> None:
    s = shop()
    demand = Demand(
        10,
        levels=(Level(0, 1), Level(60 * SECOND, 3)),
        bursts=(Burst(100 * SECOND, 10 * SECOND, 5, 60 * SECOND),),
    )
    users = s.sim.world.add_traffic("users", service="web", demand=demand, start=s.sim.engine.now)
    s.sim.run_until("180s")
    # 40 s at 10, 120 s at 30, of which two bursts of 10 s at 150.
    assert users.totals().sent == pytest.approx(40 * 10 + 100 * 30 + 20 * 150, abs=2)


def test_users_who_wait_ask_less_often_when_answers_are_slow(shop: Make) -> None:
    fast = shop(latency=10_000)
    slow = shop(latency=900_000)
    demand = Demand(users=100, think=SECOND)
    asked = []
    for s in (fast, slow):
        users = s.sim.world.add_traffic(
            "users", service="web", demand=demand, start=s.sim.engine.now, timeout=5 * SECOND
        )
        s.sim.run("60s")
        asked.append(users.totals().sent / 60)
    assert asked == pytest.approx([100 / 1.034, 100 / 1.924], rel=0.03)


def test_a_program_that_dies_resets_what_it_had_begun(shop: Make) -> None:
    s = shop(replicas=1, latency=500_000, crash_after=60 * SECOND)
    users = s.users(rate=100, timeout=2 * SECOND)
    s.sim.run("75s")
    kinds = users.totals().kinds
    assert kinds["reset"] == pytest.approx(52, abs=3), "half a second of requests was under way"


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize(
    ("link", "lost"),
    [("users <-> nodes", 50), ("nodes -> users", 50), ("users -> nodes", 0), ("node-1", 50 / 3)],
)
def test_a_cut_loses_the_answers_to_what_had_been_asked(
    shop: Make, link: str, lost: float, each: bool
) -> None:
    s = shop(replicas=3, latency=500_000)
    assert {p["spec"]["nodeName"] for p in s.sim.list("pods")} == {"node-1", "node-2", "node-3"}
    users = s.sim.add_traffic("users", "service/web", rate=100, timeout="5s", each=each)
    s.sim.run("10s")
    s.sim.inject("network-partition", link, duration="10s")
    s.sim.run("20s")
    totals = users.totals()
    later = 1000 if link != "node-1" else 1000 / 3
    assert totals.failed == pytest.approx(lost + later, abs=25)
    assert set(totals.kinds) == {"timeout"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"to": "web", "rate": 1}, "service/web"),
        ({"to": "service/web"}, "rate"),
        ({"to": "service/web", "rate": "20"}, "20/s"),
        ({"to": "service/web", "rate": 1, "entry": "Door"}, "NodePort"),
        ({"to": "http://web/", "rate": 1, "entry": "Gateway"}, "name it"),
        ({"to": "service/web", "rate": 1, "source": "nothing/web"}, "deployment/web"),
        ({"to": "service/web", "rate": -1}, "0 or more"),
        ({"to": "service/web", "rate": 1, "retries": -1}, "0 or more"),
    ],
)
def test_clients_that_cannot_be_are_refused(shop: Make, words: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        shop().sim.add_traffic("users", **words)


def test_a_fork_has_the_same_clients() -> None:
    from kcsim.simulation.simulation import Simulation

    sim = Simulation(nodes=3, seed=2)
    sim.network.install_dns()
    sim.network.install_ingress()
    sim.network.install_gateway()
    sim.run_until("20s")
    sim.apply(program("web"))
    sim.run_until("40s")
    sim.add_traffic("users", "http://web", source="deployment/web", rate="5/s", retries=1, keep_alive=4)
    sim.run_until("2m")
    again = sim.fork("90s")
    again.run_until("2m")
    assert again.traffic["users"].totals() == sim.traffic["users"].totals()
    assert again.trace.sha256() == sim.trace.sha256()
    with pytest.raises(ValueError, match="already"):
        sim.add_traffic("users", "service/web", rate=1)


# --- addresses --------------------------------------------------------------------------------------------------


def outcome_of(sim: Any, to: str, **clients: Any) -> str:
    """What becomes of the requests of half a minute: all are answered, or all fail alike."""
    source = sim.add_traffic(f"t{len(sim.traffic)}", to, rate=10, **clients)
    sim.run("5s")
    totals = source.totals()
    assert not totals.failed or not totals.ok
    kinds = set(totals.kinds) or {"answered"}
    assert len(kinds) == 1
    return kinds.pop()


@pytest.mark.parametrize("dns", [True, False])
def test_an_address_is_asked_without_a_name(dns: bool) -> None:
    sim = shop(dns=dns)
    sim.kubectl("""patch service web --patch '{"spec": {"type": "LoadBalancer"}}'""")
    sim.run_until("3m")
    service = sim.get("service/web")
    node_port = service["spec"]["ports"][0]["nodePort"]
    pod = next(p for p in sim.list("pods", "default") if p["metadata"]["name"].startswith("cart"))
    balancer = service["status"]["loadBalancer"]["ingress"][0]["ip"]
    inside: dict[str, Any] = {"source": "deployment/db"}
    for to, clients, expected in [
        (f"http://{service['spec']['clusterIP']}", inside, "answered"),
        (f"http://{service['spec']['clusterIP']}:81", inside, "timeout"),
        (f"http://{service['spec']['clusterIP']}", {}, "timeout"),
        (f"http://{pod['status']['podIP']}:8080", inside, "answered"),
        (f"http://{pod['status']['podIP']}:8080", {"source": "node-1"}, "answered"),
        (f"http://{pod['status']['podIP']}:99", inside, "connection refused"),
        (f"http://{pod['status']['podIP']}:8080", {}, "timeout"),
        ("http://10.244.0.250", inside, "timeout"),
        (f"http://192.168.0.2:{node_port}", {}, "answered"),
        (f"http://192.168.0.2:{node_port}", inside, "answered"),
        ("http://192.168.0.2:81", {}, "connection refused"),
        (f"http://{balancer}", {}, "answered"),
        (f"http://{balancer}", inside, "answered"),
        ("http://198.51.100.10", inside, "answered"),
    ]:
        assert outcome_of(sim, to, **clients) == expected, (to, clients)
        client = clients.get("source", "users")
        assert sim.network.trace(client, to).outcome == expected, (to, client)


def test_an_address_that_comes_and_goes_is_noticed() -> None:
    sim = shop()
    calls = sim.add_traffic("calls", "http://10.96.3.4", source="deployment/web", rate=10)
    sim.run("10s")
    assert set(calls.totals().kinds) == {"timeout"}
    spec = {
        "clusterIP": "10.96.3.4",
        "selector": {"app": "db"},
        "ports": [{"port": 80, "targetPort": "http"}],
    }
    sim.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "pinned"}, "spec": spec})
    sim.run("10s")
    assert calls.totals().ok > 80
    before = calls.totals().failed
    sim.kubectl("delete service pinned")
    sim.run("10s")
    assert calls.totals().failed - before > 70
