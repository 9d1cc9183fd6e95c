"""Dependents after their owners: background, foreground, orphan; absent, second and foreign owners."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.cluster.controllers.deployment.controller import DeploymentController
from kcsim.cluster.controllers.garbagecollector.controller import LIMITS, GarbageCollector
from kcsim.cluster.controllers.replicaset.controller import ReplicaSetController
from kcsim.engine.clock import SECOND


@pytest.fixture
def world(make_world, make):
    world = make_world()
    world.manager.run(GarbageCollector(), LIMITS)
    world.run_controllers(DeploymentController(), ReplicaSetController(), limits=make.unlimited)
    world.do(world.client.create("deployments", make.deployment(3)))
    world.run("5s")
    return world


@pytest.fixture
def bare(make_world):
    world = make_world()
    world.run_controllers(GarbageCollector(), limits=LIMITS)
    world.run("1s")
    return world


def config_map(world, make, name, *owners, **fields):
    obj = make.manifest("v1", "ConfigMap", name)
    refs = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": objects.name(o), "uid": objects.uid(o), **fields}
        for o in owners
    ]
    obj["metadata"]["ownerReferences"] = refs
    return world.do(world.client.create("configmaps", obj))


def test_a_deployments_sets_and_pods_go_with_it(world):
    world.do(world.client.delete("deployments", "shop", "web", propagation="Background"))
    world.run("1s")
    assert world.names("replicasets") == []
    assert all(objects.is_deleting(pod) for pod in world.list("pods"))
    world.run("5s")
    assert world.names("pods") == []


def test_foreground_removes_the_owner_last(world):
    world.nodes.gone_after = 7 * SECOND
    world.do(world.client.delete("deployments", "shop", "web", propagation="Foreground"))
    world.run("5s")
    assert world.names("deployments") == ["web"]
    assert all(objects.is_deleting(pod) for pod in world.list("pods"))
    world.run("5s")
    assert (world.names("deployments"), world.names("replicasets"), world.names("pods")) == ([], [], [])


def test_orphans_stay_without_their_owner(world):
    world.do(world.client.delete("deployments", "shop", "web", propagation="Orphan"))
    world.run("2s")
    assert world.names("deployments") == []
    (rs,) = world.list("replicasets")
    assert objects.owner_refs(rs) == []
    assert len(world.names("pods")) == 3


def test_an_owner_that_never_was(bare, make):
    ghost = {"metadata": {"name": "ghost", "uid": "11111111-1111-1111-1111-111111111111"}}
    config_map(bare, make, "child", ghost)
    bare.run("1s")
    assert bare.names("configmaps") == []


def test_one_living_owner_is_enough_and_the_dead_one_is_struck(bare, make):
    one, two = config_map(bare, make, "one"), config_map(bare, make, "two")
    config_map(bare, make, "child", one, two)
    bare.run("1s")
    bare.do(bare.client.delete("configmaps", "shop", "one"))
    bare.run("1s")
    assert [ref["name"] for ref in objects.owner_refs(bare.get("configmaps", "child"))] == ["two"]
    bare.do(bare.client.delete("configmaps", "shop", "two"))
    bare.run("1s")
    assert bare.names("configmaps") == []


def test_a_new_object_of_the_old_name_is_no_owner(bare, make):
    old = config_map(bare, make, "owner")
    config_map(bare, make, "child", old)
    bare.run("1s")
    bare.do(bare.client.delete("configmaps", "shop", "owner"))
    config_map(bare, make, "owner")
    bare.run("1s")
    assert bare.names("configmaps") == ["owner"]


def test_a_chain_falls_from_the_top(bare, make):
    above = config_map(bare, make, "c0")
    for i in range(1, 6):
        above = config_map(bare, make, f"c{i}", above)
    bare.run("1s")
    bare.do(bare.client.delete("configmaps", "shop", "c0"))
    bare.run("1s")
    assert bare.names("configmaps") == []


def test_a_circle_deleted_in_the_foreground_does_not_lock(bare, make):
    a = config_map(bare, make, "a")
    b = config_map(bare, make, "b", a, blockOwnerDeletion=True)
    ref = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "b",
        "uid": objects.uid(b),
        "blockOwnerDeletion": True,
    }
    bare.patch("configmaps", "a", {"metadata": {"ownerReferences": [ref]}})
    bare.run("1s")
    bare.do(bare.client.delete("configmaps", "shop", "a", propagation="Foreground"))
    bare.run("5s")
    assert bare.names("configmaps") == []


def test_after_a_crash_the_graph_is_built_anew(bare, make):
    owner = config_map(bare, make, "owner")
    config_map(bare, make, "child", owner)
    bare.run("1s")
    bare.manager.stop()
    bare.do(bare.client.delete("configmaps", "shop", "owner"))
    bare.run("10s")
    assert bare.names("configmaps") == ["child"]
    bare.manager.start()
    bare.run("2s")
    assert bare.names("configmaps") == []


def test_owners_from_inside_a_namespace_cannot_own_cluster_scoped_objects(bare, make):
    owner = config_map(bare, make, "owner")
    role = make.manifest("rbac.authorization.k8s.io/v1", "ClusterRole", "reader", None, rules=[])
    ref = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": objects.uid(owner)}
    role["metadata"]["ownerReferences"] = [ref]
    bare.do(bare.client.create("clusterroles", role))
    bare.do(bare.client.delete("configmaps", "shop", "owner"))
    bare.run("2s")
    assert "reader" in bare.names("clusterroles", "")
    (event,) = bare.list("events", "default")
    assert event["reason"] == "OwnerRefInvalidNamespace"


def test_quiet_when_idle(bare, make):
    owner = config_map(bare, make, "owner")
    config_map(bare, make, "child", owner)
    bare.run("10s")
    steps = bare.engine.steps
    bare.run("24h")
    assert bare.engine.steps == steps
