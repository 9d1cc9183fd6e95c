"""ImageLocality: prefers nodes that have the pod's images, more so when many nodes have them.

**Imitates:** plugins/imagelocality/image_locality.go (v1.36).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kcsim.cluster.scheduler.framework import MAX_NODE_SCORE, Nodes, NoNormalize, Status
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_info import PodInfo

_MB = 1024 * 1024
MIN_THRESHOLD = 23 * _MB
MAX_CONTAINER_THRESHOLD = 1000 * _MB


def normalized_image_name(name: str) -> str:
    """The name with ``:latest`` when it has no tag; a digest counts as one, as upstream's test for a colon does."""
    return name if name.rfind(":") > name.rfind("/") else name + ":latest"


def scaled_image_score(size: int, holders: int, total: int) -> int:
    """An image's size in bytes, by the share of nodes that hold it: rare images do not attract."""
    return int(size * (holders / total))


def calculate_priority(sum_scores: int, containers: int) -> int:
    """The sum over images brought into 0..100: nothing below 23 MiB, all above 1000 MiB per container."""
    top = MAX_CONTAINER_THRESHOLD * containers
    clamped = min(max(sum_scores, MIN_THRESHOLD), top)
    return MAX_NODE_SCORE * (clamped - MIN_THRESHOLD) // (top - MIN_THRESHOLD)


class ImageLocality(NoNormalize):
    """Score."""

    name = "ImageLocality"

    def pre_score(
        self, pod: PodInfo, feasible: Sequence[NodeInfo], nodes: Nodes
    ) -> tuple[Status | None, Any]:
        """Count, for each image of the pod, the nodes that hold it."""
        del feasible
        infos = nodes.infos
        names = [normalized_image_name(image) for image in pod.shape.images]
        holders = {name: sum(1 for info in infos if name in info.images) for name in set(names)}
        return None, (names, holders, len(infos))

    def score(self, state: Any, pod: PodInfo, node: NodeInfo) -> int:
        """The node's share in the pod's images."""
        names, holders, total = state
        images = node.images
        if not images:
            return 0
        sizes = sum(
            scaled_image_score(images[name], holders[name], total) for name in names if name in images
        )
        return calculate_priority(sizes, pod.shape.container_count) if sizes else 0
