"""The garbage collector: background, foreground and orphaning deletion of dependents.

**Imitates:** ``pkg/controller/garbagecollector/garbagecollector.go`` (v1.36): owners are looked up live before anything is
deleted, absent ones are remembered, dangling references are dropped, uids are preconditions, discovery is looked at
again 30 s after a CRD changes. Differs: one queue of 20 workers stands for upstream's two; only changes of metadata that
concern ownership are looked at; discovery is not polled while no CRD changes.
**Walk:** an owner vanishes -> `Graph` names its dependents -> each is fetched, its owners are classified as solid,
dangling or waiting -> it is deleted, or its references are mended.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler, Result
from kcsim.api.resources import Resource, split_api_version
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.garbagecollector.graph import (
    FOREGROUND,
    ORPHAN,
    Graph,
    Node,
    Work,
    concerns_ownership,
)
from kcsim.cluster.controllers.pod_changes import on_pod_change, retying
from kcsim.engine.clock import MILLISECOND
from kcsim.engine.task import Waitable
from kcsim.profile.api import CONTROLLER_MANAGER, ClientLimits
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Steps = Generator[Waitable, Any, Any]

LIMITS = ClientLimits(CONTROLLER_MANAGER.qps * 2, CONTROLLER_MANAGER.burst)
"""Each deletion takes two calls, so it may ask twice as fast (cmd/kube-controller-manager/app/core.go)."""

RESYNC_PERIOD = DEFAULT.us("kube-controller-manager/garbage-collector-resync-period")
"""Discovery is compared with what is watched this often (µs)."""

_ABSENT_MAX = 500
_SYNC_POLL = 100 * MILLISECOND
_IGNORED = frozenset({"events", "events.events.k8s.io"})
"""Upstream's default: too many, and nobody owns them."""


