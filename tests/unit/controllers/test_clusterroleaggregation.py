"""ClusterRoles that are made of others, as upstream's controller and its tests have it."""

from __future__ import annotations

import pytest

from kcsim.cluster.controllers.clusterroleaggregation.controller import aggregated
from kcsim.simulation.simulation import Simulation

READ = {"apiGroups": ["Foo"], "resources": ["bar"], "verbs": ["get"]}
WRITE = {"apiGroups": ["Foo"], "resources": ["bar"], "verbs": ["update"]}


def role(name, *rules, labels=None, **more):
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": labels or {}},
        "rules": list(rules),
        **more,
    }


def combined(name="combined", **labels):
    selectors = [{"matchLabels": {key: value}} for key, value in labels.items()]
    return role(name, aggregationRule={"clusterRoleSelectors": selectors})


def test_rules_come_in_the_order_of_selectors_and_names_each_once():
    roles = [
        role("b", WRITE, READ, labels={"a": "1"}),
        role("a", READ, labels={"a": "1", "b": "1"}),
        role("c", {**READ, "verbs": ["list"]}, labels={"b": "1"}),
        role("stranger", {**READ, "verbs": ["watch"]}),
    ]
    assert aggregated(combined(a="1", b="1"), roles) == [READ, WRITE, {**READ, "verbs": ["list"]}]


def test_a_role_does_not_aggregate_itself():
    own = role(
        "combined",
        READ,
        labels={"a": "1"},
        aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"a": "1"}}]},
    )
    assert aggregated(own, [own]) == []


@pytest.fixture
def sim():
    made = Simulation(nodes=0, seed=1)
    made.apply(combined(team="shop"))
    made.apply(role("shop-reads", READ, labels={"team": "shop"}))
    made.run("5s")
    return made


def test_what_is_selected_later_counts_too_and_what_leaves_does_not(sim):
    assert sim.get("clusterrole/combined")["rules"] == [READ]
    sim.apply(role("shop-writes", WRITE, labels={"team": "shop"}))
    sim.run("5s")
    assert sim.get("clusterrole/combined")["rules"] == [READ, WRITE]
    sim.kubectl("label clusterrole shop-reads team-")
    sim.run("5s")
    assert sim.get("clusterrole/combined")["rules"] == [WRITE]
    sim.kubectl("delete clusterrole shop-writes")
    sim.run("5s")
    assert not sim.get("clusterrole/combined").get("rules")


def test_what_somebody_writes_into_the_rules_is_overwritten(sim):
    sim.kubectl(
        """patch clusterrole combined --type=merge -p '{"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}'"""
    )
    sim.run("5s")
    assert sim.get("clusterrole/combined")["rules"] == [READ]


def test_a_definition_of_ones_own_opens_to_those_who_may_view(sim):
    sim.apply(
        role(
            "banner-view",
            {"apiGroups": ["shop.example"], "resources": ["banners"], "verbs": ["get"]},
            labels={"rbac.authorization.k8s.io/aggregate-to-view": "true"},
        )
    )
    sim.run("5s")
    for name in ("view", "edit", "admin"):
        assert any("banners" in rule.get("resources", ()) for rule in sim.get(f"clusterrole/{name}")["rules"])
