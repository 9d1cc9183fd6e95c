"""Pods that are resized while they run: given, deferred, infeasible, restarted, completed."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.cluster.kubelet.resize import memory_limit

World = Any
RESTART = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]


def sized(cpu: str, memory: str = "100Mi", limit: str = "") -> dict[str, Any]:
    resources: dict[str, Any] = {"requests": {"cpu": cpu, "memory": memory}}
    return {**resources, "limits": {"memory": limit}} if limit else resources


def resize(world: World, resources: dict[str, Any], name: str = "web") -> None:
    body = {"spec": {"containers": [{"name": "app", "resources": resources}]}}
    world.client.now(world.client.patch("pods", "shop", name, body, type="strategic", subresource="resize"))


def condition(world: World, kind: str, name: str = "web") -> dict[str, Any] | None:
    return next((c for c in world.status(name)["conditions"] if c["type"] == kind), None)


def begin(world: World, **container: Any) -> None:
    world.pod(container={"resources": sized("100m"), **container})
    world.run("10s")


def test_a_container_is_given_more_as_it_runs(world: World) -> None:
    begin(world)
    before = world.container()
    resize(world, sized("200m"))
    world.run("10s")
    after = world.container()
    assert after["resources"] == sized("200m")
    assert after["allocatedResources"] == {"cpu": "200m", "memory": "100Mi"}
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], 0)
    assert condition(world, "PodResizeInProgress") is None
    assert world.kubelet.used["cpu"] == 200
    summary = '{"containers":[{"name":"app","resources":{"requests":{"cpu":"200m","memory":"100Mi"}}}],"generation":2}'
    texts = world.events()
    assert ("ResizeStarted", f"Pod resize started: {summary}") in texts
    assert ("ResizeCompleted", f"Pod resize completed: {summary}") in texts
    assert world.get()["status"]["observedGeneration"] == 2


def test_it_is_in_progress_until_the_next_sync(world: World) -> None:
    begin(world)
    resize(world, sized("200m"))
    world.run("10s")
    history = list(world.server.log.history(world.client.resource("pods"), ("shop", "web")))
    told = [
        (
            any(c["type"] == "PodResizeInProgress" for c in version.object["status"]["conditions"]),
            version.object["status"]["containerStatuses"][0]["resources"]["requests"]["cpu"],
        )
        for version in history[-3:]
    ]
    assert told == [(False, "100m"), (True, "100m"), (False, "200m")]


def test_a_policy_asks_for_a_restart(world: World) -> None:
    begin(world, resizePolicy=RESTART)
    resize(world, sized("200m"))
    world.run("20s")
    assert world.container()["restartCount"] == 0
    resize(world, sized("200m", "200Mi"))
    world.run("40s")
    assert world.container()["restartCount"] == 1
    assert world.container()["resources"] == sized("200m", "200Mi")
    assert ("Killing", "Container app resize requires restart") in world.events()
    assert condition(world, "PodResizeInProgress") is None
    assert world.condition("Ready") == "True"


def test_it_waits_for_room(world: World) -> None:
    begin(world)
    world.pod("other", container={"resources": sized("3")})
    world.run("10s")
    resize(world, sized("2"))
    world.run("10s")
    pending = condition(world, "PodResizePending")
    text = "Node didn't have enough resource: cpu, requested: 2000, used: 3000, capacity: 4000"
    assert (pending["reason"], pending["message"]) == ("Deferred", text)
    assert world.container()["resources"] == sized("100m")
    assert world.container()["allocatedResources"]["cpu"] == "100m"
    assert "ResizeDeferred" in world.reasons()
    world.delete("other")
    world.run("1m")
    assert condition(world, "PodResizePending") is None
    assert world.container()["resources"] == sized("2")


def test_what_is_put_off_can_be_taken_back(world: World) -> None:
    begin(world)
    world.pod("other", container={"resources": sized("3")})
    world.run("10s")
    resize(world, sized("2"))
    world.run("10s")
    resize(world, sized("100m"))
    world.run("10s")
    assert condition(world, "PodResizePending") is None
    assert "ResizeStarted" not in world.reasons()


def test_a_smaller_pod_leaves_room(world: World) -> None:
    begin(world)
    resize(world, sized("50m"))
    world.run("10s")
    assert world.container()["resources"] == sized("50m")
    assert world.kubelet.used["cpu"] == 50


def test_a_higher_limit_lets_a_leak_go_on(world: World) -> None:
    world.image("web:1", memory_bytes=50 << 20, memory_growth=1 << 20)
    begin(world, resources=sized("100m", "50Mi", "100Mi"))
    resize(world, sized("100m", "50Mi", "1Gi"))
    world.run("5m")
    assert world.container()["restartCount"] == 0
    world.run("20m")
    assert world.container()["lastState"]["terminated"]["reason"] == "OOMKilled"


MIB = 1 << 20


def test_a_limit_below_what_is_used_is_refused_until_it_fits(world: World) -> None:
    """doPodResizeAction: nothing is changed, the worker tries again, and says so once."""
    world.image("web:1", memory_bytes=80 * MIB)
    begin(world, resources=sized("100m", "50Mi", "100Mi"))
    resize(world, sized("200m", "50Mi", "60Mi"))
    world.run("40s")
    why = (
        f"cannot decrease memory limits: [attempting to set pod memory limit ({60 * MIB}) below current usage ({80 * MIB}), "
        f'attempting to set container "app" memory limit ({60 * MIB}) below current usage ({80 * MIB})]'
    )
    progress = condition(world, "PodResizeInProgress")
    assert (progress["reason"], progress["message"]) == ("Error", why)
    assert world.container()["resources"] == sized("100m", "50Mi", "100Mi")
    assert world.container()["restartCount"] == 0
    errors = [text for reason, text in world.events() if reason == "ResizeError"]
    assert len(errors) == 1
    assert errors[0].startswith('Pod resize error: {"containers":[{"name":"app"')
    assert errors[0].endswith('\\"app\\" memory limit (62914560) below current usage (83886080)]"}')
    worker = next(iter(world.kubelet.workers.values()))
    worker.kubelet.runtime.change_behaviour(
        worker.container("app"), world.image("web:1", memory_bytes=20 * MIB)
    )
    world.run("40s")
    assert condition(world, "PodResizeInProgress") is None
    assert world.container()["resources"] == sized("200m", "50Mi", "60Mi")
    assert "ResizeCompleted" in world.reasons()


def test_a_refused_limit_can_be_taken_back(world: World) -> None:
    world.image("web:1", memory_bytes=80 * MIB)
    begin(world, resources=sized("100m", "50Mi", "100Mi"))
    resize(world, sized("100m", "50Mi", "60Mi"))
    world.run("20s")
    resize(world, sized("100m", "50Mi", "100Mi"))
    world.run("30s")
    assert condition(world, "PodResizeInProgress") is None
    assert world.reasons().count("ResizeCompleted") == 1


def test_what_is_started_anew_may_have_less_than_it_used(world: World) -> None:
    world.image("web:1", memory_growth=4 * MIB)
    begin(world, resources=sized("100m", "10Mi", "100Mi"), resizePolicy=RESTART)
    resize(world, sized("100m", "10Mi", "30Mi"))
    world.run("5s")
    assert ("Killing", "Container app resize requires restart") in world.events()
    assert "ResizeError" not in world.reasons()


def test_a_pod_has_a_limit_where_each_of_its_containers_has_one() -> None:
    one = {"resources": {"limits": {"memory": "1Mi"}}}
    assert memory_limit({"containers": [one, one]}) == 2 * MIB
    assert memory_limit({"containers": [one, {}]}) is None
    assert (
        memory_limit({"containers": [one], "initContainers": [{"resources": {"limits": {"memory": "4Mi"}}}]})
        == 4 * MIB
    )
    assert memory_limit({"containers": [one], "initContainers": [{}]}) is None


def whole(world: World, resources: dict[str, Any]) -> None:
    body = {"spec": {"resources": resources}}
    world.client.now(world.client.patch("pods", "shop", "web", body, type="strategic", subresource="resize"))


def test_a_pod_is_resized_as_a_whole(world: World) -> None:
    """InPlacePodLevelResourcesVerticalScaling, on since 1.36: no container starts anew unless its policy says so."""
    world.pod(resources=sized("1", "100Mi", "200Mi"), container={"resources": {}})
    world.run("10s")
    assert world.kubelet.used["cpu"] == 1000
    whole(world, sized("2", "100Mi", "300Mi"))
    world.run("10s")
    status = world.status()
    assert status["resources"] == sized("2", "100Mi", "300Mi")
    assert status["allocatedResources"] == {"cpu": "2", "memory": "100Mi"}
    assert (world.container()["restartCount"], world.kubelet.used["cpu"]) == (0, 2000)
    assert condition(world, "PodResizeInProgress") is None
    (started,) = [text for reason, text in world.events() if reason == "ResizeStarted"]
    assert started.startswith(
        'Pod resize started: {"resources":{"limits":{"memory":"300Mi"},"requests":{"cpu":"2"'
    )


def test_a_new_kubelet_knows_what_the_pod_as_a_whole_was_given(world: World) -> None:
    world.pod(resources=sized("1"), container={"resources": {}})
    world.pod("other", container={"resources": sized("2500m")})
    world.run("10s")
    whole(world, sized("2"))
    world.run("10s")
    assert condition(world, "PodResizePending")["reason"] == "Deferred"
    world.kubelet.stop()
    world.run("5s")
    world.kubelet.start()
    world.run("30s")
    assert world.kubelet.used["cpu"] == 3500
    assert world.status()["resources"] == sized("1")


def test_a_container_that_inherits_its_limit_starts_anew_when_its_policy_says_so(world: World) -> None:
    world.pod(resources=sized("1", "100Mi", "200Mi"), container={"resizePolicy": RESTART})
    world.run("10s")
    whole(world, sized("2", "100Mi", "200Mi"))
    world.run("20s")
    assert world.container()["restartCount"] == 0
    whole(world, sized("2", "100Mi", "300Mi"))
    world.run("40s")
    assert world.container()["restartCount"] == 1
    assert world.status()["resources"] == sized("2", "100Mi", "300Mi")
    assert condition(world, "PodResizeInProgress") is None


def test_a_pod_as_a_whole_may_not_have_less_than_it_uses(world: World) -> None:
    world.image("web:1", memory_bytes=80 * MIB)
    world.pod(resources=sized("1", "50Mi", "200Mi"))
    world.run("10s")
    whole(world, sized("1", "50Mi", "60Mi"))
    world.run("30s")
    assert condition(world, "PodResizeInProgress")["message"] == (
        f"cannot decrease memory limits: attempting to set pod memory limit ({60 * MIB}) below current usage ({80 * MIB})"
    )
    assert world.status()["resources"] == sized("1", "50Mi", "200Mi")
    with pytest.raises(Exception, match="resource limits cannot be removed"):
        whole(world, {"limits": None})


def test_a_new_kubelet_knows_what_was_given(world: World) -> None:
    begin(world)
    world.pod("other", container={"resources": sized("3")})
    world.run("10s")
    resize(world, sized("2"))
    world.run("10s")
    world.kubelet.stop()
    world.run("5s")
    world.kubelet.start()
    world.run("30s")
    assert world.kubelet.used["cpu"] == 3100
    assert condition(world, "PodResizePending")["reason"] == "Deferred"
    assert world.container()["resources"] == sized("100m")


def test_it_is_noticed_though_a_status_brought_it(world: World) -> None:
    """The kubelet may see a change first in the answer to its own write, before the watch tells of it."""
    begin(world)
    worker = next(iter(world.kubelet.workers.values()))
    pod = world.get()
    resources = sized("200m")
    spec = {**pod["spec"], "containers": [{**pod["spec"]["containers"][0], "resources": resources}]}
    version = str(int(pod["metadata"]["resourceVersion"]) + 1)
    newer = {
        **pod,
        "spec": spec,
        "metadata": {**pod["metadata"], "generation": 2, "resourceVersion": version},
    }
    worker.observe(newer)
    worker.update(newer)
    assert worker.resize is not None
    assert worker.requests["cpu"] == 200


@pytest.mark.parametrize(
    ("resources", "text"),
    [
        (
            {"requests": {"cpu": "100"}},
            "node didn't have enough allocatable resources: cpu, requested: 100000, allocatable: 4000",
        ),
        (
            {"requests": {"cpu": "100m", "ephemeral-storage": "1Gi"}},
            "spec: Forbidden: only cpu and memory resources are mutable",
        ),
        ({"requests": None}, "Pod QOS Class may not change as a result of resizing"),
        (
            {"requests": {"memory": None}},
            "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
        ),
        (
            {"limits": {"cpu": "100m", "memory": "100Mi"}},
            'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
        ),
    ],
    ids=["capacity", "storage", "removed", "less", "qos"],
)
def test_what_is_refused(world: World, resources: dict[str, Any], text: str) -> None:
    begin(world)
    with pytest.raises(Exception, match=r"invalid|forbidden") as refused:
        resize(world, resources)
    assert text in str(refused.value)
    assert world.get()["metadata"]["generation"] == 1


def test_nothing_but_sizes_is_taken(world: World) -> None:
    begin(world)
    body = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "app", "image": "other:1"}]}}
    world.client.now(world.client.patch("pods", "shop", "web", body, type="strategic", subresource="resize"))
    assert world.get()["spec"]["containers"][0]["image"] == "web:1"
    assert world.get()["metadata"]["generation"] == 1
