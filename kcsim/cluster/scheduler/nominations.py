"""Pods that are promised room on a node: their victims are on the way out, they are not in yet.

**Imitates:** pkg/scheduler/backend/queue/nominator.go and ``RunFilterPluginsWithNominatedPods``
(pkg/scheduler/framework/runtime/framework.go, v1.36).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kcsim.cluster.scheduler.framework import FilterPlugin, Status
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_info import PodInfo

Filters = Sequence[tuple[FilterPlugin, Any]]
"""Plugins in order, each with its state of this cycle."""


class Nominations:
    """Nominated pods by node."""

    def __init__(self) -> None:
        self._pods: dict[str, dict[str, PodInfo]] = {}
        self._node_of: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._node_of)

    def node_of(self, uid: str) -> str:
        """The node a pod is nominated to, "" when none."""
        return self._node_of.get(uid, "")

    def on(self, node: str) -> Sequence[PodInfo]:
        """The pods nominated to a node, in the order of their nomination."""
        return tuple(self._pods.get(node, {}).values())

    def add(self, pod: PodInfo, node: str) -> None:
        """Nominate a pod, or with "" no longer."""
        self.remove(pod.uid)
        if node:
            self._node_of[pod.uid] = node
            self._pods.setdefault(node, {})[pod.uid] = pod

    def update(self, old_node: str, pod: PodInfo) -> None:
        """The pod's object changed; ``old_node``: what its status said before."""
        known = self.node_of(pod.uid)
        # An update that knows of no nomination may be older than the one decided here.
        self.add(pod, pod.nominated or (known if not old_node else ""))

    def remove(self, uid: str) -> bool:
        """Forget a pod; False when it was not nominated."""
        node = self._node_of.pop(uid, None)
        if node is None:
            return False
        del self._pods[node][uid]
        if not self._pods[node]:
            del self._pods[node]
        return True

    def before(self, pod: PodInfo, node: str) -> Sequence[PodInfo]:
        """Pods nominated to a node that a pod must not push aside: those of its priority or a higher one."""
        return [
            other
            for other in self._pods.get(node, {}).values()
            if other.priority >= pod.priority and other.uid != pod.uid
        ]

    def concern(self, pod: PodInfo) -> bool:
        """Whether any nomination has a say in where the pod may go."""
        return any(
            other.uid == pod.uid or other.priority >= pod.priority
            for pods in self._pods.values()
            for other in pods.values()
        )


def first_refusal(filters: Filters, pod: PodInfo, node: NodeInfo) -> Status | None:
    """The verdict of the first plugin that refuses."""
    for plugin, state in filters:
        status = plugin.filter(state, pod, node)
        if status is not None:
            return status
    return None


def refusal(filters: Filters, pod: PodInfo, node: NodeInfo, nominations: Nominations | None) -> Status | None:
    """As ``first_refusal``, and with the nominated pods there as well: they may come, and they may not."""
    others = nominations.before(pod, node.name) if nominations else ()
    if others:
        crowded, copies = what_if(filters, node)
        for other in others:
            put(copies, pod, crowded, other)
        status = first_refusal(copies, pod, crowded)
        if status is not None:
            return status
    return first_refusal(filters, pod, node)


def what_if(filters: Filters, node: NodeInfo) -> tuple[NodeInfo, Filters]:
    """A node and states to try things out on."""
    return node.copy(), [(plugin, plugin.copy(state)) for plugin, state in filters]


def put(filters: Filters, pod: PodInfo, node: NodeInfo, other: PodInfo) -> None:
    """Put another pod on a node that is being tried out."""
    node.add_pod(other)
    for plugin, state in filters:
        plugin.with_pod(state, pod, other, node, 1)


def take(filters: Filters, pod: PodInfo, node: NodeInfo, other: PodInfo) -> None:
    """Take another pod off a node that is being tried out."""
    node.remove_pod(other.uid)
    for plugin, state in filters:
        plugin.with_pod(state, pod, other, node, -1)
