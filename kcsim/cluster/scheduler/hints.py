"""Which cluster events are worth another try for a refused pod.

**Imitates:** the queueing hints of the in-tree plugins (``EventsToRegister``, GA in 1.34) and ``isPodWorthRequeuing``
(pkg/scheduler/backend/queue/scheduling_queue.go, v1.36), plugin by plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kcsim.cluster.scheduler.host_ports import conflicts
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.plugins.node_affinity import required_matches
from kcsim.cluster.scheduler.plugins.node_resources_fit import fits_request
from kcsim.cluster.scheduler.plugins.taint_toleration import TaintToleration
from kcsim.cluster.scheduler.pod_index import PodIndex
from kcsim.cluster.scheduler.pod_info import PodInfo, claims_of
from kcsim.cluster.scheduler.spread_constraints import HARD, compile_constraints


@dataclass(frozen=True, slots=True)
class NodeChanged:
    """A node came (``old`` None) or changed. Both as they are without any pods."""

    old: NodeInfo | None
    new: NodeInfo


@dataclass(frozen=True, slots=True)
class PlacedPodGone:
    """A pod left its node."""

    pod: PodInfo


@dataclass(frozen=True, slots=True)
class PlacedPodChanged:
    """A pod got a node, or a placed pod's labels changed (then ``old_labels`` says what they were)."""

    pod: PodInfo
    old_labels: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class NodeGone:
    """A node left."""

    node: NodeInfo


@dataclass(frozen=True, slots=True)
class StorageChanged:
    """A claim, volume, storage class or CSI node came, changed or left."""

    resource: str
    namespace: str
    name: str


Event = NodeChanged | NodeGone | PlacedPodGone | PlacedPodChanged | StorageChanged


def worth_requeuing(
    refused_by: frozenset[str], pod: PodInfo, event: Event, index: PodIndex | None = None
) -> bool:
    """Whether any plugin that refused the pod sees a chance in the event; ``index`` compiles inter-pod terms."""
    for name in refused_by:
        if name == "InterPodAffinity":
            if index is None or _inter_pod(pod, event, index):
                return True
        elif name in _HINTS and _HINTS[name](pod, event):
            return True
    return False


def _became(event: Event, suits: Callable[[NodeInfo], bool]) -> bool:
    """A node suits now and did not before."""
    if not isinstance(event, NodeChanged):
        return False
    return suits(event.new) and not (event.old is not None and suits(event.old))


def _unschedulable(pod: PodInfo, event: Event) -> bool:
    del pod
    return _became(event, lambda node: not node.unschedulable)


def _taints(pod: PodInfo, event: Event) -> bool:
    plugin = TaintToleration()
    return _became(event, lambda node: plugin.filter(None, pod, node) is None)


def _affinity(pod: PodInfo, event: Event) -> bool:
    return _became(event, lambda node: required_matches(pod.shape, node.name, node.labels))


def _fit(pod: PodInfo, event: Event) -> bool:
    if isinstance(event, PlacedPodGone):
        return True
    return _became(event, lambda node: not fits_request(pod.shape, node)) or (
        isinstance(event, NodeChanged)
        and event.old is not None
        and _grew(pod, event.old, event.new)
        and not fits_request(pod.shape, event.new)
    )


def _grew(pod: PodInfo, old: NodeInfo, new: NodeInfo) -> bool:
    return new.allowed_pods > old.allowed_pods or any(
        new.allocatable.get(name, 0) > old.allocatable.get(name, 0)
        for name, wanted in pod.shape.requests.items()
        if wanted
    )


def _ports(pod: PodInfo, event: Event) -> bool:
    if isinstance(event, PlacedPodGone):
        return conflicts(pod.shape.host_ports, event.pod.shape.host_ports)
    return isinstance(event, NodeChanged) and event.old is None


def _new_node(pod: PodInfo, event: Event) -> bool:
    return isinstance(event, NodeChanged) and event.old is None and event.new.name == pod.node_name


