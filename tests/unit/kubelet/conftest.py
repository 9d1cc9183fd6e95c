"""One node and an API server: the world of kubelet tests."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api import objects
from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.request import ADMIN
from kcsim.api.server import ApiServer
from kcsim.cluster.images import ImageBehaviour, PullResult
from kcsim.cluster.kubelet.kubelet import Kubelet
from kcsim.cluster.kubelet.messages import image_not_found
from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.engine.clock import seconds
from kcsim.engine.core import Engine
from kcsim.network.topology import Network
from kcsim.profile.distributions import Fixed


class Addresses:
    """Addresses in order, freed ones first."""

    def __init__(self, size: int = 250) -> None:
        self.free = [f"10.244.0.{i}" for i in range(2, 2 + size)]

    def is_ready(self, node: str) -> bool:
        return True

    def allocate(self, node: str, pod: dict[str, Any]) -> tuple[str, ...]:
        return (self.free.pop(0),) if self.free else ()

    def release(self, node: str, ips: tuple[str, ...]) -> None:
        self.free.extend(ips)


class World:
    def __init__(self, seed: int = 1, nodes: tuple[str, ...] = ("n1",), **options: Any) -> None:
        self.engine = Engine(seed)
        self.network = Network()
        self.network.add_host("cp", kind="control-plane")
        self.server = ApiServer(self.engine, checking=True)
        self.endpoint = Endpoint(self.engine, self.network, self.server, "cp")
        self.client = DirectClient(self.endpoint, ADMIN, "cp", user_agent="test")
        for name in ("shop", "kube-node-lease", "default"):
            self.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self._let_nodes_do_anything()
        self.images: dict[str, ImageBehaviour] = {}
        self.addresses = Addresses()
        self.programs: list[str] = []
        for name in nodes:
            self.network.add_host(name, kind="node")
            self.network.connect(name, "cp", Fixed(200))
        self.kubelets = {
            name: self.kubelet_of(name, f"192.168.0.{i + 1}", options) for i, name in enumerate(nodes)
        }
        self.kubelet = next(iter(self.kubelets.values()), None)
        for kubelet in self.kubelets.values():
            kubelet.start()
        self.run("5s")

    def _let_nodes_do_anything(self) -> None:
        group = "rbac.authorization.k8s.io"
        rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
        base = {"apiVersion": f"{group}/v1", "metadata": {"name": "node"}}
        self.create("clusterroles", {**base, "kind": "ClusterRole", "rules": rules})
        self.create(
            "clusterrolebindings",
            {
                **base,
                "kind": "ClusterRoleBinding",
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "node"},
                "subjects": [{"apiGroup": group, "kind": "Group", "name": "system:nodes"}],
            },
        )

    def kubelet_of(self, name: str, address: str, options: dict[str, Any]) -> Kubelet:
        options = dict(options)
        return Kubelet(
            self.endpoint,
            NodeSpec(name, address, **options.pop("node", {})),
            resolve=self.resolve,
            addresses=self.addresses,
            start_program=self.start_program,
            **options,
        )

    def start_program(self, program: str, pod: dict[str, Any], node: str) -> Any:
        world = self
        world.programs.append(f"start {program} for {objects.name(pod)} on {node}")

        class Handle:
            def stop(self) -> None:
                world.programs.append(f"stop {program}")

        return Handle()

    def resolve(self, image: str) -> PullResult:
        behaviour = self.images.get(image)
        if behaviour is None:
            return PullResult(None, image_not_found(image))
        return PullResult(behaviour)

    def image(self, name: str, **behaviour: Any) -> ImageBehaviour:
        image = self.images[name] = ImageBehaviour(name, **behaviour)
        return image

    # --- acting and looking -------------------------------------------------------------------------------------

    def run(self, duration: str) -> None:
        self.engine.run_until(self.engine.now + seconds(duration))

    def create(self, resource: str, obj: dict[str, Any]) -> dict[str, Any]:
        return self.client.now(self.client.create(resource, obj))

    def pod(self, name: str = "web", image: str = "web:1", node: str = "n1", **more: Any) -> None:
        container = {"name": "app", "image": image, **more.pop("container", {})}
        spec = {"nodeName": node, "containers": [container], **more}
        self.create(
            "pods",
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": "shop"},
                "spec": spec,
            },
        )

    def delete(self, name: str = "web", grace: int | None = None) -> None:
        self.client.now(self.client.delete("pods", "shop", name, grace=grace))

    def get(self, name: str = "web") -> dict[str, Any] | None:
        version = self.server.log.get(self.client.resource("pods"), "shop", name)
        return None if version is None else version.object

    def status(self, name: str = "web") -> dict[str, Any]:
        pod = self.get(name)
        assert pod is not None
        return pod["status"]

    def container(self, name: str = "web", index: int = 0) -> dict[str, Any]:
        return self.status(name)["containerStatuses"][index]

    def condition(self, kind: str, name: str = "web") -> str:
        return next(c["status"] for c in self.status(name)["conditions"] if c["type"] == kind)

    def events(self) -> list[tuple[str, str]]:
        items = self.client.now(self.client.list("events", "shop"))["items"]
        items.sort(key=lambda e: e["metadata"]["name"].rpartition(".")[2])
        return [(e["reason"], e["message"]) for e in items]

    def reasons(self) -> list[str]:
        return [reason for reason, _ in self.events()]


@pytest.fixture
def make_world() -> type[World]:
    return World


@pytest.fixture
def world() -> World:
    w = World()
    w.image("web:1")
    return w
