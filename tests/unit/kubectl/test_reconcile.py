"""kubectl auth reconcile, word for word as kubectl answered against this server."""

from __future__ import annotations

import json

import pytest

from kcsim.simulation.simulation import Simulation

GROUP = "rbac.authorization.k8s.io"


@pytest.fixture
def sim():
    sim = Simulation(nodes=0, seed=1)
    sim.kubectl("create ns shop")
    return sim


def role(*resources, verbs=("get",), **metadata):
    rules = [{"apiGroups": [""], "resources": list(resources), "verbs": list(verbs)}]
    metadata = {"name": "r", "namespace": "shop", **metadata}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": metadata, "rules": rules}


def binding(to, *users):
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "b", "namespace": "shop"},
        "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": to},
        "subjects": [{"apiGroup": GROUP, "kind": "User", "name": user} for user in users],
    }


def reconcile(sim, obj, flags=""):
    answer = sim.kubectl(f"auth reconcile -f - {flags}", stdin=json.dumps(obj))
    return answer.stdout, answer.stderr


def line(verb, resource):
    return f"\t\t{{Verbs:[{verb}] APIGroups:[] Resources:[{resource}] ResourceNames:[] NonResourceURLs:[]}}\n"


DONE = f"role.{GROUP}/r reconciled\n"


def test_a_role_is_made_and_gets_what_it_lacks(sim):
    missing = "\tmissing rules added:\n"
    assert reconcile(sim, role("pods")) == (
        DONE,
        f"\treconciliation required create\n{missing}{line('get', 'pods')}",
    )
    assert reconcile(sim, role("pods")) == (DONE, "")
    more = role("pods", "services", verbs=("get", "list"), labels={"a": "b"})
    assert reconcile(sim, more) == (
        DONE,
        (
            f"\treconciliation required update\n{missing}{line('list', 'pods')}"
            f"{line('get', 'services')}{line('list', 'services')}"
        ),
    )
    live = sim.get("role/r", namespace="shop")
    assert live["metadata"]["labels"] == {"a": "b"}
    assert [rule["resources"] for rule in live["rules"]] == [["pods"], ["pods"], ["services"], ["services"]]


def test_what_is_too_much_goes_when_asked_for(sim):
    reconcile(sim, role("pods", verbs=("get", "list")))
    assert reconcile(sim, role("pods"), "--remove-extra-permissions")[1] == (
        f"\treconciliation required update\n\textra rules removed:\n{line('list', 'pods')}"
    )
    assert sim.get("role/r", namespace="shop")["rules"] == role("pods")["rules"]


def test_a_dry_run_and_a_protected_role_change_nothing(sim):
    assert reconcile(sim, role("pods"), "--dry-run=client")[0] == f"role.{GROUP}/r reconciled (dry run)\n"
    assert "NotFound" in sim.kubectl("get role r -n shop").stderr
    key = "rbac.authorization.kubernetes.io/autoupdate"
    reconcile(sim, role("pods", annotations={key: "false"}))
    told = reconcile(sim, role("secrets"))[1]
    assert told.startswith(f"\treconciliation required update, but object opted out ({key}: false)\n")
    assert sim.get("role/r", namespace="shop")["rules"] == role("pods")["rules"]


def test_a_binding_gets_subjects_and_is_made_anew_for_another_role(sim):
    assert reconcile(sim, binding("r", "u")) == (
        f"rolebinding.{GROUP}/b reconciled\n",
        (
            "\treconciliation required create\n\tmissing subjects added:\n"
            f"\t\t{{Kind:User APIGroup:{GROUP} Name:u Namespace:}}\n"
        ),
    )
    before = sim.get("rolebinding/b", namespace="shop")["metadata"]["uid"]
    reconcile(sim, binding("r", "v"))
    assert [s["name"] for s in sim.get("rolebinding/b", namespace="shop")["subjects"]] == ["u", "v"]
    reconcile(sim, binding("r", "v"), "--remove-extra-subjects")
    assert [s["name"] for s in sim.get("rolebinding/b", namespace="shop")["subjects"]] == ["v"]
    assert reconcile(sim, binding("other", "w"))[1] == "\treconciliation required recreate\n"
    assert sim.get("rolebinding/b", namespace="shop")["metadata"]["uid"] != before


def test_a_namespace_that_is_not_there_is_made(sim):
    reconcile(sim, role("pods", namespace="new"))
    assert sim.get("namespace/new")["status"]["phase"] == "Active"
