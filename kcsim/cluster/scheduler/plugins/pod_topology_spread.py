"""PodTopologySpread: pods that are alike are kept apart, as evenly as their constraints ask.

**Imitates:** plugins/podtopologyspread/{filtering,scoring,plugin}.go (v1.36) with the system's default constraints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log
from typing import Any

from kcsim.api.selectors import SelectorError
from kcsim.cluster.scheduler.framework import MAX_NODE_SCORE, SKIP, Code, Nodes, PreFilterResult, Status
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_index import Tally
from kcsim.cluster.scheduler.pod_info import PodInfo
from kcsim.cluster.scheduler.spread_constraints import (
    HARD,
    HOSTNAME,
    SOFT,
    Domains,
    SpreadConstraint,
    counts,
    default_constraints,
    domains_of,
    own_constraints,
    takes_part,
    tally_of,
)

_NAME = "PodTopologySpread"
_TEXT = "node(s) didn't match pod topology spread constraints"
SKEWED = Status(Code.UNSCHEDULABLE, (_TEXT,), _NAME)
LABEL_MISSING = Status(Code.UNRESOLVABLE, (f"{_TEXT} (missing required label)",), _NAME)
IGNORED = -1
"""The raw score of a node that lacks a topology key."""


@dataclass(slots=True)
class HardSpread:
    """A hard constraint in this cycle.

    Attributes:
        table: pods by domain; domains without any are left out.
        itself: 1 when the constraint counts the pod itself, else 0.
    """

    constraint: SpreadConstraint
    domains: Domains
    table: dict[str, int]
    itself: int
    keys: tuple[str, ...]

    def least(self) -> int:
        """The global minimum: pods in the domain with the fewest; 0 when there are fewer domains than are wanted."""
        known = len(self.domains.values)
        if known < self.constraint.min_domains or len(self.table) < known:
            return 0
        return min(self.table.values(), default=0)

    def most(self) -> int:
        """More pods than so many in a domain are too many for another one."""
        return self.constraint.max_skew - self.itself + self.least()


class PodTopologySpread:
    """PreFilter, Filter and Score."""

    name = _NAME

    # --- filter -------------------------------------------------------------------------------------------------

    def pre_filter(self, pod: PodInfo, nodes: Nodes) -> PreFilterResult:
        """Count; skip pods without hard constraints."""
        if not pod.shape.spread:
            return PreFilterResult(SKIP)
        try:
            constraints = own_constraints(pod, HARD, nodes)
        except SelectorError as error:
            return PreFilterResult(Status(Code.ERROR, (str(error),), _NAME))
        if not constraints:
            return PreFilterResult(SKIP)
        keys = tuple(dict.fromkeys(item.topology_key for item in constraints))
        state = []
        for item in constraints:
            domains = domains_of(pod, item, keys, nodes)
            table = counts(tally_of(pod, item, nodes), item.topology_key, domains, nodes)
            state.append(HardSpread(item, domains, table, int(item.selector.matches(pod.labels)), keys))
        return PreFilterResult(state=state)

    def copy(self, state: list[HardSpread]) -> list[HardSpread]:
        """Tables of its own."""
        return [HardSpread(s.constraint, s.domains, dict(s.table), s.itself, s.keys) for s in state]

    def with_pod(
        self, state: list[HardSpread], pod: PodInfo, other: PodInfo, node: NodeInfo, step: int
    ) -> None:
        """Count the other pod in or out."""
        if other.namespace != pod.namespace:
            return
        for item in state:
            constraint = item.constraint
            if constraint.selector.matches(other.labels) and takes_part(pod, constraint, item.keys, node):
                value = node.labels[constraint.topology_key]
                count = item.table.get(value, 0) + step
                if count:
                    item.table[value] = count
                else:
                    item.table.pop(value, None)

    def filter(self, state: list[HardSpread], pod: PodInfo, node: NodeInfo) -> Status | None:
        """Refuse a node without a topology key, or in a domain that has more than its share."""
        del pod
        for item in state:
            value = node.labels.get(item.constraint.topology_key)
            if value is None:
                return LABEL_MISSING
            if item.table.get(value, 0) > item.most():
                return SKEWED
        return None

    # --- score --------------------------------------------------------------------------------------------------

    def pre_score(
        self, pod: PodInfo, feasible: Sequence[NodeInfo], nodes: Nodes
    ) -> tuple[Status | None, Any]:
        """Count; skip pods without soft constraints, their own or the system's."""
        try:
            soft = soft_spread(pod, nodes)
        except SelectorError as error:
            return Status(Code.ERROR, (str(error),), _NAME), None
        if soft is None:
            return SKIP, None
        columns = [
            soft.column(i, [info.labels.get(key) for info in feasible], [info.name for info in feasible])
            for i, key in enumerate(soft.keys)
        ]
        raw = soft.raw(columns)
        return None, {info.name: score for info, score in zip(feasible, raw, strict=True)}

    def score(self, state: dict[str, int], pod: PodInfo, node: NodeInfo) -> int:
        """How crowded the node's domains are; ``IGNORED`` when it lacks a key of the pod's own constraints."""
        del pod
        return state[node.name]

    def normalize(
        self, state: Any, pod: PodInfo, feasible: Sequence[NodeInfo], scores: list[int]
    ) -> list[int]:
        """Fewer is better."""
        del state, pod, feasible
        scale = normalizer(scores)
        return [scale[score] for score in scores]


