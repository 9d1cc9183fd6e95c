"""NodeResourcesFit: is there room, and where is most of it left.

**Imitates:** plugins/noderesources/{fit,least_allocated,most_allocated,requested_to_capacity_ratio,
resource_allocation}.go (v1.36). Left out: extended resources backed by dynamic resource allocation, in-place resize.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.cluster.scheduler.framework import MAX_NODE_SCORE, Code, Nodes, NoNormalize, NoPreFilter, Status
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_info import PodInfo, PodShape
from kcsim.cluster.scheduler.pod_requests import is_scalar_resource

_NAME = "NodeResourcesFit"
_NATIVE = ("cpu", "memory", "ephemeral-storage")


@dataclass(frozen=True, slots=True)
class InsufficientResource:
    """One resource a node is short of, in the resource's unit (cpu: thousandths)."""

    resource: str
    reason: str
    requested: int
    used: int
    capacity: int
    unresolvable: bool


@dataclass(frozen=True, slots=True)
class ScoringStrategy:
    """How free room turns into a score: the strategy's name, (resource, weight) pairs, and the ratio's shape.

    ``shape`` holds (utilisation in percent, score 0..10) points for RequestedToCapacityRatio.
    """

    type: str = "LeastAllocated"
    resources: tuple[tuple[str, int], ...] = (("cpu", 1), ("memory", 1))
    shape: tuple[tuple[int, int], ...] = ()


def fits_request(
    shape: PodShape,
    node: NodeInfo,
    ignored: Collection[str] = (),
    ignored_groups: Collection[str] = (),
) -> list[InsufficientResource]:
    """What the node is short of for this pod, in upstream's order; empty when it fits."""
    short: list[InsufficientResource] = []
    if len(node.pods) + 1 > node.allowed_pods:
        count = len(node.pods)
        short.append(InsufficientResource("pods", "Too many pods", 1, count, node.allowed_pods, False))
    requests = shape.requests
    scalars = sorted(name for name in requests if name not in _NATIVE)
    for name in (*_NATIVE, *scalars):
        wanted = requests.get(name, 0)
        if wanted == 0 or name in ignored or ("/" in name and name.partition("/")[0] in ignored_groups):
            continue
        capacity = node.allocatable.get(name, 0)
        used = node.requested.get(name, 0)
        if wanted > capacity - used:
            reason = f"Insufficient {name}"
            short.append(InsufficientResource(name, reason, wanted, used, capacity, wanted > capacity))
    return short


def fit_status(short: Sequence[InsufficientResource]) -> Status | None:
    """The verdict for what is short."""
    if not short:
        return None
    code = Code.UNRESOLVABLE if any(item.unresolvable for item in short) else Code.UNSCHEDULABLE
    return Status(code, tuple(item.reason for item in short), _NAME)


def allocatable_and_requested(name: str, pod: PodShape, node: NodeInfo, *, real: bool) -> tuple[int, int]:
    """What a node has of a resource, and what would be asked of it with the pod there.

    ``real`` counts requests as made; otherwise pods that ask for no cpu or memory count with the stand-ins.
    """
    if not real and name in {"cpu", "memory"}:
        used, wanted = (
            (node.non_zero_cpu, pod.non_zero_cpu)
            if name == "cpu"
            else (node.non_zero_memory, pod.non_zero_memory)
        )
    else:
        used, wanted = node.requested.get(name, 0), pod.requests.get(name, 0)
        if wanted == 0 and is_scalar_resource(name):
            # An extended resource that the pod does not want has no say.
            return 0, 0
    return node.allocatable.get(name, 0), used + wanted


def resource_score(strategy: ScoringStrategy, requested: int, capacity: int) -> int:
    """The score of one resource, 0..100."""
    if strategy.type == "LeastAllocated":
        return 0 if requested > capacity else (capacity - requested) * MAX_NODE_SCORE // capacity
    if strategy.type == "MostAllocated":
        # Stand-ins for absent requests can take the sum above the capacity.
        return min(requested, capacity) * MAX_NODE_SCORE // capacity
    used = 100 if requested > capacity else requested * 100 // capacity
    return _broken_linear(strategy.shape, used)


def _broken_linear(shape: Sequence[tuple[int, int]], x: int) -> int:
    points = [(utilization, score * MAX_NODE_SCORE // 10) for utilization, score in shape]
    for i, (u, score) in enumerate(points):
        if x <= u:
            if i == 0:
                return score
            before_u, before = points[i - 1]
            step = (score - before) * (x - before_u)
            # Go divides towards zero.
            return before + (abs(step) // (u - before_u)) * (1 if step >= 0 else -1)
    return points[-1][1]


class NodeResourcesFit(NoPreFilter, NoNormalize):
    """Filter and Score."""

    name = _NAME

    def __init__(
        self,
        strategy: ScoringStrategy = ScoringStrategy(),
        ignored: Collection[str] = (),
        ignored_groups: Collection[str] = (),
    ) -> None:
        self._strategy = strategy
        self._ignored = frozenset(ignored)
        self._ignored_groups = frozenset(ignored_groups)

    def filter(self, state: Any, pod: PodInfo, node: NodeInfo) -> Status | None:
        """Refuse a node without room for the pod."""
        del state
        return fit_status(fits_request(pod.shape, node, self._ignored, self._ignored_groups))

    def pre_score(
        self, pod: PodInfo, feasible: Sequence[NodeInfo], nodes: Nodes
    ) -> tuple[Status | None, Any]:
        """Nothing to prepare."""
        del pod, feasible, nodes
        return None, None

    def score(self, state: Any, pod: PodInfo, node: NodeInfo) -> int:
        """The weighted mean of the resources' scores."""
        del state
        total = weights = 0
        strategy = self._strategy
        ratio = strategy.type == "RequestedToCapacityRatio"
        for name, weight in strategy.resources:
            capacity, requested = allocatable_and_requested(name, pod.shape, node, real=False)
            if capacity == 0:
                continue
            score = resource_score(strategy, requested, capacity)
            if ratio and score <= 0:
                continue
            total += score * weight
            weights += weight
        if weights == 0:
            return 0
        # The ratio rounds half away from zero; the others truncate.
        return (2 * total + weights) // (2 * weights) if ratio else total // weights
