"""Deleting a namespace: pods before the rest, waiting for grace and finalizers, conditions, finalization."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.cluster.controllers.namespace.controller import LIMITS, NamespaceController
from kcsim.engine.clock import SECOND


@pytest.fixture
def world(make_world):
    world = make_world()
    world.run_controllers(NamespaceController(), limits=LIMITS)
    return world


def exists(world):
    return "shop" in world.names("namespaces", "")


def conditions(world):
    namespace = world.get("namespaces", "shop", "")
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in objects.conditions(namespace)}


def config_map(make, **metadata):
    obj = make.manifest("v1", "ConfigMap", "settings")
    obj["metadata"].update(metadata)
    return obj


def test_an_empty_namespace_goes_after_five_seconds(world):
    world.do(world.client.delete("namespaces", "", "shop"))
    world.run("4.9s")
    assert exists(world)
    assert world.get("namespaces", "shop", "")["status"]["phase"] == "Terminating"
    world.run("1s")
    assert not exists(world)
    world.run("10s")
    steps = world.engine.steps
    world.run("1h")
    assert world.engine.steps == steps


def test_pods_are_gone_before_anything_else_is_touched(world, make):
    world.nodes.gone_after = 10 * SECOND
    pod = make.manifest("v1", "Pod", "web", spec=make.pod_template()["spec"])
    world.do(world.client.create("pods", pod))
    world.do(world.client.create("configmaps", config_map(make)))
    world.run("2s")
    world.do(world.client.delete("namespaces", "", "shop"))
    world.run("6s")
    assert objects.is_deleting(world.get("pods", "web"))
    assert world.names("configmaps") == ["settings"]
    assert conditions(world)["NamespaceContentRemaining"] == (
        "True",
        "SomeResourcesRemain",
        "Some resources are remaining: pods. has 1 resource instances",
    )
    assert conditions(world)["NamespaceDeletionContentFailure"][0] == "False"
    world.run("30s")
    assert not exists(world)


def test_a_finalizer_holds_the_namespace(world, make):
    world.do(world.client.create("configmaps", config_map(make, finalizers=["example.com/hold"])))
    world.do(world.client.delete("namespaces", "", "shop"))
    world.run("1m")
    assert conditions(world)["NamespaceFinalizersRemaining"] == (
        "True",
        "SomeFinalizersRemain",
        "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
    )
    world.patch("configmaps", "settings", {"metadata": {"finalizers": None}})
    world.run("10s")
    assert not exists(world)
