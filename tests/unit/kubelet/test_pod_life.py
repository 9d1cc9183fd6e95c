"""A pod on its node: starts, restarts, failures, probes and endings, in virtual time."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from kcsim.cluster.images import ImageBehaviour, Window
from kcsim.cluster.kubelet.timings import TIMINGS_1_31
from kcsim.engine.clock import SECOND, parse_rfc3339

S = SECOND
World = Any


def when(text: str) -> float:
    """A metav1.Time as seconds of the simulation."""
    return parse_rfc3339(text) / SECOND


def starts_of(world: World, name: str = "web") -> list[float]:
    """When each attempt of the pod's container started, from the trail of its statuses (whole seconds)."""
    found: dict[int, float] = {}
    resource = world.client.resource("pods")
    for version in world.server.log.history(resource, ("shop", name)):
        for status in (version.object or {}).get("status", {}).get("containerStatuses") or ():
            running = status["state"].get("running")
            if running:
                found.setdefault(status["restartCount"], when(running["startedAt"]))
    return [found[i] for i in sorted(found)]


class TestStart:
    def test_status_goes_from_creating_to_ready_in_two_patches(self, world: World) -> None:
        world.pod()
        before = int(world.get()["metadata"]["resourceVersion"])
        world.run("300ms")
        assert world.container()["state"] == {"waiting": {"reason": "ContainerCreating"}}
        assert world.condition("Initialized") == "True"
        world.run("10s")
        assert world.status()["phase"] == "Running"
        assert world.condition("Ready") == "True"
        assert world.status()["podIP"] == "10.244.0.2"
        versions = [v for v in pod_versions(world) if int(v["metadata"]["resourceVersion"]) > before]
        assert len(versions) == 2
        assert world.reasons() == ["Pulling", "Pulled", "Created", "Started"]

    def test_a_cached_image_is_not_pulled_again(self, world: World) -> None:
        world.pod("a")
        world.run("10s")
        world.pod("b")
        world.run("10s")
        text = 'Container image "web:1" already present on machine and can be accessed by the pod'
        assert ("Pulled", text) in world.events()

    def test_older_kubelets_word_it_differently(self, make_world: Any) -> None:
        world = make_world(timings=TIMINGS_1_31)
        world.image("web:1")
        world.pod()
        world.run("10s")
        assert ("Started", "Started container app") in world.events()

    def test_images_are_pulled_one_at_a_time(self, world: World) -> None:
        for name in ("a:1", "b:1"):
            world.image(name, size_bytes=400_000_000)
        world.pod("a", "a:1")
        world.pod("b", "b:1")
        # A pull takes ten seconds and a little; whose sandbox was made first is pulled first.
        world.run("14s")
        assert sorted(world.status(name)["phase"] for name in ("a", "b")) == ["Pending", "Running"]
        world.run("30s")
        texts = [m for r, m in world.events() if r == "Pulled"]
        waits = sorted(float(m.partition("(")[2].partition("s including")[0]) for m in texts)
        assert 10 < waits[0] < 12
        assert 20 < waits[1] < 23

    def test_init_containers_run_one_after_another_then_sidecars_stay(self, world: World) -> None:
        world.image("init:1", exits_after=2 * S)
        world.image("proxy:1")
        world.pod(
            initContainers=[
                {"name": "first", "image": "init:1"},
                {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"},
                {"name": "second", "image": "init:1"},
            ]
        )
        world.run("4s")
        assert world.status()["phase"] == "Pending"
        assert world.condition("Initialized") == "False"
        world.run("30s")
        assert world.condition("Ready") == "True"
        init = world.status()["initContainerStatuses"]
        assert [s["ready"] for s in init] == [True, True, True]
        assert "running" in init[1]["state"]

    def test_an_init_container_of_an_image_that_nobody_described_does_not_hold_up_its_pod(
        self, world: World
    ) -> None:
        world.image("busybox:1")
        world.pod(initContainers=[{"name": "wait", "image": "busybox:1"}])
        world.run("20s")
        assert world.condition("Ready") == "True"
        state = world.status()["initContainerStatuses"][0]["state"]
        assert state["terminated"]["exitCode"] == 0

    def test_a_missing_config_map_keeps_the_pod_waiting(self, world: World) -> None:
        world.pod(volumes=[{"name": "conf", "configMap": {"name": "app"}}])
        world.run("5s")
        assert world.container()["state"] == {"waiting": {"reason": "ContainerCreating"}}
        message = 'MountVolume.SetUp failed for volume "conf" : configmap "app" not found'
        assert ("FailedMount", message) in world.events()
        metadata = {"name": "app", "namespace": "shop"}
        world.create("configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        world.run("20s")
        assert world.condition("Ready") == "True"

    def test_a_missing_secret_in_the_environment_is_a_config_error(self, world: World) -> None:
        world.pod(container={"envFrom": [{"secretRef": {"name": "s"}}]})
        world.run("10s")
        state = world.container()["state"]["waiting"]
        assert state == {"reason": "CreateContainerConfigError", "message": 'secret "s" not found'}

    def test_no_address_left(self, world: World) -> None:
        world.addresses.free.clear()
        world.pod()
        world.run("5s")
        assert "FailedCreatePodSandBox" in world.reasons()
        world.addresses.free.append("10.244.0.9")
        world.run("20s")
        assert world.status()["podIP"] == "10.244.0.9"

    @pytest.mark.parametrize(
        ("more", "reason"),
        [
            ({"container": {"resources": {"requests": {"cpu": "5"}}}}, "OutOfcpu"),
            ({"container": {"resources": {"requests": {"memory": "8Gi"}}}}, "OutOfmemory"),
            ({"nodeSelector": {"disk": "ssd"}}, "NodeAffinity"),
        ],
    )
    def test_the_node_may_refuse(self, world: World, more: dict[str, Any], reason: str) -> None:
        world.pod(**more)
        world.run("5s")
        assert world.status()["phase"] == "Failed"
        assert world.status()["reason"] == reason
        assert world.status()["message"].startswith("Pod was rejected: ")
        assert reason in world.reasons()


class TestRestarts:
    def test_crash_loop_follows_the_table_plus_the_requeue_delay(self, world: World) -> None:
        """S07: restarts after 0, 10, 20, 40, 80, 160, 300, 300 s, each up to half as late (at most 30 s)."""
        world.image("web:1", crash_after=S)
        world.pod()
        world.run("40m")
        starts = starts_of(world)
        gaps = [b - a - 1 for a, b in itertools.pairwise(starts)]
        wanted = [0, 10, 20, 40, 80, 160, 300, 300]
        for gap, want in zip(gaps, wanted, strict=False):
            # Relist and create come on top: about two seconds; times in a status are whole seconds.
            assert want - 1 <= gap <= want + min(want * 0.5, 30) + 4, (gaps, want)

    def test_the_reason_to_wait_is_shown(self, world: World) -> None:
        world.image("web:1", crash_after=S, exit_code=3)
        world.pod()
        world.run("14s")
        status = world.container()
        pod = f"web_shop({world.get()['metadata']['uid']})"
        assert status["state"]["waiting"] == {
            "reason": "CrashLoopBackOff",
            "message": f"back-off 10s restarting failed container=app pod={pod}",
        }
        assert status["lastState"]["terminated"]["exitCode"] == 3
        assert world.status()["phase"] == "Running"
        assert ("BackOff", f"Back-off restarting failed container app in pod {pod}") in world.events()

    def test_out_of_memory(self, world: World) -> None:
        """S21: the limit is reached after 25 s, again and again."""
        world.image("web:1", memory_bytes=6 * 2**20, memory_growth=10 * 2**20)
        world.pod(container={"resources": {"limits": {"memory": "256Mi"}}})
        world.run("60s")
        last = world.container()["lastState"]["terminated"]
        assert (last["exitCode"], last["reason"]) == (137, "OOMKilled")
        assert when(last["finishedAt"]) - when(last["startedAt"]) == pytest.approx(25, abs=1)

    def test_only_the_first_containers_crash(self, world: World) -> None:
        world.image("web:1", crash_after=S, crashes=2)
        world.pod()
        world.run("1m")
        assert world.container()["restartCount"] == 2
        assert world.condition("Ready") == "True"

    @pytest.mark.parametrize(
        ("policy", "behaviour", "phase"),
        [
            ("Never", {"exits_after": 2 * S}, "Succeeded"),
            ("OnFailure", {"exits_after": 2 * S}, "Succeeded"),
            ("Never", {"crash_after": 2 * S}, "Failed"),
        ],
    )
    def test_a_pod_that_is_done(self, world: World, policy: str, behaviour: dict, phase: str) -> None:
        world.image("web:1", **behaviour)
        world.pod(restartPolicy=policy)
        world.run("20s")
        assert world.status()["phase"] == phase
        assert world.condition("PodReadyToStartContainers") == "False"
        assert len(world.addresses.free) == 250
        assert world.kubelet.used == {"pods": 0}

    def test_active_deadline(self, world: World) -> None:
        world.pod(activeDeadlineSeconds=30)
        world.run("45s")
        assert (world.status()["phase"], world.status()["reason"]) == ("Failed", "DeadlineExceeded")


class TestImagePulls:
    def test_attempts_back_off(self, world: World) -> None:
        world.pod(image="web:bad")
        began = world.engine.now / S
        world.run("12m")
        attempts = pull_attempts(world)
        windows = [(0, 2), (10, 17), (30, 48), (70, 105), (150, 210), (310, 420)]
        for at, (low, high) in zip(attempts, windows, strict=False):
            assert low <= at - began <= high, attempts
        assert world.status()["phase"] == "Pending"

    def test_states_and_texts(self, world: World) -> None:
        world.pod(image="web:bad")
        seen = []
        for _ in range(80):
            world.run("100ms")
            for status in world.status().get("containerStatuses") or ():
                waiting = status["state"]["waiting"]
                if not seen or seen[-1] != waiting:
                    seen.append(waiting)
        error = (
            'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/web:bad": '
            'failed to resolve reference "docker.io/library/web:bad": docker.io/library/web:bad: not found'
        )
        assert seen == [
            {"reason": "ContainerCreating"},
            {"reason": "ErrImagePull", "message": error},
            {
                "reason": "ImagePullBackOff",
                "message": f'Back-off pulling image "web:bad": ErrImagePull: {error}',
            },
        ]
        assert ("Failed", "Error: ErrImagePull") in world.events()
        assert ("BackOff", 'Back-off pulling image "web:bad"') in world.events()

    def test_a_mended_registry_is_noticed_at_the_next_attempt(self, world: World) -> None:
        world.pod(image="web:bad")
        world.run("5s")
        world.image("web:bad")
        world.run("30s")
        assert world.condition("Ready") == "True"


HTTP = {"httpGet": {"path": "/", "port": 8080}}


class TestProbes:
    def test_ready_when_the_program_listens(self, world: World) -> None:
        world.image("web:1", ready_after=8 * S)
        world.pod(container={"readinessProbe": {**HTTP, "periodSeconds": 2}})
        world.run("6s")
        assert world.condition("Ready") == "False"
        assert any(m.endswith("connect: connection refused") for r, m in world.events() if r == "Unhealthy")
        world.run("15s")
        assert world.condition("Ready") == "True"

    def test_a_healthy_container_costs_nothing(self, world: World) -> None:
        world.pod(container={"readinessProbe": HTTP, "livenessProbe": HTTP})
        world.run("30s")
        world.run("2h")  # the Events of the start are forgotten
        steps = world.engine.steps
        world.run("24h")
        assert world.engine.steps == steps

    def test_three_failures_take_readiness_away_and_one_success_brings_it_back(self, world: World) -> None:
        """S06: detection takes (3 - 1) * period and up to one period more."""
        world.image("web:1", fails_readiness=Window(60 * S, 120 * S))
        world.pod(container={"readinessProbe": HTTP})
        world.run("30s")
        started = when(world.container()["state"]["running"]["startedAt"])
        flips = ready_flips(world, until="3m")
        assert [status for status, _ in flips] == ["False", "True"]
        assert 80 <= flips[0][1] - started <= 92
        assert 120 <= flips[1][1] - started <= 132
        assert world.container()["restartCount"] == 0

    def test_a_failed_liveness_probe_restarts_the_container(self, world: World) -> None:
        world.image("web:1", fails_liveness=Window(30 * S))
        world.pod(container={"livenessProbe": HTTP})
        world.run("80s")
        assert ("Killing", "Container app failed liveness probe, will be restarted") in world.events()
        assert world.container()["restartCount"] == 1
        assert world.container()["lastState"]["terminated"]["exitCode"] == 143

    def test_a_startup_probe_holds_the_others_back(self, world: World) -> None:
        world.image("web:1", ready_after=40 * S)
        probes = {
            "startupProbe": {**HTTP, "failureThreshold": 30},
            "livenessProbe": HTTP,
            "readinessProbe": HTTP,
        }
        world.pod(container=probes)
        world.run("40s")
        assert world.container()["started"] is False
        world.run("30s")
        assert world.container()["started"] is True
        assert world.condition("Ready") == "True"
        assert world.container()["restartCount"] == 0

    def test_a_fault_in_a_running_container_is_found(self, world: World) -> None:
        world.pod(container={"readinessProbe": HTTP})
        world.run("30s")
        sandbox = world.kubelet.runtime.sandboxes()[0]
        container = sandbox.containers["app"]
        world.kubelet.runtime.change_behaviour(container, ImageBehaviour("web:1", fails_readiness=Window()))
        world.run("35s")
        assert world.condition("Ready") == "False"


class TestEnding:
    def test_graceful_end(self, world: World) -> None:
        world.pod()
        world.run("10s")
        world.delete()
        world.run("400ms")
        assert ("Killing", "Stopping container app") in world.events()
        assert world.kubelet.runtime.serving("10.244.0.2", 80) is None
        world.run("4s")
        assert world.get() is None
        assert world.addresses.free[-1] == "10.244.0.2"
        last = pod_versions(world)[-1]
        assert last["status"]["phase"] == "Failed"
        assert last["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 143
        assert world.kubelet.workers == {}

    @pytest.mark.parametrize(
        ("behaviour", "lifecycle", "grace", "gone_after"),
        [
            ({"ignores_sigterm": True}, None, 30, 30),
            ({"stops_after_sigterm": 7 * S}, None, 30, 7),
            ({}, {"preStop": {"sleep": {"seconds": 10}}}, 30, 10),
            ({"ignores_sigterm": True}, {"preStop": {"exec": {"command": ["sleep", "40"]}}}, 30, 32),
        ],
    )
    def test_how_long_an_end_takes(
        self, world: World, behaviour: dict, lifecycle: dict | None, grace: int, gone_after: int
    ) -> None:
        world.image("web:1", **behaviour)
        world.pod(
            container={"lifecycle": lifecycle} if lifecycle else {}, terminationGracePeriodSeconds=grace
        )
        world.run("10s")
        world.delete()
        began = world.engine.now
        while world.kubelet.runtime.serving("10.244.0.2", 80) is not None:
            world.run("50ms")
        assert (world.engine.now - began) / S == pytest.approx(gone_after, abs=0.6)
        world.run("4s")
        assert world.get() is None

    def test_sidecars_stop_last(self, world: World) -> None:
        world.image("proxy:1")
        world.image("web:1", stops_after_sigterm=5 * S)
        world.pod(initContainers=[{"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}])
        world.run("15s")
        world.delete()
        world.run("3s")
        assert [m for r, m in world.events() if r == "Killing"] == ["Stopping container app"]
        world.run("3s")
        assert [m for r, m in world.events() if r == "Killing"][-1] == "Stopping container proxy"
        world.run("4s")
        assert world.get() is None

    def test_a_forced_deletion_removes_the_object_first(self, world: World) -> None:
        world.image("web:1", ignores_sigterm=True)
        world.pod(terminationGracePeriodSeconds=5)
        world.run("10s")
        world.delete(grace=0)
        assert world.get() is None
        world.run("2s")
        assert world.kubelet.runtime.sandboxes()[0].running()
        world.run("10s")
        assert world.kubelet.runtime.sandboxes() == []
        assert world.kubelet.workers == {}

    def test_a_second_deletion_shortens_the_grace(self, world: World) -> None:
        world.image("web:1", ignores_sigterm=True)
        world.pod()
        world.run("10s")
        world.delete()
        world.run("2s")
        world.delete(grace=5)
        world.run("10s")
        assert world.get() is None

    def test_a_pod_that_never_started(self, world: World) -> None:
        world.pod(image="web:bad")
        world.run("20s")
        world.delete()
        world.run("4s")
        assert world.get() is None
        assert world.kubelet.workers == {}

    def test_deleted_while_its_image_is_pulled(self, world: World) -> None:
        world.image("big:1", size_bytes=4_000_000_000)
        world.pod(image="big:1")
        world.run("10s")
        world.delete()
        world.run("5s")
        assert world.get() is None
        world.run("3m")
        assert "Started" not in world.reasons()


def pod_versions(world: World, name: str = "web") -> list[dict[str, Any]]:
    """Every version of the pod, oldest first."""
    resource = world.client.resource("pods")
    found = world.server.log.history(resource, ("shop", name))
    return [v.object for v in found if not v.deleted]


def pull_attempts(world: World) -> list[float]:
    """When ``Pulling`` was recorded, each time it was counted (seconds)."""
    resource = world.client.resource("events")
    times: dict[tuple[str, int], float] = {}
    for event in world.client.now(world.client.list("events", "shop"))["items"]:
        if event["reason"] != "Pulling":
            continue
        name = event["metadata"]["name"]
        for version in world.server.log.history(resource, ("shop", name)):
            times[name, version.object["count"]] = when(version.object["lastTimestamp"])
    return sorted(times.values())


def ready_flips(world: World, until: str) -> list[tuple[str, float]]:
    """(status, seconds) of each change of Ready from now on."""
    before = world.condition("Ready")
    world.run(until)
    flips = []
    for version in pod_versions(world):
        ready = next((c for c in version["status"].get("conditions", ()) if c["type"] == "Ready"), None)
        if ready and ready["status"] != before and when(ready["lastTransitionTime"]) > 30:
            before = ready["status"]
            flips.append((before, when(ready["lastTransitionTime"])))
    return flips
