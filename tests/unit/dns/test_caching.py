"""What a Corefile says, how long answers are kept, and what clients meet meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.cluster.dns.cache import AnswerCache
from kcsim.cluster.dns.coredns import COREFILE
from kcsim.cluster.dns.corefile import BadCorefile, CacheRules, parse
from kcsim.cluster.dns.records import MISSING, NOERROR, Answer, Record
from kcsim.engine.clock import SECOND
from kcsim.simulation.simulation import Simulation
from tests.unit.traffic.worlds import shop

CACHED = COREFILE.replace("disable success cluster.local", "").replace("disable denial cluster.local", "")
ONE, TWO = (Answer(NOERROR, (Record("web", "A", ip),)) for ip in ("10.0.0.1", "10.0.0.2"))


# --- the Corefile -----------------------------------------------------------------------------------------------


def test_what_kubeadm_writes() -> None:
    found = parse(COREFILE)
    assert (found.zones, found.ttl, found.pods, found.forwards) == (
        ("cluster.local", "in-addr.arpa", "ip6.arpa"),
        30,
        True,
        True,
    )
    assert found.ignored == ()
    assert found.cache == CacheRules(
        (), (5, 30), (5, 30), no_success=("cluster.local",), no_denial=("cluster.local",)
    )


@pytest.mark.parametrize(
    ("cache", "name", "ttl", "found", "kept"),
    [
        ("cache", "a.example", 30, True, 30),
        ("cache", "a.example", 86400, True, 3600),
        ("cache", "a.example", 86400, False, 1800),
        ("cache", "a.example", 0, True, 5),
        ("cache 10", "a.example", 30, True, 10),
        ("cache 10 cluster.local", "a.example", 30, True, 0),
        ("cache 10 cluster.local", "web.shop.svc.cluster.local", 30, True, 10),
        ("cache 30 {\n disable denial\n}", "a.example", 30, False, 0),
        ("cache 30 {\n disable denial\n}", "a.example", 30, True, 30),
        ("cache 30 {\n disable success cluster.local\n}", "cluster.local", 30, True, 0),
        ("cache 30 {\n denial 9984 5\n}", "a.example", 30, False, 5),
        ("cache {\n success 9984 60 20 # more\n}", "a.example", 7, True, 20),
    ],
)
def test_how_long_answers_are_kept(cache: str, name: str, ttl: int, found: bool, kept: int) -> None:
    rules = parse(f".:53 {{\n  kubernetes cluster.local\n  {cache}\n}}").cache
    assert rules is not None
    assert rules.keeps(name, ttl, found=found) == kept


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no server block"),
        (".:53 {\n  cache 30\n", "not closed"),
        (".:53 {\n}\n}", "where none belongs"),
        (".:53 { cache 30 }", "end of a line"),
        (".:53 {\n  cache {\n  dissable denial\n  }\n}", "unknown property 'dissable'"),
        (".:53 {\n  kubernetes {\n  ttl soon\n  }\n}", "'ttl soon' needs a whole number"),
        (".:53 {\n  kubernetes {\n  pods sure\n  }\n}", "disabled, insecure or verified"),
    ],
)
def test_what_coredns_would_not_start_with(text: str, told: str) -> None:
    with pytest.raises(BadCorefile, match=told):
        parse(text)


def test_what_is_not_played_is_named() -> None:
    found = parse(
        ".:53 {\n  kubernetes {\n    namespaces shop\n  }\n  rewrite name a b\n  forward . 1.1.1.1\n}\n"
        "corp.example:53 {\n  forward . 10.0.0.9\n}\n"
    )
    assert found.ignored == ("kubernetes namespaces", "rewrite", "the server block of corp.example:53")


# --- the cache --------------------------------------------------------------------------------------------------


def test_an_old_answer_is_given_until_its_time_is_over() -> None:
    cache, question = AnswerCache(), ("web", "A")
    cache.keep(question, ONE, 30, 0)
    cache.keep(question, ONE, 30, 40 * SECOND)
    assert cache.held(question, 40 * SECOND) is None, "it is the present one"
    assert cache.freeze(question, 70 * SECOND) == 90 * SECOND, "renewed at 30 s and at 60 s"
    assert cache.freeze(question, 80 * SECOND) is None
    assert cache.held(question, 89 * SECOND) == ONE
    assert cache.held(question, 90 * SECOND) is None
    assert not cache.drop(question, 89 * SECOND)
    assert cache.drop(question, 90 * SECOND)
    cache.keep(question, TWO, 30, 90 * SECOND)
    assert cache.freeze(question, 90 * SECOND, stale_s=3600) == (120 + 3600) * SECOND
    assert cache.freeze(("other", "A"), 0) is None
    assert MISSING.addresses == ()


# --- in a cluster -----------------------------------------------------------------------------------------------


def cached_shop(corefile: str = CACHED) -> Simulation:
    sim = shop(dns=True)
    sim.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "coredns", "namespace": "kube-system"},
            "data": {"Corefile": corefile},
        }
    )
    sim.run("150s")
    return sim


def moved(sim: Simulation) -> str:
    """The Service cart is made anew, and has another address; gives the old one."""
    service = sim.get("service/cart")
    ip: str = service["spec"]["clusterIP"]
    sim.kubectl("delete service cart")
    spec = {"selector": service["spec"]["selector"], "ports": service["spec"]["ports"]}
    sim.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cart"}, "spec": spec})
    assert sim.get("service/cart")["spec"]["clusterIP"] != ip
    return ip


def test_a_cached_name_leads_to_an_address_that_is_gone_until_its_time_is_over() -> None:
    lost = {}
    for corefile in (COREFILE, CACHED):
        sim = cached_shop(corefile)
        calls = sim.add_traffic("calls", "http://cart", source="deployment/web", rate="50/s")
        sim.run("45s")
        ip = moved(sim)
        sim.run("2s")
        seen = sim.network.lookup("deployment/web", "cart").addresses
        assert (seen == (ip,)) == (corefile == CACHED)
        sim.run("60s")
        lost[corefile] = calls.totals()
        assert sim.network.trace("deployment/web", "http://cart").ok
    assert lost[COREFILE].failed < 100, "the second until proxies and name servers know"
    # Renewed every 30 s, and made anew 45 s after the first question: 15 s are left.
    assert lost[CACHED].kinds["timeout"] == pytest.approx(15 * 50, rel=0.1)


def test_a_name_that_was_missing_is_missed_for_as_long_as_denial_is_kept() -> None:
    for corefile, late in ((COREFILE, 0), (CACHED, 20)):
        sim = cached_shop(corefile)
        calls = sim.add_traffic("calls", "http://pay", source="deployment/web", rate="50/s")
        sim.run("40s")
        spec = {"selector": {"app": "db"}, "ports": [{"port": 80, "targetPort": 8080}]}
        sim.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "pay"}, "spec": spec})
        before = calls.totals().kinds["NXDOMAIN"]
        sim.run("60s")
        more = (calls.totals().kinds["NXDOMAIN"] - before) / 50
        assert late <= more < late + 2
        assert sim.network.trace("deployment/web", "http://pay").ok


def outside(corefile: str) -> tuple[Simulation, Any]:
    sim = cached_shop(corefile)
    calls = sim.add_traffic("calls", "http://git.example", source="deployment/web", rate="10/s")
    sim.run("10s")
    sim.world.network.cut([f"node-{i}" for i in (1, 2, 3)], ["internet"])
    return sim, calls


def test_names_outside_outlive_a_lost_upstream_for_their_ttl() -> None:
    sim, calls = outside(COREFILE)
    sim.run("19s")
    assert calls.totals().failed == 0
    sim.run("20s")
    assert calls.totals().kinds["NXDOMAIN"] == pytest.approx(19 * 10, abs=5)
    assert sim.network.lookup("deployment/web", "git.example").failure == "SERVFAIL"


def test_stale_answers_may_be_served_for_longer() -> None:
    sim, calls = outside(COREFILE.replace("cache 30 {", "cache 30 {\n       serve_stale 60s"))
    sim.run("75s")
    assert calls.totals().failed == 0
    sim.run("20s")
    assert calls.totals().failed > 0


def test_a_corefile_that_cannot_be_read_changes_nothing_and_is_told() -> None:
    sim = cached_shop(".:53 {")
    told = [r for r in sim.trace.records if r.actor.startswith("coredns/") and r.verb == "not modelled"]
    assert len(told) == 2
    assert "a brace is not closed" in str(told[0].detail)
    assert sim.network.lookup("deployment/web", "cart").addresses


def test_without_names_of_pods() -> None:
    sim = cached_shop(COREFILE.replace("pods insecure", "pods disabled"))
    assert sim.network.lookup("deployment/web", "10-1-2-3.default.pod.cluster.local.").failure == "NXDOMAIN"
