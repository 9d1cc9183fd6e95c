"""The live state of one cluster as the controller sees it: every kind watched, objects filed by the application they are of.

**Imitates:** gitops-engine pkg/cache/cluster.go (GetManagedLiveObjs, IterateHierarchy, batches of events) and argo-cd
3.x controller/cache/cache.go (invalidation, ignored updates, getApp). Left out: relisting each kind every ten minutes and
everything every twelve hours, which change nothing here: no event of a watch is lost. Differs: live objects carry no
managedFields; who needs them asks the server.

**Walk:** an event of a watch -> filed -> nothing that counts changed: dropped -> of which applications -> collected for
100 ms -> ``on_batch``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.informer import Informer
from kcsim.api.objects import Object
from kcsim.api.resources import Resource, split_api_version
from kcsim.delivery.gitops.argocd import resources, terms
from kcsim.delivery.gitops.argocd.resources import ResourceKey
from kcsim.engine.clock import MILLISECOND
from kcsim.engine.trace import Record

BATCH = 100 * MILLISECOND
"""ARGOCD_CLUSTER_CACHE_EVENTS_PROCESSING_INTERVAL."""
_DEPTH = 10
_VOLATILE = frozenset({"resourceVersion", "generation", "managedFields"})
_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"

Owner = Callable[[Object], str]
"""The application that an object is marked with; "" for none."""
Health = Callable[[Object], Any]


class ClusterCache:
    """One destination cluster.

    Attributes:
        component: the controller's process, as it is connected to that cluster.
        server: its address, as Applications name it.
    """

    def __init__(
        self,
        component: Component,
        server: str,
        owner: Owner,
        health: Health,
        excluded: Callable[[str, str], bool],
        on_batch: Callable[[Mapping[str, tuple[bool, Record | None]]], None],
    ) -> None:
        self.component = component
        self.server = server
        self._owner = owner
        self._health = health
        self._excluded = excluded
        self._on_batch = on_batch
        self._informers: dict[str, Informer] = {}
        self._kinds: dict[tuple[str, str], Resource] = {}
        self._managed: dict[str, dict[ResourceKey, Object]] = {}
        self._children: dict[str, dict[ResourceKey, Object]] = {}
        self._pending: dict[str, tuple[bool, Record | None]] = {}
        self._catalog_at = -1

    def start(self) -> None:
        """Watch what the cluster serves."""
        self.component.start()
        self._discover()

    def stop(self) -> None:
        """The process ended."""
        self.component.stop()
        for kept in (self._managed, self._children, self._pending):
            kept.clear()

    @property
    def synced(self) -> bool:
        """Whether every kind has been listed once."""
        return bool(self._informers) and all(informer.synced for informer in self._informers.values())

    @property
    def why_not_synced(self) -> str:
        """What a first look at the cluster fails with, while it cannot be reached."""
        return f'Get "{self.server}/version?timeout=32s": dial tcp: i/o timeout'

    # --- discovery ----------------------------------------------------------------------------------------------

    def _discover(self) -> None:
        catalog = self.component.endpoint.server.catalog
        if self._catalog_at == catalog.version:
            return
        self._catalog_at = catalog.version
        self._kinds = {}
        for resource in catalog:
            if "watch" not in resource.verbs or (resource.group, resource.kind) in self._kinds:
                continue
            if self._excluded(resource.group, resource.kind):
                continue
            self._kinds[resource.group, resource.kind] = resource
            if resource.group_resource not in self._informers:
                self._watch(resource)

    def _watch(self, resource: Resource) -> None:
        informer = self.component.informer(resource.group_resource)
        self._informers[resource.group_resource] = informer
        if resource.group_resource == _DEFINITIONS:
            informer.on_change(self._definition_changed)
        informer.on_change(self._changed)

    def _definition_changed(self, _old: Object | None, _new: Object | None) -> None:
        """A kind came or went: its watch begins once the server serves it."""
        self._discover()

    def resource(self, group: str, kind: str) -> Resource | None:
        """The preferred version of a kind that the cluster serves."""
        self._discover()
        return self._kinds.get((group, kind))

    def is_namespaced(self, group: str, kind: str) -> bool:
        """Whether a kind lives in namespaces; unknown ones are taken to."""
        resource = self.resource(group, kind)
        return resource is None or resource.namespaced

    def scope(self, group: str, kind: str) -> bool | None:
        """The same; None for a kind that the cluster does not know."""
        resource = self.resource(group, kind)
        return resource.namespaced if resource is not None else None

    # --- reading ------------------------------------------------------------------------------------------------

    def get(self, key: ResourceKey) -> Object | None:
        """An object as last seen."""
        resource = self.resource(key.group, key.kind)
        if resource is None:
            return None
        informer = self._informers.get(resource.group_resource)
        return informer.get(key.namespace if resource.namespaced else "", key.name) if informer else None

    def managed(self, application: str, targets: Iterable[Object] = ()) -> dict[ResourceKey, Object]:
        """The top-level objects that are an application's: those marked as such, and those that its targets name."""
        found = dict(self._managed.get(application) or {})
        for target in targets:
            key = resources.key_of(target)
            if key not in found:
                live = self.get(key)
                if live is not None:
                    found[key] = live
        return found

    def top_level(self, namespace: str) -> list[Object]:
        """Everything in a namespace that nothing owns, kind by kind."""
        found = [
            obj
            for _, resource in sorted(self._kinds.items())
            if resource.namespaced
            for obj in self._informers[resource.group_resource].list(namespace)
        ]
        return [obj for obj in found if not objects.owner_refs(obj)]

    def tree(self, roots: Iterable[Object]) -> list[Object]:
        """Objects and everything they own, parents first."""
        found: list[Object] = []
        waiting = list(roots)
        while waiting:
            obj = waiting.pop(0)
            found.append(obj)
            waiting.extend(child for _, child in sorted(self._children.get(objects.uid(obj), {}).items()))
        return found

    # --- events -------------------------------------------------------------------------------------------------

    def _changed(self, old: Object | None, new: Object | None) -> None:
        seen = new if new is not None else old
        assert seen is not None, "a change of nothing"
        key = resources.key_of(seen)
        if old is not None:
            self._unfile(key, old)
        if new is not None:
            self._file(key, new)
        if old is not None and new is not None and self._is_noise(old, new):
            return
        concerned: dict[str, bool] = {}
        for obj in (new, old):
            if obj is None:
                continue
            application = self.application_of(obj)
            if application:
                top = not objects.owner_refs(obj) and bool(self._owner(obj))
                concerned[application] = top or concerned.get(application, False)
        if concerned:
            self._collect(concerned)

    def _file(self, key: ResourceKey, obj: Object) -> None:
        owners = objects.owner_refs(obj)
        for owner in owners:
            self._children.setdefault(owner.get("uid", ""), {})[key] = obj
        if not owners:
            application = self._owner(obj)
            if application:
                self._managed.setdefault(application, {})[key] = obj

    def _unfile(self, key: ResourceKey, obj: Object) -> None:
        owners = objects.owner_refs(obj)
        for owner in owners:
            _drop(self._children, owner.get("uid", ""), key)
        if not owners:
            _drop(self._managed, self._owner(obj), key)

    def _is_noise(self, old: Object, new: Object) -> bool:
        """Whether nothing that counts changed: of what is marked, or says so itself, only status and the like."""
        if not self._owner(new) and objects.annotations(new).get(terms.IGNORE_UPDATES) != "true":
            return False
        return _same_but_status(old, new) and self._health(old) == self._health(new)

    def application_of(self, obj: Object) -> str:
        """The application an object is of: its own mark, or that of what owns it."""
        for _ in range(_DEPTH):
            marked = self._owner(obj)
            owners = objects.owner_refs(obj)
            if marked and not owners:
                return marked
            above = next((o for o in (self._above(obj, ref) for ref in owners) if o is not None), None)
            if above is None:
                return marked
            obj = above
        return ""

    def _above(self, obj: Object, ref: Mapping[str, Any]) -> Object | None:
        group = split_api_version(ref.get("apiVersion", ""))[0]
        name = ref.get("name", "")
        found = self.get(ResourceKey(group, ref.get("kind", ""), objects.namespace(obj), name))
        return found if found is not None and objects.uid(found) == ref.get("uid") else None

    def _collect(self, concerned: Mapping[str, bool]) -> None:
        cause = self.component.engine.cause
        if not self._pending:
            # The interval's ticker has been running since the process began.
            now = self.component.engine.now
            self.component.after(BATCH - now % BATCH, self._flush)
        for application, top in concerned.items():
            known = self._pending.get(application)
            self._pending[application] = (
                top or (known is not None and known[0]),
                known[1] if known else cause,
            )

    def _flush(self) -> None:
        pending, self._pending = self._pending, {}
        self._on_batch(pending)


def _drop(filed: dict[str, dict[ResourceKey, Object]], place: str, key: ResourceKey) -> None:
    there = filed.get(place)
    if there is not None:
        there.pop(key, None)
        if not there:
            del filed[place]


def _same_but_status(old: Object, new: Object) -> bool:
    for field in old.keys() | new.keys():
        before, after = old.get(field), new.get(field)
        if before is after or field == "status":
            continue
        if field == "metadata":
            if not _same_metadata(before or {}, after or {}):
                return False
        elif before != after:
            return False
    return True


def _same_metadata(old: Object, new: Object) -> bool:
    return all(old.get(field) == new.get(field) for field in (old.keys() | new.keys()) - _VOLATILE)
