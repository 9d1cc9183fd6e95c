"""The StatefulSet controller: wakes for sets, their pods and revisions, and syncs one set at a time.

**Imitates:** ``pkg/controller/statefulset/stateful_set.go`` (v1.36). What one sync does is in ``sync.py``.
Differs: changes of a pod that cannot change the outcome (it was bound, say) queue no sync.
**Walk:** a pod becomes Ready -> the set that controls it is queued -> `reconcile` claims its pods and revisions ->
`StatefulSetSync` creates the next pod -> its status.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects, selectors
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler, Result
from kcsim.api.status import StatusError
from kcsim.cluster.controllers import claim
from kcsim.cluster.controllers.owned import OwnedPods, resolve_controller_ref
from kcsim.cluster.controllers.pod_changes import of, on_pod_change
from kcsim.cluster.controllers.pods import is_ready, phase, ready_condition
from kcsim.cluster.controllers.statefulset.history import SetHistory
from kcsim.cluster.controllers.statefulset.identity import is_member_of, replicas_of
from kcsim.cluster.controllers.statefulset.pod_control import ClaimsFailed, PodControl
from kcsim.cluster.controllers.statefulset.sync import StatefulSetSync
from kcsim.engine.clock import SECOND
from kcsim.engine.task import Waitable
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]

_KIND = "StatefulSet"


class StatefulSetController(Reconciler):
    """Gives each StatefulSet its pods, in order.

    ``max_unavailable``: the gate MaxUnavailableStatefulSet, off in 1.36.
    """

    name = "statefulset-controller"
    workers = DEFAULT.count("kube-controller-manager/concurrent-statefulset-syncs")

    def __init__(self, *, max_unavailable: bool = False) -> None:
        self._max_unavailable = max_unavailable

    def setup(self, component: Component) -> None:
        """Subscribe to StatefulSets, pods, revisions and claims."""
        self.engine = component.engine
        self.sets = component.informer("statefulsets")
        self.sets.on_change(self._set_changed)
        self.revisions = component.informer("controllerrevisions")
        self.revisions.add_index("controller", claim.controller_index)
        self.revisions.on_change(self._revision_changed)
        self.claims = component.informer("persistentvolumeclaims")
        pods = component.informer("pods")
        self._control = PodControl(self.client, pods, self.claims, self._event)
        self.reset()
        on_pod_change(pods, self._pod_changed, of(_KIND))

    def reset(self) -> None:
        """Forget everything learnt."""
        self.pods = OwnedPods(_KIND)
        self.history = SetHistory(self.client, self.revisions)

    def _event(self, obj: Object, kind: str, reason: str, message: str) -> None:
        self.component.events.event(obj, kind, reason, message, self.name)

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _set_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        if new is None:
            self.history.forget(objects.key(obj))
        self.enqueue(objects.key(obj))

    def _revision_changed(self, old: Object | None, new: Object | None) -> None:
        for revision in (old, new):
            if (
                revision is not None
                and (owner := resolve_controller_ref(self.sets, _KIND, revision)) is not None
            ):
                self.enqueue(objects.key(owner))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if self.pods.is_foreign(old, new):
            return
        self.pods.observe(old, new)
        if not len(self.sets):
            return
        if old is not None and new is not None and _facts(old) == _facts(new):
            return
        pod = new or old
        assert pod is not None
        owners = [
            owner
            for version in (old, new)
            if version is not None
            and (owner := resolve_controller_ref(self.sets, _KIND, version)) is not None
        ]
        for owner in owners:
            self.enqueue(objects.key(owner))
        if owners:
            wait = owners[-1]["spec"].get("minReadySeconds", 0)
            if wait and old is not None and new is not None and not is_ready(old) and is_ready(new):
                # One second more, because conditions carry whole seconds.
                self.enqueue_after(objects.key(owners[-1]), (wait + 1) * SECOND)
        elif new is not None and objects.controller_of(new) is None:
            self._enqueue_matching(new)

    def _enqueue_matching(self, orphan: Object) -> None:
        for stateful_set in self.sets.list(objects.namespace(orphan)):
            selector = selectors.from_object(stateful_set["spec"].get("selector"))
            if is_member_of(stateful_set, orphan) and selector.matches(objects.labels(orphan)):
                self.enqueue(objects.key(stateful_set))

    # --- one sync -----------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Steps | None:
        """Take one step of one StatefulSet."""
        stateful_set = self.sets.get(*key)
        return None if stateful_set is None else self._sync(stateful_set)

    def _sync(self, stateful_set: Object) -> Steps:
        selector = selectors.from_object(stateful_set["spec"].get("selector"))
        yield from self.history.adopt_orphans(stateful_set, selector)
        pods = yield from self._claim_pods(stateful_set, selector)
        revisions = yield from self.history.of(stateful_set, selector)
        sync = StatefulSetSync(
            self.engine,
            self.client,
            stateful_set,
            pods,
            revisions,
            control=self._control,
            sets=self.sets,
            many_unavailable=self._max_unavailable,
        )
        failure: Exception | None = None
        try:
            status = yield from sync.run()
        except (StatusError, ClaimsFailed) as error:
            failure = error
        yield from self.history.truncate(stateful_set, pods, revisions)
        if failure is not None:
            raise failure
        wait = stateful_set["spec"].get("minReadySeconds", 0)
        if wait and status.available != replicas_of(stateful_set):
            return Result(requeue_after=wait * SECOND)
        return None

    def _claim_pods(self, stateful_set: Object, selector: selectors.LabelSelector) -> Steps:
        """The pods of a set, adopting and releasing on the way (getPodsForStatefulSet)."""
        claimed = []
        for pod in list(self.pods.of(objects.uid(stateful_set)).values()):
            if is_member_of(stateful_set, pod) and selector.matches(objects.labels(pod)):
                claimed.append(pod)
            elif not objects.is_deleting(stateful_set):
                yield from claim.release(self.client, "pods", stateful_set, pod)
        orphans = [
            pod
            for pod in self.pods.orphans(objects.namespace(stateful_set)).values()
            if is_member_of(stateful_set, pod) and claim.claim_action(stateful_set, selector, pod) == "adopt"
        ]
        orphans.sort(key=objects.name)
        adopted = yield from claim.adopt_all(self.client, "statefulsets", stateful_set, "pods", orphans)
        return [*claimed, *(pod for _, pod in adopted)]


def _facts(pod: Object) -> tuple[Any, ...]:
    """What of a pod a sync looks at."""
    metadata = pod["metadata"]
    ready = ready_condition(pod) or {}
    return (
        metadata.get("deletionTimestamp"),
        metadata.get("labels"),
        metadata.get("ownerReferences"),
        phase(pod),
        ready.get("status"),
        ready.get("lastTransitionTime"),
    )