class GarbageCollector(Reconciler):
    """Deletes what has lost all its owners."""

    name = "garbage-collector-controller"
    workers = DEFAULT.count("kube-controller-manager/concurrent-gc-syncs")

    def setup(self, component: Component) -> None:
        """Watch the metadata of everything that can be listed, watched and deleted."""
        self.reset()
        self._watched: dict[str, Any] = {}
        self._resync_armed = False
        self._monitor_all()
        component.informer("customresourcedefinitions.apiextensions.k8s.io").on_change(self._crd_changed)

    def reset(self) -> None:
        """Forget everything learnt."""
        self.graph = Graph()
        self._absent: dict[tuple[str, str], None] = {}
        self._resync_armed = False

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _monitor_all(self) -> None:
        catalog = self.client.endpoint.server.catalog
        wanted = {"list", "watch", "delete"}
        for resource in catalog:
            word = resource.group_resource
            if word in self._watched or word in _IGNORED or not wanted <= set(resource.verbs):
                continue
            if catalog.by_word(word) is resource:
                informer = self._watched[word] = self.component.informer(word)
                if word == "pods":
                    on_pod_change(informer, self._handler(resource), retying)
                else:
                    informer.on_change(self._handler(resource))

    def _handler(self, resource: Resource) -> Any:
        def changed(old: Object | None, new: Object | None) -> None:
            if concerns_ownership(old, new):
                self._queue_all(self.graph.observe(resource, old, new))

        return changed

    def _queue_all(self, work: Any) -> None:
        for item in work:
            self.enqueue(item)

    def _crd_changed(self, old: Object | None, new: Object | None) -> None:
        if self._resync_armed or (old is not None and new is not None and old["spec"] is new["spec"]):
            return
        self._resync_armed = True
        self.component.tick(RESYNC_PERIOD, "garbage collector resync", self._resync)

    def _resync(self) -> None:
        self._resync_armed = False
        self._monitor_all()

    # --- one attempt --------------------------------------------------------------------------------------------

    def reconcile(self, key: Work) -> Steps | Result | None:  # type: ignore[override]
        """Attempt to delete, orphan or verify the object of one uid."""
        what, uid = key
        node = self.graph.get(uid)
        if node is None:
            return None
        if what == "verify":
            return self._verify(node)
        if what == "orphan":
            return self._attempt_to_orphan(node)
        return self._attempt_to_delete(node)

    def _verify(self, node: Node) -> Steps | Result | None:
        if not all(informer.synced for informer in self._watched.values()):
            return Result(requeue_after=_SYNC_POLL, what="caches fill")
        return self._verify_virtual(node) if node.virtual else None

    def _verify_virtual(self, node: Node) -> Steps:
        """Does an owner exist that was only heard of?"""
        resource = self._resource(node)
        if resource is None:
            raise LookupError(f"no kind {node.kind} in {node.api_version}")
        latest = yield from self._fetch(resource, node.namespace, node.name)
        if latest is None or objects.uid(latest) != node.uid:
            if node.virtual:
                self._remember_absent(node.namespace if resource.namespaced else "", node.uid)
                self._queue_all(self.graph.remove(node.uid))
            return None
        # It exists and the watch has yet to tell.
        return Result(requeue=True) if node.virtual else None

    def _resource(self, node: Node) -> Resource | None:
        if node.resource is not None:
            return node.resource
        return self._kind(node.api_version, node.kind)

    def _kind(self, api_version: str, kind: str) -> Resource | None:
        group, version = split_api_version(api_version)
        return self.client.endpoint.server.catalog.by_gvk((group, version, kind))

    def _fetch(self, resource: Resource, namespace: str, name: str) -> Steps:
        """The live object, None when there is none."""
        try:
            return (yield self.client.get(resource, namespace if resource.namespaced else "", name))
        except StatusError as error:
            if error.is_not_found:
                return None
            raise

    def _attempt_to_delete(self, node: Node) -> Steps:
        resource = node.resource
        if node.virtual or resource is None:
            return (yield from self._verify_virtual(node))
        if node.deleting and not node.deleting_dependents:
            return None
        latest = yield from self._fetch(resource, node.namespace, node.name)
        if latest is None or objects.uid(latest) != node.uid:
            # The watch will say so too; dependents need not wait for it.
            self._queue_all(self.graph.remove(node.uid))
            return None
        if node.deleting_dependents:
            yield from self._process_deleting_dependents(node, latest)
            return None
        refs = objects.owner_refs(latest)
        if not refs:
            return None
        solid, dangling, waiting = yield from self._classify(node, resource, refs)
        if solid:
            if dangling or waiting:
                yield from self._drop_references(resource, latest, [*dangling, *waiting])
            return None
        policy = self._policy(latest)
        if waiting and node.dependents:
            # The owner waits in the foreground, so this one's dependents go first too, without deadlock in a circle.
            if any(dependent.deleting_dependents for dependent in self.graph.dependents(node)):
                yield from self._unblock_owners(resource, latest)
            policy = "Foreground"
        yield from self._delete(resource, latest, policy)
        return None

    def _policy(self, obj: Object) -> str:
        finalizers = obj["metadata"].get("finalizers") or ()
        if ORPHAN in finalizers:
            return "Orphan"
        return "Foreground" if FOREGROUND in finalizers else "Background"

    def _delete(self, resource: Resource, obj: Object, policy: str) -> Steps:
        try:
            yield self.client.delete(resource, *objects.key(obj), uid=objects.uid(obj), propagation=policy)
        except StatusError as error:
            if not error.is_not_found:
                raise

    # --- owners -------------------------------------------------------------------------------------------------

    def _classify(self, node: Node, resource: Resource, refs: list[Object]) -> Steps:
        """Split references into solid ones, dangling ones (owner absent) and ones whose owner waits in the foreground."""
        solid: list[Object] = []
        dangling: list[Object] = []
        waiting: list[Object] = []
        for ref in refs:
            owner_kind = self._kind(ref["apiVersion"], ref["kind"])
            if owner_kind is None:
                raise LookupError(f"no kind {ref['kind']} in {ref['apiVersion']}")
            if owner_kind.namespaced and not resource.namespaced:
                # A cluster-scoped object cannot be owned from inside a namespace: never resolved, never deleted.
                self._invalid_owner(node, resource, ref)
                solid.append(ref)
                continue
            namespace = node.namespace if owner_kind.namespaced else ""
            if (namespace, ref["uid"]) in self._absent:
                dangling.append(ref)
                continue
            owner = yield from self._fetch(owner_kind, namespace, ref["name"])
            if owner is None or objects.uid(owner) != ref["uid"]:
                self._remember_absent(namespace, ref["uid"])
                dangling.append(ref)
            elif objects.is_deleting(owner) and FOREGROUND in (owner["metadata"].get("finalizers") or ()):
                waiting.append(ref)
            else:
                solid.append(ref)
        return solid, dangling, waiting

    def _remember_absent(self, namespace: str, uid: str) -> None:
        if len(self._absent) >= _ABSENT_MAX:
            del self._absent[next(iter(self._absent))]
        self._absent[namespace, uid] = None

    def _invalid_owner(self, node: Node, resource: Resource, ref: Object) -> None:
        subject = {
            "apiVersion": resource.group_version,
            "kind": resource.kind,
            "metadata": {"name": node.name, "uid": node.uid},
        }
        kind = f"{ref['apiVersion']}/{ref['kind']}"
        text = f'ownerRef [{kind}, namespace: , name: {ref["name"]}, uid: {ref["uid"]}] does not exist in namespace ""'
        self.component.events.event(subject, "Warning", "OwnerRefInvalidNamespace", text, self.name)

    def _drop_references(self, resource: Resource, obj: Object, refs: list[Object]) -> Steps:
        uids = [ref["uid"] for ref in refs]
        yield from self._patch_references(
            resource, obj, [{"$patch": "delete", "uid": uid} for uid in uids], set(uids)
        )

    def _unblock_owners(self, resource: Resource, obj: Object) -> Steps:
        refs = objects.owner_refs(obj)
        if not any(ref.get("blockOwnerDeletion") for ref in refs):
            return
        freed = [{**ref, "blockOwnerDeletion": False} for ref in refs]
        version = objects.resource_version(obj)
        body = {"metadata": {"resourceVersion": version, "ownerReferences": freed}}
        yield self.client.patch(resource, *objects.key(obj), body)

    def _patch_references(
        self, resource: Resource, obj: Object, strategic: list[Object], gone: set[str]
    ) -> Steps:
        """Take owners off an object: by strategic patch, or for custom resources by the list that is left."""
        if resource.strategic:
            body: Object = {"metadata": {"ownerReferences": strategic, "uid": objects.uid(obj)}}
            kind = "strategic"
        else:
            left = [ref for ref in objects.owner_refs(obj) if ref["uid"] not in gone]
            version = objects.resource_version(obj)
            body = {"metadata": {"ownerReferences": left, "resourceVersion": version}}
            kind = "merge"
        yield self.client.patch(resource, *objects.key(obj), body, type=kind)

    # --- foreground and orphan ----------------------------------------------------------------------------------

    def _process_deleting_dependents(self, node: Node, latest: Object) -> Steps:
        blocking = self.graph.blocking_dependents(node)
        if not blocking:
            yield from self._remove_finalizer(node, latest, FOREGROUND)
            return
        for dependent in blocking:
            if not dependent.deleting_dependents:
                self.enqueue(("delete", dependent.uid))

    def _attempt_to_orphan(self, node: Node) -> Steps:
        resource = node.resource
        if resource is None:
            return
        for dependent in self.graph.dependents(node):
            if dependent.resource is None:
                continue
            latest = yield from self._fetch(dependent.resource, dependent.namespace, dependent.name)
            if latest is None or objects.uid(latest) != dependent.uid:
                continue
            if not any(ref["uid"] == node.uid for ref in objects.owner_refs(latest)):
                continue
            try:
                yield from self._drop_references(dependent.resource, latest, [{"uid": node.uid}])
            except StatusError as error:
                if not (error.is_not_found or error.reason == "Invalid"):
                    raise
        latest = yield from self._fetch(resource, node.namespace, node.name)
        if latest is not None and objects.uid(latest) == node.uid:
            yield from self._remove_finalizer(node, latest, ORPHAN)

    def _remove_finalizer(self, node: Node, latest: Object, finalizer: str) -> Steps:
        finalizers = latest["metadata"].get("finalizers") or []
        if finalizer not in finalizers or node.resource is None:
            return
        left = [f for f in finalizers if f != finalizer]
        version = objects.resource_version(latest)
        body = {"metadata": {"resourceVersion": version, "finalizers": left}}
        yield self.client.patch(node.resource, *objects.key(latest), body)
