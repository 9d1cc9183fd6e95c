"""ReplicaSets in a tiny world: creating, deleting, adopting, failing, waiting for minReadySeconds."""

from __future__ import annotations

import itertools

import pytest

from kcsim.api import objects
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.replicaset.controller import ReplicaSetController
from kcsim.engine.clock import SECOND


@pytest.fixture
def world(make_world):
    world = make_world()
    (world.controller,) = world.run_controllers(ReplicaSetController())
    return world


def statuses(world, name="web"):
    seen = []
    for at, rs in world.history("replicasets", name):
        status = {k: v for k, v in rs.get("status", {}).items() if k != "conditions"}
        if not seen or seen[-1][1] != status:
            seen.append((at, status))
    return seen


def test_status_lags_one_write_behind_what_was_done(world, make):
    """The order of tl-rolling-update: observed first with 0 replicas, then counted, then ready."""
    world.do(world.client.create("replicasets", make.replica_set(3)))
    world.run("5s")
    assert [status for _, status in statuses(world)][:3] == [
        {"replicas": 0},
        {"replicas": 0, "terminatingReplicas": 0, "observedGeneration": 1},
        {"replicas": 3, "fullyLabeledReplicas": 3, "terminatingReplicas": 0, "observedGeneration": 1},
    ]
    at, last = statuses(world)[-1]
    assert (last["readyReplicas"], last["availableReplicas"]) == (3, 3)
    assert 1 < at < 1.1
    pods = world.list("pods")
    rs = world.get("replicasets", "web")
    assert [objects.controller_of(pod)["uid"] for pod in pods] == [objects.uid(rs)] * 3
    assert all(objects.name(pod).startswith("web-") and len(objects.name(pod)) == 9 for pod in pods)


def test_pods_are_created_at_the_clients_limit(world, make):
    """Burst 30, then 20 a second."""
    world.do(world.client.create("replicasets", make.replica_set(130)))
    world.run("3s")
    assert 30 + 20 * 2.5 < len(world.list("pods")) <= 30 + 20 * 3
    world.run("3s")
    assert len(world.list("pods")) == 130


def test_pods_share_the_specs_identity(world, make):
    world.do(world.client.create("replicasets", make.replica_set(5)))
    world.run("5s")
    assert len({id(pod["spec"]["containers"]) for pod in world.list("pods")}) == 1


def test_a_lost_pod_is_replaced_and_a_failed_one_too(world, make):
    world.do(world.client.create("replicasets", make.replica_set(2)))
    world.run("5s")
    first, second = world.names("pods")
    world.do(world.client.delete("pods", "shop", first, grace=0))
    world.nodes.report(("shop", second), False, "Failed")
    world.run("5s")
    names = world.names("pods")
    assert first not in names
    assert second in names
    assert len(names) == 3
    assert world.get("replicasets", "web")["status"]["readyReplicas"] == 2


def test_scale_down_deletes_the_unready_first(world, make):
    world.do(world.client.create("replicasets", make.replica_set(4)))
    world.run("5s")
    unready = world.names("pods")[2]
    world.nodes.report(("shop", unready), False)
    world.patch("replicasets", "web", {"spec": {"replicas": 3}})
    world.run("0.5s")
    deleting = [objects.name(pod) for pod in world.list("pods") if objects.is_deleting(pod)]
    assert deleting == [unready]
    assert world.get("replicasets", "web")["status"]["terminatingReplicas"] == 1
    world.run("5s")
    assert world.get("replicasets", "web")["status"]["terminatingReplicas"] == 0
    assert world.events("ReplicaSet")[-1] == ("Normal", "SuccessfulDelete", f"Deleted pod: {unready}")


def test_nothing_ticks_once_all_is_well(world, make):
    world.do(world.client.create("replicasets", make.replica_set(3)))
    world.run("1m")
    world.run("2h")  # the Events of the start are forgotten
    steps = world.engine.steps
    world.run("24h")
    assert world.engine.steps == steps


