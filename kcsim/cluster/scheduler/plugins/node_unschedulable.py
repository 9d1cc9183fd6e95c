"""NodeUnschedulable: cordoned nodes are no place to go.

**Imitates:** plugins/nodeunschedulable/node_unschedulable.go (v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.cluster.scheduler.framework import Code, NoPreFilter, Status
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_info import PodInfo
from kcsim.cluster.scheduler.taints import tolerated

_TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_REFUSED = Status(Code.UNRESOLVABLE, ("node(s) were unschedulable",), "NodeUnschedulable")


class NodeUnschedulable(NoPreFilter):
    """Filter."""

    name = "NodeUnschedulable"

    def filter(self, state: Any, pod: PodInfo, node: NodeInfo) -> Status | None:
        """Refuse a cordoned node unless the pod tolerates the taint that goes with it."""
        del state
        if not node.unschedulable or tolerated(pod.shape.tolerations, _TAINT):
            return None
        return _REFUSED
