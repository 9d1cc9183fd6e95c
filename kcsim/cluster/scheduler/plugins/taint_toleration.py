"""TaintToleration: refuses tainted nodes, and prefers those with fewer PreferNoSchedule taints.

**Imitates:** plugins/tainttoleration/taint_toleration.go (v1.36).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kcsim.cluster.scheduler.framework import Code, Nodes, NoPreFilter, Status, default_normalize_score
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_info import PodInfo
from kcsim.cluster.scheduler.taints import find_untolerated_taint, tolerated

_HARD = frozenset(("NoSchedule", "NoExecute"))
_REFUSED = Status(Code.UNRESOLVABLE, ("node(s) had untolerated taint(s)",), "TaintToleration")


class TaintToleration(NoPreFilter):
    """Filter and Score."""

    name = "TaintToleration"

    def filter(self, state: Any, pod: PodInfo, node: NodeInfo) -> Status | None:
        """Refuse a node with a NoSchedule or NoExecute taint that the pod does not tolerate."""
        del state
        if not node.taints or find_untolerated_taint(node.taints, pod.shape.tolerations, _HARD) is None:
            return None
        return _REFUSED

    def pre_score(
        self, pod: PodInfo, feasible: Sequence[NodeInfo], nodes: Nodes
    ) -> tuple[Status | None, Any]:
        """Keep the tolerations that speak about PreferNoSchedule."""
        del feasible, nodes
        return None, self.soft_tolerations(pod)

    @staticmethod
    def soft_tolerations(pod: PodInfo) -> list[dict[str, Any]]:
        """The pod's tolerations for PreferNoSchedule, or for any effect."""
        return [t for t in pod.shape.tolerations if t.get("effect") in {None, "", "PreferNoSchedule"}]

    def score(self, state: Any, pod: PodInfo, node: NodeInfo) -> int:
        """How many PreferNoSchedule taints are not tolerated."""
        del pod
        return sum(
            1 for t in node.taints if t.get("effect") == "PreferNoSchedule" and not tolerated(state, t)
        )

    def normalize(
        self, state: Any, pod: PodInfo, feasible: Sequence[NodeInfo], scores: list[int]
    ) -> list[int]:
        """Fewer is better."""
        del state, pod, feasible
        return default_normalize_score(scores, reverse=True)
