"""The shapes of kubernetes' scheduler_perf, at a modest size: pods placed a second of processor time.

What is timed: from the first pod's creation to the last one's binding, through the API server, with the scheduler's
client unlimited, as upstream's benchmark does. The published thresholds stand beside the result; they are wall time of
a real scheduler, API server and etcd at 5,000 nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.figure import Figure, stopwatch
from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.request import ADMIN
from kcsim.api.server import ApiServer
from kcsim.cluster.scheduler.scheduler import Scheduler
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine
from kcsim.network.topology import Network
from kcsim.profile.api import UNLIMITED

NODES, BEFORE, PODS = 1_000, 1_000, 2_000
ZONES = 3
CHURN_EVERY = 50
"""With churn, one node, Service and unschedulable pod for so many pods."""

Object = dict[str, Any]


class World:
    """An API server and a scheduler."""

    def __init__(self, nodes: int) -> None:
        self.engine = Engine(1)
        network = Network()
        network.add_host("cp", kind="control-plane")
        self.server = ApiServer(self.engine)
        endpoint = Endpoint(self.engine, network, self.server, "cp")
        self.client = DirectClient(endpoint, ADMIN, "cp", user_agent="benchmark")
        self.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        for i in range(nodes):
            self.node(f"node-{i:05}", f"zone-{i % ZONES}")
        self.scheduler = Scheduler(endpoint, ADMIN, "cp", limits=UNLIMITED)
        self.scheduler.start()
        self.engine.run_until(self.engine.now + SECOND)
        self.pods = 0

    def create(self, resource: str, obj: Object) -> None:
        """Create an object without any delay."""
        self.client.now(self.client.create(resource, obj))

    def node(self, name: str, zone: str) -> None:
        """A node of 4 cpu and 32 GiB."""
        labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone}
        status = {"allocatable": {"cpu": "4", "memory": "32Gi", "pods": "110"}}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
        self.create("nodes", {**node, "status": status})
        untaint = {"spec": {"taints": None}}
        self.client.now(self.client.patch("nodes", "", name, untaint))

    def pod(self, cpu: str = "100m", **spec: Any) -> None:
        """One more pod, of colour blue."""
        self.pods += 1
        container = {
            "name": "pause",
            "image": "registry.example/pause:1",
            "resources": {"requests": {"cpu": cpu, "memory": "500Mi"}},
        }
        metadata = {"name": f"pod-{self.pods:06}", "namespace": "shop", "labels": {"color": "blue"}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
        self.create("pods", {**pod, "spec": {"containers": [container], **spec}})

    def bound(self) -> int:
        """How many pods have a node."""
        pods = self.client.now(self.client.list("pods", "shop"))["items"]
        return sum(1 for pod in pods if pod["spec"].get("nodeName"))

    def run(self) -> None:
        """Until every pod that can be placed is."""
        self.engine.run_until(self.engine.now + SECOND)
        while self.scheduler.is_busy:
            self.engine.run_until(self.engine.now + SECOND)


def _term(key: str) -> Object:
    return {"labelSelector": {"matchLabels": {"color": "blue"}}, "topologyKey": key}


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
SHAPES: dict[str, tuple[Object, float, str]] = {
    "basic": ({}, 680, "680 to 810"),
    "topology spreading": (
        {
            "topologySpreadConstraints": [
                {
                    "maxSkew": 5,
                    "topologyKey": "topology.kubernetes.io/zone",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"color": "blue"}},
                }
            ]
        },
        460,
        "460",
    ),
    "preferred pod affinity": (
        {
            "affinity": {
                "podAffinity": {
                    _PREFERRED: [{"weight": 1, "podAffinityTerm": _term("kubernetes.io/hostname")}]
                }
            }
        },
        90,
        "90",
    ),
    "required pod affinity": (
        {"affinity": {"podAffinity": {_REQUIRED: [_term("topology.kubernetes.io/zone")]}}},
        35,
        "35",
    ),
    "mixed churn": ({}, 140, "140"),
}


def scheduler_perf() -> list[Figure]:
    """Every shape."""
    return [_measure(name, *shape) for name, shape in SHAPES.items()]


def _measure(name: str, spec: Object, threshold: float, published: str) -> Figure:
    world = World(NODES)
    for _ in range(BEFORE):
        world.pod(**spec)
    world.run()
    churn = _churn(world) if name == "mixed churn" else None
    spent: dict[str, float] = {}
    wanted = world.bound() + PODS
    with stopwatch(spent, "all"):
        for i in range(PODS):
            world.pod(**spec)
            if churn is not None and i % CHURN_EVERY == 0:
                churn(i)
        world.run()
    assert world.bound() == wanted, f"{world.bound()} of {wanted} pods are bound"
    return Figure(
        f"scheduling, {name}",
        spent["all"] / PODS * 1_000,
        "ms a pod",
        1_000 / threshold,
        detail={"pods a second": round(PODS / spent["all"]), "published": published},
    )


def _churn(world: World) -> Callable[[int], None]:
    """Nodes that come and go, Services, and pods for which there is no room."""

    def once(i: int) -> None:
        world.node(f"churn-{i}", "zone-0")
        world.pod(cpu="9")
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s-{i}", "namespace": "shop"}}
        world.create("services", {**service, "spec": {"selector": {"app": f"{i}"}, "ports": [{"port": 80}]}})
        world.engine.run_until(world.engine.now + SECOND // 10)
        world.client.now(world.client.delete("nodes", "", f"churn-{i}"))

    return once
