"""InterPodAffinity: pods that want to be near certain pods, or away from them; and the pods that say so of others.

**Imitates:** plugins/interpodaffinity/{plugin,filtering,scoring}.go (v1.36), with its arguments
``hardPodAffinityWeight`` and ``ignorePreferredTermsOfExistingPods``.

The states are tables (label value -> number of pods) that ``PodIndex`` keeps; ``topology_rules`` reads the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.cluster.scheduler.framework import (
    MAX_NODE_SCORE,
    SKIP,
    Code,
    Nodes,
    PreFilterResult,
    Status,
)
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_index import PodIndex, TermGroup, Wanted
from kcsim.cluster.scheduler.pod_info import PodInfo
from kcsim.cluster.scheduler.pod_terms import PodTerm

_NAME = "InterPodAffinity"
Table = dict[str, int]
AFFINITY_REFUSED = Status(Code.UNRESOLVABLE, ("node(s) didn't match pod affinity rules",), _NAME)
ANTI_REFUSED = Status(Code.UNSCHEDULABLE, ("node(s) didn't match pod anti-affinity rules",), _NAME)
EXISTING_REFUSED = Status(
    Code.UNSCHEDULABLE, ("node(s) didn't satisfy existing pods anti-affinity rules",), _NAME
)


@dataclass(slots=True)
class AffinityState:
    """What the filter needs: for each term its topology key and the pods by domain.

    Attributes:
        affinity: the pod's affinity terms; each table counts the pods that all of them mean.
        alone: whether the pod itself is what its affinity terms mean, so that it may be the first.
        anti: the pod's anti-affinity terms.
        existing: anti-affinity terms of placed pods that mean this pod.
    """

    index: PodIndex
    affinity: list[tuple[PodTerm, Table]]
    alone: bool
    anti: list[tuple[PodTerm, Table]]
    existing: list[tuple[PodTerm, Table, TermGroup | None]]

    @property
    def may_be_first(self) -> bool:
        """No pod anywhere is what the affinity terms mean, and the pod itself is."""
        return self.alone and not any(table for _, table in self.affinity)


class InterPodAffinity:
    """PreFilter, Filter and Score."""

    name = _NAME

    def __init__(self, hard_weight: int = 1, *, ignore_preferred_of_existing: bool = False) -> None:
        self._hard_weight = hard_weight
        self._ignore_preferred = ignore_preferred_of_existing

    # --- filter -------------------------------------------------------------------------------------------------

    def pre_filter(self, pod: PodInfo, nodes: Nodes) -> PreFilterResult:
        """Find the tables; skip when no term concerns the pod."""
        index = nodes.index
        terms = index.terms(pod)
        if terms.fault:
            return PreFilterResult(Status(Code.UNRESOLVABLE, (f"parsing pod: {terms.fault}",), _NAME))
        existing: list[tuple[PodTerm, Table, TermGroup | None]] = [
            (term, group.tally.domains(term.topology_key), group)
            for term, group in index.concerns(pod).anti
            if group.tally.on_node
        ]
        if not terms.required and not terms.required_anti and not any(table for _, table, _ in existing):
            return PreFilterResult(SKIP)
        affinity = index.tally(Wanted(terms=terms.required)) if terms.required else None
        return PreFilterResult(
            state=AffinityState(
                index,
                [(t, affinity.domains(t.topology_key)) for t in terms.required] if affinity else [],
                all(index.term_matches(term, pod) for term in terms.required),
                [(t, index.tally(Wanted(terms=(t,))).domains(t.topology_key)) for t in terms.required_anti],
                existing,
            )
        )

    def copy(self, state: AffinityState) -> AffinityState:
        """Tables of its own; terms with the same table keep sharing one."""
        copies: dict[int, Table] = {}

        def own(table: Table) -> Table:
            return copies.setdefault(id(table), dict(table))

        return AffinityState(
            state.index,
            [(term, own(table)) for term, table in state.affinity],
            state.alone,
            [(term, own(table)) for term, table in state.anti],
            [(term, own(table), group) for term, table, group in state.existing],
        )

    def with_pod(self, state: AffinityState, pod: PodInfo, other: PodInfo, node: NodeInfo, step: int) -> None:
        """Count the other pod in or out, by the pod's terms and by its own."""
        index = state.index
        if state.affinity and all(index.term_matches(term, other) for term, _ in state.affinity):
            # Terms with one topology key share one table.
            for key, table in {term.topology_key: table for term, table in state.affinity}.items():
                _count(table, node.labels.get(key), step)
        for term, table in dict(state.anti).items():
            if index.term_matches(term, other):
                _count(table, node.labels.get(term.topology_key), step)
        group = index.group(other)
        counted = False
        for term, table, owner in state.existing:
            if owner is group and owner is not None:
                counted = True
                _count(table, node.labels.get(term.topology_key), step)
        if not counted and step > 0:
            # A nominated pod whose like is nowhere yet.
            for term in index.terms(other).required_anti:
                value = node.labels.get(term.topology_key)
                if value is not None and index.term_matches(term, pod):
                    state.existing.append((term, {value: 1}, None))

    def filter(self, state: AffinityState, pod: PodInfo, node: NodeInfo) -> Status | None:
        """Refuse a node whose domains break a term."""
        del pod
        labels = node.labels
        if state.affinity:
            missing = any(term.topology_key not in labels for term, _ in state.affinity)
            if missing or (
                not all(table.get(labels[term.topology_key]) for term, table in state.affinity)
                and not state.may_be_first
            ):
                return AFFINITY_REFUSED
        for term, table in state.anti:
            if table.get(labels.get(term.topology_key, ""), 0) > 0 and term.topology_key in labels:
                return ANTI_REFUSED
        for term, table, _ in state.existing:
            if table.get(labels.get(term.topology_key, ""), 0) > 0 and term.topology_key in labels:
                return EXISTING_REFUSED
        return None

    # --- score --------------------------------------------------------------------------------------------------

    def pre_score(
        self, pod: PodInfo, feasible: Sequence[NodeInfo], nodes: Nodes
    ) -> tuple[Status | None, Any]:
        """Find the weighted tables; skip when none has an entry."""
        state = self.weighted_tables(pod, nodes) if feasible else []
        return (None, state) if state else (SKIP, None)

    def weighted_tables(self, pod: PodInfo, nodes: Nodes) -> list[tuple[str, Table, int]]:
        """(topology key, pods by domain, weight) of every term that says something about the pod."""
        index = nodes.index
        terms = index.terms(pod)
        found: list[tuple[str, Table, int]] = []
        for term, weight in terms.preferred:
            table = index.tally(Wanted(terms=(term,))).domains(term.topology_key)
            if table:
                found.append((term.topology_key, table, weight))
        has_own = bool(pod.shape.pod_affinity or pod.shape.pod_anti_affinity)
        if self._ignore_preferred and not has_own:
            return found
        concerns = index.concerns(pod)
        hard = [(t, self._hard_weight, g) for t, g in concerns.required] if self._hard_weight else []
        for term, weight, group in (*hard, *concerns.preferred):
            if group.tally.on_node:
                table = group.tally.domains(term.topology_key)
                if table:
                    found.append((term.topology_key, table, weight))
        return found

    def score(self, state: list[tuple[str, Table, int]], pod: PodInfo, node: NodeInfo) -> int:
        """The weights of all terms, times the pods in the node's domain."""
        del pod
        labels = node.labels
        return sum(weight * table.get(labels[key], 0) for key, table, weight in state if key in labels)

    def normalize(
        self, state: Any, pod: PodInfo, feasible: Sequence[NodeInfo], scores: list[int]
    ) -> list[int]:
        """Stretch to 0..100."""
        del state, pod, feasible
        return stretch(scores)


def stretch(scores: Sequence[int]) -> list[int]:
    """Scores moved and scaled so that the least is 0 and the best 100; all 0 when they are equal."""
    low, high = min(scores), max(scores)
    if low == high:
        return [0] * len(scores)
    span = float(high - low)
    return [int(MAX_NODE_SCORE * ((score - low) / span)) for score in scores]


def _count(table: Table, value: str | None, step: int) -> None:
    if value is not None:
        count = table.get(value, 0) + step
        if count > 0:
            table[value] = count
        else:
            table.pop(value, None)
