"""NodeVolumeLimits: a node's CSI drivers attach only so many volumes.

**Imitates:** plugins/nodevolumelimits/csi.go (v1.36). Left out: CSI migration of in-tree volumes.
"""

from __future__ import annotations

from collections import Counter

from kcsim.api.objects import Object
from kcsim.cluster.scheduler.framework import SKIP, Code, Nodes, NoExtensions, PreFilterResult, Status
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_info import PodInfo, claims_of
from kcsim.cluster.scheduler.storage import Storage
from kcsim.cluster.volumes import class_of

_NAME = "NodeVolumeLimits"
_REFUSED = Status(Code.UNSCHEDULABLE, ("node(s) exceed max volume count",), _NAME)


class NodeVolumeLimits(NoExtensions):
    """PreFilter and Filter."""

    name = _NAME

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def pre_filter(self, pod: PodInfo, nodes: Nodes) -> PreFilterResult:
        """Find the pod's CSI volumes; skip without any."""
        del nodes
        wanted = self._handles(pod)
        return PreFilterResult(state=wanted) if wanted else PreFilterResult(SKIP)

    def filter(self, state: dict[str, str], pod: PodInfo, node: NodeInfo) -> Status | None:
        """Refuse a node where a driver has no attachment left for the pod's volumes."""
        del pod
        limits = self._limits(node.name)
        if not limits:
            return None
        attached: dict[str, str] = {}
        for other in node.pods.values():
            if other.shape.volumes:
                attached |= self._handles(other)
        used = Counter(attached.values())
        more = Counter(driver for handle, driver in state.items() if handle not in attached)
        if any(driver in limits and used[driver] + count > limits[driver] for driver, count in more.items()):
            return _REFUSED
        return None

    def _limits(self, node: str) -> dict[str, int]:
        found = self._storage.csi_node(node)
        drivers = ((found or {}).get("spec") or {}).get("drivers") or ()
        return {
            driver["name"]: driver["allocatable"]["count"]
            for driver in drivers
            if (driver.get("allocatable") or {}).get("count") is not None
        }

    def _handles(self, pod: PodInfo) -> dict[str, str]:
        """The CSI volumes of a pod: handle -> driver. A claim without a volume counts for its class's driver."""
        found: dict[str, str] = {}
        for use in claims_of(pod):
            claim = self._storage.claim(pod.namespace, use.name)
            if claim is None:
                continue
            name = claim["spec"].get("volumeName")
            volume = self._storage.volume(name) if name else None
            if volume is not None:
                source = volume["spec"].get("csi")
                if source:
                    found[f"{source['driver']}/{source['volumeHandle']}"] = source["driver"]
            else:
                driver = self._driver(claim)
                if driver:
                    found[f"{driver}/{pod.namespace}/{use.name}"] = driver
        return found

    def _driver(self, claim: Object) -> str:
        found = self._storage.storage_class(class_of(claim))
        return (found or {}).get("provisioner") or ""
