"""StatefulSets in a tiny world: order, partitions, revisions, claims, and the rollout that gets stuck."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.cluster.controllers.garbagecollector.controller import GarbageCollector
from kcsim.cluster.controllers.persistentvolume.protection import ClaimProtectionController
from kcsim.cluster.controllers.statefulset.controller import StatefulSetController


@pytest.fixture
def world(make_world, make):
    world = make_world()
    world.run_controllers(StatefulSetController(), limits=make.unlimited)
    return world


@pytest.fixture
def stateful_set(make):
    def build(replicas, **spec):
        template = make.pod_template()
        body = {
            "replicas": replicas,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "web"}},
            "template": template,
            **spec,
        }
        return make.manifest("apps/v1", "StatefulSet", "db", spec=body)

    return build


def create(world, body, duration="20s"):
    world.do(world.client.create("statefulsets", body))
    world.run(duration)


def set_image(world, image, **strategy):
    spec = {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}
    if strategy:
        spec["updateStrategy"] = {"rollingUpdate": strategy}
    world.patch("statefulsets", "db", {"spec": spec})


def images(world):
    return [pod["spec"]["containers"][0]["image"] for pod in world.list("pods")]


def births(world):
    """When each pod of a name was created, in seconds and in order."""
    seen = {}
    for name in ("db-0", "db-1", "db-2", "db-3"):
        for at, pod in world.history("pods", name):
            seen.setdefault((name, objects.uid(pod)), round(at))
    return sorted(((at, name) for (name, _), at in seen.items()))


def status(world):
    found = world.get("statefulsets", "db")["status"]
    return {
        k: v for k, v in found.items() if k not in {"currentRevision", "updateRevision", "collisionCount"}
    }


def test_pods_start_one_after_the_other(world, stateful_set):
    create(world, stateful_set(3))
    assert births(world) == [(0, "db-0"), (1, "db-1"), (2, "db-2")]
    pod = world.get("pods", "db-1")
    revision = world.get("statefulsets", "db")["status"]["updateRevision"]
    assert pod["metadata"]["labels"] == {
        "app": "web",
        "apps.kubernetes.io/pod-index": "1",
        "statefulset.kubernetes.io/pod-name": "db-1",
        "controller-revision-hash": revision,
        "topology.kubernetes.io/zone": "zone-b",  # from the node it was bound to
    }
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("db-1", "db")
    assert status(world) == {
        "observedGeneration": 1,
        "replicas": 3,
        "readyReplicas": 3,
        "availableReplicas": 3,
        "currentReplicas": 3,
        "updatedReplicas": 3,
    }
    assert world.events("StatefulSet")[0] == (
        "Normal",
        "SuccessfulCreate",
        "Create Pod db-0 in StatefulSet db successful",
    )


def test_parallel_pods_start_together_and_ordinals_may_start_higher(world, stateful_set):
    create(world, stateful_set(3, podManagementPolicy="Parallel", ordinals={"start": 1}))
    assert births(world) == [(0, "db-1"), (0, "db-2"), (0, "db-3")]


def test_min_ready_seconds_holds_the_next_pod_back_for_twice_as_long(world, stateful_set):
    """Kubernetes issue 119352: ready at 1 s, looked at again at 10 s and 20 s, though available at 11 s."""
    create(world, stateful_set(2, minReadySeconds=10), "60s")
    assert births(world) == [(0, "db-0"), (20, "db-1")]
    assert status(world)["availableReplicas"] == 2


def test_nothing_ticks_once_all_is_well(world, stateful_set):
    create(world, stateful_set(3, minReadySeconds=5), "2m")
    world.run("2h")  # the Events of the start are forgotten
    steps = world.engine.steps
    world.run("24h")
    assert world.engine.steps == steps


def test_a_rollout_goes_from_the_top_and_waits_for_each(world, stateful_set):
    create(world, stateful_set(3))
    before = world.get("statefulsets", "db")["status"]["currentRevision"]
    set_image(world, "app:2")
    world.run("30s")
    assert images(world) == ["app:2"] * 3
    # Deleted, gone a second later, made anew, ready another second later.
    assert [name for _, name in births(world)[3:]] == ["db-2", "db-1", "db-0"]
    gaps = [
        later - sooner for (sooner, _), (later, _) in zip(births(world)[3:], births(world)[4:], strict=False)
    ]
    assert gaps == [2, 2]
    after = world.get("statefulsets", "db")["status"]
    assert after["currentRevision"] == after["updateRevision"] != before
    assert {revision["revision"] for revision in world.list("controllerrevisions")} == {1, 2}


def test_a_partition_keeps_lower_ordinals_at_the_old_revision(world, stateful_set):
    create(world, stateful_set(3))
    set_image(world, "app:2", partition=2)
    world.run("30s")
    assert images(world) == ["app:1", "app:1", "app:2"]
    found = world.get("statefulsets", "db")["status"]
    assert (found["currentReplicas"], found["updatedReplicas"]) == (2, 1)
    # A pod below the partition comes back as it was.
    world.do(world.client.delete("pods", "shop", "db-0", grace=0))
    world.run("10s")
    assert images(world) == ["app:1", "app:1", "app:2"]
    set_image(world, "app:2", partition=0)
    world.run("30s")
    assert images(world) == ["app:2"] * 3


def test_on_delete_waits_for_hands(world, stateful_set):
    create(world, stateful_set(2, updateStrategy={"type": "OnDelete"}))
    set_image(world, "app:2")
    world.run("30s")
    assert images(world) == ["app:1", "app:1"]
    world.do(world.client.delete("pods", "shop", "db-1", grace=0))
    world.run("10s")
    assert images(world) == ["app:1", "app:2"]


def test_scaling_down_takes_the_highest_first(world, stateful_set):
    create(world, stateful_set(3))
    world.patch("statefulsets", "db", {"spec": {"replicas": 1}})
    world.run("0.5s")
    assert [objects.name(pod) for pod in world.list("pods") if objects.is_deleting(pod)] == ["db-2"]
    world.run("10s")
    assert world.names("pods") == ["db-0"]
    deleted = [message for _, reason, message in world.events("StatefulSet") if reason == "SuccessfulDelete"]
    assert deleted == [f"Delete Pod db-{i} in StatefulSet db successful" for i in (2, 1)]


def test_a_broken_template_is_stuck_even_after_it_is_reverted(world, stateful_set):
    """Kubernetes issue 67250: the ordered sync ends at the broken pod, so its old template never matters."""
    create(world, stateful_set(3))
    set_image(world, "bad")
    world.run("30s")
    assert images(world) == ["app:1", "app:1", "bad"]
    set_image(world, "app:1")
    world.run("1h")
    assert images(world) == ["app:1", "app:1", "bad"]
    world.do(world.client.delete("pods", "shop", "db-2", grace=0))
    world.run("10s")
    assert images(world) == ["app:1"] * 3
    assert status(world)["readyReplicas"] == 3
    # Back to a known template: its revision is renumbered, not made again.
    numbers = sorted(revision["revision"] for revision in world.list("controllerrevisions"))
    assert numbers == [2, 3]


def test_parallel_sets_do_not_get_stuck(world, stateful_set):
    create(world, stateful_set(3, podManagementPolicy="Parallel"))
    set_image(world, "bad")
    world.run("30s")
    set_image(world, "app:1")
    world.run("30s")
    assert images(world) == ["app:1"] * 3


def test_max_unavailable_replaces_several_when_the_gate_is_on(make_world, make, stateful_set):
    world = make_world()
    world.run_controllers(StatefulSetController(max_unavailable=True), limits=make.unlimited)
    create(world, stateful_set(4, podManagementPolicy="Parallel"))
    set_image(world, "app:2", maxUnavailable=2)
    world.run("0.5s")
    going = [objects.name(pod) for pod in world.list("pods") if objects.is_deleting(pod)]
    assert going == ["db-2", "db-3"]
    world.run("20s")
    assert images(world) == ["app:2"] * 4


def test_failed_pods_are_made_anew(world, stateful_set):
    create(world, stateful_set(2))
    world.nodes.report(("shop", "db-0"), False, "Failed")
    uid = objects.uid(world.get("pods", "db-0"))
    world.run("10s")
    assert objects.uid(world.get("pods", "db-0")) != uid
    assert status(world)["readyReplicas"] == 2


def test_old_revisions_are_forgotten_beyond_the_limit(world, stateful_set):
    create(world, stateful_set(1, revisionHistoryLimit=2))
    for number in range(2, 7):
        set_image(world, f"app:{number}")
        world.run("10s")
    # Two past ones beside the one in use.
    numbers = sorted(revision["revision"] for revision in world.list("controllerrevisions"))
    assert numbers == [4, 5, 6]


def test_revisions_carry_the_template_and_their_owner(world, stateful_set):
    create(world, stateful_set(1))
    (revision,) = world.list("controllerrevisions")
    live = world.get("statefulsets", "db")
    assert objects.name(revision) == live["status"]["updateRevision"]
    assert objects.controller_of(revision)["uid"] == objects.uid(live)
    assert revision["data"] == {"spec": {"template": {**live["spec"]["template"], "$patch": "replace"}}}
    digest = objects.name(revision).removeprefix("db-")
    assert objects.labels(revision) == {"app": "web", "controller.kubernetes.io/hash": digest}


def test_pods_of_the_right_name_are_adopted_and_relabelled_ones_released(world, stateful_set, make):
    stray = make.manifest("v1", "Pod", "db-0", spec=make.pod_template()["spec"])
    stray["metadata"]["labels"] = {"app": "web"}
    world.do(world.client.create("pods", stray))
    create(world, stateful_set(1))
    assert world.names("pods") == ["db-0"]
    live = objects.uid(world.get("statefulsets", "db"))
    assert objects.controller_of(world.get("pods", "db-0"))["uid"] == live
    world.patch("pods", "db-0", {"metadata": {"labels": {"app": "other"}}})
    world.run("5s")
    assert objects.controller_of(world.get("pods", "db-0")) is None
    assert any(reason == "SuccessfulUpdate" for _, reason, _ in world.events("StatefulSet"))


# --- claims -----------------------------------------------------------------------------------------------------


CLAIMS = [
    {
        "metadata": {"name": "data", "labels": {"tier": "disk"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
]


def test_each_pod_gets_its_claims_and_keeps_them(world, stateful_set):
    create(world, stateful_set(2, volumeClaimTemplates=CLAIMS))
    assert world.names("persistentvolumeclaims") == ["data-db-0", "data-db-1"]
    claim = world.get("persistentvolumeclaims", "data-db-0")
    assert objects.labels(claim) == {"tier": "disk", "app": "web"}
    volumes = world.get("pods", "db-1")["spec"]["volumes"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-1"}} in volumes
    assert (
        "Normal",
        "SuccessfulCreate",
        "Create Claim data-db-0 Pod db-0 in StatefulSet db success",
    ) in world.events("StatefulSet")
    world.patch("statefulsets", "db", {"spec": {"replicas": 0}})
    world.run("10s")
    assert world.names("persistentvolumeclaims") == ["data-db-0", "data-db-1"]


@pytest.mark.parametrize(
    ("policy", "by_set", "after_scaling", "after_deletion"),
    [
        (
            {"whenDeleted": "Retain", "whenScaled": "Retain"},
            False,
            ["data-db-0", "data-db-1"],
            ["data-db-0", "data-db-1"],
        ),
        ({"whenDeleted": "Retain", "whenScaled": "Delete"}, False, ["data-db-0"], ["data-db-0"]),
        ({"whenDeleted": "Delete", "whenScaled": "Retain"}, True, ["data-db-0", "data-db-1"], []),
        ({"whenDeleted": "Delete", "whenScaled": "Delete"}, True, ["data-db-0"], []),
    ],
)
def test_the_retention_policy_owns_claims(
    make_world, make, stateful_set, policy, by_set, after_scaling, after_deletion
):
    world = make_world()
    controllers = StatefulSetController(), GarbageCollector(), ClaimProtectionController()
    world.run_controllers(*controllers, limits=make.unlimited)
    create(world, stateful_set(2, volumeClaimTemplates=CLAIMS, persistentVolumeClaimRetentionPolicy=policy))
    uid = objects.uid(world.get("statefulsets", "db"))
    claim = world.get("persistentvolumeclaims", "data-db-1")
    assert [ref["uid"] for ref in objects.owner_refs(claim)] == ([uid] if by_set else [])
    world.patch("statefulsets", "db", {"spec": {"replicas": 1}})
    world.run("20s")
    assert world.names("persistentvolumeclaims") == after_scaling
    world.do(world.client.delete("statefulsets", "shop", "db", propagation="Background"))
    world.run("20s")
    assert world.names("persistentvolumeclaims") == after_deletion


def test_a_claim_on_its_way_out_holds_its_pod_back(world, stateful_set, make):
    claim = make.manifest("v1", "PersistentVolumeClaim", "data-db-0", spec=CLAIMS[0]["spec"])
    claim["metadata"]["finalizers"] = ["example.com/wait"]
    world.do(world.client.create("persistentvolumeclaims", claim))
    world.do(world.client.delete("persistentvolumeclaims", "shop", "data-db-0"))
    create(world, stateful_set(1, volumeClaimTemplates=CLAIMS), "5s")
    assert world.names("pods") == []
    text = "Create Pod db-0 in StatefulSet db failed error: pvc data-db-0 is being deleted"
    assert ("Warning", "FailedCreate", text) in world.events("StatefulSet")
    world.patch("persistentvolumeclaims", "data-db-0", {"metadata": {"finalizers": None}})
    world.run("20s")
    assert world.names("pods") == ["db-0"]
    assert status(world)["readyReplicas"] == 1
