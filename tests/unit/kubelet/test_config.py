"""What a node's configuration and a pod's hooks change: pulls side by side, postStart, grace of a probe."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.cluster.images import Window
from kcsim.cluster.kubelet.config import KubeletConfig
from kcsim.cluster.kubelet.image_manager import is_image_name
from kcsim.cluster.kubelet.lifecycle_hooks import HookRun, run_of_hook
from kcsim.engine.clock import SECOND

S = SECOND
World = Any
HTTP = {"httpGet": {"path": "/", "port": 8080}}


def phases(world: World, count: int) -> list[str]:
    return sorted(world.status(f"p{i}")["phase"] for i in range(count))


class TestPulls:
    def world(self, make_world: Any, images: int, **config: Any) -> World:
        world = make_world(node={"config": KubeletConfig(serialize_image_pulls=False, **config)})
        for i in range(images):
            world.image(f"app{i}:1", size_bytes=400_000_000)
            world.pod(f"p{i}", f"app{i}:1")
        return world

    def test_side_by_side(self, make_world: Any) -> None:
        world = self.world(make_world, 3)
        world.run("14s")
        assert phases(world, 3) == ["Running"] * 3

    def test_at_most_so_many(self, make_world: Any) -> None:
        world = self.world(make_world, 3, max_parallel_image_pulls=2)
        world.run("14s")
        assert phases(world, 3) == ["Pending", "Running", "Running"]

    def test_one_image_is_fetched_once(self, make_world: Any) -> None:
        world = make_world(node={"config": KubeletConfig(serialize_image_pulls=False)})
        world.image("big:1", size_bytes=800_000_000)
        world.pod("p0", "big:1")
        world.run("10s")
        world.pod("p1", "big:1")
        world.run("15s")
        assert phases(world, 2) == ["Running", "Running"]

    def test_too_many_a_second_are_refused_and_tried_again(self, make_world: Any) -> None:
        world = self.world(make_world, 4, registry_qps=1, registry_burst=2)
        world.run("5s")
        messages = [m for r, m in world.events() if r == "Failed"]
        assert any(m.endswith("pull QPS exceeded") for m in messages)
        world.run("1m")
        assert phases(world, 4) == ["Running"] * 4

    @pytest.mark.parametrize(
        "wrong",
        [
            {"max_parallel_image_pulls": 0},
            {"max_parallel_image_pulls": 2},
            {"shutdown_grace_period": 1, "shutdown_grace_period_critical": 2},
        ],
    )
    def test_contradictions_are_refused(self, wrong: dict[str, int]) -> None:
        with pytest.raises(ValueError, match=r"arallel|shutdown"):
            KubeletConfig(**wrong)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("image", "valid"),
        [
            ("web", True),
            ("web:1.2_3-x", True),
            ("registry.example:5000/a/b-c/web@sha256:" + "0" * 64, True),
            ("Registry.Example/web", True),
            ("app/Web:1", False),
            ("web:", False),
            ("web latest", False),
            ("-web", False),
        ],
    )
    def test_names(self, image: str, valid: bool) -> None:
        assert is_image_name(image) is valid

    def test_an_invalid_name_is_told(self, world: World) -> None:
        world.pod(image="app/Web:1")
        world.run("5s")
        assert world.container()["state"]["waiting"] == {
            "reason": "InvalidImageName",
            "message": 'Failed to apply default image tag "app/Web:1": couldn\'t parse image name "app/Web:1": '
            "invalid reference format: repository name (app/Web) must be lowercase",
        }
        assert "InspectFailed" in world.reasons()


class TestHooks:
    @pytest.mark.parametrize(
        ("hook", "run"),
        [
            ({"sleep": {"seconds": 3}}, HookRun(3 * S)),
            (
                {"exec": {"command": ["sh", "-c", "sleep 2; exit 4"]}},
                HookRun(2 * S, "command 'sh -c sleep 2; exit 4' exited with 4: "),
            ),
            ({"exec": {"command": ["/bin/false"]}}, HookRun(S, "command '/bin/false' exited with 1: ")),
            ({"exec": {"command": ["warm-up"]}}, HookRun(S)),
            ({"httpGet": {"port": 80}}, HookRun(S)),
            ({"httpGet": {"port": 81}}, HookRun(0, "connect: connection refused (port 81)")),
        ],
    )
    def test_runs(self, hook: dict[str, Any], run: HookRun) -> None:
        container = {"lifecycle": {"postStart": hook}}
        assert run_of_hook(container, "postStart", S, listens=lambda port: port == 80) == run

    def test_no_hook(self) -> None:
        assert run_of_hook({}, "postStart", S, listens=lambda _port: True) is None

    def test_the_next_container_waits_for_post_start(self, world: World) -> None:
        containers = [
            {"name": "a", "image": "web:1", "lifecycle": {"postStart": {"sleep": {"seconds": 20}}}},
            {"name": "b", "image": "web:1"},
        ]
        world.pod(containers=containers)
        world.run("15s")
        # The container runs, and the API hears of it only after the hook, as documented.
        assert list(world.kubelet.runtime.sandboxes()[0].containers) == ["a"]
        assert world.container(index=0)["state"] == {"waiting": {"reason": "ContainerCreating"}}
        world.run("20s")
        assert world.condition("Ready") == "True"

    def test_a_failed_post_start_ends_the_container(self, world: World) -> None:
        world.pod(container={"lifecycle": {"postStart": {"exec": {"command": ["false"]}}}})
        world.run("20s")
        assert world.container()["restartCount"] >= 1
        assert ("FailedPostStartHook", "PostStartHook failed") in world.events()
        world.run("5m")
        assert world.container()["restartCount"] < 8
        reason = world.container()["state"]["waiting"]["reason"]
        assert reason in ("PostStartHookError", "CrashLoopBackOff")


class TestProbes:
    def test_a_probe_may_have_a_grace_period_of_its_own(self, world: World) -> None:
        world.image("web:1", fails_liveness=Window(20 * S), ignores_sigterm=True)
        probe = {**HTTP, "periodSeconds": 1, "failureThreshold": 1, "terminationGracePeriodSeconds": 3}
        world.pod(container={"livenessProbe": probe}, terminationGracePeriodSeconds=300)
        world.run("40s")
        assert world.container()["restartCount"] == 1
        assert world.container()["lastState"]["terminated"]["exitCode"] == 137
