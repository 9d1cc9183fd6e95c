"""DaemonSets in a tiny world: nodes that come and go, rollouts within limits, surges, failing pods, revisions."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.cluster.controllers.daemonset.controller import DaemonSetController
from kcsim.cluster.controllers.daemonset.node_view import Rules, view_node
from kcsim.cluster.controllers.daemonset.nodes import DaemonNodes
from kcsim.cluster.controllers.daemonset.placement import target_node, with_daemon_tolerations


@pytest.fixture
def world(make_world, make):
    world = make_world()
    (world.controller,) = world.run_controllers(DaemonSetController(), limits=make.unlimited)
    return world


@pytest.fixture
def daemon_set(make):
    def build(**spec):
        body = {"selector": {"matchLabels": {"app": "web"}}, "template": make.pod_template(), **spec}
        return make.manifest("apps/v1", "DaemonSet", "agent", spec=body)

    return build


def create(world, body, duration="10s"):
    world.do(world.client.create("daemonsets", body))
    world.run(duration)


def set_image(world, image):
    containers = [{"name": "app", "image": image}]
    world.patch("daemonsets", "agent", {"spec": {"template": {"spec": {"containers": containers}}}})


def where(world):
    """Node -> image of the live pods."""
    found = {}
    for pod in world.list("pods"):
        if not objects.is_deleting(pod):
            found.setdefault(pod["spec"]["nodeName"], []).append(pod["spec"]["containers"][0]["image"])
    return {node: sorted(found[node]) for node in sorted(found)}


def status(world):
    found = world.get("daemonsets", "agent")["status"]
    return {k: v for k, v in found.items() if v and k != "observedGeneration"}


def unavailable_over_time(world, nodes, since):
    """The most nodes without an available pod at any moment after ``since``, and the most pods on one node."""
    pods, most, crowd = {}, 0, 0
    wanted = world.client.resource("pods")
    for version in world.server.log.versions:
        if version.resource is not wanted:
            continue
        pod = version.object
        live = not version.deleted and not objects.is_deleting(pod)
        ready = live and objects.condition_is(pod, "Ready")
        pods[version.key] = (target_node(pod), live, ready)
        if version.time >= since:
            serving = {node for node, _, ready in pods.values() if ready}
            most = max(most, nodes - len(serving))
            per_node = [node for node, live, _ in pods.values() if live]
            crowd = max(crowd, *(per_node.count(node) for node in per_node))
    return most, crowd


def test_every_node_gets_a_pod_tied_to_it(world, daemon_set):
    create(world, daemon_set())
    assert where(world) == {f"node-{i}": ["app:1"] for i in range(3)}
    pod = world.list("pods")[0]
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [pod["spec"]["nodeName"]]}]}
    required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required == {"nodeSelectorTerms": [term]}
    labels = objects.labels(pod)
    assert labels["pod-template-generation"] == "1"
    (revision,) = world.list("controllerrevisions")
    assert objects.name(revision) == f"agent-{labels['controller-revision-hash']}"
    assert status(world) == {
        "desiredNumberScheduled": 3,
        "currentNumberScheduled": 3,
        "updatedNumberScheduled": 3,
        "numberReady": 3,
        "numberAvailable": 3,
    }
    names = sorted(objects.name(pod) for pod in world.list("pods"))
    told = sorted(text for _, _, text in world.events("DaemonSet"))
    assert told == [f"Created pod: {name}" for name in names]


def test_daemon_pods_tolerate_what_befalls_their_nodes():
    keys = [(t["key"].partition("/")[2], t["effect"]) for t in with_daemon_tolerations({"hostNetwork": True})]
    assert keys == [
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
        ("network-unavailable", "NoSchedule"),
    ]
    assert len(with_daemon_tolerations({})) == 6


def test_a_new_node_gets_its_pod_and_a_relabelled_one_loses_it(world, daemon_set, make):
    template = make.pod_template()
    template["spec"]["nodeSelector"] = {"disk": "ssd"}
    create(world, daemon_set(template=template))
    assert where(world) == {}
    world.add_node("fast", {"disk": "ssd"})
    world.run("5s")
    assert where(world) == {"fast": ["app:1"]}
    world.patch("nodes", "fast", {"metadata": {"labels": {"disk": "hdd"}}}, namespace="")
    world.run("5s")
    assert where(world) == {}
    assert status(world) == {}
    world.patch("nodes", "node-1", {"metadata": {"labels": {"disk": "ssd"}}}, namespace="")
    world.run("5s")
    assert where(world) == {"node-1": ["app:1"]}


@pytest.mark.parametrize(("effect", "stays"), [("NoSchedule", True), ("NoExecute", False)])
def test_a_taint_keeps_new_pods_away_and_only_no_execute_drives_old_ones_out(
    world, daemon_set, effect, stays
):
    create(world, daemon_set())
    taints = [{"key": "mine", "effect": effect}]
    world.patch("nodes", "node-0", {"spec": {"taints": taints}}, namespace="")
    world.run("5s")
    assert ("node-0" in where(world)) is stays
    found = status(world)
    assert found["desiredNumberScheduled"] == 2
    assert found.get("numberMisscheduled", 0) == int(stays)


def test_nothing_ticks_and_heartbeats_wake_nobody(world, daemon_set):
    create(world, daemon_set(), "1m")
    world.run("2h")  # the Events of the start are forgotten
    steps = world.engine.steps
    world.run("24h")
    assert world.engine.steps == steps
    calls = []
    world.controller.reconcile = calls.append
    node = world.get("nodes", "node-0", "")
    conditions = [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-02T00:00:00Z"}]
    world.do(world.client.update_status("nodes", {**node, "status": {"conditions": conditions}}))
    world.run("1m")
    assert calls == []


def test_a_sync_looks_only_at_nodes_that_changed(make):
    nodes = [{"metadata": {"name": f"n{i:04}"}, "spec": {}} for i in range(1000)]
    view = DaemonNodes(make.pod_template(), nodes, [])
    rules = Rules("hash", 1, 0, surges=False)
    view.refresh(rules, 0)
    assert (view.tally.desired, len(view.needs)) == (1000, 1000)
    looked = []
    look = view._look
    view._look = lambda name, now: (looked.append(name), look(name, now))
    pod = {
        "metadata": {"name": "p", "labels": {"controller-revision-hash": "hash"}},
        "spec": {"nodeName": "n0007"},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }
    view.pod_changed(None, pod)
    view.refresh(rules, 0)
    assert looked == ["n0007"]
    assert (view.tally.current, view.tally.ready, len(view.needs)) == (1, 1, 999)


@pytest.mark.parametrize(
    ("rolling", "waves", "most_unavailable", "most_pods"),
    [
        ({"maxUnavailable": 1}, 6, 1, 1),
        ({"maxUnavailable": 2}, 3, 2, 1),
        ({"maxUnavailable": "34%"}, 2, 3, 1),
        ({"maxUnavailable": 0, "maxSurge": 1}, 6, 0, 2),
        ({"maxUnavailable": 0, "maxSurge": "50%"}, 2, 0, 2),
    ],
)
def test_a_rollout_stays_within_its_limits(
    make_world, make, daemon_set, rolling, waves, most_unavailable, most_pods
):
    world = make_world(nodes=[f"node-{i}" for i in range(6)])
    world.run_controllers(DaemonSetController(), limits=make.unlimited)
    create(world, daemon_set(updateStrategy={"type": "RollingUpdate", "rollingUpdate": rolling}))
    since = world.engine.now
    set_image(world, "app:2")
    world.run("60s")
    assert where(world) == {f"node-{i}": ["app:2"] for i in range(6)}
    assert unavailable_over_time(world, 6, since) == (most_unavailable, most_pods)
    born = {round(at) for name in world.names("pods") for at, _ in world.history("pods", name)[:1]}
    assert len(born) == waves


def test_an_unavailable_pod_stalls_the_rollout_of_available_ones(world, daemon_set):
    create(world, daemon_set())
    set_image(world, "bad")
    world.run("1h")
    assert sorted(image for (image,) in where(world).values()) == ["app:1", "app:1", "bad"]
    found = status(world)
    assert (found["updatedNumberScheduled"], found["numberUnavailable"]) == (1, 1)
    # Unlike a StatefulSet it mends itself: the broken old pod is always replaceable.
    set_image(world, "app:3")
    world.run("1m")
    assert where(world) == {f"node-{i}": ["app:3"] for i in range(3)}


def test_on_delete_waits_for_hands(world, daemon_set):
    create(world, daemon_set(updateStrategy={"type": "OnDelete"}))
    set_image(world, "app:2")
    world.run("30s")
    assert where(world) == {f"node-{i}": ["app:1"] for i in range(3)}
    pod = next(pod for pod in world.list("pods") if pod["spec"]["nodeName"] == "node-1")
    world.do(world.client.delete("pods", *objects.key(pod), grace=0))
    world.run("5s")
    assert where(world)["node-1"] == ["app:2"]


def test_failed_pods_are_replaced_ever_more_slowly(world, daemon_set):
    create(world, daemon_set())
    deaths = []
    for _ in range(5):
        pod = next(pod for pod in world.list("pods") if pod["spec"]["nodeName"] == "node-0")
        world.nodes.report(objects.key(pod), False, "Failed")
        failed = world.engine.now
        while any(
            objects.uid(p) == objects.uid(pod) and not objects.is_deleting(p) for p in world.list("pods")
        ):
            world.run("0.1s")
        deaths.append(round((world.engine.now - failed) / 1e6))
        world.run("1.5s")
    # Back-offs of 1, 2, 4, 8 s; about 2 s pass between a deletion and the next failure.
    assert deaths[0] == 0
    assert deaths[1] == 0
    assert deaths[-1] > deaths[-2] >= deaths[2]
    warning = next(text for kind, reason, text in world.events("DaemonSet") if reason == "FailedDaemonPod")
    assert warning.startswith("Found failed daemon pod shop/agent-")
    assert warning.endswith(" on node node-0, will try to kill it")


def test_going_back_renumbers_a_revision_and_old_ones_are_forgotten(world, daemon_set):
    create(world, daemon_set(revisionHistoryLimit=1))
    set_image(world, "app:2")
    world.run("20s")
    set_image(world, "app:1")
    world.run("20s")
    revisions = world.list("controllerrevisions")
    assert sorted(r["revision"] for r in revisions) == [2, 3]
    newest = max(revisions, key=lambda r: r["revision"])
    assert newest["data"]["spec"]["template"]["spec"]["containers"][0]["image"] == "app:1"
    set_image(world, "app:3")
    world.run("20s")
    assert sorted(r["revision"] for r in world.list("controllerrevisions")) == [3, 4]


def test_orphans_of_a_node_count_as_its_pod_and_extra_ones_go(world, daemon_set, make):
    for name in ("first", "second"):
        pod = make.manifest("v1", "Pod", name, spec=make.pod_template()["spec"])
        pod["metadata"]["labels"] = {"app": "web"}
        pod["spec"]["nodeName"] = "node-2"
        world.do(world.client.create("pods", pod))
        world.run("2s")
    create(world, daemon_set(updateStrategy={"type": "OnDelete"}))
    assert {node: len(images) for node, images in where(world).items()} == dict.fromkeys(where(world), 1)
    assert "first" in world.names("pods")
    assert "second" not in world.names("pods")


def test_pods_that_were_never_bound_go_with_their_node():
    pod = {"metadata": {"name": "p"}, "spec": {}}
    view = view_node(False, False, False, [pod], Rules("hash", 1, 0, surges=False), 0)
    assert view.needs.remove == ("p",)
