"""The front door answers whatever a client can send with an object or a Status, and never with a Python error."""

import itertools
import json

import pytest

from kcsim import Simulation
from kcsim.api.http import Request, Response, handle

JUNK = (None, 1, "x", True, [], {}, [None], [1], [{}], {"a": None})
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "labels": {"app": "web"}},
    "spec": {
        "containers": [{"name": "c", "image": "web:1", "args": ["-v"], "ports": [{"containerPort": 80}]}],
        "tolerations": [{"key": "k", "operator": "Exists"}],
    },
}
ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "r"},
    "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
}
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "n"},
    "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]},
}
PLACES = {
    "Pod": "/api/v1/namespaces/default/pods",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
    "Node": "/api/v1/nodes",
}


@pytest.fixture
def server():
    sim = Simulation(nodes=1, seed=1)
    sim.run_until("10s")
    return sim.cluster().server


def ask(server, method, path, body, media="application/json"):
    answer = handle(server, Request(method, path, "fieldManager=me", {"Content-Type": media}, body))
    assert isinstance(answer, Response)
    if answer.code >= 400:
        assert answer.body["kind"] == "Status"
        assert answer.body["message"]
    return answer


def spots(value, before=()):
    yield before
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield from spots(item, (*before, key))


def with_junk(value, spot, junk):
    if not spot:
        return junk
    copy = value.copy()
    copy[spot[0]] = with_junk(value[spot[0]], spot[1:], junk)
    return copy


@pytest.mark.parametrize("manifest", [POD, ROLE, NODE], ids=lambda m: m["kind"])
def test_junk_in_any_place_gets_an_answer(server, manifest):
    place, name = PLACES[manifest["kind"]], manifest["metadata"]["name"]
    for spot, junk in itertools.product(spots(manifest), JUNK):
        body = with_junk(manifest, spot, junk)
        ask(server, "POST", place, body)
        ask(server, "PATCH", f"{place}/{name}", json.dumps(body), "application/apply-patch+yaml")
        ask(server, "DELETE", f"{place}/{name}", None)


def test_a_pod_without_a_spec_is_told_what_it_lacks(server):
    answer = ask(
        server, "POST", PLACES["Pod"], {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    )
    assert answer.code == 422
    assert "spec.containers: Required value" in answer.body["message"]


def test_a_null_in_a_list_is_an_empty_element(server):
    answer = ask(server, "POST", PLACES["Role"], {**ROLE, "rules": [None]})
    assert answer.code == 422
    assert "rules[0].verbs: Required value" in answer.body["message"]
    labels = {**POD["metadata"], "labels": {"app": None}}
    assert ask(server, "POST", PLACES["Pod"], {**POD, "metadata": labels}).body["metadata"]["labels"] == {
        "app": ""
    }
