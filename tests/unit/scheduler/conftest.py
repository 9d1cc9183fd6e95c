"""A bare control plane for scheduler tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.request import ADMIN
from kcsim.api.server import ApiServer
from kcsim.cluster.scheduler.scheduler import Scheduler
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine
from kcsim.network.topology import Network


class World:
    """An API server, a scheduler, a client without delays, and nodes as data."""

    def __init__(self, seed: int = 1, **options: Any) -> None:
        self.engine = Engine(seed)
        network = Network()
        network.add_host("cp", kind="control-plane")
        self.server = ApiServer(self.engine, checking=True)
        self.endpoint = Endpoint(self.engine, network, self.server, "cp")
        self.client = DirectClient(self.endpoint, ADMIN, "cp", user_agent="test")
        self.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        self.scheduler = Scheduler(self.endpoint, ADMIN, "cp", **options)
        self.scheduler.start()

    def run(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + int(seconds * SECOND))

    def create(self, resource: str, obj: dict[str, Any]) -> dict[str, Any]:
        return self.client.now(self.client.create(resource, obj))

    def patch(self, resource: str, name: str, body: Any, subresource: str = "", type: str = "merge") -> None:
        where = "shop" if resource == "pods" else ""
        self.client.now(self.client.patch(resource, where, name, body, subresource=subresource, type=type))

    def node(self, name: str, cpu: str = "4", memory: str = "8Gi", pods: str = "110", **spec: Any) -> None:
        labels = {"kubernetes.io/hostname": name, **spec.pop("labels", {})}
        self.create(
            "nodes",
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": labels},
                "spec": spec,
                "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods}},
            },
        )
        if not spec.get("taints"):
            # What admission adds until the node is ready.
            self.patch("nodes", name, {"spec": {"taints": None}})

    def pod(
        self,
        name: str,
        cpu: str = "",
        ports: list[dict[str, Any]] | None = None,
        labels: dict[str, str] | None = None,
        resources: dict[str, Any] | None = None,
        **spec: Any,
    ) -> None:
        container: dict[str, Any] = {"name": "app", "image": "app:1", "ports": ports or []}
        if resources:
            container["resources"] = resources
        if cpu:
            container["resources"] = {"requests": {"cpu": cpu}}
        self.create(
            "pods",
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": "shop", "labels": labels or {}},
                "spec": {"containers": [container], **spec},
            },
        )

    def get(self, name: str) -> dict[str, Any]:
        return self.client.now(self.client.get("pods", "shop", name))

    def node_of(self, name: str) -> str:
        return self.get(name)["spec"].get("nodeName", "")

    def delete(self, name: str) -> None:
        self.client.now(self.client.delete("pods", "shop", name, grace=0))

    def events(self, name: str) -> list[tuple[str, str]]:
        found = self.client.now(self.client.list("events", "shop"))["items"]
        found.sort(key=lambda event: event["metadata"]["name"])
        return [(e["reason"], e["message"]) for e in found if e["involvedObject"]["name"] == name]

    def condition(self, name: str) -> dict[str, Any]:
        return next(c for c in self.get(name)["status"]["conditions"] if c["type"] == "PodScheduled")

    def notes(self, verb: str) -> list[Any]:
        return [r for r in self.engine.trace.records if r.actor == "kube-scheduler" and r.verb == verb]


@pytest.fixture
def new_world() -> Callable[..., World]:
    return World
