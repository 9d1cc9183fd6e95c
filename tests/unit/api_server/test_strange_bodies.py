"""The front door answers whatever a client can send with an object or a Status, and never with a Python error."""

import base64
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


@pytest.mark.parametrize(
    ("method", "path", "body", "media", "code", "text"),
    [
        (
            "DELETE",
            "/pods/p",
            {"propagationPolicy": {"a": "b"}},
            "json",
            400,
            "cannot unmarshal object into Go struct",
        ),
        ("DELETE", "/pods/p", {"propagationPolicy": [1]}, "json", 400, "DeleteOptions.propagationPolicy"),
        ("DELETE", "/pods/p", {"preconditions": -1}, "json", 400, "DeleteOptions.preconditions"),
        (
            "POST",
            "/pods/p/binding",
            {"target": 1},
            "json",
            400,
            'Binding in version "v1" cannot be handled as',
        ),
        ("POST", "/pods/p/eviction", {"deleteOptions": 1}, "json", 400, "Eviction.deleteOptions"),
        ("POST", "/serviceaccounts/default/token", {"spec": 1}, "json", 400, "TokenRequest.spec"),
        ("POST", "/serviceaccounts/default/token", {"spec": {"expirationSeconds": None}}, "json", 201, ""),
        ("PUT", "/replicationcontrollers/rc/scale", {"metadata": "-5"}, "json", 400, "Scale.metadata"),
        (
            "PATCH",
            "/replicationcontrollers/rc/scale",
            {"spec": "1e40"},
            "merge-patch+json",
            422,
            "Scale.spec",
        ),
        (
            "PATCH",
            "/replicationcontrollers/rc/scale",
            '{"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": [1]}',
            "apply-patch+yaml",
            500,
            "failed to create typed patch object",
        ),
        (
            "PATCH",
            "/pods/p",
            [{"op": "add", "path": "", "value": 1}],
            "json-patch+json",
            422,
            "couldn't get version/kind",
        ),
    ],
)
def test_bodies_of_subresources_and_options_are_read_as_their_kinds(
    server, method, path, body, media, code, text
):
    ask(server, "POST", "/api/v1/namespaces/default/pods", POD)
    ask(server, "POST", "/api/v1/namespaces/default/replicationcontrollers", CONTROLLER)
    before = server.log.revision
    answer = ask(server, method, f"/api/v1/namespaces/default{path}", body, f"application/{media}")
    assert (answer.code, text in answer.body.get("message", "")) == (code, True)
    assert server.log.revision == before


CONTROLLER = {
    "apiVersion": "v1",
    "kind": "ReplicationController",
    "metadata": {"name": "rc"},
    "spec": {
        "selector": {"app": "web"},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "web:1"}]},
        },
    },
}


def test_an_empty_event_and_an_empty_set_are_refused_by_validation(server):
    events = "/apis/events.k8s.io/v1/namespaces/default/events"
    assert ask(server, "POST", events, None).code == 422
    body = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "x"}}
    assert ask(server, "POST", "/apis/apps/v1/namespaces/default/statefulsets", body).code == 422


def test_a_binding_to_no_role_is_refused(server):
    person = {"Impersonate-User": "alice"}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"}}
    rules = [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings"], "verbs": ["create"]}]
    place = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    ask(server, "POST", f"{place}/roles", {**role, "rules": rules})
    bound = {
        **role,
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"}],
    }
    assert ask(server, "POST", f"{place}/rolebindings", bound).code == 201
    for ref, text in (
        (None, 'unsupported role reference kind: ""'),
        ({"kind": "ClusterRole", "name": None}, "not found"),
    ):
        body = {**bound, "metadata": {"name": "other"}, "roleRef": ref}
        answer = handle(server, Request("POST", f"{place}/rolebindings", "", person, body))
        assert text in answer.body["message"]


@pytest.mark.parametrize("place", ["items", "additionalProperties"])
def test_schemas_below_schemas_are_read_as_schemas(server, place):
    schema = {"type": "array" if place == "items" else "object", place: {"type": "object", "required": [{}]}}
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget"}
    version = {"name": "v1", "served": True, "storage": True}
    version["schema"] = {"openAPIV3Schema": {"type": "object", "properties": {"a": schema}}}
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }
    answer = ask(server, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body)
    assert answer.code == 400
    assert "cannot unmarshal object into Go struct field JSONSchemaProps" in answer.body["message"]


def test_a_port_of_the_host_without_a_number_is_refused(server):
    spec = {"hostNetwork": True, "containers": [{"name": "c", "image": "web:1", "ports": [{"name": "http"}]}]}
    answer = ask(server, "POST", "/api/v1/namespaces/default/pods", {**POD, "spec": spec})
    assert answer.code == 422
    assert "spec.containers[0].ports[0].containerPort: Required value" in answer.body["message"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xcf", "invalid character 'Ï' looking for beginning of value"),
        (b"[]", "json: cannot unmarshal array into Go value of type storage.continueToken"),
        (b'{"rv": "1"}', "json: cannot unmarshal string into Go struct field continueToken.rv of type int64"),
        (b"{}", "server does not recognize this encoded version"),
        (
            b'{"v": "meta.k8s.io/v1"}',
            "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
        ),
        (b'{"v": "meta.k8s.io/v1", "rv": 1}', "encoded start key empty (version meta.k8s.io/v1)"),
    ],
)
def test_tokens_that_nobody_gave(content: bytes, why: str) -> None:
    server = Simulation(nodes=1, seed=1).cluster().server
    token = base64.urlsafe_b64encode(content).decode().rstrip("=")
    answer = handle(server, Request("GET", "/api/v1/pods", {"continue": token}))
    message = f"invalid continue token: continue key is not valid: {why}"
    assert (answer.code, answer.body["message"]) == (400, message)


def test_patches_that_are_too_long_or_nothing() -> None:
    server = Simulation(nodes=1, seed=1).cluster().server
    path, test = "/api/v1/namespaces/default", {"op": "test", "path": "/kind", "value": "Namespace"}
    headers = {"Content-Type": "application/json-patch+json"}
    assert handle(server, Request("PATCH", path, headers=headers, body=[test] * 10_000)).code == 200
    long = handle(server, Request("PATCH", path, headers=headers, body=[test] * 10_001))
    assert (long.code, long.body["reason"], long.body["message"]) == (
        413,
        "RequestEntityTooLarge",
        "Request entity is too large: The allowed maximum operations in a JSON patch is 10000, got 10001",
    )
    for kind, code in (("json-patch", 200), ("strategic-merge-patch", 200), ("merge-patch", 400)):
        headers = {"Content-Type": f"application/{kind}+json"}
        nothing = handle(server, Request("PATCH", path, headers=headers, body="null"))
        assert nothing.code == code
    assert nothing.body["message"] == "Invalid JSON Patch"
