"""Deployments in a tiny world: waves, limits, conditions, revisions, pauses, deadlines, in virtual time."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.cluster.controllers.deployment.controller import DeploymentController
from kcsim.cluster.controllers.replicaset.controller import ReplicaSetController
from kcsim.engine.clock import SECOND

REVISION = "deployment.kubernetes.io/revision"


@pytest.fixture
def world(make_world, make):
    world = make_world()
    world.run_controllers(DeploymentController(), ReplicaSetController(), limits=make.unlimited)
    return world


def roll_out(world, make, replicas, **spec):
    """A finished Deployment of this size, then a change of its template 1 s later."""
    world.do(world.client.create("deployments", make.deployment(replicas, **spec)))
    world.run("10s")
    assert world.get("deployments", "web")["status"]["readyReplicas"] == replicas
    set_image(world, "app:2")


def set_image(world, image):
    containers = [{"name": "app", "image": image}]
    world.patch("deployments", "web", {"spec": {"template": {"spec": {"containers": containers}}}})


def pods_over_time(world, since=0.0):
    """(most active pods, fewest available ones) at any moment after ``since``."""
    pods = {}
    most, fewest = 0, 1 << 30
    wanted = world.client.resource("pods")
    for version in world.server.log.versions:
        if version.resource is not wanted:
            continue
        live = not version.deleted and not objects.is_deleting(version.object)
        pods[version.key] = (live, live and objects.condition_is(version.object, "Ready"))
        if version.time / SECOND >= since:
            most = max(most, sum(live for live, _ in pods.values()))
            fewest = min(fewest, sum(ready for _, ready in pods.values()))
    return most, fewest


def progressing(world):
    condition = objects.condition(world.get("deployments", "web"), "Progressing")
    return condition["status"], condition["reason"]


@pytest.mark.parametrize(
    ("replicas", "strategy", "waves", "fewest", "most"),
    [
        (1, None, 1, 1, 2),
        (3, None, 3, 3, 4),
        (4, None, 2, 3, 5),
        (10, None, 2, 8, 13),
        (100, None, 2, 75, 125),
        (3, {"maxSurge": 1, "maxUnavailable": 0}, 3, 3, 4),
        (6, {"maxSurge": 1, "maxUnavailable": 0}, 6, 6, 7),
    ],
)
def test_rollout_waves_and_limits(world, make, replicas, strategy, waves, fewest, most):
    """R1 and R2: waves, least available and most pods, when every new pod is ready after 1 s."""
    spec = {} if strategy is None else {"strategy": {"type": "RollingUpdate", "rollingUpdate": strategy}}
    roll_out(world, make, replicas, **spec)
    start = world.engine.now / SECOND
    world.run("1m")
    deployment = world.get("deployments", "web")
    assert deployment["status"]["updatedReplicas"] == replicas
    assert progressing(world) == ("True", "NewReplicaSetAvailable")
    assert pods_over_time(world, start) == (most, fewest)
    # The old set is at 0 as soon as enough of the last wave is available.
    done = next(
        t
        for t, rs in world.history("replicasets", old_set(world))
        if t > start and rs["spec"]["replicas"] == 0
    )
    assert waves <= done - start < waves + 0.5


def old_set(world):
    sets = world.list("replicasets")
    return objects.name(min(sets, key=lambda rs: int(objects.annotations(rs)[REVISION])))


def test_ten_replicas_step_by_step(world, make):
    """R3. Sizes (new, old) as they change; the first wave is ready at 1 s after the change, the second at 2 s."""
    roll_out(world, make, 10)
    start = world.engine.now / SECOND
    world.run("20s")
    sizes, steps = {}, []
    for version in world.server.log.versions:
        if version.resource.plural == "replicasets" and version.time / SECOND >= start:
            revision = objects.annotations(version.object)[REVISION]
            sizes[revision] = version.object["spec"]["replicas"]
            step = sizes.get("2", 0), sizes.get("1", 10)
            if not steps or steps[-1][1:] != step:
                steps.append((int(version.time / SECOND - start), *step))
    assert steps[:3] == [(0, 3, 10), (0, 3, 8), (0, 5, 8)]
    # Pods do not turn ready in one instant, so the controller catches up in several steps, within 0.1 s each.
    assert {old for second, new, old in steps if second == 1 and new == 10} == {3}
    assert steps[-1] == (2, 10, 0)


def test_events_and_revisions(world, make):
    roll_out(world, make, 3)
    world.run("20s")
    new = next(rs for rs in world.list("replicasets") if objects.annotations(rs)[REVISION] == "2")
    assert world.events("Deployment")[0] == (
        "Normal",
        "ScalingReplicaSet",
        f"Scaled up replica set {old_set(world)} from 0 to 3",
    )
    assert ("Normal", "ScalingReplicaSet", f"Scaled up replica set {objects.name(new)} from 2 to 3") in (
        world.events("Deployment")
    )
    assert objects.annotations(world.get("deployments", "web"))[REVISION] == "2"
    assert objects.annotations(new)["deployment.kubernetes.io/max-replicas"] == "4"
    set_image(world, "app:1")
    world.run("20s")
    back = world.get("replicasets", old_set_named(world, "3"))
    assert objects.annotations(back)["deployment.kubernetes.io/revision-history"] == "1"


def old_set_named(world, revision):
    return next(
        objects.name(rs) for rs in world.list("replicasets") if objects.annotations(rs)[REVISION] == revision
    )


def test_bad_image_stalls_and_times_out(world, make):
    """R4: two new and three old pods, at least three available, and no rollback."""
    roll_out(world, make, 4, progressDeadlineSeconds=600)
    world.run("10s")
    set_image(world, "bad")
    start = world.engine.now / SECOND
    world.run("20m")
    sizes = sorted(rs["spec"]["replicas"] for rs in world.list("replicasets"))
    assert sizes == [0, 2, 3]
    assert pods_over_time(world, start) == (5, 3)
    assert progressing(world) == ("False", "ProgressDeadlineExceeded")
    timed_out = next(
        t
        for t, d in world.history("deployments", "web")
        if (objects.condition(d, "Progressing") or {}).get("reason") == "ProgressDeadlineExceeded"
    )
    assert 600 <= timed_out - start <= 602
    # A stuck rollout costs nothing.
    world.run("2h")  # the Events of the start are forgotten
    steps = world.engine.steps
    world.run("1h")
    assert world.engine.steps == steps


def test_status_of_a_first_rollout(world, make):
    world.do(world.client.create("deployments", make.deployment(2)))
    world.run("5s")
    status = world.get("deployments", "web")["status"]
    conditions = status.pop("conditions")
    assert status == {
        "observedGeneration": 1,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "terminatingReplicas": 0,
    }
    assert [(c["type"], c["status"], c["reason"]) for c in conditions] == [
        ("Available", "True", "MinimumReplicasAvailable"),
        ("Progressing", "True", "NewReplicaSetAvailable"),
    ]
    rs = world.list("replicasets")[0]
    assert conditions[1]["message"] == f'ReplicaSet "{objects.name(rs)}" has successfully progressed.'


def test_scaling_in_the_middle_of_a_rollout_is_proportional(world, make):
    world.do(world.client.create("deployments", make.deployment(10)))
    world.run("10s")
    world.nodes.ready_after = 600 * SECOND
    set_image(world, "app:2")
    world.run("5s")
    world.patch("deployments", "web", {"spec": {"replicas": 15}})
    world.run("1s")
    by_revision = {
        objects.annotations(rs)[REVISION]: rs["spec"]["replicas"] for rs in world.list("replicasets")
    }
    # 13 pods, 8 old and 5 new, become 15 + 4: each set grows by its share, the larger one takes the odd pod.
    assert by_revision == {"1": 12, "2": 7}


def test_pause_holds_the_template_but_not_the_size(world, make):
    world.do(world.client.create("deployments", make.deployment(2)))
    world.run("5s")
    world.patch("deployments", "web", {"spec": {"paused": True}})
    world.run("1s")
    assert progressing(world) == ("Unknown", "DeploymentPaused")
    set_image(world, "app:2")
    world.patch("deployments", "web", {"spec": {"replicas": 4}})
    world.run("5s")
    assert len(world.list("replicasets")) == 1
    assert world.get("deployments", "web")["status"]["readyReplicas"] == 4
    world.patch("deployments", "web", {"spec": {"paused": None}})
    world.run("0.1s")
    assert len(world.list("replicasets")) == 2
    world.run("20s")
    assert progressing(world) == ("True", "NewReplicaSetAvailable")


def test_recreate_waits_for_the_last_old_pod(world, make):
    """R6: nothing is available for grace + start + propagation."""
    world.nodes.gone_after = 7 * SECOND
    roll_out(world, make, 3, strategy={"type": "Recreate"})
    start = world.engine.now / SECOND
    world.run("30s")
    new = old_set_named(world, "2")
    created = world.history("replicasets", new)[0][0]
    assert 7 <= created - start < 7.1
    ready = next(
        t
        for t, d in world.history("deployments", "web")
        if t > created and d["status"].get("readyReplicas") == 3
    )
    assert 8 <= ready - start < 8.2


def test_history_is_cut_to_its_limit(world, make):
    roll_out(world, make, 1, revisionHistoryLimit=2)
    for i in range(3, 7):
        world.run("10s")
        set_image(world, f"app:{i}")
    world.run("10s")
    revisions = sorted(objects.annotations(rs)[REVISION] for rs in world.list("replicasets"))
    assert revisions == ["4", "5", "6"]


def test_a_taken_name_counts_collisions_up(world, make):
    world.do(world.client.create("deployments", make.deployment(1)))
    world.run("5s")
    name = world.names("replicasets")[0]
    world.do(world.client.delete("deployments", "shop", "web"))
    world.do(world.client.delete("replicasets", "shop", name))
    other = make.replica_set(0, name=name)
    other["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    other["spec"]["template"] = {
        **other["spec"]["template"],
        "metadata": {"labels": {"app": "other"}},
    }
    world.do(world.client.create("replicasets", other))
    world.do(world.client.create("deployments", make.deployment(1)))
    world.run("5s")
    deployment = world.get("deployments", "web")
    assert deployment["status"]["collisionCount"] == 1
    assert deployment["status"]["readyReplicas"] == 1
    assert len(world.list("replicasets")) == 2


def test_an_orphan_of_its_selector_is_adopted_and_one_relabelled_is_released(world, make):
    orphan = make.replica_set(1, name="web-old")
    orphan["metadata"]["labels"] = {"app": "web"}
    world.do(world.client.create("replicasets", orphan))
    world.do(world.client.create("deployments", make.deployment(1)))
    world.run("5s")
    adopted = world.get("replicasets", "web-old")
    assert objects.controller_of(adopted)["name"] == "web"
    world.patch("replicasets", "web-old", {"metadata": {"labels": {"app": "gone"}}})
    world.run("5s")
    assert objects.controller_of(world.get("replicasets", "web-old")) is None
