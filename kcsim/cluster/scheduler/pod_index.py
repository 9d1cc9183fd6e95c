"""Where the pods are that a selector means: counts per node and per topology domain, kept as pods come and go.

Upstream's plugins count the pods of all nodes anew in every cycle. Here pods of one namespace with equal labels form a
``Bucket``; whoever asks for a selector gets a ``Tally`` that every matching bucket feeds. So a placement costs what it
changes, and a new selector costs a look at each different set of labels, not at each pod.

Pods that have inter-pod terms are counted a second time by their terms (``TermGroup``), because terms work both ways.

**Walk:** a pod is placed -> its bucket -> each tally that matches: node + 1, domain + 1 -> the plugins read tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kcsim.api.selectors import LabelSelector
from kcsim.cluster.scheduler.pod_info import LabelKey, PodInfo, PodShape, claims_of
from kcsim.cluster.scheduler.pod_terms import NO_TERMS, NamespaceLabels, PodTerm, PodTerms, compile_pod_terms

NodeLabels = Callable[[str], Mapping[str, str] | None]
"""The labels of a node by name; None when there is no such node."""
_LIMIT = 20_000
MANY = 255
"""More pods than so many on a node are not told apart by ``Tally.marks``."""


class Tally:
    """Pods counted by node and, for each topology key that was asked for, by domain.

    Attributes:
        on_node: how many pods are on each node that has any (nodes that are not known included).
    """

    __slots__ = ("_domains", "_labels", "_marks", "_positions", "on_node")

    def __init__(self, labels: NodeLabels) -> None:
        self.on_node: dict[str, int] = {}
        self._marks = bytearray()
        self._positions: Mapping[str, int] = {}
        self._domains: dict[str, dict[str, int]] = {}
        self._labels = labels

    def domains(self, key: str) -> dict[str, int]:
        """Pods by value of a node label; only values with any, and only nodes that are known. To be read only."""
        table = self._domains.get(key)
        if table is None:
            table = self._domains[key] = {}
            for node, count in self.on_node.items():
                value = (self._labels(node) or {}).get(key)
                if value is not None:
                    table[value] = table.get(value, 0) + count
        return table

    def marks(self, positions: Mapping[str, int]) -> bytearray:
        """Pods by position of their node, at most ``MANY`` of them counted. To be read only."""
        if self._positions is not positions:
            self._positions = positions
            self._marks = bytearray(len(positions))
            for node in self.on_node:
                self._mark(node)
        return self._marks

    def _mark(self, node: str) -> None:
        position = self._positions.get(node)
        if position is not None:
            self._marks[position] = min(self.on_node.get(node, 0), MANY)

    def add(self, node: str, step: int) -> None:
        """So many more (or, negative, fewer) pods on a node."""
        _add(self.on_node, node, step)
        self._mark(node)
        if self._domains:
            labels = self._labels(node)
            if labels:
                for key, table in self._domains.items():
                    value = labels.get(key)
                    if value is not None:
                        _add(table, value, step)

    def nodes_changed(self) -> None:
        """Labels of nodes changed: count the domains anew when they are asked for."""
        self._domains.clear()


_K = TypeVar("_K")


def _add(table: dict[_K, int], key: _K, step: int) -> None:
    count = table.get(key, 0) + step
    if count:
        table[key] = count
    else:
        del table[key]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a tally counts: pods of one namespace that a selector matches, or pods that all of some terms mean.

    ``living`` leaves out pods that are being deleted, as topology spread does.
    """

    namespace: str = ""
    selector: LabelSelector | None = None
    terms: tuple[PodTerm, ...] = ()
    living: bool = False

    def matches(self, namespace: str, labels: Mapping[str, str], namespace_labels: NamespaceLabels) -> bool:
        """Whether a pod of that namespace with these labels counts."""
        if self.selector is not None:
            return namespace == self.namespace and self.selector.matches(labels)
        return all(term.matches(namespace, labels, namespace_labels) for term in self.terms)

    @property
    def selects_namespaces(self) -> bool:
        """Whether it looks at the labels of namespaces."""
        return any(term.namespace_selector is not None for term in self.terms)


