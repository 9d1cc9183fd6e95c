"""NodeResourcesBalancedAllocation: prefers nodes whose cpu and memory fill up together.

**Imitates:** plugins/noderesources/balanced_allocation.go (v1.36): the score compares the balance with and without
the pod.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

from kcsim.cluster.scheduler.framework import MAX_NODE_SCORE, SKIP, Nodes, NoNormalize, Status
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.plugins.node_resources_fit import allocatable_and_requested
from kcsim.cluster.scheduler.pod_info import PodInfo


def balance(fractions: Sequence[float]) -> int:
    """100 when all used fractions are equal, less the further they are apart (one standard deviation)."""
    n = len(fractions)
    if n == 2:
        std = abs((fractions[0] - fractions[1]) / 2)
    elif n > 2:
        mean = sum(fractions) / n
        std = sqrt(sum((f - mean) * (f - mean) for f in fractions) / n)
    else:
        std = 0.0
    return int((1 - std) * MAX_NODE_SCORE)


class NodeResourcesBalancedAllocation(NoNormalize):
    """Score."""

    name = "NodeResourcesBalancedAllocation"

    def __init__(self, resources: Sequence[str] = ("cpu", "memory")) -> None:
        self._resources = tuple(resources)

    def pre_score(
        self, pod: PodInfo, feasible: Sequence[NodeInfo], nodes: Nodes
    ) -> tuple[Status | None, Any]:
        """Skip pods that ask for none of the resources."""
        del feasible, nodes
        if not any(pod.shape.requests.get(name) for name in self._resources):
            return SKIP, None
        return None, None

    def score(self, state: Any, pod: PodInfo, node: NodeInfo) -> int:
        """50, moved by half of what the pod does to the balance."""
        del state
        with_pod: list[float] = []
        without: list[float] = []
        for name in self._resources:
            capacity, requested = allocatable_and_requested(name, pod.shape, node, real=True)
            if capacity == 0:
                continue
            before = requested - pod.shape.requests.get(name, 0)
            with_pod.append(min(requested / capacity, 1.0))
            without.append(min(before / capacity, 1.0))
        return balanced_score(balance(with_pod), balance(without))


def balanced_score(with_pod: int, without: int) -> int:
    """The score from the balance with and without the pod."""
    half = MAX_NODE_SCORE // 2
    return half + (half + with_pod - without) // 2
