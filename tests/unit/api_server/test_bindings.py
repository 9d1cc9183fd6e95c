"""Bindings by the path of old: the pod is bound, and nothing is stored."""

from __future__ import annotations

import pytest

from kcsim.api.http import Request, handle
from kcsim.simulation.simulation import Simulation

PATH = "/api/v1/namespaces/default/bindings"


@pytest.fixture
def sim():
    sim = Simulation(nodes=1, seed=1)
    sim.run("5s")
    pod = {"containers": [{"name": "web", "image": "nginx"}], "schedulerName": "nobody"}
    sim.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": pod})
    return sim


def bind(sim, name, path=PATH, **metadata):
    body = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name, **metadata},
        "target": {"kind": "Node", "name": "node-1"},
    }
    answer = handle(sim.cluster().server, Request("POST", path, body=body))
    return answer.code, answer.body


def test_the_pod_of_that_name_is_bound(sim):
    code, body = bind(sim, "web")
    assert (code, body["kind"], body["status"]) == (201, "Status", "Success")
    assert sim.get("pod/web")["spec"]["nodeName"] == "node-1"
    code, body = bind(sim, "web")
    assert (code, body["reason"]) == (409, "Conflict")
    assert body["message"].endswith('pod web is already assigned to node "node-1"')


def test_what_cannot_be_bound(sim):
    assert bind(sim, "nobody")[1]["message"] == 'pods "nobody" not found'
    assert bind(sim, "")[0] == 400
    assert bind(sim, "web", namespace="kube-system")[1]["message"] == (
        "the namespace of the provided object does not match the namespace sent on the request"
    )
    assert "nodeName" not in sim.get("pod/web")["spec"]