@dataclass(slots=True)
class SoftSpread:
    """The soft constraints in this cycle.

    Attributes:
        own: whether they are the pod's own, so that a node must have every key to be scored.
        tables: pods by domain for each constraint; by node name where the domain is the node.
        by_node: what is counted by node, the last of several; None without such a constraint.
    """

    constraints: tuple[SpreadConstraint, ...]
    keys: tuple[str, ...]
    own: bool
    tables: list[dict[str, int]]
    by_node: Tally | None = None

    def column(
        self, i: int, values: Sequence[str | None], names: Sequence[str]
    ) -> list[tuple[str, int] | None]:
        """For each node its domain of constraint ``i`` and the pods there; None without the label."""
        get = self.tables[i].get
        if self.keys[i] == HOSTNAME:
            # The domain does not matter: each node is one of its own.
            return [None if v is None else ("", get(n, 0)) for v, n in zip(values, names, strict=True)]
        return [None if v is None else (v, get(v, 0)) for v in values]

    def raw(self, columns: Sequence[Sequence[tuple[str, int] | None]]) -> list[int]:
        """The raw score of each node, from its column entries.

        Nodes with the same entries have the same score, so each different combination is worked out once.
        """
        rows = list(zip(*columns, strict=True))
        different = set(rows)
        scored = [row for row in rows if None not in row] if self.own else rows
        weights = [self._weight(i, scored) for i in range(len(self.keys))]
        known = {row: self._score(row, weights) for row in different}
        return [known[row] for row in rows]

    def normalized(
        self, kinds: Sequence[tuple[str | None, ...]], nodes: Mapping[tuple[int, int], int]
    ) -> dict[tuple[int, int], int]:
        """The normalised score of nodes that are alike.

        Args:
            kinds: the values of the topology keys; that of the host name does not matter.
            nodes: how many nodes there are by kind and by pods on the node itself.
        """
        scored: dict[int, int] = {}
        for (kind, _), count in nodes.items():
            if not (self.own and None in kinds[kind]):
                scored[kind] = scored.get(kind, 0) + count
        weights = []
        for i, key in enumerate(self.keys):
            if key == HOSTNAME:
                weights.append(log(sum(scored.values()) + 2))
            else:
                weights.append(log(len({kinds[kind][i] or "" for kind in scored}) + 2))
        raw = {case: self._raw_of(kinds[case[0]], case[1], weights) for case in nodes}
        scale = normalizer(raw.values())
        return {case: scale[score] for case, score in raw.items()}

    def _raw_of(self, kind: Sequence[str | None], pods_here: int, weights: Sequence[float]) -> int:
        """The raw score of a node with these values of the topology keys, and so many pods on the node itself."""
        score = 0.0
        for value, key, table, weight, constraint in zip(
            kind, self.keys, self.tables, weights, self.constraints, strict=True
        ):
            if value is not None:
                pods = pods_here if key == HOSTNAME else table.get(value, 0)
                score += pods * weight + (constraint.max_skew - 1)
            elif self.own:
                return IGNORED
        return floor(score + 0.5)

    def _weight(self, i: int, scored: Sequence[tuple[tuple[str, int] | None, ...]]) -> float:
        if self.keys[i] == HOSTNAME:
            size = len(scored)
        else:
            # With the system's constraints, nodes without the label make up one domain (as upstream has it).
            size = len({row[i][0] if row[i] is not None else "" for row in set(scored)})  # type: ignore[index]
        return log(size + 2)

    def _score(self, row: tuple[tuple[str, int] | None, ...], weights: Sequence[float]) -> int:
        if self.own and None in row:
            return IGNORED
        score = 0.0
        for entry, weight, constraint in zip(row, weights, self.constraints, strict=True):
            if entry is not None:
                score += entry[1] * weight + (constraint.max_skew - 1)
        return floor(score + 0.5)


def soft_spread(pod: PodInfo, nodes: Nodes) -> SoftSpread | None:
    """The soft constraints that hold for a pod, counted; None without any. Raises: SelectorError."""
    own = bool(pod.shape.spread)
    if own:
        constraints = own_constraints(pod, SOFT, nodes)
        tallies = [tally_of(pod, item, nodes) for item in constraints]
    else:
        constraints, tallies = default_constraints(pod, nodes)
    if not constraints:
        return None
    keys = tuple([item.topology_key for item in constraints])
    needed = tuple(dict.fromkeys(keys)) if own else ()
    tables = []
    by_node = None
    for item, tally in zip(constraints, tallies, strict=True):
        if item.topology_key == HOSTNAME:
            by_node = tally
            tables.append(tally.on_node)
        else:
            domains = domains_of(pod, item, needed, nodes)
            tables.append(counts(tally, item.topology_key, domains, nodes))
    return SoftSpread(constraints, keys, own, tables, by_node)


def normalizer(scores: Iterable[int]) -> dict[int, int]:
    """What becomes of each raw score: the least crowded gets the most, ``IGNORED`` nodes get 0."""
    different = set(scores)
    counted = [score for score in different if score != IGNORED]
    most, least = max([0, *counted]), min(counted, default=0)
    scale = {IGNORED: 0}
    for score in counted:
        scale[score] = MAX_NODE_SCORE if most == 0 else MAX_NODE_SCORE * (most + least - score) // most
    return scale
