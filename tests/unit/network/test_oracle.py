"""Reachability of whole small clusters, against a second opinion that knows nothing of routes, caches and agents."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.simulation.cabling import LinkPlan, NetworkPlan
from kcsim.simulation.simulation import Simulation

APPS = ("web", "cart", "db")
SPACES = ("default", "shop")
PORT = 80
NODES = ("node-1", "node-2", "node-3")


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[NodeSpec], NetworkPlan]:
    nodes = [
        NodeSpec(
            name,
            f"192.168.0.{number}",
            labels={"topology.kubernetes.io/zone": draw(st.sampled_from(("a", "b")))},
            rack=draw(st.sampled_from(("", "r1", "r2"))),
        )
        for number, name in enumerate(NODES, 1)
    ]
    zones = {node.labels["topology.kubernetes.io/zone"] for node in nodes}
    links = (LinkPlan(a="a", b="b", latency=draw(st.sampled_from((50, 5_000)))),) if len(zones) > 1 else ()
    families: dict[str, Any] = draw(
        st.sampled_from(
            (
                {},
                {
                    "pod_cidrs": ("10.244.0.0/16", "fd00:10:244::/56"),
                    "service_cidrs": ("10.96.0.0/16", "fd00:10:96::/112"),
                },
            )
        )
    )
    return nodes, NetworkPlan(encapsulation=draw(st.sampled_from(("", "vxlan"))), links=links, **families)


pods = st.lists(
    st.tuples(st.sampled_from(SPACES), st.sampled_from(APPS), st.sampled_from(NODES)), min_size=2, max_size=5
)
peers = st.fixed_dictionaries(
    {}, optional={"app": st.sampled_from(APPS), "space": st.sampled_from((*SPACES, "any"))}
)
rules = st.lists(peers, max_size=2)
policies = st.lists(
    st.tuples(
        st.sampled_from(SPACES),
        st.sampled_from((None, *APPS)),
        st.dictionaries(st.sampled_from(("ingress", "egress")), rules, min_size=1),
    ),
    max_size=3,
)
cuts = st.lists(
    st.tuples(st.sets(st.sampled_from(NODES), min_size=1), st.sets(st.sampled_from(NODES), min_size=1)),
    max_size=3,
)
off = st.sets(st.sampled_from(NODES), max_size=1)


def policy_object(number: int, policy: tuple[str, str | None, Mapping[str, Any]]) -> dict[str, Any]:
    space, app, directions = policy
    spec: dict[str, Any] = {
        "podSelector": {"matchLabels": {"app": app}} if app else {},
        "policyTypes": [word.capitalize() for word in directions],
    }
    for word, found in directions.items():
        side = "from" if word == "ingress" else "to"
        spec[word] = [{side: [peer_object(peer)]} for peer in found]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"p{number}", "namespace": space},
        "spec": spec,
    }


def peer_object(peer: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if peer.get("space") == "any":
        found["namespaceSelector"] = {}
    elif "space" in peer:
        found["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": peer["space"]}}
    if "app" in peer or not found:
        found["podSelector"] = {"matchLabels": {"app": peer["app"]}} if "app" in peer else {}
    return found


def lets(own: Any, other: Any, word: str, found: list[Any]) -> bool:
    """Whether the policies of one side's pod let the other side's through, by the text of the API's definition."""
    mine = [p for p in found if p[0] == own[0] and p[1] in (None, own[1]) and word in p[2]]
    return not mine or any(
        other[1] == peer.get("app", other[1]) and (peer.get("space", own[0]) in ("any", other[0]))
        for policy in mine
        for peer in policy[2][word]
    )


def believed(source: Any, target: Any, found: list[Any], broken: list[Any], down: set[str]) -> bool:
    """The second opinion: every cut and every policy looked at for this pair, and nothing else."""
    here, there = source[2], target[2]
    if {here, there} & down:
        return False
    for a, b in broken:
        if (here in a and there in b) or (there in a and here in b):
            return False
    return lets(source, target, "egress", found) and lets(target, source, "ingress", found)


@settings(max_examples=25)
@given(plans(), pods, policies, cuts, off)
def test_reachability_is_what_a_second_opinion_says(
    plan: tuple[list[NodeSpec], NetworkPlan],
    who: list[tuple[str, str, str]],
    found: list[Any],
    broken: list[Any],
    down: set[str],
) -> None:
    broken = [(a, b) for a, b in broken if not a & b]
    sim = Simulation(plan[0], 3, checking=True, plan=plan[1])
    sim.run_until("5s")
    sim.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    names = {}
    for number, (space, app, node) in enumerate(who):
        names[number] = f"{space}/p{number}"
        container = {"name": "c", "image": "registry.example/c:1", "ports": [{"containerPort": PORT}]}
        sim.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": f"p{number}", "namespace": space, "labels": {"app": app}},
                "spec": {"nodeName": node, "containers": [container]},
            }
        )
    sim.run_until("60s")
    pairs = list(itertools.permutations(range(len(who)), 2))
    everybody = sum(bool(sim.network.reach(names[a], names[b], PORT)) for a, b in pairs)
    assert everybody == len(who) * (len(who) - 1)
    for number, each in enumerate(found):
        sim.apply(policy_object(number, each))
    sim.run("10s")
    for a, b in broken:
        sim.world.network.cut(a, b)
    for name in down:
        sim.inject("node-crash", name)
    for a, b in pairs:
        for _ in range(2):  # and again, from what was remembered
            reached = bool(sim.network.reach(names[a], names[b], PORT))
            assert reached is believed(who[a], who[b], found, broken, down), (who[a], who[b])


@settings(max_examples=8)
@given(pods, policies)
def test_a_policy_that_selects_no_pod_changes_nothing(
    who: list[tuple[str, str, str]], found: list[Any]
) -> None:
    sim = Simulation(nodes=3, seed=3, checking=True)
    sim.run_until("5s")
    sim.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    for number, (space, app, node) in enumerate(who):
        sim.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": f"p{number}", "namespace": space, "labels": {"app": app}},
                "spec": {"nodeName": node, "containers": [{"name": "c", "image": "registry.example/c:1"}]},
            }
        )
    for number, each in enumerate(found):
        sim.apply(policy_object(number, each))
    sim.run_until("60s")
    before = {space: sim.network.matrix(space).cells for space in SPACES}
    for space in SPACES:
        nobody = policy_object(9, (space, "nobody", {"ingress": [], "egress": []}))
        sim.apply(nobody)
    sim.run("10s")
    assert {space: sim.network.matrix(space).cells for space in SPACES} == before
