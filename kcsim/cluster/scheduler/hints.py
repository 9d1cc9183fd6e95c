"""Which cluster events are worth another try for a refused pod.

**Imitates:** the queueing hints of the in-tree plugins (``EventsToRegister``, GA in 1.34) and ``isPodWorthRequeuing``
(pkg/scheduler/backend/queue/scheduling_queue.go, v1.36), plugin by plugin. Simplified: for inter-pod affinity and
topology spread any change of a placed pod or of a node's labels counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kcsim.cluster.scheduler.host_ports import conflicts
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.plugins.node_affinity import required_matches
from kcsim.cluster.scheduler.plugins.node_resources_fit import fits_request
from kcsim.cluster.scheduler.plugins.taint_toleration import TaintToleration
from kcsim.cluster.scheduler.pod_info import PodInfo


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
    """A pod got a node, or a placed pod's labels changed."""

    pod: PodInfo


Event = NodeChanged | PlacedPodGone | PlacedPodChanged


def worth_requeuing(refused_by: frozenset[str], pod: PodInfo, event: Event) -> bool:
    """Whether any plugin that refused the pod sees a chance in the event."""
    return any(_HINTS[name](pod, event) for name in refused_by if name in _HINTS)


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


def _pods_and_labels(pod: PodInfo, event: Event) -> bool:
    del pod
    if not isinstance(event, NodeChanged):
        return True
    return event.old is None or event.old.labels != event.new.labels


_HINTS: dict[str, Callable[[PodInfo, Event], bool]] = {
    "NodeUnschedulable": _unschedulable,
    "NodeName": _new_node,
    "TaintToleration": _taints,
    "NodeAffinity": _affinity,
    "NodePorts": _ports,
    "NodeResourcesFit": _fit,
    "InterPodAffinity": _pods_and_labels,
    "PodTopologySpread": _pods_and_labels,
}
