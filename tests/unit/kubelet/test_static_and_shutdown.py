"""Pods that the node runs by itself, and a machine that shuts down in good order."""

from __future__ import annotations

from typing import Any

from kcsim.cluster.kubelet.config import KubeletConfig
from kcsim.engine.clock import SECOND

S = SECOND
World = Any
MANIFEST = {
    "metadata": {"name": "proxy", "namespace": "shop", "labels": {"app": "proxy"}},
    "spec": {"containers": [{"name": "app", "image": "web:1"}]},
}


def with_static_pod(make_world: Any, **config: Any) -> World:
    world = make_world(node={"config": KubeletConfig(static_pods=(MANIFEST,), **config)})
    world.image("web:1")
    world.run("1m")
    return world


class TestStaticPods:
    def test_a_mirror_shows_what_runs(self, make_world: Any) -> None:
        world = with_static_pod(make_world)
        mirror = world.get("proxy-n1")
        assert mirror["metadata"]["ownerReferences"][0]["kind"] == "Node"
        notes = mirror["metadata"]["annotations"]
        assert notes["kubernetes.io/config.mirror"] == notes["kubernetes.io/config.hash"]
        assert notes["kubernetes.io/config.source"] == "file"
        assert world.condition("Ready", "proxy-n1") == "True"
        assert world.status("proxy-n1")["podIP"] == "10.244.0.2"

    def test_deleting_the_mirror_does_not_stop_the_pod(self, make_world: Any) -> None:
        world = with_static_pod(make_world)
        uid = world.get("proxy-n1")["metadata"]["uid"]
        container = world.container("proxy-n1")["containerID"]
        world.delete("proxy-n1")
        world.run("15s")
        assert world.get("proxy-n1")["metadata"]["uid"] != uid
        assert world.container("proxy-n1")["containerID"] == container
        assert world.condition("Ready", "proxy-n1") == "True"

    def test_it_runs_without_an_api_server(self, make_world: Any) -> None:
        world = make_world(nodes=())
        world.network.add_host("n1", kind="node")
        world.image("web:1")
        node = {"node": {"config": KubeletConfig(static_pods=(MANIFEST,))}}
        kubelet = world.kubelet_of("n1", "192.168.0.1", node)
        kubelet.start()
        world.run("1m")
        assert [s.name for s in kubelet.runtime.sandboxes()] == ["proxy-n1"]
        assert kubelet.runtime.sandboxes()[0].running()
        assert world.get("proxy-n1") is None

    def test_a_new_kubelet_takes_it_over(self, make_world: Any) -> None:
        world = with_static_pod(make_world)
        container = world.container("proxy-n1")["containerID"]
        world.kubelet.stop()
        world.run("5s")
        world.kubelet.start()
        world.run("1m")
        assert world.container("proxy-n1")["containerID"] == container
        assert world.condition("Ready", "proxy-n1") == "True"


class TestShutdown:
    def world(self, make_world: Any) -> World:
        config = KubeletConfig(shutdown_grace_period=30 * S, shutdown_grace_period_critical=10 * S)
        world = make_world(node={"config": config})
        world.image("web:1", stops_after_sigterm=2 * S)
        world.image("slow:1", ignores_sigterm=True)
        return world

    def test_pods_end_before_the_machine_is_off(self, make_world: Any) -> None:
        world = self.world(make_world)
        world.pod("quick")
        world.pod("slow", "slow:1", terminationGracePeriodSeconds=300)
        world.pod("vital", priorityClassName="system-cluster-critical")
        world.run("20s")
        off: list[int] = []
        began = world.engine.now
        world.kubelet.shutdown.begin(lambda: off.append(world.engine.now))
        world.run("3s")
        node = world.client.now(world.client.get("nodes", "", "n1"))
        ready = next(c for c in node["status"]["conditions"] if c["type"] == "Ready")
        assert (ready["status"], ready["message"]) == ("False", "node is shutting down")
        status = world.status("quick")
        assert (status["phase"], status["reason"]) == ("Failed", "Terminated")
        assert status["message"] == "Pod was terminated in response to imminent node shutdown."
        assert world.condition("DisruptionTarget", "quick") == "True"
        assert world.status("vital")["phase"] == "Running"
        world.pod("late")
        world.run("2s")
        assert world.status("late")["reason"] == "NodeShutdown"
        world.run("26s")
        assert 20 * S <= off[0] - began <= 26 * S
        assert world.status("vital")["reason"] == "Terminated"

    def test_without_a_grace_period_it_is_off_at_once(self, world: World) -> None:
        off: list[int] = []
        world.kubelet.shutdown.begin(lambda: off.append(1))
        assert off == [1]
