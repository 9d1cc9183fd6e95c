"""NodePorts: no two pods on one host port.

**Imitates:** plugins/nodeports/node_ports.go (v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.cluster.scheduler.framework import SKIP, Code, Nodes, NoExtensions, PreFilterResult, Status
from kcsim.cluster.scheduler.host_ports import conflicts
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_info import PodInfo

_REFUSED = Status(
    Code.UNSCHEDULABLE, ("node(s) didn't have free ports for the requested pod ports",), "NodePorts"
)


class NodePorts(NoExtensions):
    """PreFilter and Filter."""

    name = "NodePorts"

    def pre_filter(self, pod: PodInfo, nodes: Nodes) -> PreFilterResult:
        """Skip pods without host ports."""
        del nodes
        return PreFilterResult(None if pod.shape.host_ports else SKIP)

    def filter(self, state: Any, pod: PodInfo, node: NodeInfo) -> Status | None:
        """Refuse a node where a wanted port is taken."""
        del state
        return _REFUSED if conflicts(pod.shape.host_ports, node.used_ports()) else None
