"""The ReplicaSet controller: counts its pods, creates or deletes the difference, reports.

**Imitates:** ``pkg/controller/replicaset/replica_set.go`` (v1.36): expectations, slow-start batches, bursts of 500,
ranking at scale-down, adoption and release, ReplicaFailure, status retried once. Left out: ReplicationControllers
(upstream runs the same code for them).
Differs: changes of a pod that cannot change the outcome (it was bound, say) queue no sync, unless the last sync
failed: then any change of a pod cuts its back-off short, as upstream's does.
**Walk:** a pod changes -> `PodTally` moves its counters -> the set's key is queued -> `reconcile` reads the counts ->
creates or deletes (`_manage_replicas`) -> writes the status when it differs.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects, selectors
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler, Result
from kcsim.api.status import StatusError
from kcsim.cluster.controllers import claim
from kcsim.cluster.controllers.calls import Then, first_error, has_status_cause
from kcsim.cluster.controllers.expectations import Expectations
from kcsim.cluster.controllers.pod_changes import of, on_pod_change
from kcsim.cluster.controllers.pods import is_terminal, ready_condition
from kcsim.cluster.controllers.replicaset.batches import BURST_REPLICAS, slow_start_batches
from kcsim.cluster.controllers.replicaset.ranking import get_pods_to_delete
from kcsim.cluster.controllers.replicaset.status import Counts, calculate_status
from kcsim.cluster.controllers.replicaset.tally import ACTIVE, Owned, PodTally, Rules, pod_flags
from kcsim.engine.task import All, Waitable
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]

_NAME_MAX = 253


class ReplicaSetController(Reconciler):
    """Keeps as many active pods of each ReplicaSet as its spec asks for."""

    name = "replicaset-controller"
    workers = DEFAULT.count("kube-controller-manager/concurrent-replicaset-syncs")

    def setup(self, component: Component) -> None:
        """Subscribe to ReplicaSets and pods."""
        self.engine = component.engine
        self.reset()
        self.sets = component.informer("replicasets")
        self.sets.add_index("controller", claim.controller_index)
        self.sets.on_change(self._set_changed)
        on_pod_change(component.informer("pods"), self._pod_changed, of("ReplicaSet"))

    def reset(self) -> None:
        """Forget everything learnt."""
        self.tally = PodTally("ReplicaSet")
        self.expectations = Expectations()
        self._failing: set[Key] = set()
        self._rules: dict[Key, tuple[Object, Rules]] = {}
        self._bodies: dict[Key, tuple[Object, Object]] = {}
        self._written: dict[Key, int] = {}

    def _event(self, rs: Object, kind: str, reason: str, message: str) -> None:
        self.component.events.event(rs, kind, reason, message, self.name)

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _set_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        key = objects.key(obj)
        if old is not None and (new is None or objects.uid(old) != objects.uid(new)):
            self.expectations.forget(key)
            for memory in (self._rules, self._bodies, self._written):
                memory.pop(key, None)
            self._failing.discard(key)
        self.enqueue(key)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None and not self._failing and _is_alike(old, new):
            self.tally.refresh(new)
            return
        flags = self.tally.observe(old, new)
        pod = new or old
        assert pod is not None
        if old is not None and new is not None and _same_owner(old, new):
            gone = not objects.is_deleting(old) and objects.is_deleting(new)
            changed = (
                gone
                or pod_flags(old) != (pod_flags(new) if flags is None else flags)
                or _labels_changed(old, new)
            )
            if not (changed or self._failing or _ready_time_changed(old, new)):
                return
            key = self._owner_key(pod)
            if key is not None and gone:
                self.expectations.deletion_observed(key, objects.name(new))
            if key is None:
                if changed:
                    self._enqueue_matching(old, new)
            elif changed or key in self._failing or _ready_time_changed(old, new):
                self.enqueue(key)
            return
        if old is not None:
            self._left(old)
        if new is not None:
            self._joined(new, self._owner_key(pod))

    def _left(self, pod: Object) -> None:
        """A pod was deleted, or changed hands."""
        key = self._owner_key(pod)
        if key is not None:
            self.expectations.deletion_observed(key, objects.name(pod))
            self.enqueue(key)

    def _joined(self, pod: Object, key: Key | None) -> None:
        """A pod appeared, or changed hands."""
        if key is None:
            if objects.controller_of(pod) is None and not objects.is_deleting(pod):
                self._enqueue_matching(pod)
            return
        if objects.is_deleting(pod):
            self.expectations.deletion_observed(key, objects.name(pod))
        else:
            self.expectations.creation_observed(key)
        self.enqueue(key)

    def _owner_key(self, pod: Object) -> Key | None:
        """The key of the set that controls a pod, if it is still the one the reference means (resolveControllerRef)."""
        ref = self.tally.controller(pod)
        if ref is None:
            return None
        namespace = objects.namespace(pod)
        owner = self.sets.get(namespace, ref["name"])
        return (namespace, ref["name"]) if owner is not None and objects.uid(owner) == ref["uid"] else None

    def _enqueue_matching(self, *pods: Object) -> None:
        """Wake the sets that may want to adopt an orphan, by its labels now or before."""
        for rs in self.sets.list(objects.namespace(pods[0])):
            selector = self._rules_of(rs).selector
            if any(objects.controller_of(p) is None and selector.matches(objects.labels(p)) for p in pods):
                self.enqueue(objects.key(rs))

    # --- one sync -----------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Steps | None:
        """Bring one ReplicaSet closer to its spec."""
        rs = self.sets.get(*key)
        if rs is None:
            self.expectations.forget(key)
            return None
        if int(objects.resource_version(rs)) < self._written.get(key, 0):
            # The cache does not show our own last write yet; when it does, the set is queued again.
            return None
        return self._sync(key, rs)

    def _sync(self, key: Key, rs: Object) -> Steps:
        needs_sync = self.expectations.satisfied(key, self.engine.now)
        rules = self._rules_of(rs)
        if self.tally.orphans(key[0]):
            yield from self._adopt(rs, rules)
        owned = self.tally.owned(objects.uid(rs))
        counts = owned.count(rules, self.engine.now)
        if owned.mismatched and not objects.is_deleting(rs):
            yield from self._release(rs, owned)
        failure: Exception | None = None
        if needs_sync and not objects.is_deleting(rs):
            failure = yield from self._manage_replicas(key, rs, counts, owned)
        message = str(failure) if failure is not None else None
        yield from self._update_status(key, rs, calculate_status(rs, counts, message, self.engine.now))
        if failure is not None:
            self._failing.add(key)
            raise failure
        self._failing.discard(key)
        if rules.min_ready_seconds:
            at = owned.next_available_at(rules.min_ready_seconds)
            if at is not None:
                return Result(requeue_after=max(0, at - self.engine.now))
        return None

    def _rules_of(self, rs: Object) -> Rules:
        key, spec = objects.key(rs), rs["spec"]
        known = self._rules.get(key)
        if known is not None and known[0] is spec:
            return known[1]
        labels = (spec["template"].get("metadata") or {}).get("labels") or {}
        rules = Rules(selectors.from_object(spec.get("selector")), labels, spec.get("minReadySeconds", 0))
        if known is not None and known[1] == rules:
            rules = known[1]
        self._rules[key] = (spec, rules)
        return rules

    # --- whose pods ---------------------------------------------------------------------------------------------

    def _adopt(self, rs: Object, rules: Rules) -> Steps:
        orphans = self.tally.orphans(objects.namespace(rs)).values()
        wanted = [
            pod
            for pod in sorted(orphans, key=objects.name)
            if pod_flags(pod) & ACTIVE and claim.claim_action(rs, rules.selector, pod) == "adopt"
        ]
        done = yield from claim.adopt_all(self.client, "replicasets", rs, "pods", wanted)
        for pod, adopted in done:
            # Counted at once, as upstream counts what it just claimed; the watch will say the same.
            self.tally.observe(pod, adopted)

    def _release(self, rs: Object, owned: Owned) -> Steps:
        for name in sorted(owned.mismatched):
            pod = owned.pods[name]
            if not owned.flags(name) & ACTIVE:
                continue
            released = yield from claim.release(self.client, "pods", rs, pod)
            if released is not None:
                self.tally.observe(pod, released)

    # --- creating and deleting ----------------------------------------------------------------------------------

    def _manage_replicas(self, key: Key, rs: Object, counts: Counts, owned: Owned) -> Steps:
        """Create or delete pods; gives the first error, None when all went well."""
        diff = counts.active - rs["spec"].get("replicas", 1)
        if diff < 0:
            return (yield from self._create_pods(key, rs, min(-diff, BURST_REPLICAS)))
        if diff > 0:
            return (yield from self._delete_pods(key, rs, owned, min(diff, BURST_REPLICAS)))
        return None

    def _create_pods(self, key: Key, rs: Object, count: int) -> Steps:
        # Expectations are raised before the first call, or its watch event could come too early to be counted.
        self.expectations.expect_creations(key, count, self.engine.now)
        body = self._pod_body(key, rs)

        def created(pod: Any, error: Exception | None) -> None:
            if error is None:
                self._event(rs, "Normal", "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
            elif not has_status_cause(error, "NamespaceTerminating"):
                self._event(rs, "Warning", "FailedCreate", f"Error creating: {error}")

        succeeded = 0
        failure: Exception | None = None
        for size in slow_start_batches(count):
            calls = [Then(self.client.create("pods", body, key[0]), created) for _ in range(size)]
            results = yield All(calls)
            # Nothing can be created in a namespace on its way out, and that is not this set's fault.
            failed = [
                r
                for r in results
                if isinstance(r, Exception) and not has_status_cause(r, "NamespaceTerminating")
            ]
            succeeded += size - len(failed)
            failure = first_error(failed)
            if failure is not None:
                self.expectations.lower_creations(key, count - succeeded)
                break
        return failure

    def _pod_body(self, key: Key, rs: Object) -> Object:
        """The pod to create. Sets share one body for all their pods, and with it the template's spec."""
        template = rs["spec"]["template"]
        known = self._bodies.get(key)
        if known is not None and known[0] is template:
            return known[1]
        source = template.get("metadata") or {}
        prefix = f"{key[1]}-"
        metadata: Object = {
            "generateName": prefix if len(prefix) < _NAME_MAX else key[1],
            "namespace": key[0],
            "ownerReferences": [objects.owner_reference(rs)],
        }
        for field in ("labels", "annotations", "finalizers"):
            if source.get(field):
                metadata[field] = source[field]
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        self._bodies[key] = (template, body)
        return body

    def _delete_pods(self, key: Key, rs: Object, owned: Owned, count: int) -> Steps:
        chosen = get_pods_to_delete(owned.active_pods(), self._related_pods(rs), count, self.engine.now)
        names = [objects.name(pod) for pod in chosen]
        self.expectations.expect_deletions(key, names, self.engine.now)

        def deleted(name: str, error: Exception | None) -> None:
            if error is None:
                self._event(rs, "Normal", "SuccessfulDelete", f"Deleted pod: {name}")
                return
            self.expectations.deletion_observed(key, name)
            if not _is_not_found(error):
                self._event(rs, "Warning", "FailedDelete", f"Error deleting: {error}")

        results = yield All([self._delete(key[0], name, deleted) for name in names])
        return first_error([r for r in results if not _is_not_found(r)])

    def _delete(self, namespace: str, name: str, look: Any) -> Waitable:
        return Then(self.client.delete("pods", namespace, name), lambda _value, error: look(name, error))

    def _related_pods(self, rs: Object) -> list[Object]:
        """Active pods of all ReplicaSets with the same controller: they should not share nodes with ours."""
        ref = objects.controller_of(rs)
        related = self.sets.by_index("controller", ref["uid"]) if ref is not None else [rs]
        return [pod for other in related for pod in self.tally.owned(objects.uid(other)).active_pods()]

    # --- status -------------------------------------------------------------------------------------------------

    def _update_status(self, key: Key, rs: Object, status: Object) -> Steps:
        if rs.get("status") == status:
            return
        try:
            written = yield self.client.update_status("replicasets", {**rs, "status": status})
        except StatusError:
            # The cache is often a write behind the Deployment controller: once more on the latest version.
            fresh = yield self.client.get("replicasets", *key)
            written = yield self.client.update_status("replicasets", {**fresh, "status": status})
        self._written[key] = int(objects.resource_version(written))


