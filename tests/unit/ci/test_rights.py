"""What a deployer may do, and how far its credentials reach."""

from __future__ import annotations

import pytest

from kcsim.api.request import ADMIN, User
from kcsim.delivery.ci.rights import Deployer, Reach, rbac_objects, reach
from kcsim.delivery.ci.runs import RUN_STATES, STAGE_STATES

RULE = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}


def kinds(deployer):
    return [
        (obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"])
        for obj in rbac_objects(deployer)
    ]


@pytest.mark.parametrize(
    ("deployer", "wanted"),
    [
        (Deployer(), [("ClusterRoleBinding", None, "ci-deployer")]),
        (
            Deployer(cluster_role="edit", namespaces=("shop", "cart")),
            [
                ("Namespace", None, "shop"),
                ("Namespace", None, "cart"),
                ("RoleBinding", "shop", "ci-deployer"),
                ("RoleBinding", "cart", "ci-deployer"),
            ],
        ),
        (
            Deployer(rules=(RULE,)),
            [("ClusterRole", None, "ci-deployer-rights"), ("ClusterRoleBinding", None, "ci-deployer")],
        ),
        (
            Deployer("system:serviceaccount:ci:robot", "edit"),
            [
                ("Namespace", None, "ci"),
                ("ServiceAccount", "ci", "robot"),
                ("ClusterRoleBinding", None, "ci:robot"),
            ],
        ),
        (Deployer(cluster_role=None), []),
    ],
)
def test_objects_an_administrator_makes(deployer, wanted):
    assert kinds(deployer) == wanted


def test_a_service_account_is_bound_as_one():
    deployer = Deployer("system:serviceaccount:ci:robot", "edit")
    assert rbac_objects(deployer)[-1]["subjects"] == [
        {"kind": "ServiceAccount", "name": "robot", "namespace": "ci"}
    ]
    assert "system:serviceaccounts:ci" in deployer.identity().groups


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ([], "nothing"),
        ([(None, {**RULE, "verbs": ["get", "list", "watch"]})], "nothing"),
        ([(None, {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})], "everything in the cluster"),
        ([(None, RULE)], "deployments.apps in the whole cluster"),
        (
            [("shop", RULE), ("cart", {**RULE, "apiGroups": [""], "resources": ["pods"]})],
            "pods in cart; deployments.apps in shop",
        ),
    ],
)
def test_reach_is_what_can_be_written(rules, text):
    found = reach(User("x"), rules)
    assert str(found) == text
    assert found.can_change is (text != "nothing")


def test_masters_reach_everything():
    assert reach(ADMIN, []) == Reach(("*",))


def test_credentials_kept_by_the_ci_system(make_world):
    world = make_world(deployer=Deployer(cluster_role="cluster-admin", namespaces=("shop",)))
    world.pipeline()
    (credential,) = world.ci.credentials()
    assert (credential.holder, credential.host, credential.user) == (
        "pipeline shop",
        "ci.example",
        "ci-deployer",
    )
    assert str(credential.reach) == "* in shop"
    assert not credential.reach.is_whole_cluster


@pytest.mark.parametrize("table", [RUN_STATES, STAGE_STATES])
def test_every_state_is_reached_and_ends_are_ends(table):
    reached = set(table.values())
    started = {state for state, _ in table} - reached
    assert len(started) == 1
    assert {state for state, _ in table} & {"succeeded", "failed", "canceled", "skipped"} == set()
