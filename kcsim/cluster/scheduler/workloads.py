"""Services and controllers as the scheduler knows them, for the default spread constraints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kcsim.api.objects import Object
from kcsim.cluster.scheduler.default_selectors import DefaultSelectors

if TYPE_CHECKING:
    from kcsim.api.kit.component import Component


class CachedWorkloads:
    """Informers for Services, ReplicationControllers, ReplicaSets and StatefulSets.

    Attributes:
        selectors: what selects the pods a pod is spread with, remembered.
    """

    def __init__(self, component: Component) -> None:
        self._services = component.informer("services")
        self._owners = {
            resource: component.informer(resource)
            for resource in ("replicationcontrollers", "replicasets", "statefulsets")
        }
        self.selectors = DefaultSelectors(self)
        self._services.on_change(self._changed)
        # The selectors of the other two cannot change.
        self._owners["replicationcontrollers"].on_change(self._changed)

    def services(self, namespace: str) -> Sequence[Object]:
        """The Services of a namespace."""
        return self._services.list(namespace)

    def owner(self, resource: str, namespace: str, name: str) -> Object | None:
        """A controller's object."""
        return self._owners[resource].get(namespace, name)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        before, after = (((obj or {}).get("spec") or {}).get("selector") for obj in (old, new))
        if before != after:
            self.selectors.forget()