@dataclass(slots=True, eq=False)
class Bucket:
    """Pods of one namespace with equal labels, by node; ``ending``: those of them that are being deleted."""

    namespace: str
    labels: Mapping[str, str]
    total: dict[str, int] = field(default_factory=dict)
    ending: dict[str, int] = field(default_factory=dict)
    tallies: list[tuple[Tally, bool]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class TermGroup:
    """The placed pods that have these terms."""

    terms: PodTerms
    tally: Tally


@dataclass(slots=True, eq=False)
class Concerns:
    """The terms of placed pods that mean a certain pod.

    Attributes:
        anti: required anti-affinity, one entry for a group and topology key however many of its terms match.
        required: required affinity, which counts as a preference for others.
        preferred: with their weights; negative for anti-affinity.
        seen: how many groups were looked at.
    """

    anti: list[tuple[PodTerm, TermGroup]] = field(default_factory=list)
    required: list[tuple[PodTerm, TermGroup]] = field(default_factory=list)
    preferred: list[tuple[PodTerm, int, TermGroup]] = field(default_factory=list)
    seen: int = 0


_NO_CONCERNS = Concerns()


class PodIndex:
    """Counts of placed pods.

    Attributes:
        claim_users: how many placed pods use each claim, by namespace and name.
        groups: pods with inter-pod terms, in order of appearance; a group stays when its last pod is gone.
        memo: for what is compiled from shapes and labels, and for tallies; emptied when it grows large, and when
            tallies are no longer kept.
    """

    def __init__(self, node_labels: NodeLabels, namespace_labels: NamespaceLabels) -> None:
        self._node_labels = node_labels
        self._namespace_labels = namespace_labels
        self._buckets: dict[LabelKey, Bucket] = {}
        self._buckets_most = _LIMIT
        self._tallies: dict[Wanted, Tally] = {}
        self._terms: dict[tuple[PodShape, str], PodTerms] = {}
        self._group_of: dict[tuple[PodShape, str], TermGroup] = {}
        self.claim_users: dict[tuple[str, str], int] = {}
        self.groups: list[TermGroup] = []
        self._concerns: dict[LabelKey, Concerns] = {}
        self._selects_namespaces = False
        self.memo: dict[Any, Any] = {}

    # --- what the plugins ask -----------------------------------------------------------------------------------

    def tally(self, wanted: Wanted) -> Tally:
        """The pods that are wanted, counted; kept up to date from now on."""
        tally = self._tallies.get(wanted)
        if tally is None:
            if len(self._tallies) >= _LIMIT:
                self._forget_tallies()
            tally = self._tallies[wanted] = Tally(self._node_labels)
            self._selects_namespaces |= wanted.selects_namespaces
            for bucket in self._buckets.values():
                if wanted.matches(bucket.namespace, bucket.labels, self._namespace_labels):
                    bucket.tallies.append((tally, wanted.living))
                    for node, count in bucket.total.items():
                        count -= bucket.ending.get(node, 0) if wanted.living else 0
                        if count:
                            tally.add(node, count)
        return tally

    def terms(self, pod: PodInfo) -> PodTerms:
        """The compiled inter-pod terms of a pod."""
        if not pod.shape.affinity_terms:
            return NO_TERMS
        key = (pod.shape, pod.namespace)
        terms = self._terms.get(key)
        if terms is None:
            if len(self._terms) >= _LIMIT:
                self._terms.clear()
            terms = self._terms[key] = compile_pod_terms(pod)
            self._selects_namespaces |= terms.selects_namespaces
        return terms

    def concerns(self, pod: PodInfo) -> Concerns:
        """The terms of placed pods that mean a pod; groups that have become empty included."""
        groups = self.groups
        if not groups:
            return _NO_CONCERNS
        known = self._concerns.get(pod.label_key)
        if known is None:
            if len(self._concerns) >= _LIMIT:
                self._concerns.clear()
            known = self._concerns[pod.label_key] = Concerns()
        for group in groups[known.seen :]:
            terms = group.terms
            mine = [term for term in terms.required_anti if self.term_matches(term, pod)]
            known.anti += [(term, group) for term in {term.topology_key: term for term in mine}.values()]
            known.required += [(term, group) for term in terms.required if self.term_matches(term, pod)]
            known.preferred += [
                (term, w, group) for term, w in terms.preferred if self.term_matches(term, pod)
            ]
        known.seen = len(groups)
        return known

    def remember(self, key: Any, value: Any) -> Any:
        """Put something into ``memo`` and give it back."""
        if len(self.memo) >= _LIMIT:
            self.memo.clear()
        self.memo[key] = value
        return value

    def group(self, pod: PodInfo) -> TermGroup | None:
        """The group that a placed pod counts in."""
        return self._group_of.get((pod.shape, pod.namespace))

    def term_matches(self, term: PodTerm, pod: PodInfo) -> bool:
        """Whether a term means a pod."""
        return term.matches(pod.namespace, pod.labels, self._namespace_labels)

    # --- what the cache tells -----------------------------------------------------------------------------------

    def add(self, pod: PodInfo, node: str, step: int = 1) -> None:
        """A pod was placed (or, with -1, has left)."""
        key = pod.label_key
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._buckets_most:
                # Empty buckets stay, because most are filled again; now and then they go.
                self._buckets = {k: b for k, b in self._buckets.items() if b.total}
                self._buckets_most = max(_LIMIT, 2 * len(self._buckets))
            bucket = self._buckets[key] = Bucket(pod.namespace, pod.labels)
            for wanted, tally in self._tallies.items():
                if wanted.matches(pod.namespace, pod.labels, self._namespace_labels):
                    bucket.tallies.append((tally, wanted.living))
        _add(bucket.total, node, step)
        ending = pod.is_terminating
        if ending:
            _add(bucket.ending, node, step)
        for tally, living in bucket.tallies:
            if not (living and ending):
                tally.add(node, step)
        if pod.shape.volumes:
            for use in claims_of(pod):
                _add(self.claim_users, (pod.namespace, use.name), step)
        if pod.shape.affinity_terms:
            where = (pod.shape, pod.namespace)
            group = self._group_of.get(where)
            if group is None:
                group = self._group_of[where] = TermGroup(self.terms(pod), Tally(self._node_labels))
                self.groups.append(group)
            group.tally.add(node, step)

    def nodes_changed(self) -> None:
        """A node came, left, or changed its labels."""
        for tally in self._tallies.values():
            tally.nodes_changed()
        for group in self.groups:
            group.tally.nodes_changed()

    def namespaces_changed(self) -> None:
        """The labels of a namespace changed."""
        if self._selects_namespaces:
            self._forget_tallies()

    def _forget_tallies(self) -> None:
        self._tallies.clear()
        self._concerns.clear()
        self.memo.clear()
        for bucket in self._buckets.values():
            bucket.tallies.clear()