def _spread(pod: PodInfo, event: Event) -> bool:
    """A pod that counts came or went; or a node that has every topology key came, left, or changed one of them."""
    if isinstance(event, PlacedPodGone):
        return _counts(pod, event.pod.namespace, event.pod.labels)
    if isinstance(event, PlacedPodChanged):
        now = _counts(pod, event.pod.namespace, event.pod.labels)
        if event.old_labels is None:
            return now
        return now != _counts(pod, event.pod.namespace, event.old_labels)
    if isinstance(event, StorageChanged):
        return False
    keys = [item.get("topologyKey", "") for item in pod.shape.spread]
    if isinstance(event, NodeGone):
        return all(key in event.node.labels for key in keys)
    new, old = event.new.labels, event.old.labels if event.old is not None else None
    has_all = all(key in new for key in keys)
    if old is None:
        return has_all
    had_all = all(key in old for key in keys)
    # A change of taints or selectors can bring a node into a constraint as well: its labels are not all that counts.
    return has_all != had_all or (has_all and any(old.get(key) != new.get(key) for key in keys))


def _counts(pod: PodInfo, namespace: str, labels: Mapping[str, str]) -> bool:
    if namespace != pod.namespace:
        return False
    return any(constraint.selector.matches(labels) for constraint in compile_constraints(pod, HARD))


def _inter_pod(pod: PodInfo, event: Event, index: PodIndex) -> bool:
    """Affinity hopes for a pod that matches, anti-affinity (either way) for one that is gone or no longer matches."""
    terms = index.terms(pod)
    if isinstance(event, NodeGone | StorageChanged):
        return False
    if isinstance(event, NodeChanged):
        wanted = {term.topology_key for term in terms.required}
        labels = event.new.labels
        if event.old is None:
            # Only affinity needs the new node to have a label; to keep away, any new node may do.
            return not wanted or any(key in labels for key in wanted)
        old = event.old.labels
        if not wanted and not terms.required_anti:
            return old != labels
        keys = wanted | {term.topology_key for term in terms.required_anti}
        return any(old.get(key) != labels.get(key) for key in keys)
    other = event.pod
    if isinstance(event, PlacedPodGone):
        if any(index.term_matches(term, other) for term in terms.required_anti):
            return True
        return any(index.term_matches(term, pod) for term in index.terms(other).required_anti)
    matches_now = bool(terms.required) and all(index.term_matches(term, other) for term in terms.required)
    if event.old_labels is None:
        return matches_now
    before = other.with_labels(event.old_labels)
    matched = all(index.term_matches(term, before) for term in terms.required)
    freed = any(
        index.term_matches(term, before) and not index.term_matches(term, other)
        for term in terms.required_anti
    )
    return (matches_now and not matched) or freed


def _volumes(pod: PodInfo, event: Event) -> bool:
    """One of its claims changed, or something that a claim could be bound with, or where a node stands."""
    if isinstance(event, StorageChanged):
        if event.resource == "persistentvolumeclaims":
            return _uses(pod, event)
        return event.resource in {"persistentvolumes", "storageclasses"}
    if not isinstance(event, NodeChanged):
        return False
    return event.old is None or event.old.labels != event.new.labels


def _attachments(pod: PodInfo, event: Event) -> bool:
    """A pod with volumes left, a driver can attach more, or one of its claims changed."""
    if isinstance(event, PlacedPodGone):
        return event.pod.shape.volumes
    if isinstance(event, StorageChanged):
        return event.resource == "csinodes" or _uses(pod, event)
    return isinstance(event, NodeChanged) and event.old is None


def _disks(pod: PodInfo, event: Event) -> bool:
    """A pod with volumes left, or one of its claims changed."""
    if isinstance(event, PlacedPodGone):
        return event.pod.shape.volumes
    if isinstance(event, StorageChanged):
        return _uses(pod, event)
    return isinstance(event, NodeChanged) and event.old is None


def _uses(pod: PodInfo, event: StorageChanged) -> bool:
    return (
        event.resource == "persistentvolumeclaims"
        and event.namespace == pod.namespace
        and any(use.name == event.name for use in claims_of(pod))
    )


_HINTS: dict[str, Callable[[PodInfo, Event], bool]] = {
    "NodeUnschedulable": _unschedulable,
    "NodeName": _new_node,
    "TaintToleration": _taints,
    "NodeAffinity": _affinity,
    "NodePorts": _ports,
    "NodeResourcesFit": _fit,
    "VolumeBinding": _volumes,
    "VolumeZone": _volumes,
    "NodeVolumeLimits": _attachments,
    "VolumeRestrictions": _disks,
    "PodTopologySpread": _spread,
}
