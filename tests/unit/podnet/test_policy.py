"""NetworkPolicies: the corners upstream's own cases leave out, and that requests and probes feel them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcsim.cluster.podnet.policy import (
    EGRESS,
    INGRESS,
    End,
    Verdict,
    compile_policy,
    container_ports,
    decide,
    isolating,
)
from kcsim.cluster.traffic.source import DROPPED
from kcsim.engine.clock import SECOND

Make = Callable[..., Any]


def pod(name: str, ip: str = "10.0.0.1", namespace: str = "shop", **more: Any) -> End:
    labels = {"app": name.split("-", maxsplit=1)[0]}
    return End(ip, namespace, name, labels, {"kubernetes.io/metadata.name": namespace}, **more)


def policy(name: str, select: dict[str, Any] | None = None, namespace: str = "shop", **spec: Any) -> Any:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": select or {}, **spec},
    }


def ask(source: End, target: End, *objects: Any, port: int = 80, protocol: str = "TCP") -> Verdict:
    policies = [compile_policy(o) for o in objects]
    out = isolating([p for p in policies if p.namespace == source.namespace], source, EGRESS)
    into = isolating([p for p in policies if p.namespace == target.namespace], target, INGRESS)
    return decide(source, target, port, protocol, out, into)


WEB, DB = pod("web"), pod("db", "10.0.1.7", ports={("sql", "TCP"): 5432}, node="node-2")


@pytest.mark.parametrize(
    ("spec", "source", "options", "allowed"),
    [
        ({}, WEB, {}, False),
        ({"ingress": []}, WEB, {}, False),
        ({"ingress": [{}]}, WEB, {}, True),
        ({"ingress": [{"from": []}]}, WEB, {}, True),
        ({"ingress": [{"ports": []}]}, WEB, {}, True),
        ({"ingress": [{"ports": [{"port": 80, "endPort": 90}]}]}, WEB, {"port": 85}, True),
        ({"ingress": [{"ports": [{"port": 80, "endPort": 90}]}]}, WEB, {"port": 91}, False),
        (
            {"ingress": [{"ports": [{"port": 80, "endPort": 90}]}]},
            WEB,
            {"port": 85, "protocol": "UDP"},
            False,
        ),
        ({"ingress": [{"ports": [{"port": "sql"}]}]}, WEB, {"port": 5432}, True),
        ({"ingress": [{"ports": [{"port": "sql"}]}]}, WEB, {"port": 80}, False),
        ({"ingress": [{"ports": [{"port": "sql", "protocol": "UDP"}]}]}, WEB, {"port": 5432}, False),
        ({"ingress": [{"ports": [{"port": "nope"}]}]}, WEB, {"port": 5432}, False),
        ({"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/24"}}]}]}, WEB, {}, True),
        (
            {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/24", "except": ["10.0.0.0/31"]}}]}]},
            WEB,
            {},
            False,
        ),
        ({"ingress": [{"from": [{"ipBlock": {"cidr": "fd00::/8"}}]}]}, WEB, {}, False),
        ({"ingress": [{"from": [{"podSelector": {}}]}]}, pod("web", namespace="other"), {}, False),
        ({"ingress": [{"from": [{"namespaceSelector": {}}]}]}, pod("web", namespace="other"), {}, True),
        ({"ingress": [{"from": [{"podSelector": {}}]}]}, End("203.0.113.80"), {}, False),
        ({"ingress": [{"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}]}, End("203.0.113.80"), {}, True),
        # A pod on the host network is its node: selectors do not see it, its address is the node's.
        (
            {"ingress": [{"from": [{"namespaceSelector": {}}]}]},
            pod("web", node="node-1", host=True),
            {},
            False,
        ),
        ({"policyTypes": ["Ingress"]}, End("192.168.0.2", node="node-2", host=True), {}, True),
        ({"policyTypes": ["Ingress"]}, End("192.168.0.1", node="node-1", host=True), {}, False),
        ({"policyTypes": ["Egress"]}, WEB, {}, True),
        ({}, DB, {}, True),
    ],
)
def test_who_reaches_an_isolated_database(
    spec: dict[str, Any], source: End, options: dict[str, Any], allowed: bool
) -> None:
    verdict = ask(source, DB, policy("guard", {"matchLabels": {"app": "db"}}, **spec), **options)
    assert verdict.allowed is allowed


def test_pods_on_the_host_network_are_not_isolated() -> None:
    host = pod("db", host=True, node="node-1")
    assert ask(WEB, host, policy("all", policyTypes=["Ingress", "Egress"], egress=[{}])).allowed


def test_egress_and_ingress_must_both_allow_and_the_first_refusal_is_named() -> None:
    deny = policy("silence", {"matchLabels": {"app": "web"}}, policyTypes=["Egress"])
    verdict = ask(WEB, DB, deny, policy("guard", {"matchLabels": {"app": "db"}}, ingress=[{}]))
    assert [d.allowed for d in verdict.decisions] == [False, True]
    assert verdict.why == (
        "NetworkPolicy shop/silence: shop/web is isolated for egress, and no rule allows TCP 80 to shop/db"
    )


def test_rules_add_up_and_the_one_that_allows_is_named() -> None:
    deny = policy("a-deny")
    allow = policy("b-allow", ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "cart"}}}]}, {}])
    verdict = ask(WEB, DB, deny, allow)
    assert verdict.decisions[1].why == "NetworkPolicy shop/b-allow ingress[1] allows it"
    assert verdict.decisions[1].policies == ("shop/a-deny", "shop/b-allow")


def test_names_of_ports_are_those_of_containers_and_sidecars() -> None:
    found = container_ports(
        {
            "spec": {
                "containers": [{"ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}]}],
                "initContainers": [
                    {"ports": [{"name": "setup", "containerPort": 1}]},
                    {"restartPolicy": "Always", "ports": [{"name": "proxy", "containerPort": 15001}]},
                ],
            }
        }
    )
    assert found == {("dns", "UDP"): 53, ("proxy", "TCP"): 15001}


# --- laws -------------------------------------------------------------------------------------------------------

APPS, SPACES = ("web", "cart", "db"), ("shop", "other")
ENDS = [
    pod(app, f"10.0.{i}.{j}", space) for i, space in enumerate(SPACES, 1) for j, app in enumerate(APPS, 1)
]
selector = st.sampled_from([{}, *({"matchLabels": {"app": a}} for a in APPS)])
namespaces = st.sampled_from([{}, *({"matchLabels": {"kubernetes.io/metadata.name": s}} for s in SPACES)])
peer = st.one_of(
    st.builds(lambda s: {"podSelector": s}, selector),
    st.builds(lambda n: {"namespaceSelector": n}, namespaces),
    st.builds(lambda s, n: {"podSelector": s, "namespaceSelector": n}, selector, namespaces),
    st.builds(lambda c: {"ipBlock": {"cidr": c}}, st.sampled_from(["10.0.1.0/24", "10.0.2.2/32"])),
)
port = st.builds(lambda p: {"port": p, "protocol": "TCP"}, st.sampled_from([80, 443]))


def rules(word: str) -> Any:
    rule = st.fixed_dictionaries({word: st.lists(peer, max_size=2), "ports": st.lists(port, max_size=1)})
    return st.lists(rule, max_size=2)


@st.composite
def policies(draw: st.DrawFn) -> list[Any]:
    found = []
    for i in range(draw(st.integers(0, 3))):
        types = draw(st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]))
        spec = {"policyTypes": types, "ingress": draw(rules("from")), "egress": draw(rules("to"))}
        found.append(policy(f"p{i}", draw(selector), draw(st.sampled_from(SPACES)), **spec))
    return found


def selects(chosen: dict[str, Any] | None, labels: Any) -> bool:
    return all(labels.get(k) == v for k, v in ((chosen or {}).get("matchLabels") or {}).items())


def oracle(source: End, target: End, number: int, found: list[Any]) -> bool:
    """The definition, word by word, on the objects themselves."""
    for kind, word, own, other in (("Egress", "to", source, target), ("Ingress", "from", target, source)):
        isolating_it = [
            p["spec"]
            for p in found
            if p["metadata"]["namespace"] == own.namespace
            and kind in p["spec"]["policyTypes"]
            and selects(p["spec"]["podSelector"], own.labels)
        ]
        every_rule = [r for spec in isolating_it for r in spec[kind.lower()]]
        open_to = [r for r in every_rule if not r["ports"] or any(p["port"] == number for p in r["ports"])]
        if isolating_it and not any(
            not r[word] or any(means(p, other, own.namespace) for p in r[word]) for r in open_to
        ):
            return False
    return True


def means(wanted: Any, other: End, home: str) -> bool:
    if "ipBlock" in wanted:
        block = wanted["ipBlock"]["cidr"]
        return other.ip == block.removesuffix("/32") or (
            block.endswith(".0/24") and other.ip.startswith(block[:7])
        )
    inside = (
        selects(wanted["namespaceSelector"], other.namespace_labels)
        if "namespaceSelector" in wanted
        else other.namespace == home
    )
    return inside and selects(wanted.get("podSelector"), other.labels)


@given(policies(), st.sampled_from([80, 443]))
def test_every_pair_is_judged_as_the_definition_says(found: list[Any], number: int) -> None:
    for source, target in itertools.permutations(ENDS, 2):
        assert ask(source, target, *found, port=number).allowed is oracle(source, target, number, found)


@given(policies())
def test_a_policy_that_selects_no_pod_changes_nothing(found: list[Any]) -> None:
    idle = policy("idle", {"matchLabels": {"app": "nobody"}}, policyTypes=["Ingress", "Egress"])
    for source, target in itertools.permutations(ENDS, 2):
        assert ask(source, target, *found) == ask(source, target, *found, idle)


# --- in a cluster -----------------------------------------------------------------------------------------------

DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
"""
ALLOW = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: users}
spec:
  podSelector: {}
  ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}], ports: [{port: http}]}]
