"""The words plugins and the scheduler share: codes, statuses, and what each extension point looks like.

**Imitates:** staging/src/k8s.io/kube-scheduler/framework (v1.36): ``Code``, ``Status``, ``MaxNodeScore`` and the
PreFilter, Filter, PreScore, Score and NormalizeScore extension points. Left out: Reserve, Permit, PreBind and
PostBind, which no plugin here needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from kcsim.api.selectors import LabelSelector
    from kcsim.cluster.scheduler.node_info import NodeInfo
    from kcsim.cluster.scheduler.pod_index import PodIndex
    from kcsim.cluster.scheduler.pod_info import PodInfo

MAX_NODE_SCORE = 100
DefaultSelector = Callable[["PodInfo"], "LabelSelector | None"]
"""What selects the pods that a pod is to be spread with by default; None: nothing."""


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


def no_default_selector(pod: PodInfo) -> LabelSelector | None:
    """Nothing is spread by default."""
    del pod
    return None


class Nodes(Protocol):
    """The nodes one scheduling cycle looks at, in the order in which it visits them.

    Attributes:
        index: where the pods are that a selector means.
        node_memo: for what is worked out from the names and labels of all nodes; empty again when one changes.
        taint_memo: the same for what depends on taints as well.
        default_selector: what selects the pods that a pod is spread with when it has no constraints of its own.
    """

    index: PodIndex
    node_memo: dict[Any, Any]
    taint_memo: dict[Any, Any]
    default_selector: DefaultSelector

    @property
    def infos(self) -> Sequence[NodeInfo]:
        """Every node, in visiting order."""
        ...

    def node(self, name: str) -> NodeInfo | None:
        """The node of that name."""
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
    """PreFilter, its extensions, and Filter. ``filter`` gives None for success."""

    name: str

    def pre_filter(self, pod: PodInfo, nodes: Nodes) -> PreFilterResult:
        """Look at the pod once, before any node."""
        ...

    def copy(self, state: Any) -> Any:
        """The state, to be changed by ``with_pod`` without changing this one."""
        ...

    def with_pod(self, state: Any, pod: PodInfo, other: PodInfo, node: NodeInfo, step: int) -> None:
        """What if another pod were on a node, too (step 1), or no longer (-1)? Changes the state (AddPod, RemovePod)."""
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


class NoExtensions:
    """For filters whose state does not depend on the pods of the nodes."""

    def copy(self, state: Any) -> Any:
        """The state itself."""
        return state

    def with_pod(self, state: Any, pod: PodInfo, other: PodInfo, node: NodeInfo, step: int) -> None:
        """Nothing changes."""


class NoPreFilter(NoExtensions):
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
