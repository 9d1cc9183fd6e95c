"""Pods that nothing else will remove, at the 20 s marks."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.cluster.controllers.podgc.candidates import terminated_surplus
from kcsim.cluster.controllers.podgc.controller import PodGarbageCollector
from kcsim.engine.clock import HOUR, SECOND


@pytest.fixture
def world(make_world):
    world = make_world()
    world.nodes.gone_after = HOUR
    world.run_controllers(PodGarbageCollector(terminated_threshold=2))
    return world


def add_pod(world, make, name="web", **metadata):
    pod = make.manifest("v1", "Pod", name, spec=make.pod_template()["spec"])
    pod["metadata"].update(metadata)
    return world.do(world.client.create("pods", pod))


def test_nothing_runs_while_nothing_can_be_collected(world, make):
    add_pod(world, make)
    world.run("30s")
    steps = world.engine.steps
    world.run("24h")
    assert world.engine.steps == steps


def test_pods_of_a_vanished_node_go_after_quarantine(world, make):
    add_pod(world, make)
    world.run("5s")
    world.do(world.client.delete("nodes", "", world.get("pods", "web")["spec"]["nodeName"]))
    # Missed at the pass at 20 s, released at the one at 60 s.
    world.run("54.9s")
    assert world.names("pods") == ["web"]
    world.run("1s")
    assert world.names("pods") == []
    last = next(o for _, o in reversed(world.history("pods", "web")))
    assert last["status"]["phase"] == "Failed"
    condition = objects.condition(last, "DisruptionTarget")
    assert (condition["reason"], condition["message"]) == ("DeletionByPodGC", "PodGC: node no longer exists")


def test_a_node_that_comes_back_keeps_its_pods(world, make):
    add_pod(world, make)
    world.run("5s")
    node = world.get("nodes", world.get("pods", "web")["spec"]["nodeName"], "")
    world.do(world.client.delete("nodes", "", objects.name(node)))
    world.run("30s")
    world.do(world.client.create("nodes", make.manifest("v1", "Node", objects.name(node), None)))
    world.run("5m")
    assert world.names("pods") == ["web"]
    steps = world.engine.steps
    world.run("1h")
    assert world.engine.steps == steps


def test_terminating_pods_of_a_node_out_of_service(world, make):
    add_pod(world, make)
    world.run("2s")
    node = world.get("pods", "web")["spec"]["nodeName"]
    world.do(world.client.delete("pods", "shop", "web"))
    world.run("2m")
    assert world.names("pods") == ["web"]
    taint = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
    world.patch("nodes", node, {"spec": {"taints": [taint]}}, "")
    world.run("21s")
    assert world.names("pods") == []


def test_ended_pods_beyond_the_threshold(world, make):
    for i in range(4):
        add_pod(world, make, f"job-{i}")
        world.run("1.5s")
        world.nodes.report(("shop", f"job-{i}"), False, "Succeeded")
    world.run("20s")
    assert world.names("pods") == ["job-2", "job-3"]


def test_evicted_pods_go_before_older_ones():
    def ended(name, created, **status):
        metadata = {"name": name, "creationTimestamp": f"2026-01-01T00:00:{created:02}Z"}
        return {"metadata": metadata, "status": status}

    pods = [
        ended("old", 1, phase="Succeeded"),
        ended("evicted", 9, phase="Failed", reason="Evicted"),
        ended("young", 5, phase="Failed"),
        ended("running", 0, phase="Running"),
    ]
    chosen = [objects.name(pod) for pod in terminated_surplus(pods, 1)]
    assert chosen == ["evicted", "old"]


def test_a_pod_held_by_a_finalizer_is_not_tried_for_ever(world, make):
    world.nodes.watch.stop()
    add_pod(world, make, finalizers=["example.com/hold"])
    world.do(world.client.delete("pods", "shop", "web"))
    world.run("1m")
    steps = world.engine.steps
    world.run("1h")
    assert world.engine.steps == steps
    assert world.get("pods", "web")["status"]["phase"] == "Failed"
    assert world.engine.now > 60 * SECOND
