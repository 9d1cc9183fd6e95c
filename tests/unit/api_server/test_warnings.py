"""Warnings of the kinds reach whoever writes, also when the write is refused in the end."""

from __future__ import annotations

from kcsim.api.http import Request, handle
from kcsim.simulation.simulation import Simulation

_DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
_SERVICES = "/api/v1/namespaces/default/services"
_POD_TEMPLATE = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {
        "imagePullSecrets": [{"name": "a"}, {"name": "a"}],
        "containers": [{"name": "c", "image": "nginx"}],
    },
}
_TOLD = 'spec.template.spec.imagePullSecrets[1].name: duplicate name "a"'


def test_on_every_way_of_writing() -> None:
    server = Simulation(nodes=1, seed=1).cluster().server
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": _POD_TEMPLATE}
    body = {"metadata": {"name": "web"}, "spec": spec}
    made = handle(server, Request("POST", _DEPLOYMENTS, body=body))
    assert (made.code, made.warnings) == (201, (_TOLD,))
    assert made.headers["Warning"] == '299 - "' + _TOLD.replace('"', '\\"') + '"'
    taken = handle(server, Request("POST", _DEPLOYMENTS, body=body))
    assert (taken.code, taken.warnings) == (409, (_TOLD,))
    merge = {"Content-Type": "application/merge-patch+json"}
    patches = (({"spec": {"replicas": 2}}, (_TOLD,)), ({"metadata": {"labels": {"x": "y"}}}, ()))
    for patch, told in patches:
        answer = handle(server, Request("PATCH", f"{_DEPLOYMENTS}/web", headers=merge, body=patch))
        assert (answer.code, answer.warnings) == (200, told)


def test_a_refusal_leaves_no_warning_for_the_next_to_ask() -> None:
    server = Simulation(nodes=1, seed=1).cluster().server
    service = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}], "externalName": "x"}}
    for code in (201, 409):
        answer = handle(server, Request("POST", _SERVICES, body=service))
        assert answer.code == code
        assert answer.warnings == ('spec.externalName is ignored when spec.type is not "ExternalName"',)
    assert handle(server, Request("GET", f"{_SERVICES}/web")).warnings == ()
    other = {"metadata": {"name": "other"}, "spec": {"ports": [{"port": 80}]}}
    assert handle(server, Request("POST", _SERVICES, body=other)).warnings == ()
