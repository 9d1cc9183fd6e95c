"""Topology spread constraints: compiled, and the pods they count.

**Imitates:** plugins/podtopologyspread/{common,plugin}.go (v1.36). A node takes part in a constraint when its policies
allow it (the pod's node selector is honoured by default, taints are not) and, for a pod's own constraints, when it has
every topology key.

What depends on the nodes alone (which of them take part, the domains they form) is worked out once and kept in
``Nodes.node_memo`` (or ``taint_memo``) until a node changes in that; the pods are counted by ``PodIndex``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api.selectors import LabelSelector, from_labels, from_object, select
from kcsim.cluster.scheduler.framework import Nodes
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.plugins.node_affinity import required_matches
from kcsim.cluster.scheduler.pod_index import Tally, Wanted
from kcsim.cluster.scheduler.pod_info import PodInfo
from kcsim.cluster.scheduler.taints import find_untolerated_taint

HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
HARD, SOFT = "DoNotSchedule", "ScheduleAnyway"
_HARD_TAINTS = frozenset(("NoSchedule", "NoExecute"))
SYSTEM_DEFAULTS = ((HOSTNAME, 3), (ZONE, 5))
"""Topology key and maxSkew of what is meant when a pod says nothing (both soft)."""


@dataclass(frozen=True, slots=True)
class SpreadConstraint:
    """One compiled constraint."""

    max_skew: int
    topology_key: str
    selector: LabelSelector
    min_domains: int = 1
    honors_affinity: bool = True
    honors_taints: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Domains:
    """The nodes that take part in a constraint.

    Attributes:
        everywhere: whether all nodes that have the topology key take part.
        nodes: the names of those that do, unless ``everywhere``.
        values: their values of the topology key.
    """

    everywhere: bool
    nodes: frozenset[str]
    values: frozenset[str]


def own_constraints(pod: PodInfo, action: str, nodes: Nodes) -> tuple[SpreadConstraint, ...]:
    """The pod's constraints with this ``whenUnsatisfiable``. Raises: SelectorError."""
    key = (action, pod.shape, pod.label_key)
    known: tuple[SpreadConstraint, ...] | None = nodes.index.memo.get(key)
    if known is None:
        known = nodes.index.remember(key, compile_constraints(pod, action))
    return known


def compile_constraints(pod: PodInfo, action: str) -> tuple[SpreadConstraint, ...]:
    """As ``own_constraints``, compiled anew. Raises: SelectorError."""
    mine = [item for item in pod.shape.spread if item.get("whenUnsatisfiable") == action]
    return tuple(_compile(item, pod.labels) for item in mine)


def default_constraints(pod: PodInfo, nodes: Nodes) -> tuple[tuple[SpreadConstraint, ...], list[Tally]]:
    """The system's soft constraints with their tallies, for pods that a Service or a controller selects."""
    selector = nodes.default_selector(pod)
    if selector is None:
        return (), []
    # By identity: selectors are remembered where they are made, and hashing one costs more than all else here.
    key = (pod.namespace, id(selector))
    known = nodes.index.memo.get(key)
    if known is None or known[0] is not selector:
        made = tuple(SpreadConstraint(skew, topology, selector) for topology, skew in SYSTEM_DEFAULTS)
        tally = tally_of(pod, made[0], nodes)
        known = nodes.index.remember(key, (selector, made, [tally, tally]))
    return known[1], known[2]


def _compile(item: Mapping[str, Any], labels: Mapping[str, str]) -> SpreadConstraint:
    selector = from_object(item.get("labelSelector"))
    keys = {key: labels[key] for key in item.get("matchLabelKeys") or () if key in labels}
    if keys:
        # A selector that is absent selects nothing by itself, and adds nothing to the keys.
        selector = select((*from_labels(keys).requirements, *selector.requirements))
    return SpreadConstraint(
        int(item["maxSkew"]),
        item["topologyKey"],
        selector,
        int(item.get("minDomains") or 1),
        (item.get("nodeAffinityPolicy") or "Honor") == "Honor",
        (item.get("nodeTaintsPolicy") or "Ignore") == "Honor",
    )


def takes_part(pod: PodInfo, constraint: SpreadConstraint, keys: tuple[str, ...], node: NodeInfo) -> bool:
    """Whether a node counts for a constraint; ``keys``: labels that it must have for that."""
    labels = node.labels
    if any(key not in labels for key in keys):
        return False
    if constraint.honors_affinity and not required_matches(pod.shape, node.name, labels):
        return False
    return not (
        constraint.honors_taints
        and node.taints
        and find_untolerated_taint(node.taints, pod.shape.tolerations, _HARD_TAINTS) is not None
    )


def domains_of(pod: PodInfo, constraint: SpreadConstraint, keys: tuple[str, ...], nodes: Nodes) -> Domains:
    """The nodes and domains that take part in a constraint, remembered until a node changes."""
    shape = pod.shape
    picky = constraint.honors_affinity and (shape.node_selector or shape.required_terms is not None)
    who = shape if picky or constraint.honors_taints else None
    key = ("spread", who, constraint.topology_key, constraint.honors_affinity, constraint.honors_taints, keys)
    memo = nodes.taint_memo if constraint.honors_taints else nodes.node_memo
    known: Domains | None = memo.get(key)
    if known is None and who is None and not keys:
        # Nothing speaks against any node.
        labels = [node.labels.get(constraint.topology_key) for node in nodes.infos]
        known = memo[key] = Domains(True, frozenset(), frozenset(v for v in labels if v is not None))
    if known is None:
        topology = constraint.topology_key
        inside = [node for node in nodes.infos if takes_part(pod, constraint, keys, node)]
        having = sum(1 for node in nodes.infos if topology in node.labels)
        values = frozenset(node.labels[topology] for node in inside if topology in node.labels)
        everywhere = sum(1 for node in inside if topology in node.labels) == having
        names = frozenset() if everywhere else frozenset(node.name for node in inside)
        known = memo[key] = Domains(everywhere, names, values)
    return known


def tally_of(pod: PodInfo, constraint: SpreadConstraint, nodes: Nodes) -> Tally:
    """The pods that a constraint counts: those of the pod's namespace that its selector matches, unless ending."""
    return nodes.index.tally(Wanted(pod.namespace, constraint.selector, living=True))


def counts(tally: Tally, key: str, domains: Domains, nodes: Nodes) -> dict[str, int]:
    """Pods by domain, on the nodes that take part. To be read only."""
    if domains.everywhere:
        return tally.domains(key)
    table: dict[str, int] = {}
    inside = domains.nodes
    for name, count in tally.on_node.items():
        if name in inside:
            info = nodes.node(name)
            value = info.labels.get(key) if info is not None else None
            if value is not None:
                table[value] = table.get(value, 0) + count
    return table
