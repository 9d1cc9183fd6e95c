"""The scheduler's own view of the cluster: nodes, the pods on them, and the pods it has just placed.

**Imitates:** pkg/scheduler/backend/cache/{cache,node_tree}.go (v1.36). An assumed pod counts at once and does not
expire (upstream's default); a pod on a node that is not known yet waits beside the list.

**Walk:** a watch event, or a decision, changes a ``NodeInfo`` -> its position goes into ``changes`` -> whoever
remembers something about nodes (``fast_path``) looks only at those positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kcsim.api.objects import Object
from kcsim.cluster.scheduler.framework import DefaultSelector, no_default_selector
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_index import PodIndex
from kcsim.cluster.scheduler.pod_info import PodInfo, Shapes
from kcsim.cluster.scheduler.pod_requests import counted, is_resizing
from kcsim.cluster.scheduler.snapshot import interleave, zone_key

_HOSTNAME = "kubernetes.io/hostname"


class Cache:
    """Nodes in visiting order, pods by uid, and a log of which nodes changed.

    Attributes:
        order_version: grows when a node joins or leaves, which moves positions.
        changes: positions of nodes that changed, oldest first; entry ``i`` has the number ``dropped + i``.
        dropped: how many entries were cut off the front of ``changes``.
        image_version: grows when the images on some node change.
        image_holders: how many nodes hold each image.
        index: where the pods are that a selector means.
        node_memo: what somebody worked out about all nodes from their names and labels; emptied when those change.
        taint_memo: the same for what depends on their taints as well.
    """

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._nodes: dict[str, NodeInfo] = {}
        self._ghosts: dict[str, NodeInfo] = {}
        self._zones: dict[str, dict[str, None]] = {}
        self._node_of: dict[str, str] = {}
        self._resized: dict[str, None] = {}
        self._namespaces: dict[str, Mapping[str, str]] = {}
        self._order: list[NodeInfo] | None = []
        self._position: dict[str, int] = {}
        self.order_version = 0
        self.changes: list[int] = []
        self.dropped = 0
        self.image_version = 0
        self.image_holders: dict[str, int] = {}
        self._priorities: dict[int, int] = {}
        self.index = PodIndex(self._node_labels, self.namespace_labels)
        self.node_memo: dict[Any, Any] = {}
        self.taint_memo: dict[Any, Any] = {}
        self.default_selector: DefaultSelector = no_default_selector

    # --- reading ------------------------------------------------------------------------------------------------

    @property
    def infos(self) -> Sequence[NodeInfo]:
        """Every node, in visiting order: one of each zone in turn."""
        if self._order is None:
            names = interleave({zone: list(members) for zone, members in self._zones.items()})
            self._order = [self._nodes[name] for name in names]
            self._position = {name: i for i, name in enumerate(names)}
        return self._order

    def position(self, name: str) -> int | None:
        """Where a node stands in the visiting order."""
        return self.positions.get(name)

    @property
    def positions(self) -> Mapping[str, int]:
        """Where each node stands in the visiting order. To be read only."""
        return self._position if self.infos else {}

    def node(self, name: str) -> NodeInfo | None:
        """The node of that name."""
        return self._nodes.get(name)

    def node_of(self, uid: str) -> str:
        """The name of the node that a pod is on (or assumed to be), "" when none."""
        return self._node_of.get(uid, "")

    def namespace_labels(self, namespace: str) -> Mapping[str, str]:
        """The labels of a namespace; empty when it is not known."""
        return self._namespaces.get(namespace) or {}

    def set_namespace(self, name: str, labels: Mapping[str, str] | None) -> None:
        """Remember a namespace's labels; None forgets it."""
        if self._namespaces.get(name) == labels:
            return
        if labels is None:
            del self._namespaces[name]
        else:
            self._namespaces[name] = labels
        self.index.namespaces_changed()

    def _node_labels(self, name: str) -> Mapping[str, str] | None:
        info = self._nodes.get(name)
        return None if info is None else info.labels

    def values(self, key: str) -> list[str | None]:
        """The value of a label on every node, in visiting order."""
        memo = self.node_memo
        known: list[str | None] | None = memo.get(key)
        if known is None:
            known = memo[key] = [info.labels.get(key) for info in self.infos]
        return known

    def kinds(self, keys: tuple[str, ...]) -> tuple[list[int], list[tuple[str | None, ...]]]:
        """(the kind of every node in visiting order, what the kinds are): nodes with equal values of these labels.

        The host name is taken to be the same for all that have one.
        """
        memo = self.node_memo
        known: tuple[list[int], list[tuple[str | None, ...]]] | None = memo.get(("kinds", keys))
        if known is None:
            columns = [self.values(key) for key in keys]
            for i, key in enumerate(keys):
                if key == _HOSTNAME:
                    columns[i] = [None if value is None else "" for value in columns[i]]
            numbers: dict[tuple[str | None, ...], int] = {}
            ids = [numbers.setdefault(row, len(numbers)) for row in zip(*columns, strict=True)]
            known = memo["kinds", keys] = (ids, list(numbers))
        return known

    def names(self) -> list[str]:
        """The name of every node, in visiting order."""
        memo = self.node_memo
        known: list[str] | None = memo.get("")
        if known is None:
            known = memo[""] = [info.name for info in self.infos]
        return known

    # --- nodes --------------------------------------------------------------------------------------------------

    def set_node(self, node: Object) -> bool:
        """A Node object was added or changed; False when nothing that counts for placing pods changed."""
        name = node["metadata"]["name"]
        info = self._nodes.get(name)
        if info is None:
            info = self._ghosts.pop(name, None) or NodeInfo(node)
            info.set_node(node)
            self._nodes[name] = info
            self._enter(info)
            return True
        old_labels, old_zone, old_images = info.labels, zone_key(info.labels), info.images
        changed = info.set_node(node)
        if changed:
            self.taint_memo.clear()
            if info.labels != old_labels:
                self.node_memo.clear()
                self.index.nodes_changed()
        if zone_key(info.labels) != old_zone:
            self._leave(name, old_zone, old_images)
            self._enter(info)
            return True
        if info.images != old_images:
            self._count_images(old_images, -1)
            self._count_images(info.images, 1)
            changed = True
        if changed:
            self._touch(name)
        return changed

    def remove_node(self, name: str) -> None:
        """A Node object is gone. Its pods keep their place in case it comes back."""
        info = self._nodes.pop(name, None)
        if info is None:
            return
        self._leave(name, zone_key(info.labels), info.images)
        if info.pods:
            self._ghosts[name] = info

    def _enter(self, info: NodeInfo) -> None:
        self._zones.setdefault(zone_key(info.labels), {})[info.name] = None
        self._count_images(info.images, 1)
        self._reorder()

    def _leave(self, name: str, zone: str, images: Mapping[str, int]) -> None:
        members = self._zones[zone]
        del members[name]
        if not members:
            del self._zones[zone]
        self._count_images(images, -1)
        self._reorder()

    def _reorder(self) -> None:
        self._order = None
        self.order_version += 1
        self.node_memo.clear()
        self.taint_memo.clear()
        self.index.nodes_changed()
        self.dropped += len(self.changes)
        self.changes.clear()

    def _count_images(self, images: Mapping[str, int], step: int) -> None:
        if not images:
            return
        holders = self.image_holders
        for name in images:
            count = holders.get(name, 0) + step
            if count:
                holders[name] = count
            else:
                del holders[name]
        self.image_version += 1

    # --- pods ---------------------------------------------------------------------------------------------------

    def assume(self, pod: PodInfo, node: str) -> None:
        """Count a pod on a node before the API server has confirmed it."""
        self._place(pod, node)

    def forget(self, uid: str) -> None:
        """The binding failed: take the pod out again."""
        self.remove_pod(uid)

    def set_pod(self, pod: Object) -> PodInfo | None:
        """A pod on a node was added or changed (or a binding was confirmed); gives it as it was if it takes less now."""
        uid, spec = pod["metadata"]["uid"], pod["spec"]
        node = spec["nodeName"]
        known = self._node_of.get(uid)
        if known == node:
            info = self._nodes.get(node) or self._ghosts[node]
            old = info.pods[uid]
            shape = self._shapes.placed(old.shape, old.pod["spec"], spec)
            if shape is not old.shape or uid in self._resized:
                # Its containers changed: perhaps their sizes, which its kubelet follows in its own time.
                self._resized[uid] = None
                shape = self._shapes.of(counted(pod))
            if shape is old.shape:
                # Phase and conditions move all the time; what the pod takes does not.
                metadata = pod["metadata"]
                if old.labels == (metadata.get("labels") or {}) and (
                    old.is_terminating == ("deletionTimestamp" in metadata)
                ):
                    old.pod = pod
                else:
                    self.index.add(old, node, -1)
                    old.update(pod)
                    self.index.add(old, node)
                return None
            self.remove_pod(uid)
            self._resized[uid] = None
            self._place(PodInfo(pod, shape), node)
            less = [name for name, had in old.shape.requests.items() if shape.requests.get(name, 0) < had]
            return old if less else None
        if known is not None:
            self.remove_pod(uid)
        if known is None and is_resizing(pod):
            self._resized[uid] = None
            self._place(PodInfo(pod, self._shapes.of(counted(pod))), node)
            return None
        self._place(self._shapes.info(pod), node)
        return None

    def refresh(self, old: Object, new: Object) -> bool:
        """Take over a placed pod of which nothing changed that counts; False when something may have."""
        before, after = old["metadata"], new["metadata"]
        if (
            old["spec"] is not new["spec"]
            or before.get("labels") is not after.get("labels")
            or "deletionTimestamp" in after
            or "deletionTimestamp" in before
        ):
            return False
        uid = after["uid"]
        if uid in self._resized:
            return False
        node = self._node_of.get(uid)
        if node is None or new["spec"].get("nodeName") != node:
            return False
        (self._nodes.get(node) or self._ghosts[node]).pods[uid].pod = new
        return True

    def remove_pod(self, uid: str) -> PodInfo | None:
        """A pod left its node: deleted, or ended. Gives what was there."""
        node = self._node_of.pop(uid, None)
        if node is None:
            return None
        if self._resized:
            self._resized.pop(uid, None)
        info = self._nodes.get(node)
        ghost = info is None
        if info is None:
            info = self._ghosts[node]
        pod = info.pods.get(uid)
        info.remove_pod(uid)
        if pod is not None:
            self.index.add(pod, node, -1)
            self._count_priority(pod, -1)
        if not ghost:
            self._touch(node)
        elif not info.pods:
            del self._ghosts[node]
        return pod

    def _place(self, pod: PodInfo, node: str) -> None:
        info = self._nodes.get(node)
        if info is None:
            info = self._ghosts.get(node)
            if info is None:
                info = self._ghosts[node] = NodeInfo({"metadata": {"name": node}})
            info.add_pod(pod)
        else:
            info.add_pod(pod)
            self._touch(node)
        self._node_of[pod.uid] = node
        self.index.add(pod, node)
        self._count_priority(pod, 1)

    def _count_priority(self, pod: PodInfo, step: int) -> None:
        count = self._priorities.get(pod.priority, 0) + step
        if count:
            self._priorities[pod.priority] = count
        else:
            del self._priorities[pod.priority]

    def has_lower(self, priority: int) -> bool:
        """Whether any placed pod has a lower priority."""
        return any(other < priority for other in self._priorities)

    def _touch(self, name: str) -> None:
        if self._order is None:
            return
        changes = self.changes
        changes.append(self._position[name])
        limit = 4 * len(self._position) + 1024
        if len(changes) > limit:
            cut = limit // 2
            del changes[:cut]
            self.dropped += cut

    def statistics(self) -> dict[str, Any]:
        """Sizes, for tests and for a look inside."""
        return {"nodes": len(self._nodes), "pods": len(self._node_of), "unknown_nodes": len(self._ghosts)}
