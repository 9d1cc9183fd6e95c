"""What users notice: the races that cause real outages, as the references give them (kubernetes-workloads.md 9, 15, 17)."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.cluster.images import ImageBehaviour, Window
from kcsim.cluster.traffic.ledger import Totals
from kcsim.engine.clock import SECOND
from kcsim.scenario.availability import budget_used
from kcsim.simulation.faults import Fault, inject
from tests.workloads.worlds import GOOD, cluster, image, pods, service, settle, workload


def served(sim: Any, replicas: int, ready: int | None = None, **more: Any) -> None:
    settle(sim, workload(replicas=replicas, **more), service(), ready=ready or replicas)


def test_n8_an_api_outage_costs_no_request():
    sim = cluster(3)
    served(sim, 4)
    users = sim.add_traffic("users", "service/web", rate=100)
    for node in ("node-1", "node-2", "node-3"):
        sim.inject("api-partition", node, duration="10m")
    sim.inject("api-partition", "kube-controller-manager", duration="10m")
    sim.run("15m")
    assert users.totals().failed == 0


@pytest.mark.parametrize("pre_stop", [0, 10])
def test_s13_termination_races_with_the_news_of_it(pre_stop):
    """Requests that are sent to a pod after it went are lost; a pause before SIGTERM loses none."""
    lifecycle = {"lifecycle": {"preStop": {"sleep": {"seconds": pre_stop}}}} if pre_stop else {}
    sim = cluster(3, image(stops_after_sigterm=0.01))
    served(sim, 4, container=lifecycle)
    users = sim.add_traffic("users", "service/web", rate=400)
    sim.run("5s")
    victim = pods(sim)[0]["metadata"]["name"]
    sim.kubectl(f"delete pod {victim} --wait=false")
    sim.run("60s")
    totals = users.totals()
    if pre_stop:
        assert totals.failed == 0
        return
    # rps / pods * window, and the window is at most the slowest slice update and proxy sync.
    assert 0 < totals.failed <= 400 / 4 * 3
    assert set(totals.kinds) <= {"connection refused", "timeout", "reset"}
    assert users.failures()[0].pods == (f"default/{victim}",)
    assert users.failures()[0].why.chain()[-1].subject.startswith("delete pod")


def test_s06_flapping_readiness_takes_endpoints_away_and_gives_them_back():
    probe = {"readinessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 10, "failureThreshold": 3}}
    sim = cluster(2)
    served(sim, 3, container=probe)
    users = sim.add_traffic("users", "service/web", rate=10)
    for _ in range(2):
        behaviour = ImageBehaviour(GOOD, fails_readiness=Window())
        inject(sim.world, Fault("image-behaviour", GOOD, 60 * SECOND, behaviour=behaviour))
        sim.run("120s")
    kinds = users.totals().kinds
    assert set(kinds) == {"not ready"}, "refused at once, for the pods are there"
    # Out after two to three periods, back within one: 30 to 50 s each time.
    assert 2 * 30 * 10 <= kinds["not ready"] <= 2 * 50 * 10


def test_s02_a_dead_node_takes_its_share_until_its_endpoints_go():
    sim = cluster(4)
    served(sim, 8)
    users = sim.add_traffic("users", "service/web", rate=80)
    node = pods(sim)[0]["spec"]["nodeName"]
    share = len(pods(sim, node=node)) / 8
    sim.inject("node-crash", node)
    sim.run("3m")
    totals = users.totals()
    assert set(totals.kinds) == {"timeout"}
    lasted = totals.failed / (80 * share)
    assert 38 <= lasted <= 65


def test_s26_the_three_kinds_of_nothing_differ():
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "none", "namespace": "default"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    found = {}
    for name, spec, extra in (
        ("selector", {"selector": {"app": "wbe"}}, None),
        ("port", {"ports": [{"port": 80, "targetPort": 8080}]}, None),
        ("policy", {}, policy),
    ):
        sim = cluster(2)
        settle(sim, workload(replicas=2), service(**spec), ready=2)
        if extra is not None:
            sim.apply(extra)
            sim.run("10s")
        users = sim.add_traffic("users", "service/web", rate=5)
        sim.run("20s")
        found[name] = (set(users.totals().kinds), max(o.takes for o in users.ledger.stretches[-1].failing))
    assert [kinds for kinds, _ in found.values()] == [
        {"no endpoints"},
        {"connection refused"},
        {"policy drop"},
    ]
    assert found["selector"][1] < 0.2 * SECOND
    assert found["port"][1] < 0.2 * SECOND
    assert found["policy"][1] == SECOND, "it costs the client its patience"


def test_15_4_a_node_cut_off_from_the_api_keeps_its_old_rules():
    """A stale proxy: the cut node sends on to what it knew, for ever; everybody else follows."""
    sim = cluster(3)
    served(sim, 3)
    stale = sim.add_traffic("stale", "service/web", rate=30, source="node-2")
    fresh = sim.add_traffic("fresh", "service/web", rate=30, source="node-1")
    sim.inject("api-partition", "node-2")
    sim.run("5s")
    sim.kubectl("set image deployment/web app=registry.example/web:2")
    sim.run("5m")
    assert fresh.requests(60 * SECOND)[1] == 0
    ended, failed = stale.requests(60 * SECOND)
    assert failed > 0.3 * ended
    assert set(stale.totals().kinds) <= {"timeout", "connection refused", "reset"}


def test_15_4_a_partition_between_nodes_is_a_black_hole():
    """Both nodes reach the API and their probes are local: the endpoints stay, and what crosses the cut is lost."""
    sim = cluster(2)
    served(sim, 4)
    on = {node: len(pods(sim, node=node)) for node in ("node-1", "node-2")}
    users = sim.add_traffic("users", "service/web", rate=40, source="node-1")
    sim.inject("network-partition", "node-1 <-> node-2", duration="2m")
    sim.run("2m")
    totals = users.totals()
    assert totals.failed / totals.ended == pytest.approx(on["node-2"] / 4, abs=0.02)
    assert set(totals.kinds) == {"timeout"}
    sim.run("1m")
    assert users.requests(30 * SECOND)[1] == 0


def test_9_4_slow_dns_is_five_seconds_a_try():
    """One of two name servers is lost with its node: half of the lookups cost five seconds until its endpoint goes."""
    sim = cluster(4)
    sim.network.install_dns()
    served(sim, 2)
    calls = sim.add_traffic("calls", "http://web", source="deployment/web", rate=20, timeout="30s")
    sim.run("20s")
    assert calls.totals().failed == 0
    mine = {pod["spec"]["nodeName"] for pod in pods(sim)}
    servers = {
        p["spec"]["nodeName"] for p in sim.list("pods", "kube-system") if "coredns" in p["metadata"]["name"]
    }
    only = sorted(servers - mine)
    if not only:
        pytest.skip("each name server shares its node with a client")
    sim.inject("node-crash", only[0])
    sim.run("20s")
    slow = [o for o in calls.ledger.stretches[-1].outcomes if not o.cause and o.takes > 5 * SECOND]
    assert sum(o.share for o in slow) == pytest.approx(0.25, abs=0.05), (
        "half of the questions, half of the second tries"
    )
    sim.run("2m")
    assert all(o.takes < SECOND for o in calls.ledger.stretches[-1].outcomes)


def test_d5_the_error_budget_of_three_nines_over_thirty_days():
    month = 30 * 24 * 3600
    down = int(43.2 * 60)
    totals = Totals(month, month, month - down, {"timed out": down})
    assert budget_used(totals, 0.999) == pytest.approx(100)
