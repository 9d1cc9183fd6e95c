"""The resource quota controller.

**Imitates:** ``pkg/controller/resourcequota/{resource_quota_controller,resource_quota_monitor}.go`` (v1.36): new and changed quotas
at once, freed usage when a tracked object goes or a pod is over, everything every five minutes. Differs: only resources
that some quota names are watched, from when the first does.

**Walk:** a quota, or something that gave back what it used -> the quotas of its namespace -> ``calculate`` over the caches -> status
written where hard or used differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kcsim.api import objects
from kcsim.api.admission.quota import usage
from kcsim.api.admission.quota.check import parsed, texts
from kcsim.api.admission.quota.scopes import counts_object
from kcsim.api.catalog import Catalog
from kcsim.api.kit.component import Component
from kcsim.api.kit.informer import Informer
from kcsim.api.kit.queue import Reconciler, Result
from kcsim.api.objects import Key, Object
from kcsim.api.pod_resources import Amounts
from kcsim.api.quantity import Quantity
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.engine.clock import MILLISECOND, MINUTE
from kcsim.engine.task import Steps

RESYNC = 5 * MINUTE
"""--resource-quota-sync-period."""
_NOT_YET = 50 * MILLISECOND


class ResourceQuotaController(Reconciler):
    """Keeps status.hard and status.used of every ResourceQuota."""

    name = "resourcequota-controller"
    workers = 5  # --concurrent-resource-quota-syncs

    def setup(self, component: Component) -> None:
        """Subscribe to quotas; what they count is subscribed to when one names it."""
        self.engine = component.engine
        self._catalog: Catalog = component.endpoint.server.catalog
        self._tracked: dict[Resource, Informer] = {}
        self.quotas = component.informer("resourcequotas")
        self.quotas.on_change(self._quota_changed)

    def reset(self) -> None:
        """The caches go with the component; they are asked for again."""
        self._tracked.clear()

    def _quota_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            return
        for resource in tracked_resources(self._catalog, hard_of(new)):
            self._track(resource)
        # What the status says is this controller's own doing, or admission's.
        if old is None or hard_of(old) != hard_of(new):
            self.enqueue(objects.key(new))

    def _track(self, resource: Resource) -> None:
        if resource in self._tracked:
            return
        informer = self._tracked[resource] = self.component.informer(_word(resource))

        def changed(old: Object | None, new: Object | None) -> None:
            if old is not None and (new is None or gives_back(resource, old, new, self.engine.now)):
                self._replenish(resource, objects.namespace(old))

        informer.on_change(changed)

    def _replenish(self, resource: Resource, namespace: str) -> None:
        for quota in self.quotas.list(namespace):
            if usage.resource_names((quota.get("status") or {}).get("hard") or {}, resource):
                self.enqueue(objects.key(quota))

    def reconcile(self, key: Key) -> Steps | Result | None:
        """Add up, and say so where it is not what the status says."""
        quota = self.quotas.get(*key)
        if quota is None:
            return None
        resources = tracked_resources(self._catalog, hard_of(quota))
        if not all(self._tracked[r].synced for r in resources if r in self._tracked):
            return Result(requeue_after=_NOT_YET)
        hard = parsed(hard_of(quota))
        used = self._calculate(quota, resources, hard)
        status = quota.get("status") or {}
        before = parsed(status.get("used"))
        again = Result(requeue_after=RESYNC, what="resync 5m")
        if parsed(status.get("hard")) == hard and "used" in status and _same(used, before):
            return again
        return self._write({**quota, "status": {"hard": hard_of(quota), "used": texts(used)}}, again)

    def _write(self, quota: Object, again: Result) -> Steps:
        try:
            yield self.client.update_status("resourcequotas", quota)
        except StatusError as error:
            if not error.is_not_found:
                raise
        return again

    def _calculate(self, quota: Object, resources: Iterable[Resource], hard: Amounts) -> Amounts:
        """What is used, for every name that the quota limits."""
        total = {name: Quantity(0, amount.format) for name, amount in hard.items()}
        for resource in resources:
            for obj in self._tracked[resource].list(objects.namespace(quota)):
                if not counts_object(quota, obj, resource):
                    continue
                for name, amount in usage.usage(obj, resource, self.engine.now).items():
                    if name in total:
                        total[name] = total[name].add(amount)
        return total


def hard_of(quota: Object) -> dict[str, Any]:
    """spec.hard."""
    return (quota.get("spec") or {}).get("hard") or {}


def tracked_resources(catalog: Catalog, hard: Iterable[str]) -> list[Resource]:
    """Whose objects use what a quota limits, in the catalog's order."""
    names = list(hard)
    return [
        resource
        for resource in catalog
        if resource.namespaced and not resource.storage and usage.resource_names(names, resource)
    ]


def gives_back(resource: Resource, old: Object, new: Object, now: int) -> bool:
    """Whether a change may free something (the update filters of the monitor)."""
    plural = resource.group_resource
    if plural == "pods":
        return usage.counts(old, now) and not usage.counts(new, now)
    if plural in ("services", "persistentvolumeclaims"):
        return usage.usage(old, resource, now) != usage.usage(new, resource, now)
    return False


def _same(a: Amounts, b: Amounts) -> bool:
    return a.keys() == b.keys() and all(a[name].nanos == b[name].nanos for name in a)


def _word(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural
