"""A node that runs out of memory or disk: who goes, what is said, and when it is over."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.cluster.kubelet.eviction import MEMORY, Use, crossing, is_critical, message, ranked, refuses
from kcsim.engine.clock import SECOND

S = SECOND
World = Any
MI = 1 << 20
GI = 1 << 30


def use(uid: str, used: int, asked: int = 0, priority: int = 0) -> Use:
    return Use(uid, priority, (("app", used, asked),))


class TestDecisions:
    @pytest.mark.parametrize(
        ("uses", "order"),
        [
            ([use("within", 9, 10), use("above", 2, 1)], ["above", "within"]),
            ([use("dear", 9, 0, 100), use("cheap", 1, 0)], ["cheap", "dear"]),
            ([use("little", 3, 2), use("much", 9, 2)], ["much", "little"]),
            ([use("far", 1, 9), use("near", 8, 9)], ["near", "far"]),
        ],
    )
    def test_ranking(self, uses: list[Use], order: list[str]) -> None:
        assert [each.uid for each in ranked(uses)] == order

    def test_message(self) -> None:
        assert message(MEMORY, 100 * MI, 50 * MI, use("a", 300 * MI, 0)) == (
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
            "Container app was using 300Mi, request is 0, has larger consumption of memory. "
        )

    @pytest.mark.parametrize(
        ("used", "rate", "when"), [(11, 0, 0), (10, 0, None), (5, 1, 6 * S), (10, 2, S // 2)]
    )
    def test_crossing(self, used: int, rate: int, when: int | None) -> None:
        assert crossing(used, rate, 10, 0) == when

    def pod(self, **spec: Any) -> dict[str, Any]:
        return {"metadata": {}, "spec": {"containers": [{"name": "app"}], **spec}}

    @pytest.mark.parametrize(
        ("spec", "pressures", "refused"),
        [
            ({}, {"MemoryPressure"}, True),
            ({"containers": [{"resources": {"requests": {"memory": "1Mi"}}}]}, {"MemoryPressure"}, False),
            ({"containers": [{"resources": {"requests": {"memory": "1Mi"}}}]}, {"DiskPressure"}, True),
            ({"tolerations": [{"operator": "Exists"}]}, {"MemoryPressure"}, False),
            ({"priority": 2_000_000_000}, {"DiskPressure"}, False),
            ({}, set(), False),
        ],
    )
    def test_who_may_still_come(self, spec: dict, pressures: set[str], refused: bool) -> None:
        assert bool(refuses(self.pod(**spec), frozenset(pressures))) is refused

    def test_critical_pods(self) -> None:
        static = {"metadata": {"annotations": {"kubernetes.io/config.source": "file"}}, "spec": {}}
        assert is_critical(static)
        assert not is_critical(self.pod())


def requests(memory: str) -> dict[str, Any]:
    return {"resources": {"requests": {"memory": memory}}}


def node_condition(world: World, kind: str) -> dict[str, Any]:
    node = world.client.now(world.client.get("nodes", "", "n1"))
    return next(c for c in node["status"]["conditions"] if c["type"] == kind)


def node_events(world: World) -> list[str]:
    items = world.client.now(world.client.list("events", "default"))["items"]
    return [e["reason"] for e in items]


class TestMemory:
    def test_who_uses_more_than_it_asked_for_goes_first(self, world: World) -> None:
        """8Gi; the leak takes it below 100Mi left after about ten minutes."""
        world.image("leak:1", memory_bytes=GI, memory_growth=10 * MI)
        world.image("quiet:1", memory_bytes=GI)
        world.pod("leaks", "leak:1", container=requests("1Gi"))
        world.pod("modest", "quiet:1", container=requests("2Gi"))
        world.run("14m")
        status = world.status("leaks")
        assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
        assert (
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: "
            in status["message"]
        )
        assert "request is 1Gi, has larger consumption of memory. " in status["message"]
        assert world.condition("DisruptionTarget", "leaks") == "True"
        assert world.status("modest")["phase"] == "Running"
        assert "EvictionThresholdMet" in node_events(world)
        assert "NodeHasInsufficientMemory" in node_events(world)
        assert node_condition(world, "MemoryPressure")["reason"] == "KubeletHasInsufficientMemory"

    def test_pressure_lasts_five_minutes_and_keeps_best_effort_pods_away(self, world: World) -> None:
        world.image("big:1", memory_bytes=8 * GI - 50 * MI)
        world.pod("big", "big:1")
        world.run("1m")
        assert world.status("big")["reason"] == "Evicted"
        world.pod("late")
        world.pod("asks", container=requests("1Mi"))
        world.run("1m")
        assert world.status("late")["message"] == (
            "Pod was rejected: The node had condition: [MemoryPressure]. "
        )
        assert world.status("asks")["phase"] == "Running"
        world.run("4m30s")
        assert node_condition(world, "MemoryPressure")["status"] == "False"
        assert "NodeHasSufficientMemory" in node_events(world)
        steps = world.engine.steps
        world.run("1h")
        assert world.engine.steps - steps < 5

    def test_the_kernel_does_not_wait_for_the_kubelet(self, world: World) -> None:
        world.image("burst:1", memory_growth=GI)
        world.image("quiet:1", memory_bytes=6 * GI + 900 * MI)
        world.pod("quiet", "quiet:1", container=requests("7Gi"))
        world.run("15s")
        world.pod("burst", "burst:1")
        world.run("12s")
        killed = world.container("burst")
        ended = killed["lastState"].get("terminated") or killed["state"].get("terminated")
        assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)
        assert "SystemOOM" in node_events(world)
        assert world.container("quiet")["restartCount"] == 0

    def test_nothing_used_costs_nothing(self, world: World) -> None:
        world.pod()
        world.run("30s")
        assert world.kubelet.evictions._timer is None


class TestDisk:
    def test_images_go_before_pods(self, world: World) -> None:
        world.image("old:1", size_bytes=80_000_000_000)
        world.pod("old", "old:1")
        world.run("40m")
        world.delete("old")
        world.run("5s")
        world.image("writes:1", disk_bytes=20_000_000_000, size_bytes=1)
        world.pod("writes", "writes:1")
        world.run("30s")
        assert "old:1" not in world.kubelet.images.images()
        assert world.status("writes")["phase"] == "Running"

    def test_a_full_disk_evicts(self, world: World) -> None:
        world.image("logs:1", disk_growth=GI)
        world.pod("logs", "logs:1")
        world.run("2m")
        status = world.status("logs")
        assert status["reason"] == "Evicted"
        assert "The node was low on resource: ephemeral-storage." in status["message"]
        assert node_condition(world, "DiskPressure")["status"] == "True"

    def test_a_limit_of_its_own(self, world: World) -> None:
        world.image("logs:1", disk_growth=100 * MI)
        limit = {"resources": {"limits": {"ephemeral-storage": "1Gi"}}}
        world.pod("logs", "logs:1", container=limit)
        world.run("40s")
        status = world.status("logs")
        assert status["message"] == 'Container app exceeded its local ephemeral storage limit "1Gi". '
        assert node_condition(world, "DiskPressure")["status"] == "False"
