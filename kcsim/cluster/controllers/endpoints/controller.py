"""The Endpoints controller: one object a Service, with all addresses behind it.

**Imitates:** ``pkg/controller/endpoint/endpoints_controller.go`` (v1.36) and the trigger times of staging
``k8s.io/endpointslice`` ``util/trigger_time_tracker.go``. Left out: mirroring into EndpointSlices of Endpoints that a
person writes (a controller of its own upstream).
**Walk:** a pod's address, readiness or labels change -> the Services that select it are queued -> one sync works the
subsets out from the caches and writes them if they differ from what is stored.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.calls import has_status_cause
from kcsim.cluster.controllers.endpoints.subsets import subsets_of, truncate
from kcsim.cluster.controllers.endpointslice.endpoints import endpoint_shape
from kcsim.cluster.controllers.endpointslice.services import ServiceIndex, selects
from kcsim.cluster.controllers.pods import ready_condition
from kcsim.engine.clock import SECOND
from kcsim.engine.task import Waitable
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]

MANAGED_BY = "endpoints.kubernetes.io/managed-by"
CONTROLLER = "endpoint-controller"
HEADLESS = "service.kubernetes.io/headless"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"


class EndpointsController(Reconciler):
    """Keeps the Endpoints of all Services with a selector."""

    name = "endpoint-controller"
    workers = DEFAULT.count("kube-controller-manager/concurrent-endpoint-syncs")
    max_retries = DEFAULT.count("kube-controller-manager/endpoint-max-retries")

    def setup(self, component: Component) -> None:
        """Subscribe to Services, pods and Endpoints."""
        self.reset()
        self.services = component.informer("services")
        self.pods = component.informer("pods")
        self.endpoints = component.informer("endpoints")
        self.services.on_change(self._service_changed)
        self.pods.on_change(self._pod_changed)
        self.endpoints.on_change(self._endpoints_changed)

    def reset(self) -> None:
        """Forget everything learnt."""
        self._index = ServiceIndex()
        # The names of the pods that each Service selects and that have something to tell.
        self._members: dict[Key, dict[str, None]] = {}
        # When each Service and its pods last gave reason for a change, as their objects say.
        self._triggers: dict[Key, dict[str, str]] = {}

    def error_delay(self, failures: int) -> int:
        """1 s, doubling, at most 1000 s."""
        return min(SECOND << min(failures, 10), 1000 * SECOND)

    def _service_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        key = objects.key(obj)
        if new is None:
            self._index.drop(key)
            self._members.pop(key, None)
        elif old is None or old["spec"].get("selector") != new["spec"].get("selector"):
            selector = new["spec"].get("selector")
            self._index.put(key, selector)
            pods = self.pods.list(key[0]) if selector else ()
            self._members[key] = {objects.name(pod): None for pod in pods if selects(new, pod)}
        self.enqueue(key)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if not self._index:
            return
        before = endpoint_shape(old) if old is not None else None
        after = endpoint_shape(new) if new is not None else None
        moved = old is not None and new is not None and objects.labels(old) != objects.labels(new)
        if before == after and not moved:
            return
        if old is not None and (moved or new is None):
            for key in self._index.matching(objects.namespace(old), objects.labels(old)):
                self._members[key].pop(objects.name(old), None)
                self.enqueue(key)
        if new is not None:
            for key in self._index.matching(objects.namespace(new), objects.labels(new)):
                self._members[key][objects.name(new)] = None
                self.enqueue(key)

    def _endpoints_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None and old is not None:
            self.enqueue(objects.key(old))

    def reconcile(self, key: Key) -> Steps | None:
        """Bring the Endpoints of one Service up to date."""
        service = self.services.get(*key)
        if service is None:
            self._triggers.pop(key, None)
            return self._delete(key) if self.endpoints.get(*key) is not None else None
        if service["spec"].get("type") == "ExternalName" or not service["spec"].get("selector"):
            return None
        return self._sync(key, service)

    def _delete(self, key: Key) -> Steps:
        try:
            yield self.client.delete("endpoints", *key)
        except StatusError as error:
            if not error.is_not_found:
                raise

    def _sync(self, key: Key, service: Object) -> Steps:
        found = (self.pods.get(key[0], name) for name in self._members.get(key, ()))
        pods = [pod for pod in found if pod is not None and selects(service, pod)]
        trigger = self._trigger(key, service, pods)
        subsets = subsets_of(service, pods)
        stored = self.endpoints.get(*key)
        labels = _labels(service)
        cut, over = truncate(subsets)
        if stored is not None:
            current = stored.get("subsets") or []
            notes = stored["metadata"].get("annotations") or {}
            said = notes.get(OVER_CAPACITY) == "truncated"
            if current == cut and objects.labels(stored) == labels and said == over:
                return
        else:
            notes = {}
        annotations = {k: v for k, v in notes.items() if k not in (TRIGGER_TIME, OVER_CAPACITY)}
        if trigger:
            annotations[TRIGGER_TIME] = trigger
        if over:
            annotations[OVER_CAPACITY] = "truncated"
        yield from self._write(service, stored, labels, annotations, cut)

    def _write(
        self,
        service: Object,
        stored: Object | None,
        labels: dict[str, str],
        annotations: dict[str, str],
        subsets: list[Object],
    ) -> Steps:
        try:
            if stored is None:
                metadata: Object = {"name": objects.name(service), "namespace": objects.namespace(service)}
                metadata["labels"] = labels
                if annotations:
                    metadata["annotations"] = annotations
                body = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata}
                yield self.client.create("endpoints", {**body, "subsets": subsets} if subsets else body)
            else:
                changed = objects.with_metadata(stored, labels=labels, annotations=annotations or None)
                changed = {k: v for k, v in changed.items() if k != "subsets"}
                yield self.client.update("endpoints", {**changed, "subsets": subsets} if subsets else changed)
        except StatusError as error:
            verb, way = ("create", "Create") if stored is None else ("update", "Update")
            if stored is None and has_status_cause(error, "NamespaceTerminating"):
                # Creating anything in a namespace on its way out can only fail.
                return
            about = objects.with_metadata(service) if stored is None else stored
            text = f"Failed to {verb} endpoint {objects.namespace(service)}/{objects.name(service)}: {error}"
            self.component.events.event(about, "Warning", f"FailedTo{way}Endpoint", text, self.name)
            raise

    def _trigger(self, key: Key, service: Object, pods: list[Object]) -> str:
        """The earliest instant that asks for this sync, "" when nothing new does (TriggerTimeTracker)."""
        made = service["metadata"].get("creationTimestamp", "")
        known = self._triggers.get(key)
        times = {"": made}
        for pod in pods:
            stamp = (ready_condition(pod) or {}).get("lastTransitionTime")
            if stamp:
                times[objects.name(pod)] = stamp
        self._triggers[key] = times
        if known is None:
            return made  # type: ignore[no-any-return]
        return min((stamp for name, stamp in times.items() if stamp > known.get(name, "")), default="")


def _labels(service: Object) -> dict[str, str]:
    labels = {name: value for name, value in objects.labels(service).items() if name != HEADLESS}
    if service["spec"].get("clusterIP") in ("None", "", None):
        labels[HEADLESS] = ""
    return {**labels, MANAGED_BY: CONTROLLER}
