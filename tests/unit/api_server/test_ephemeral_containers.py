"""pods/ephemeralcontainers: what may be added to a pod, and that nothing else is changed there."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest

from kcsim.api.http import Request, handle
from kcsim.simulation.simulation import Simulation

PATH = "/api/v1/namespaces/default/pods/web"
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {
        "containers": [{"name": "app", "image": "app:1"}],
        "volumes": [{"name": "data", "emptyDir": {}}],
    },
}
STRATEGIC = "application/strategic-merge-patch+json"


class Door:
    """The way into the API server."""

    def __init__(self) -> None:
        self.sim = Simulation(nodes=1, seed=1)
        self.sim.apply(POD)
        self.sim.run("20s")

    def __call__(
        self, method: str, body=None, media: str = STRATEGIC, part: str = "/ephemeralcontainers", query=""
    ):
        text = "" if body is None else json.dumps(body)
        answer = handle(
            self.sim.cluster().server, Request(method, PATH + part, query, {"Content-Type": media}, text)
        )
        return answer.code, answer.body

    def add(self, **container):
        given = {"name": "dbg", "image": "busybox", **container}
        return self("PATCH", {"spec": {"ephemeralContainers": [given]}})


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_container_is_added_and_nothing_else_is_taken(door):
    body = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"priority": 7, "ephemeralContainers": [{"name": "dbg", "image": "busybox"}]},
        "status": {"phase": "Failed"},
    }
    code, pod = door("PATCH", body)
    assert code == 200
    (container,) = pod["spec"]["ephemeralContainers"]
    assert (container["imagePullPolicy"], container["resources"]) == ("Always", {})
    assert (pod["metadata"]["generation"], pod["spec"]["priority"]) == (2, 0)
    assert pod["status"]["phase"] == "Running"
    assert "a" not in pod["metadata"].get("labels", {})
    assert door("GET")[1]["spec"]["ephemeralContainers"] == [container]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"name": "app"}, 'spec.ephemeralContainers[0].name: Duplicate value: "app"'),
        ({"image": ""}, "spec.ephemeralContainers[0].image: Required value"),
        (
            {"targetContainerName": "none"},
            'spec.ephemeralContainers[0].targetContainerName: Not found: "none"',
        ),
        (
            {"ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "1"}}},
            (
                "[spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container, "
                "spec.ephemeralContainers[0].resources: Forbidden: cannot be set for an Ephemeral Container]"
            ),
        ),
        (
            {"livenessProbe": {"exec": {"command": ["true"]}}},
            "spec.ephemeralContainers[0].livenessProbe: Forbidden: cannot be set for an Ephemeral Container",
        ),
        (
            {"volumeMounts": [{"name": "data", "mountPath": "/d", "subPath": "x"}]},
            (
                "spec.ephemeralContainers[0].volumeMounts[0].subPath: Forbidden: cannot be set for an Ephemeral "
                "Container"
            ),
        ),
    ],
    ids=["name", "image", "target", "ports", "probe", "mount"],
)
def test_what_is_refused(door, given, text):
    code, body = door.add(**given)
    assert (code, body["message"]) == (422, f'Pod "web" is invalid: {text}')


def test_what_was_added_stays_as_it_is(door):
    door.add()
    code, body = door.add(image="other")
    assert code == 422
    head = 'spec.ephemeralContainers: Forbidden: existing ephemeral containers "dbg" may not be changed\n'
    assert body["message"].startswith(f'Pod "web" is invalid: {head}')
    pod = deepcopy(door("GET")[1])
    del pod["spec"]["ephemeralContainers"]
    code, body = door("PUT", pod, "application/json")
    why = 'spec.ephemeralContainers: Forbidden: existing ephemeral containers "dbg" may not be removed\n'
    assert (code, body["message"]) == (422, f'Pod "web" is invalid: {why}')


def test_the_pod_itself_cannot_be_given_any(door):
    code, body = door("PATCH", {"spec": {"ephemeralContainers": [{"name": "d", "image": "b"}]}}, part="")
    assert code == 422
    assert "spec: Forbidden: pod updates may not change fields other than" in body["message"]
    new = {
        **POD,
        "metadata": {"name": "new"},
        "spec": {**POD["spec"], "ephemeralContainers": [{"name": "d"}]},
    }
    answer = handle(
        door.sim.cluster().server,
        Request("POST", "/api/v1/namespaces/default/pods", "", {}, json.dumps(new)),
    )
    assert "spec.ephemeralContainers: Forbidden: cannot be set on create" in answer.body["message"]


def test_a_static_pod_gets_none(door):
    door("PATCH", {"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}}, part="")
    code, body = door.add()
    assert (code, body["details"]["causes"][0]["message"]) == (
        422,
        "Forbidden: static pods do not support ephemeral containers",
    )


def test_an_applier_owns_no_more_than_the_containers(door):
    config = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"priority": 0, "ephemeralContainers": [{"name": "dbg", "image": "busybox"}]},
    }
    code, pod = door("PATCH", config, "application/apply-patch+yaml", query="fieldManager=me&force=true")
    assert code == 200
    (own,) = [entry for entry in pod["metadata"]["managedFields"] if entry["manager"] == "me"]
    assert own["subresource"] == "ephemeralcontainers"
    assert list(own["fieldsV1"]["f:spec"]) == ["f:ephemeralContainers"]
