"""NodeAffinity: nodeSelector and required node affinity decide, preferred node affinity ranks.

**Imitates:** plugins/nodeaffinity/node_affinity.go (v1.36), with its ``addedAffinity`` argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kcsim.cluster.scheduler.framework import (
    SKIP,
    Code,
    Nodes,
    NoExtensions,
    PreFilterResult,
    Status,
    default_normalize_score,
)
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.node_selector import (
    BadSelector,
    compile_preferred,
    compile_terms,
    match_terms,
    node_names_of,
)
from kcsim.cluster.scheduler.pod_info import PodInfo, PodShape

_NAME = "NodeAffinity"
_REFUSED = Status(Code.UNRESOLVABLE, ("node(s) didn't match Pod's node affinity/selector",), _NAME)
_ENFORCED = Status(Code.UNRESOLVABLE, ("node(s) didn't match scheduler-enforced node affinity",), _NAME)
_CONFLICT = Status(Code.UNRESOLVABLE, ("pod affinity terms conflict",), _NAME)


def required_matches(shape: PodShape, name: str, labels: Mapping[str, str]) -> bool:
    """Whether a node of that name and labels suits nodeSelector and required affinity (GetRequiredNodeAffinity)."""
    for key, value in shape.node_selector.items():
        if labels.get(key) != value:
            return False
    return shape.required_terms is None or match_terms(shape.required_terms, name, labels)


class NodeAffinity(NoExtensions):
    """PreFilter, Filter and Score."""

    name = _NAME

    def __init__(self, added_affinity: Mapping[str, Any] | None = None) -> None:
        added = added_affinity or {}
        self._added_required = compile_terms(added.get("requiredDuringSchedulingIgnoredDuringExecution"))
        self._added_preferred = compile_preferred(
            added.get("preferredDuringSchedulingIgnoredDuringExecution")
        )

    def pre_filter(self, pod: PodInfo, nodes: Nodes) -> PreFilterResult:
        """Skip when there is nothing to check; narrow to the nodes that are named, as DaemonSet pods do."""
        del nodes
        shape = pod.shape
        if not shape.node_selector and shape.required_terms is None:
            return PreFilterResult(SKIP if self._added_required is None else None)
        names = node_names_of(shape.required_terms) if shape.required_terms else None
        if names is not None and not names:
            return PreFilterResult(_CONFLICT)
        return PreFilterResult(None, names)

    def filter(self, state: Any, pod: PodInfo, node: NodeInfo) -> Status | None:
        """Refuse a node that the selectors do not match."""
        del state
        if self._added_required is not None and not match_terms(self._added_required, node.name, node.labels):
            return _ENFORCED
        return None if required_matches(pod.shape, node.name, node.labels) else _REFUSED

    def pre_score(
        self, pod: PodInfo, feasible: Sequence[NodeInfo], nodes: Nodes
    ) -> tuple[Status | None, Any]:
        """Compile the preferred terms; skip without any."""
        del nodes, feasible
        if not pod.shape.preferred and not self._added_preferred:
            return SKIP, None
        try:
            return None, (*compile_preferred(pod.shape.preferred), *self._added_preferred)
        except BadSelector as error:
            return Status(Code.ERROR, (str(error),), _NAME), None

    def score(self, state: Any, pod: PodInfo, node: NodeInfo) -> int:
        """The sum of the weights of the preferred terms that match."""
        del pod
        return sum(weight for term, weight in state or () if term.matches(node.name, node.labels))

    def normalize(
        self, state: Any, pod: PodInfo, feasible: Sequence[NodeInfo], scores: list[int]
    ) -> list[int]:
        """Scale to the best node."""
        del state, pod, feasible
        return default_normalize_score(scores, reverse=False)
