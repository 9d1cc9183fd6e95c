"""A control plane with the two controllers, nodes whose kubelets are promises, and pods as data."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.request import ADMIN
from kcsim.api.server import ApiServer
from kcsim.cluster.controllers.nodelifecycle.controller import LEASE_NAMESPACE, NodeLifecycleController
from kcsim.cluster.controllers.tainteviction.controller import TaintEvictionController
from kcsim.engine.clock import SECOND, rfc3339
from kcsim.engine.core import Engine
from kcsim.network.topology import Network
from kcsim.profile.api import CONTROLLER_MANAGER

GOOD = {"MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True"}


class World:
    """Kubelets here only renew their lease and report their conditions."""

    def __init__(self, seed: int = 1) -> None:
        self.engine = Engine(seed)
        network = Network()
        network.add_host("cp", kind="control-plane")
        self.server = ApiServer(self.engine, checking=True)
        self.endpoint = Endpoint(self.engine, network, self.server, "cp")
        self.client = DirectClient(self.endpoint, ADMIN, "cp", user_agent="test")
        for name in ("default", "shop"):
            self.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self.manager = Component(self.endpoint, "kube-controller-manager", ADMIN, "cp")
        self.manager.run(NodeLifecycleController(), CONTROLLER_MANAGER)
        self.manager.run(TaintEvictionController(), CONTROLLER_MANAGER)
        self.manager.start()

    def run(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + int(seconds * SECOND))

    def create(self, resource: str, obj: dict[str, Any]) -> dict[str, Any]:
        return self.client.now(self.client.create(resource, obj))

    def node(self, name: str, zone: str = "z1") -> None:
        labels = {"topology.kubernetes.io/zone": zone}
        self.create(
            "nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
        )
        self.server.heartbeats.begin(LEASE_NAMESPACE, name, 10 * SECOND, 0.04)
        self.report(name)

    def report(self, name: str, **changes: str) -> None:
        now = rfc3339(self.engine.now)
        conditions = [
            {"type": kind, "status": status, "lastHeartbeatTime": now, "lastTransitionTime": now}
            for kind, status in {**GOOD, **changes}.items()
        ]
        body = {"status": {"conditions": conditions}}
        self.client.now(self.client.patch("nodes", "", name, body, type="strategic", subresource="status"))

    def crash(self, name: str) -> None:
        self.server.heartbeats.suspend(LEASE_NAMESPACE, name)

    def revive(self, name: str) -> None:
        self.server.heartbeats.resume(LEASE_NAMESPACE, name)
        self.report(name)

    def pod(self, name: str, node: str, seconds: int | None = None) -> None:
        spec: dict[str, Any] = {"nodeName": node, "containers": [{"name": "app", "image": "app:1"}]}
        if seconds is not None:
            spec["tolerations"] = [
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}
                for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
            ]
        metadata = {"name": name, "namespace": "shop"}
        self.create("pods", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        body = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
        self.client.now(self.client.patch("pods", "shop", name, body, subresource="status"))

    def get(self, resource: str, name: str) -> dict[str, Any]:
        return self.client.now(self.client.get(resource, "shop" if resource == "pods" else "", name))

    def taints(self, name: str) -> list[str]:
        found = self.get("nodes", name)["spec"].get("taints") or []
        return [f"{t['key'].partition('/')[2]}:{t['effect']}" for t in found]

    def condition(self, resource: str, name: str, kind: str) -> str:
        found = self.get(resource, name)["status"]["conditions"]
        return next((c["status"] for c in found if c["type"] == kind), "")

    def events(self, name: str) -> list[tuple[str, str]]:
        found = self.client.now(self.client.list("events"))["items"]
        found.sort(key=lambda event: event["metadata"]["name"])
        return [(e["reason"], e["message"]) for e in found if e["involvedObject"]["name"] == name]

    def when(self, what: Any, limit: float) -> float:
        """How many seconds pass until ``what()`` holds."""
        start = self.engine.now
        while not what():
            assert self.engine.now - start < limit * SECOND, "it never came"
            self.engine.step()
        return (self.engine.now - start) / SECOND


@pytest.fixture
def new_world() -> type[World]:
    return World
