"""Containers added to a running pod: started once, told of by themselves, no part of what the pod is."""

from __future__ import annotations

from typing import Any

from kcsim.engine.clock import SECOND

World = Any


def add(world: World, *containers: dict[str, Any], name: str = "web") -> None:
    pod = world.get(name)
    present = pod["spec"].get("ephemeralContainers") or []
    spec = {**pod["spec"], "ephemeralContainers": [*present, *containers]}
    world.client.now(world.client.update("pods", {**pod, "spec": spec}, subresource="ephemeralcontainers"))


def told(world: World, name: str = "web", index: int = 0) -> dict[str, Any]:
    return world.status(name)["ephemeralContainerStatuses"][index]


def times(world: World, reason: str) -> int:
    """How often something happened to pods, as Events count it."""
    items = world.client.now(world.client.list("events", "shop"))["items"]
    return sum(item.get("count", 1) for item in items if item["reason"] == reason)


def test_it_is_pulled_started_and_told_of(world: World) -> None:
    world.image("busybox:1")
    world.pod()
    world.run("10s")
    before = world.status()
    add(world, {"name": "dbg", "image": "busybox:1"})
    world.run("10s")
    assert ("Pulling", 'Pulling image "busybox:1"') in world.events()
    assert times(world, "Created") == times(world, "Started") == 2
    status = told(world)
    assert (status["ready"], status["restartCount"]) == (False, 0)
    assert "started" not in status
    assert "running" in status["state"]
    assert world.container() == before["containerStatuses"][0]
    assert (world.status()["phase"], world.condition("Ready")) == ("Running", "True")


def test_it_is_never_started_again(world: World) -> None:
    world.image("busybox:1", crash_after=2 * SECOND, exit_code=3)
    world.pod()
    world.run("10s")
    add(world, {"name": "dbg", "image": "busybox:1"})
    world.run("10m")
    status = told(world)
    assert (status["state"]["terminated"]["exitCode"], status["restartCount"]) == (3, 0)
    assert (world.status()["phase"], world.condition("Ready")) == ("Running", "True")
    assert times(world, "Started") == 2


def test_an_image_that_cannot_be_pulled_is_tried_again(world: World) -> None:
    world.pod()
    world.run("10s")
    add(world, {"name": "dbg", "image": "none:1"})
    world.run("30s")
    assert told(world)["state"]["waiting"]["reason"] in {"ErrImagePull", "ImagePullBackOff"}
    assert world.condition("ContainersReady") == "True"
    world.image("none:1")
    world.run("6m")
    assert "running" in told(world)["state"]


def test_it_starts_while_an_init_container_fails(world: World) -> None:
    world.image("init:1", crash_after=SECOND // 2, exit_code=1)
    world.image("busybox:1")
    world.pod(initContainers=[{"name": "setup", "image": "init:1"}])
    world.run("20s")
    add(world, {"name": "dbg", "image": "busybox:1"})
    world.run("2m")
    assert "running" in told(world)["state"]
    assert world.status()["phase"] == "Pending"


def test_it_does_not_keep_a_pod_from_being_done(world: World) -> None:
    world.image("work:1", exits_after=30 * SECOND)
    world.image("busybox:1")
    world.pod("job", "work:1", restartPolicy="Never")
    world.run("10s")
    add(world, {"name": "dbg", "image": "busybox:1"}, name="job")
    world.run("2m")
    assert world.status("job")["phase"] == "Succeeded"
    assert "terminated" in told(world, "job")["state"]


def test_it_ends_with_its_pod(world: World) -> None:
    world.image("busybox:1")
    world.pod()
    world.run("10s")
    add(world, {"name": "dbg", "image": "busybox:1"})
    world.run("10s")
    world.delete()
    world.run("1m")
    assert world.get() is None
    assert ("Killing", "Stopping container dbg") in world.events()


def test_a_new_kubelet_leaves_it_alone(world: World) -> None:
    world.image("busybox:1")
    world.pod()
    world.run("10s")
    add(world, {"name": "dbg", "image": "busybox:1"})
    world.run("10s")
    before = told(world)
    world.kubelet.stop()
    world.run("5s")
    world.kubelet.start()
    world.run("1m")
    assert told(world) == before


def test_nobody_connects_to_it(world: World) -> None:
    world.image("web:1", ready_after=600 * SECOND)
    world.image("busybox:1")
    world.pod()
    world.run("10s")
    add(world, {"name": "dbg", "image": "busybox:1"})
    world.run("10s")
    ip = world.status()["podIP"]
    assert world.kubelet.runtime.serving(ip, 80) is None