def test_min_ready_seconds_delays_available(world, make):
    world.do(world.client.create("replicasets", make.replica_set(2, minReadySeconds=10)))
    world.run("5s")
    status = world.get("replicasets", "web")["status"]
    assert status["readyReplicas"] == 2
    assert "availableReplicas" not in status
    world.run("20s")
    at, status = statuses(world)[-1]
    assert status["availableReplicas"] == 2
    # Ready at 1.0 s, which the condition shows as 1 s.
    assert 11 <= at < 11.1


def test_adopts_matching_orphans_and_releases_relabelled_pods(world, make):
    pod = make.manifest("v1", "Pod", "stray", spec=make.pod_template()["spec"])
    pod["metadata"]["labels"] = {"app": "web"}
    world.do(world.client.create("pods", pod))
    world.do(world.client.create("replicasets", make.replica_set(2)))
    world.run("5s")
    assert len(world.list("pods")) == 2
    assert objects.controller_of(world.get("pods", "stray"))["name"] == "web"
    world.patch("pods", "stray", {"metadata": {"labels": {"app": "aside"}}})
    world.run("5s")
    assert objects.controller_of(world.get("pods", "stray")) is None
    assert len(world.list("pods")) == 3
    assert world.get("replicasets", "web")["status"]["replicas"] == 2


def refuse_pods(world):
    """Every create of a pod is refused, as quota would."""
    create = world.server.store.create
    tried = []

    def refusing(op, obj, **more):
        if op.resource.plural == "pods" and refusing.on:
            tried.append(world.engine.now)
            raise StatusError(403, "Forbidden", 'pods "web-" is forbidden: exceeded quota: q')
        return create(op, obj, **more)

    refusing.on = True
    world.server.store.create = refusing
    return refusing, tried


def test_refused_pods_waste_one_call_a_sync_and_are_reported(world, make):
    refusing, tried = refuse_pods(world)
    world.do(world.client.create("replicasets", make.replica_set(20)))
    world.run("2s")
    condition = objects.condition(world.get("replicasets", "web"), "ReplicaFailure")
    assert (condition["status"], condition["reason"]) == ("True", "FailedCreate")
    assert condition["message"] == 'pods "web-" is forbidden: exceeded quota: q'
    assert world.events("ReplicaSet")[0] == (
        "Warning",
        "FailedCreate",
        'Error creating: pods "web-" is forbidden: exceeded quota: q',
    )
    # One try at once, then after 5, 10, 20 ... 640 ms.
    assert len(tried) <= 12
    waits = [(b - a) / SECOND for a, b in itertools.pairwise(tried)]
    assert waits[-1] > 0.5
    refusing.on = False
    world.run("1m")
    rs = world.get("replicasets", "web")
    assert rs["status"]["readyReplicas"] == 20
    assert objects.condition(rs, "ReplicaFailure") is None


def test_a_crash_loses_the_memory_and_not_the_pods(world, make):
    world.do(world.client.create("replicasets", make.replica_set(40)))
    world.run("0.02s")
    world.manager.stop()
    # What was already handed to the client still goes out.
    world.run("2s")
    made = len(world.list("pods"))
    assert 0 < made < 40
    world.run("10s")
    assert len(world.list("pods")) == made
    world.manager.start()
    world.run("20s")
    assert len(world.list("pods")) == 40
    assert world.get("replicasets", "web")["status"]["readyReplicas"] == 40


def test_related_sets_spread_scale_down_over_nodes(world, make):
    """Of two ready pods the one that shares its node with more pods of the set goes first."""
    world.do(world.client.create("replicasets", make.replica_set(4)))
    world.run("5s")
    crowded = [p for p in world.list("pods") if p["spec"]["nodeName"] == "node-0"]
    assert len(crowded) == 2
    world.patch("replicasets", "web", {"spec": {"replicas": 3}})
    world.run("5s")
    left = [p["spec"]["nodeName"] for p in world.list("pods")]
    assert sorted(left) == ["node-0", "node-1", "node-2"]
