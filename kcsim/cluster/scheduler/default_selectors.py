"""Which pods a pod is spread with when it has no constraints of its own: those of its Services and its controller.

**Imitates:** ``DefaultSelector`` and ``GetPodServices`` (pkg/scheduler/framework/plugins/helper/spread.go, v1.36).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.selectors import LabelSelector, SelectorError, from_labels, from_object, select
from kcsim.cluster.scheduler.pod_info import LabelKey, PodInfo

_RESOURCES = {
    ("v1", "ReplicationController"): "replicationcontrollers",
    ("apps/v1", "ReplicaSet"): "replicasets",
    ("apps/v1", "StatefulSet"): "statefulsets",
}
_LIMIT = 20_000


class Workloads(Protocol):
    """Where Services and controllers are looked up."""

    def services(self, namespace: str) -> Iterable[Object]:
        """The Services of a namespace."""
        ...

    def owner(self, resource: str, namespace: str, name: str) -> Object | None:
        """A controller's object."""
        ...


def default_selector(pod: PodInfo, workloads: Workloads) -> LabelSelector | None:
    """The selector; None when nothing selects the pod."""
    labels: dict[str, str] = {}
    for service in workloads.services(pod.namespace):
        wanted = (service.get("spec") or {}).get("selector")
        if wanted is not None and all(pod.labels.get(key) == value for key, value in wanted.items()):
            labels |= wanted
    requirements = list(from_labels(labels).requirements)
    found = _owner(pod, workloads)
    if found is not None:
        kind, owner = found
        selector = owner["spec"].get("selector")
        if kind == "ReplicationController":
            requirements = list(from_labels(labels | (selector or {})).requirements)
        else:
            try:
                requirements += from_object(selector).requirements
            except SelectorError:
                # As upstream: a selector that cannot be parsed adds nothing.
                return select(requirements) if requirements else None
    return select(requirements) if requirements else None


def _owner(pod: PodInfo, workloads: Workloads) -> tuple[str, Object] | None:
    reference = objects.controller_of(pod.pod)
    if reference is None:
        return None
    resource = _RESOURCES.get((reference["apiVersion"], reference["kind"]))
    if resource is None:
        return None
    owner = workloads.owner(resource, pod.namespace, reference["name"])
    return None if owner is None else (reference["kind"], owner)


def _is_unseen(pod: PodInfo, workloads: Workloads) -> bool:
    """Whether the pod has a controller that has not been seen yet."""
    reference = objects.controller_of(pod.pod)
    known = reference is not None and (reference["apiVersion"], reference["kind"]) in _RESOURCES
    return known and _owner(pod, workloads) is None


class DefaultSelectors:
    """``default_selector`` remembered for pods with equal labels and the same controller."""

    def __init__(self, workloads: Workloads) -> None:
        self._workloads = workloads
        self._known: dict[tuple[LabelKey, str], LabelSelector | None] = {}

    def forget(self) -> None:
        """A Service or a controller changed."""
        self._known.clear()

    def __call__(self, pod: PodInfo) -> LabelSelector | None:
        """The selector for a pod."""
        reference = objects.controller_of(pod.pod)
        key = (pod.label_key, reference["uid"] if reference is not None else "")
        if key in self._known:
            return self._known[key]
        selector = default_selector(pod, self._workloads)
        if not _is_unseen(pod, self._workloads):
            # A controller that has not been seen yet is looked up again.
            if len(self._known) >= _LIMIT:
                self._known.clear()
            self._known[key] = selector
        return selector
