"""The DaemonSet controller: a pod on every node that should run one, replaced node by node when the template changes.

**Imitates:** ``pkg/controller/daemon/daemon_controller.go`` (v1.36): expectations, bursts of 250, slow start, the
back-off of failed pods, adoption and release, the stale-cache guard. Decisions are in ``placement.py``,
``node_view.py`` and ``rolling.py``.
Differs: changes of a pod that no node's view depends on queue no sync.
**Walk:** a node registers -> `DaemonNodes` sees that it should run a pod -> the set is queued -> `_manage` creates the
pod with an affinity to that node's name -> the scheduler binds it -> it becomes Ready -> the status counts it.
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
from kcsim.cluster.controllers.daemonset.history import DaemonHistory
from kcsim.cluster.controllers.daemonset.node_view import Rules
from kcsim.cluster.controllers.daemonset.nodes import DaemonNodes
from kcsim.cluster.controllers.daemonset.placement import (
    pod_template,
    replace_node_name_affinity,
    should_ignore_node_update,
    template_generation,
)
from kcsim.cluster.controllers.daemonset.rolling import allows_surge, rolling_update
from kcsim.cluster.controllers.daemonset.status import calculate_status
from kcsim.cluster.controllers.expectations import Expectations
from kcsim.cluster.controllers.owned import OwnedPods, controller_uid, resolve_controller_ref
from kcsim.cluster.controllers.pod_changes import of, on_pod_change
from kcsim.cluster.controllers.pods import is_ready, phase, ready_condition
from kcsim.cluster.controllers.replicaset.batches import slow_start_batches
from kcsim.cluster.kubelet.backoff import Backoff
from kcsim.engine.clock import SECOND
from kcsim.engine.task import All, Waitable
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]

_KIND = "DaemonSet"

BURST_REPLICAS = DEFAULT.count("kube-controller-manager/daemonset-burst-replicas")
"""At most so many creates, and so many deletes, in one sync."""
FAILED_PODS_BACKOFF = (
    DEFAULT.us("kube-controller-manager/daemonset-failed-pods-backoff-initial"),
    DEFAULT.us("kube-controller-manager/daemonset-failed-pods-backoff-max"),
)
"""Between deletions of failed pods on one node: from the first to the second, doubling (cmd apps.go)."""


class DaemonSetController(Reconciler):
    """Keeps a pod of each DaemonSet on each node that should run one."""

    name = "daemonset-controller"
    workers = DEFAULT.count("kube-controller-manager/concurrent-daemonset-syncs")

    def setup(self, component: Component) -> None:
        """Subscribe to DaemonSets, nodes, pods and revisions."""
        self.engine = component.engine
        self.sets = component.informer("daemonsets")
        self.sets.on_change(self._set_changed)
        self.revisions = component.informer("controllerrevisions")
        self.revisions.add_index("controller", claim.controller_index)
        self.revisions.on_change(self._revision_changed)
        self._history = DaemonHistory(self.client, self.revisions)
        self.reset()
        on_pod_change(component.informer("pods"), self._pod_changed, of(_KIND))
        self.nodes = component.informer("nodes")
        self.nodes.on_change(self._node_changed)

    def reset(self) -> None:
        """Forget everything learnt."""
        self.pods = OwnedPods(_KIND)
        self.expectations = Expectations()
        self.backoff = Backoff(*FAILED_PODS_BACKOFF)
        self._views: dict[str, tuple[Key, DaemonNodes]] = {}
        self._unchecked: dict[str, dict[str, None]] = {}
        self._written: dict[Key, int] = {}

    def _event(self, obj: Object, kind: str, reason: str, message: str) -> None:
        self.component.events.event(obj, kind, reason, message, self.name)

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _set_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        key = objects.key(obj)
        if old is not None and (new is None or objects.uid(old) != objects.uid(new)):
            self.expectations.forget(key)
            self._written.pop(key, None)
            self._views.pop(objects.uid(old), None)
            self._unchecked.pop(objects.uid(old), None)
        self.enqueue(key)

    def _revision_changed(self, old: Object | None, new: Object | None) -> None:
        for revision in (old, new):
            owner = resolve_controller_ref(self.sets, _KIND, revision) if revision is not None else None
            if owner is not None:
                self.enqueue(objects.key(owner))
        if new is not None and objects.controller_of(new) is None:
            self._enqueue_matching(new)

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None and should_ignore_node_update(old, new):
            return
        node = new or old
        assert node is not None
        name = objects.name(node)
        for key, view in self._views.values():
            if view.node_changed(name, new):
                self.enqueue(key)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if self.pods.is_foreign(old, new):
            return
        self.pods.observe(old, new)
        before = controller_uid(old, _KIND) if old is not None else ""
        after = controller_uid(new, _KIND) if new is not None else ""
        if not before and not after:
            if new is not None and len(self.sets) and _is_new_orphan(old, new):
                self._enqueue_matching(new)
            return
        if before == after and old is not None and new is not None:
            if _facts(old) != _facts(new):
                self._owned_pod_changed(after, old, new)
            return
        if before and old is not None:
            self._owned_pod_changed(before, old, None)
        if after and new is not None:
            self._owned_pod_changed(after, None, new)

    def _owned_pod_changed(self, uid: str, old: Object | None, new: Object | None) -> None:
        pod = new or old
        assert pod is not None
        name = objects.name(pod)
        if uid in self._views:
            self._views[uid][1].pod_changed(old, new)
        if new is not None and (old is None or objects.labels(old) != objects.labels(new)):
            self._unchecked.setdefault(uid, {})[name] = None
        owner = resolve_controller_ref(self.sets, _KIND, pod)
        if owner is None:
            return
        key = objects.key(owner)
        if new is None or objects.is_deleting(new):
            self.expectations.deletion_observed(key, name)
        elif old is None:
            self.expectations.creation_observed(key)
        self.enqueue(key)
        wait = owner["spec"].get("minReadySeconds", 0)
        if wait and old is not None and new is not None and not is_ready(old) and is_ready(new):
            # One second more, because conditions carry whole seconds.
            self.enqueue_after(key, (wait + 1) * SECOND)

    def _enqueue_matching(self, orphan: Object) -> None:
        for daemon_set in self.sets.list(objects.namespace(orphan)):
            selector = selectors.from_object(daemon_set["spec"].get("selector"))
            if selector.matches(objects.labels(orphan)):
                self.enqueue(objects.key(daemon_set))

    # --- one sync -----------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Steps | None:
        """Bring one DaemonSet closer to its spec."""
        daemon_set = self.sets.get(*key)
        if daemon_set is None:
            self.expectations.forget(key)
            return None
        if int(objects.resource_version(daemon_set)) < self._written.get(key, 0):
            # The cache does not show our own last write yet; when it does, the set is queued again.
            return None
        if daemon_set["spec"].get("selector") == {}:
            text = "This daemon set is selecting all pods. A non-empty selector is required."
            self._event(daemon_set, "Warning", "SelectingAll", text)
            return None
        # What a set that is being deleted still owns cannot be told, so its status is left alone too.
        return None if objects.is_deleting(daemon_set) else self._sync(key, daemon_set)

    def _sync(self, key: Key, daemon_set: Object) -> Steps:
        uid = objects.uid(daemon_set)
        selector = selectors.from_object(daemon_set["spec"].get("selector"))
        yield from self._claim_pods(daemon_set, selector)
        current, old = yield from self._history.construct(daemon_set, selector, self.pods.of(uid).values())
        rules = Rules(
            objects.labels(current)["controller-revision-hash"],
            template_generation(daemon_set),
            daemon_set["spec"].get("minReadySeconds", 0),
            allows_surge(daemon_set),
        )
        view = self._view(key, daemon_set)
        view.refresh(rules, self.engine.now)
        if not self.expectations.satisfied(key, self.engine.now):
            return (yield from self._report(key, daemon_set, view, rules, acted=False))
        failure = yield from self._manage(key, daemon_set, view, rules)
        if failure is None and self.expectations.satisfied(key, self.engine.now):
            failure = yield from self._roll(key, daemon_set, view, rules)
        if failure is None:
            yield from self._history.clean_up(daemon_set, old, self.pods.of(uid).values())
        result = yield from self._report(key, daemon_set, view, rules, acted=True)
        if failure is not None:
            raise failure
        return result

    def _view(self, key: Key, daemon_set: Object) -> DaemonNodes:
        uid, template = objects.uid(daemon_set), daemon_set["spec"]["template"]
        known = self._views.get(uid)
        if known is not None and known[1].is_for(template):
            return known[1]
        view = DaemonNodes(template, self.nodes.list(), self.pods.of(uid).values())
        self._views[uid] = (key, view)
        return view

    def _claim_pods(self, daemon_set: Object, selector: selectors.LabelSelector) -> Steps:
        """Adopt pods that the selector selects, release those that it no longer does."""
        uid = objects.uid(daemon_set)
        unchecked = self._unchecked.get(uid, {})
        for name in list(unchecked):
            pod = self.pods.of(uid).get(name)
            if pod is not None and not selector.matches(objects.labels(pod)):
                yield from claim.release(self.client, "pods", daemon_set, pod)
            unchecked.pop(name, None)
        orphans = [
            pod
            for pod in self.pods.orphans(objects.namespace(daemon_set)).values()
            if claim.claim_action(daemon_set, selector, pod) == "adopt"
        ]
        orphans.sort(key=objects.name)
        done = yield from claim.adopt_all(self.client, "daemonsets", daemon_set, "pods", orphans)
        for pod, adopted in done:
            # Counted at once, as upstream counts what it just claimed; the watch will say the same.
            self.pods.observe(pod, adopted)
            if uid in self._views:
                self._views[uid][1].pod_changed(None, adopted)

    # --- creating and deleting ----------------------------------------------------------------------------------

    def _manage(self, key: Key, daemon_set: Object, view: DaemonNodes, rules: Rules) -> Steps:
        """A pod where one is missing, none where there should be none; gives the first error."""
        create, remove = [], []
        for node in sorted(view.needs):
            needs = view.needs[node].needs
            if needs.create:
                create.append(node)
            remove.extend(self._ended(daemon_set, node, needs.failed, needs.succeeded))
            remove.extend(needs.remove)
        return (yield from self._sync_nodes(key, daemon_set, remove, create, rules))

    def _ended(
        self, daemon_set: Object, node: str, failed: tuple[str, ...], succeeded: tuple[str, ...]
    ) -> list[str]:
        """Ended pods to delete, each with its event. Failed ones wait: a kubelet may refuse the next one as well."""
        key, namespace = objects.key(daemon_set), objects.namespace(daemon_set)
        observed = (daemon_set.get("status") or {}).get("observedGeneration", 0)
        entry = (objects.uid(daemon_set), observed, node)
        names = []
        for name in failed:
            if self.backoff.is_in_back_off_since_update(entry, self.engine.now):
                self.enqueue_after(key, self.backoff.get(entry))
                continue
            self.backoff.next(entry, self.engine.now, self.engine.now)
            text = f"Found failed daemon pod {namespace}/{name} on node {node}, will try to kill it"
            self._event(daemon_set, "Warning", "FailedDaemonPod", text)
            names.append(name)
        for name in succeeded:
            text = f"Found succeeded daemon pod {namespace}/{name} on node {node}, will try to delete it"
            self._event(daemon_set, "Normal", "SucceededDaemonPod", text)
            names.append(name)
        return names

    def _roll(self, key: Key, daemon_set: Object, view: DaemonNodes, rules: Rules) -> Steps:
        if (daemon_set["spec"].get("updateStrategy") or {}).get("type") != "RollingUpdate":
            return None
        view.refresh(rules, self.engine.now)
        remove, create = rolling_update(daemon_set, view.buckets, view.tally.desired)
        return (yield from self._sync_nodes(key, daemon_set, remove, create, rules))

    def _sync_nodes(
        self, key: Key, daemon_set: Object, remove: list[str], create: list[str], rules: Rules
    ) -> Steps:
        """Create pods on nodes and delete pods by name; gives the first error."""
        remove, create = remove[:BURST_REPLICAS], create[:BURST_REPLICAS]
        # Expectations are raised before the first call, or its watch event could come too early to be counted.
        self.expectations.expect(key, len(create), remove, self.engine.now)
        if not remove and not create:
            return None
        failures = yield from self._create(key, daemon_set, create, rules)
        results = yield All([self._delete(key, daemon_set, name) for name in remove])
        return first_error([*failures, *(r for r in results if not _is_not_found(r))])

    def _create(self, key: Key, daemon_set: Object, nodes: list[str], rules: Rules) -> Steps:
        metadata, spec = pod_template(daemon_set, rules.revision_hash)

        def created(pod: Any, error: Exception | None) -> None:
            if error is None:
                self._event(daemon_set, "Normal", "SuccessfulCreate", f"Created pod: {objects.name(pod)}")
                return
            if not has_status_cause(error, "NamespaceTerminating"):
                self.expectations.creation_observed(key)
                self._event(daemon_set, "Warning", "FailedCreate", f"Error creating: {error}")

        done = 0
        for size in slow_start_batches(len(nodes)):
            calls = []
            for node in nodes[done : done + size]:
                tied = {**spec, "affinity": replace_node_name_affinity(spec.get("affinity"), node)}
                body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": tied}
                calls.append(Then(self.client.create("pods", body, key[0]), created))
            results = yield All(calls)
            done += size
            # Nothing can be created in a namespace on its way out, and that is not this set's fault.
            failures = [
                r
                for r in results
                if isinstance(r, Exception) and not has_status_cause(r, "NamespaceTerminating")
            ]
            if failures:
                self.expectations.lower_creations(key, len(nodes) - done)
                return failures
        return []

    def _delete(self, key: Key, daemon_set: Object, name: str) -> Waitable:
        def deleted(_value: Any, error: Exception | None) -> None:
            if error is None:
                self._event(daemon_set, "Normal", "SuccessfulDelete", f"Deleted pod: {name}")
                return
            self.expectations.deletion_observed(key, name)
            if not _is_not_found(error):
                self._event(daemon_set, "Warning", "FailedDelete", f"Error deleting: {error}")

        return Then(self.client.delete("pods", key[0], name), deleted)

    # --- status -------------------------------------------------------------------------------------------------

    def _report(self, key: Key, daemon_set: Object, view: DaemonNodes, rules: Rules, *, acted: bool) -> Steps:
        """Write the status when it differs; gives when to look again."""
        view.refresh(rules, self.engine.now)
        generation = daemon_set["metadata"].get("generation", 0) if acted else None
        old = daemon_set.get("status") or {}
        status = calculate_status(old, view.tally, generation)
        if status != old:
            yield from self._write(key, daemon_set, status)
        wait = rules.min_ready_seconds
        if wait and view.tally.ready != view.tally.available:
            return Result(requeue_after=wait * SECOND)
        return None

    def _write(self, key: Key, daemon_set: Object, status: Object) -> Steps:
        try:
            written = yield self.client.update_status("daemonsets", {**daemon_set, "status": status})
        except StatusError:
            fresh = yield self.client.get("daemonsets", *key)
            kept = {k: v for k, v in (fresh.get("status") or {}).items() if k == "collisionCount"}
            written = yield self.client.update_status("daemonsets", {**fresh, "status": {**status, **kept}})
        self._written[key] = int(objects.resource_version(written))


def _is_new_orphan(old: Object | None, new: Object) -> bool:
    if objects.controller_of(new) is not None or objects.is_deleting(new):
        return False
    return old is None or objects.controller_of(old) is not None or objects.labels(old) != objects.labels(new)


def _facts(pod: Object) -> tuple[Any, ...]:
    """What of a pod the view of its node depends on."""
    metadata = pod["metadata"]
    ready = ready_condition(pod) or {}
    return (
        metadata.get("deletionTimestamp"),
        metadata.get("labels"),
        phase(pod),
        ready.get("status"),
        ready.get("lastTransitionTime"),
        pod["spec"].get("nodeName"),
    )


def _is_not_found(error: Any) -> bool:
    return isinstance(error, StatusError) and error.is_not_found