def _same_owner(old: Object, new: Object) -> bool:
    before, after = old["metadata"].get("ownerReferences"), new["metadata"].get("ownerReferences")
    return before is after or (before == after and objects.uid(old) == objects.uid(new))


def _is_alike(old: Object, new: Object) -> bool:
    """Whether nothing changed that this controller looks at, as far as identity tells."""
    before, after = old["metadata"], new["metadata"]
    return (
        before.get("labels") is after.get("labels")
        and before.get("ownerReferences") is after.get("ownerReferences")
        and before.get("deletionTimestamp") is after.get("deletionTimestamp")
        and ready_condition(old) is ready_condition(new)
        and is_terminal(old) == is_terminal(new)
    )


def _labels_changed(old: Object, new: Object) -> bool:
    before, after = old["metadata"].get("labels"), new["metadata"].get("labels")
    return before is not after and before != after


def _ready_time_changed(old: Object, new: Object) -> bool:
    """Whether a ready pod became ready anew: it matters to minReadySeconds."""
    before, after = objects.condition(old, "Ready"), objects.condition(new, "Ready")
    return before is not after and (before or {}).get("lastTransitionTime") != (after or {}).get(
        "lastTransitionTime"
    )


def _is_not_found(error: Any) -> bool:
    return isinstance(error, StatusError) and error.is_not_found
