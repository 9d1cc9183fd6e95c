"""Claims and volumes decide about nodes; waiting claims are bound before the pod is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

NewWorld = Callable[..., Any]
TAIL = "no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."


@pytest.fixture
def world(new_world: NewWorld) -> Any:
    """Two nodes in two zones, and a class that waits for its consumer."""
    world = new_world()
    for i in range(2):
        world.node(f"node-{i}", labels={"topology.kubernetes.io/zone": f"z{i}"})
    world.create(
        "storageclasses",
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "late"},
            "provisioner": "disks.example.com",
            "volumeBindingMode": "WaitForFirstConsumer",
            "allowedTopologies": [
                {"matchLabelExpressions": [{"key": "topology.kubernetes.io/zone", "values": ["z1"]}]}
            ],
        },
    )
    return world


def claim(world: Any, name: str, mode: str = "ReadWriteOnce", **spec: Any) -> dict[str, Any]:
    made: dict[str, Any] = world.create(
        "persistentvolumeclaims",
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}, **spec},
        },
    )
    return made


def volume(world: Any, name: str, zone: str = "", labels: dict[str, str] | None = None, **spec: Any) -> None:
    if zone:
        expression = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
    world.create(
        "persistentvolumes",
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name, "labels": labels or {}},
            "spec": {
                "capacity": {"storage": "2Gi"},
                "accessModes": ["ReadWriteOnce"],
                "csi": {"driver": "disks.example.com", "volumeHandle": name},
                **spec,
            },
        },
    )


def bind(world: Any, name: str, volume: str) -> None:
    """What the PersistentVolume controller does in the end."""
    done = {
        "metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
        "spec": {"volumeName": volume},
    }
    world.client.now(world.client.patch("persistentvolumeclaims", "shop", name, done))


def pod(world: Any, name: str, *claims: str, **spec: Any) -> None:
    """Create a pod once the scheduler has seen what there is."""
    world.run(1)
    world.pod(
        name,
        volumes=[{"name": c, "persistentVolumeClaim": {"claimName": c}} for c in claims],
        **spec,
    )


def test_an_absent_claim_is_waited_for(world: Any) -> None:
    pod(world, "p", "data")
    world.run(1)
    assert world.events("p")[0][1] == (
        '0/2 nodes are available: persistentvolumeclaim "data" not found. not found'
    )
    claim(world, "data")
    world.run(2)
    assert world.events("p")[-1][1] == (
        "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
    )


def test_a_bound_volume_draws_the_pod_to_where_it_can_be_reached(world: Any) -> None:
    volume(world, "v", zone="z1")
    claim(world, "data", storageClassName="")
    bind(world, "data", "v")
    pod(world, "p", "data")
    pod(world, "elsewhere", "data", nodeSelector={"topology.kubernetes.io/zone": "z0"})
    world.run(1)
    assert world.node_of("p") == "node-1"
    assert world.events("elsewhere")[0][1] == (
        "0/2 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity, "
        f"1 node(s) didn't match Pod's node affinity/selector. {TAIL}"
    )


def test_a_volume_with_zone_labels_stays_in_its_zone(world: Any) -> None:
    volume(world, "v", labels={"topology.kubernetes.io/zone": "z9__z8"})
    claim(world, "data", storageClassName="")
    bind(world, "data", "v")
    pod(world, "p", "data")
    world.run(1)
    assert world.events("p")[0][1] == (
        f"0/2 nodes are available: 2 node(s) had no available volume zone. {TAIL}"
    )


def test_a_claim_for_one_pod_is_used_by_one_pod(world: Any) -> None:
    volume(world, "v", accessModes=["ReadWriteOncePod"])
    claim(world, "data", mode="ReadWriteOncePod", storageClassName="")
    bind(world, "data", "v")
    pod(world, "first", "data")
    world.run(1)
    pod(world, "second", "data")
    world.run(1)
    assert "with the same name and ReadWriteOncePod access mode" in world.events("second")[0][1]
    world.delete("first")
    world.run(2)
    assert world.node_of("second")


def test_drivers_attach_only_so_many_volumes(world: Any) -> None:
    for i in range(2):
        world.create(
            "csinodes",
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "CSINode",
                "metadata": {"name": f"node-{i}"},
                "spec": {
                    "drivers": [
                        {"name": "disks.example.com", "nodeID": f"id-{i}", "allocatable": {"count": 1}}
                    ]
                },
            },
        )
    for i in range(3):
        volume(world, f"v{i}")
        claim(world, f"data-{i}", storageClassName="")
        bind(world, f"data-{i}", f"v{i}")
        pod(world, f"p{i}", f"data-{i}")
        world.run(1)
    assert {world.node_of("p0"), world.node_of("p1")} == {"node-0", "node-1"}
    assert "2 node(s) exceed max volume count" in world.events("p2")[0][1]


def test_a_waiting_claim_is_provisioned_where_its_pod_goes(world: Any) -> None:
    claim(world, "data", storageClassName="late")
    pod(world, "p", "data")
    world.run(3)
    found = world.client.now(world.client.get("persistentvolumeclaims", "shop", "data"))
    assert found["metadata"]["annotations"] == {"volume.kubernetes.io/selected-node": "node-1"}
    assert world.node_of("p") == ""
    volume(world, "made", zone="z1")
    bind(world, "data", "made")
    world.run(2)
    assert world.node_of("p") == "node-1"


def test_a_waiting_claim_takes_the_smallest_volume_that_suits(world: Any) -> None:
    volume(world, "large", zone="z0", capacity={"storage": "5Gi"}, storageClassName="late")
    volume(world, "small", zone="z0", storageClassName="late")
    for name in ("large", "small"):
        available = {"status": {"phase": "Available"}}
        world.client.now(world.client.patch("persistentvolumes", "", name, available, subresource="status"))
    claim(world, "data", storageClassName="late")
    pod(world, "p", "data", nodeSelector={"topology.kubernetes.io/zone": "z0"})
    world.run(2)
    chosen = world.client.now(world.client.get("persistentvolumes", "", "small"))
    assert chosen["spec"]["claimRef"]["name"] == "data"
    bind(world, "data", "small")
    world.run(2)
    assert world.node_of("p") == "node-0"


def test_volumes_that_never_come_give_the_pod_back(world: Any) -> None:
    claim(world, "data", storageClassName="late")
    pod(world, "p", "data")
    world.run(605)
    assert world.events("p")[0][1] == (
        'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded'
    )
    assert world.condition("p")["reason"] == "SchedulerError"
