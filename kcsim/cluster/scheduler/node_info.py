"""A node as the scheduler sees it: what it offers, and what the pods on it have taken.

**Imitates:** ``framework.NodeInfo`` (pkg/scheduler/framework/types.go, v1.36). Left out: PVC reference counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcsim.cluster.scheduler.host_ports import HostPort
from kcsim.cluster.scheduler.pod_info import PodInfo
from kcsim.cluster.scheduler.pod_requests import Requests, amount, resource_list

_NOTHING: dict[str, Any] = {}


class NodeInfo:
    """Changes as pods come and go. Amounts: cpu in thousandths, the rest in whole units (memory in bytes).

    Attributes:
        generation: grows when the Node object changes in a way that filters or scores can see (images aside).
        requested: the sum of the requests of its pods, by resource.
        non_zero_cpu: the same for cpu, pods without a request counting as 100 thousandths.
        non_zero_memory: the same for memory, pods without a request counting as 200 MiB.
        pods: the pods on it, by uid.
    """

    __slots__ = (
        "allocatable",
        "allowed_pods",
        "generation",
        "images",
        "labels",
        "name",
        "node",
        "non_zero_cpu",
        "non_zero_memory",
        "pods",
        "requested",
        "taints",
        "unschedulable",
    )

    def __init__(self, node: dict[str, Any]) -> None:
        self.labels: dict[str, str] = _NOTHING
        self.taints: list[dict[str, Any]] = []
        self.unschedulable = False
        self.allocatable: Requests = {}
        self.allowed_pods = 0
        self.requested: Requests = {}
        self.non_zero_cpu = 0
        self.non_zero_memory = 0
        self.pods: dict[str, PodInfo] = {}
        self.images: Mapping[str, int] = _NOTHING
        self.generation = 0
        self.set_node(node)

    def set_node(self, node: dict[str, Any]) -> bool:
        """Take over a new version of the Node object; the pods stay. True when something that counts changed."""
        metadata = node.get("metadata") or _NOTHING
        spec = node.get("spec") or _NOTHING
        status = node.get("status") or _NOTHING
        allocatable = status.get("allocatable") or _NOTHING
        labels = metadata.get("labels") or _NOTHING
        taints = spec.get("taints") or []
        unschedulable = bool(spec.get("unschedulable"))
        amounts = resource_list(allocatable)
        allowed = amount("pods", allocatable["pods"]) if "pods" in allocatable else 0
        old = (self.labels, self.taints, self.unschedulable, self.allocatable, self.allowed_pods)
        new = (labels, taints, unschedulable, amounts, allowed)
        self.node = node
        self.name: str = metadata.get("name", "")
        self.images = {
            name: image.get("sizeBytes", 0)
            for image in status.get("images") or ()
            for name in image.get("names") or ()
        }
        if old == new:
            return False
        self.labels, self.taints, self.unschedulable, self.allocatable, self.allowed_pods = new
        self.generation += 1
        return True

    def add_pod(self, pod: PodInfo) -> None:
        """Count a pod in."""
        self.pods[pod.uid] = pod
        shape = pod.shape
        requested = self.requested
        for name, value in shape.requests.items():
            requested[name] = requested.get(name, 0) + value
        self.non_zero_cpu += shape.non_zero_cpu
        self.non_zero_memory += shape.non_zero_memory

    def remove_pod(self, uid: str) -> bool:
        """Count a pod out; False when it was not here."""
        pod = self.pods.pop(uid, None)
        if pod is None:
            return False
        shape = pod.shape
        for name, value in shape.requests.items():
            self.requested[name] -= value
        self.non_zero_cpu -= shape.non_zero_cpu
        self.non_zero_memory -= shape.non_zero_memory
        return True

    def copy(self) -> NodeInfo:
        """The same node, whose pods can come and go without changing this one."""
        other = NodeInfo.__new__(NodeInfo)
        for name in NodeInfo.__slots__:
            setattr(other, name, getattr(self, name))
        other.requested, other.pods = dict(self.requested), dict(self.pods)
        return other

    def used_ports(self) -> list[HostPort]:
        """The host ports that its pods occupy."""
        return [claim for pod in self.pods.values() for claim in pod.shape.host_ports]
