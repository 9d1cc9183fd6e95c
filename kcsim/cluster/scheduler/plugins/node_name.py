"""NodeName: a pod that names its node goes nowhere else.

**Imitates:** plugins/nodename/node_name.go (v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.cluster.scheduler.framework import Code, NoPreFilter, Status
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_info import PodInfo

_REFUSED = Status(Code.UNRESOLVABLE, ("node(s) didn't match the requested node name",), "NodeName")


class NodeName(NoPreFilter):
    """Filter."""

    name = "NodeName"

    def filter(self, state: Any, pod: PodInfo, node: NodeInfo) -> Status | None:
        """Refuse every node but the one in spec.nodeName, if there is one."""
        del state
        wanted = pod.node_name
        return _REFUSED if wanted and wanted != node.name else None
