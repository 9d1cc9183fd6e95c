"""The words plugins and the scheduler share: codes, statuses, and what each extension point looks like.

**Imitates:** staging/src/k8s.io/kube-scheduler/framework (v1.36): ``Code``, ``Status``, ``MaxNodeScore`` and the
PreFilter, Filter, PreScore, Score and NormalizeScore extension points. Left out: Reserve, Permit, PreBind and
PostBind, which no plugin here needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from kcsim.cluster.scheduler.node_info import NodeInfo
    from kcsim.cluster.scheduler.pod_info import PodInfo

MAX_NODE_SCORE = 100


class Code(StrEnum):
    """The outcome of a plugin (framework.Code)."""

    SUCCESS = "Success"
    UNSCHEDULABLE = "Unschedulable"
    UNRESOLVABLE = "UnschedulableAndUnresolvable"
    """As Unschedulable, and evicting other pods cannot help."""
    SKIP = "Skip"
    ERROR = "Error"


@dataclass(frozen=True, slots=True)
class Status:
    """A verdict other than success: its code, its reasons, and the plugin that gave it."""

    code: Code
    reasons: tuple[str, ...] = ()
    plugin: str = ""


SKIP = Status(Code.SKIP)


class Nodes(Protocol):
    """The nodes one scheduling cycle looks at, in the order in which it visits them."""

    @property
    def infos(self) -> Sequence[NodeInfo]:
        """Every node, in visiting order."""
        ...

    def namespace_labels(self, namespace: str) -> Mapping[str, str]:
        """The labels of a namespace; empty when it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class PreFilterResult:
    """What a PreFilter found: a verdict, the only nodes worth a look, and what its Filter wants to remember."""

    status: Status | None = None
    node_names: frozenset[str] | None = None
    state: Any = None


class FilterPlugin(Protocol):
    """PreFilter and Filter. ``filter`` gives None for success."""

    name: str

    def pre_filter(self, pod: PodInfo, nodes: Nodes) -> PreFilterResult:
        """Look at the pod once, before any node."""
        ...

    def filter(self, state: Any, pod: PodInfo, node: NodeInfo) -> Status | None:
        """May the pod run on this node?"""
        ...


class ScorePlugin(Protocol):
    """PreScore, Score and NormalizeScore."""

    name: str

    def pre_score(
        self, pod: PodInfo, feasible: Sequence[NodeInfo], nodes: Nodes
    ) -> tuple[Status | None, Any]:
        """Look at the pod once. ``Skip`` leaves the plugin out of this cycle."""
        ...

    def score(self, state: Any, pod: PodInfo, node: NodeInfo) -> int:
        """The raw score of one node."""
        ...

    def normalize(
        self, state: Any, pod: PodInfo, feasible: Sequence[NodeInfo], scores: list[int]
    ) -> list[int]:
        """Raw scores of the feasible nodes turned into 0..100."""
        ...


class NoPreFilter:
    """For filters that keep nothing between nodes."""

    def pre_filter(self, pod: PodInfo, nodes: Nodes) -> PreFilterResult:
        """Nothing to prepare."""
        del pod, nodes
        return PreFilterResult()


class NoNormalize:
    """For scores that already lie in 0..100."""

    def normalize(
        self, state: Any, pod: PodInfo, feasible: Sequence[NodeInfo], scores: list[int]
    ) -> list[int]:
        """The scores as they are."""
        del state, pod, feasible
        return scores


def default_normalize_score(scores: Sequence[int], *, reverse: bool) -> list[int]:
    """Scale scores to 0..100 by their maximum (plugins/helper/normalize_score.go). All zero: 0, reversed 100."""
    top = max(scores, default=0)
    if top == 0:
        return [MAX_NODE_SCORE if reverse else 0] * len(scores)
    scaled = [MAX_NODE_SCORE * score // top for score in scores]
    return [MAX_NODE_SCORE - score for score in scaled] if reverse else scaled