"""


def test_requests_are_dropped_and_come_back_with_a_rule_that_allows_them(shop: Make) -> None:
    s = shop()
    users = s.users(rate=10)
    s.sim.run("10s")
    assert users.totals().failed == 0
    s.sim.apply(DENY)
    s.sim.run("20s")
    failure = users.failures()[-1]
    assert list(failure.causes) == [DROPPED]
    assert failure.why.chain()[-1].verb == "kubectl"
    assert users.requests(10 * SECOND) == (100, 100)
    s.sim.apply(ALLOW)
    s.sim.run("20s")
    assert users.requests(10 * SECOND) == (100, 0)
    s.sim.kubectl("delete networkpolicy users deny")
    s.sim.run("10s")
    assert users.requests(5 * SECOND) == (50, 0)


def test_policies_are_enforced_some_time_after_they_are_written(shop: Make) -> None:
    s = shop()
    users = s.users(rate=100)
    s.sim.run("10s")
    written = s.sim.engine.now
    s.sim.apply(DENY)
    s.sim.run("20s")
    begins = [f.since for f in users.failures()]
    assert len(begins) >= 3  # each node programs it in its own time
    assert all(written + 100_000 < at < written + 1_300_000 for at in begins)


def test_the_kubelet_always_reaches_its_pods(shop: Make) -> None:
    s = shop()
    s.sim.apply(DENY)
    s.sim.run("2m")
    deployment = s.sim.get("deployment/web")
    assert deployment["status"]["readyReplicas"] == 3


def test_a_node_cut_off_from_the_api_keeps_its_rules(shop: Make) -> None:
    s = shop(replicas=3)
    users = s.users(rate=30)
    s.sim.apply(DENY)
    s.sim.run("10s")
    cut = s.node_of()
    s.sim.inject("api-partition", cut)
    s.sim.kubectl("delete networkpolicy deny")
    s.sim.run("10s")
    sent, failed = users.requests(5 * SECOND)
    here = sum(1 for p in s.sim.list("pods") if p["spec"]["nodeName"] == cut)
    assert abs(failed - sent * here / 3) <= 2


def test_a_changed_label_moves_a_pod_out_of_a_policy(shop: Make) -> None:
    s = shop()
    users = s.users(rate=30)
    s.sim.apply(DENY.replace("app: web", "tier: closed"))
    s.sim.run("10s")
    assert users.requests(5 * SECOND) == (150, 0)
    for each in s.sim.list("pods"):
        s.sim.kubectl(f"label pod {each['metadata']['name']} tier=closed")
    s.sim.run("10s")
    assert users.requests(5 * SECOND) == (150, 150)


def test_labels_of_a_namespace_count(shop: Make) -> None:
    s = shop()
    s.sim.apply(
        DENY.replace(
            "policyTypes: [Ingress]", "ingress: [{from: [{namespaceSelector: {matchLabels: {a: b}}}]}]"
        )
    )
    s.sim.run("10s")
    firewall = s.sim.world.cluster.pods.firewall
    first, second = (firewall.end_of_pod(p) for p in s.sim.list("pods")[:2])
    assert not firewall.verdict(first, second, 8080).allowed
    s.sim.kubectl("label namespace default a=b")
    s.sim.run("10s")
    assert firewall.verdict(first, second, 8080).allowed
