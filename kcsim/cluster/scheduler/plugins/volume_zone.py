"""VolumeZone: volumes with zone labels are used in their zone.

**Imitates:** plugins/volumezone/volume_zone.go (v1.36). Claims that are not bound are left to VolumeBinding.
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.cluster.scheduler.framework import SKIP, Code, Nodes, NoExtensions, PreFilterResult, Status
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_info import PodInfo, claims_of
from kcsim.cluster.scheduler.storage import Storage

_NAME = "VolumeZone"
_REFUSED = Status(Code.UNRESOLVABLE, ("node(s) had no available volume zone",), _NAME)
_STABLE = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
}
_KEYS = (*_STABLE, *_STABLE.values())
_SEPARATOR = "__"
"""Between the zones of a volume that lies in several."""


class VolumeZone(NoExtensions):
    """PreFilter and Filter."""

    name = _NAME

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def pre_filter(self, pod: PodInfo, nodes: Nodes) -> PreFilterResult:
        """Collect the zones of the pod's volumes; skip when none has any."""
        del nodes
        topologies: list[tuple[str, frozenset[str]]] = []
        for use in claims_of(pod):
            claim = self._storage.claim(pod.namespace, use.name)
            name = claim["spec"].get("volumeName") if claim is not None else None
            volume = self._storage.volume(name) if name else None
            if volume is not None:
                labels = objects.labels(volume)
                topologies += [
                    (key, frozenset(labels[key].split(_SEPARATOR))) for key in _KEYS if key in labels
                ]
        return PreFilterResult(state=topologies) if topologies else PreFilterResult(SKIP)

    def filter(self, state: list[tuple[str, frozenset[str]]], pod: PodInfo, node: NodeInfo) -> Status | None:
        """Refuse a node in another zone; a node without any zone labels has no say in it."""
        del pod
        labels = node.labels
        if not any(key in labels for key in _KEYS):
            return None
        for key, zones in state:
            if labels.get(key) not in zones and labels.get(_STABLE.get(key, key)) not in zones:
                return _REFUSED
        return None
