"""The namespace controller: deletes all that is in a terminating namespace, pods first, then finalizes it.

**Imitates:** ``pkg/controller/namespace/namespace_controller.go`` and ``deletion/namespaced_resources_deleter.go``
(v1.36), OrderedNamespaceDeletion on. Differs: resources are emptied in discovery order (upstream: of a Go map), and
discovery cannot fail on its own, so two of the five conditions never turn True.
**Walk:** deletionTimestamp appears -> 5 s later a pass deletes every pod, and once those are gone everything else ->
what is left is counted into the conditions -> looked at again after half the time it may take -> spec.finalizers
emptied by PUT finalize, which lets the server drop the object.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler, Result
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.namespace.deletion import (
    Remaining,
    UnexpectedItems,
    deleted_at,
    deletion_conditions,
    graceful_estimate,
)
from kcsim.engine.clock import MILLISECOND, SECOND
from kcsim.engine.task import Waitable
from kcsim.profile.api import CONTROLLER_MANAGER, ClientLimits
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]

DELETION_GRACE_PERIOD = DEFAULT.us("kube-controller-manager/namespace-deletion-grace-period")
"""Before the first pass: every API server shall have seen the namespace terminating (namespaceDeletionGracePeriod)."""

LIMITS = ClientLimits(CONTROLLER_MANAGER.qps * 20, CONTROLLER_MANAGER.burst * 100)
"""It is chatty, so kube-controller-manager gives it more (cmd/kube-controller-manager/app/core.go)."""

_FINALIZER = "kubernetes"


class NamespaceController(Reconciler):
    """Empties terminating namespaces."""

    name = "namespace-controller"
    workers = DEFAULT.count("kube-controller-manager/concurrent-namespace-syncs")

    def setup(self, component: Component) -> None:
        """Subscribe to namespaces."""
        self.namespaces = component.informer("namespaces")
        self.namespaces.on_change(self._changed)

    def error_delay(self, failures: int) -> int:
        """5 ms, doubling, at most 60 s."""
        return min(5 * MILLISECOND << min(failures, 20), 60 * SECOND)

    def _changed(self, _old: Object | None, new: Object | None) -> None:
        if new is not None and objects.is_deleting(new):
            self.enqueue_after(objects.key(new), DELETION_GRACE_PERIOD, "namespace deletion grace period")

    def reconcile(self, key: Key) -> Steps | None:
        """Take one pass over a terminating namespace."""
        namespace = self.namespaces.get(*key)
        if namespace is None or not objects.is_deleting(namespace):
            return None
        return self._delete(key[1])

    def _delete(self, name: str) -> Steps:
        try:
            namespace = yield self.client.get("namespaces", "", name)
        except StatusError as error:
            if error.is_not_found:
                return None
            raise
        if _FINALIZER not in (namespace["spec"].get("finalizers") or ()):
            return None
        if (namespace.get("status") or {}).get("phase") != "Terminating":
            terminating = objects.assoc(namespace, ("status", "phase"), "Terminating")
            namespace = yield self.client.update_status("namespaces", terminating)
        remaining = yield from self._delete_all_content(name, deleted_at(namespace))
        namespace = yield from self._update_conditions(namespace, remaining)
        if remaining.errors:
            raise UnexpectedItems("; ".join(remaining.errors))
        if remaining.estimate_s:
            again = (remaining.estimate_s // 2 + 1) * SECOND
            return Result(requeue_after=again, what="namespace content may be gone")
        finalizers = [f for f in namespace["spec"].get("finalizers") or () if f != _FINALIZER]
        spec = {**namespace["spec"], "finalizers": finalizers}
        yield self.client.update("namespaces", {**namespace, "spec": spec}, subresource="finalize")
        return None

    def _delete_all_content(self, name: str, since: int) -> Steps:
        remaining = Remaining()
        # Pods first: what they use, policies that guard them included, must outlive them (KEP-5080).
        yield from self._delete_content(self.client.resource("pods"), name, since, remaining)
        if remaining.counts:
            return remaining
        for resource in self._deletable():
            if resource.group_resource != "pods":
                yield from self._delete_content(resource, name, since, remaining)
        return remaining

    def _deletable(self) -> list[Resource]:
        catalog = self.client.endpoint.server.catalog
        wanted = {"delete", "list"}
        return [
            item
            for item in catalog
            if item.namespaced and wanted <= set(item.verbs) and catalog.by_word(item.group_resource) is item
        ]

    def _delete_content(self, resource: Resource, name: str, since: int, remaining: Remaining) -> Steps:
        try:
            grace_s = 0
            if resource.group_resource == "pods":
                pods = (yield self.client.list(resource, name))["items"]
                grace_s = graceful_estimate(pods, since, self.component.engine.now)
            if "deletecollection" in resource.verbs:
                yield self.client.delete_collection(resource, name, propagation_policy="Background")
            else:
                for item in (yield self.client.list(resource, name))["items"]:
                    yield self.client.delete(resource, name, objects.name(item), propagation="Background")
            left = (yield self.client.list(resource, name))["items"]
        except StatusError as error:
            if error.code not in (404, 405):
                remaining.errors.append(str(error))
            return
        remaining.add(resource, name, left, grace_s)

    def _update_conditions(self, namespace: Object, remaining: Remaining) -> Steps:
        current = objects.conditions(namespace)
        conditions = deletion_conditions(current, remaining, self.component.engine.now)
        if conditions is current:
            return namespace
        changed = objects.assoc(namespace, ("status", "conditions"), conditions)
        return (yield self.client.update_status("namespaces", changed))
