"""The roles and bindings of a new cluster."""

from __future__ import annotations

import pytest

from kcsim.cluster.controllers.clusterroleaggregation.controller import aggregated
from kcsim.simulation.bootstrap_policy import cluster_role_bindings, cluster_roles, role_bindings, roles
from kcsim.simulation.simulation import Simulation

ROLES = {role["metadata"]["name"]: role for role in cluster_roles()}


def test_roles_have_the_rules_of_what_they_aggregate():
    sim = Simulation(nodes=0, seed=1)
    roles = sim.list("clusterroles")
    for name in ("view", "edit", "admin"):
        role = sim.get(f"clusterrole/{name}")
        assert role["rules"] == aggregated(role, roles)
        assert role["rules"]


def test_a_controller_manager_finds_nothing_to_do_in_them():
    sim = Simulation(nodes=0, seed=1)
    sim.run("1m")
    server = sim.cluster().server
    roles = server.catalog.by_word("clusterroles")
    for name in ("view", "edit", "admin"):
        assert len(list(server.log.history(roles, ("", name)))) == 2


def test_every_binding_has_its_role():
    for binding in cluster_role_bindings():
        assert binding["roleRef"]["name"] in ROLES
    known = {(role["metadata"]["namespace"], role["metadata"]["name"]) for role in roles()}
    for binding in role_bindings():
        assert (binding["metadata"]["namespace"], binding["roleRef"]["name"]) in known


def test_each_controller_has_a_role_bound_to_its_account():
    sim = Simulation(nodes=0, seed=1)
    names = [name for name in ROLES if name.startswith("system:controller:")]
    assert len(names) == 38
    for question, answer in (
        ("delete pods", "yes"),
        ("update replicasets.apps/status", "yes"),
        ("get secrets", "no"),
    ):
        asked = f"auth can-i {question} --as=system:serviceaccount:kube-system:replicaset-controller"
        assert sim.kubectl(asked).stdout.strip() == answer
    for name in names:
        (subject,) = sim.get(f"clusterrolebinding/{name}")["subjects"]
        assert subject == {
            "kind": "ServiceAccount",
            "name": name.removeprefix("system:controller:"),
            "namespace": "kube-system",
        }


@pytest.mark.parametrize(
    ("role", "question", "answer"),
    [
        ("view", "get pods", "yes"),
        ("view", "get pods/log", "yes"),
        ("view", "get secrets", "no"),
        ("view", "create pods", "no"),
        ("edit", "create deployments.apps", "yes"),
        ("edit", "get secrets", "yes"),
        ("edit", "create pods/eviction", "yes"),
        ("edit", "patch resourcequotas", "no"),
        ("edit", "create roles.rbac.authorization.k8s.io", "no"),
        ("edit", "update endpoints", "no"),
        ("admin", "create roles.rbac.authorization.k8s.io", "yes"),
        ("admin", "delete namespaces", "no"),
    ],
)
def test_who_holds_a_role_of_a_namespace_may_do_what_upstream_lets_them(role, question, answer):
    sim = Simulation(nodes=0, seed=1)
    sim.kubectl(f"create rolebinding them --clusterrole={role} --user=dana -n default")
    assert sim.kubectl(f"auth can-i {question} --as=dana -n default").stdout.strip() == answer
