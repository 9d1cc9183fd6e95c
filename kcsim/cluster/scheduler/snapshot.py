"""The nodes and pods of one moment, for the plugins to look at.

**Imitates:** pkg/scheduler/backend/cache/{snapshot,node_tree}.go (v1.36).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kcsim.cluster.scheduler.framework import DefaultSelector, no_default_selector
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_index import PodIndex
from kcsim.cluster.scheduler.pod_info import Shapes

_REGION = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
_ZONE = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")


class Snapshot:
    """Nodes in visiting order, and the labels of namespaces."""

    def __init__(
        self,
        infos: Sequence[NodeInfo],
        namespaces: Mapping[str, Mapping[str, str]] | None = None,
        default_selector: DefaultSelector = no_default_selector,
    ) -> None:
        self.infos = infos
        self._namespaces = namespaces or {}
        self._by_name = {info.name: info for info in infos}
        self.node_memo: dict[Any, Any] = {}
        self.taint_memo: dict[Any, Any] = {}
        self.default_selector = default_selector
        self.index = PodIndex(self._node_labels, self.namespace_labels)
        for info in infos:
            for pod in info.pods.values():
                self.index.add(pod, info.name)

    def node(self, name: str) -> NodeInfo | None:
        """The node of that name."""
        return self._by_name.get(name)

    def _node_labels(self, name: str) -> Mapping[str, str] | None:
        info = self._by_name.get(name)
        return None if info is None else info.labels

    def namespace_labels(self, namespace: str) -> Mapping[str, str]:
        """The labels of a namespace; empty when it is not known."""
        return self._namespaces.get(namespace) or {}


def snapshot_of(
    nodes: Iterable[dict[str, Any]],
    pods: Iterable[dict[str, Any]],
    namespaces: Mapping[str, Mapping[str, str]] | None = None,
    shapes: Shapes | None = None,
    default_selector: DefaultSelector = no_default_selector,
) -> Snapshot:
    """A snapshot from objects, nodes in the order given; pods on unknown nodes are left out."""
    shapes = shapes or Shapes()
    infos = [NodeInfo(node) for node in nodes]
    by_name = {info.name: info for info in infos}
    for number, pod in enumerate(pods):
        info = by_name.get((pod.get("spec") or {}).get("nodeName", ""))
        if info is not None:
            record = shapes.info(pod)
            record.uid = record.uid or f"#{number}"
            info.add_pod(record)
    return Snapshot(infos, namespaces, default_selector)


def zone_key(labels: Mapping[str, str]) -> str:
    """Region and zone of a node as one text; "" without labels (component-helpers GetZoneKey)."""
    region = zone = ""
    for key in _REGION:
        if region := labels.get(key) or "":
            break
    for key in _ZONE:
        if zone := labels.get(key) or "":
            break
    return f"{region}:\x00:{zone}" if region or zone else ""


def interleave(names_by_zone: Mapping[str, Sequence[str]]) -> list[str]:
    """Node names taken from each zone in turn, so that neighbours in the list lie in different zones."""
    order: list[str] = []
    rows = list(names_by_zone.values())
    for i in range(max((len(row) for row in rows), default=0)):
        order += [row[i] for row in rows if i < len(row)]
    return order
