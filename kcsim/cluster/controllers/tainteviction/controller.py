"""The taint eviction controller at work.

**Imitates:** pkg/controller/tainteviction/{taint_eviction,timed_workers}.go (v1.36): eviction when the shortest
toleration runs out, cancelled when the taint goes. PodDisruptionBudgets are not asked.
Differs: one set of workers instead of eight shards by node name.

**Walk:** a node gets a NoExecute taint -> each of its pods is given a time -> the time ends -> the pod's key is queued
-> event, DisruptionTarget condition, DELETE. The taint goes first: the timer is cancelled, and an event says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.nodelifecycle.controller import NODE_INDEX, node_index
from kcsim.cluster.controllers.pod_changes import on_pod_change, stirring
from kcsim.cluster.controllers.tainteviction.tolerations import FOREVER, no_execute_taints, time_to_stay
from kcsim.engine.clock import rfc3339
from kcsim.engine.core import Timer
from kcsim.profile.constants import DEFAULT

_REASON = "TaintManagerEviction"


@dataclass(slots=True)
class _Pending:
    """An eviction to come. ``since``: when its time began, in µs; ``timer`` None once it has ended."""

    uid: str
    since: int
    timer: Timer | None


class TaintEvictionController(Reconciler):
    """Evicts pods from nodes with NoExecute taints."""

    name = "taint-eviction-controller"
    workers = DEFAULT.count("kube-controller-manager/concurrent-taint-eviction-syncs")
    max_retries = 5

    def setup(self, component: Component) -> None:
        """Subscribe to nodes and pods."""
        self.engine = component.engine
        self.reset()
        self._nodes = component.informer("nodes")
        self._nodes.on_change(self._node_changed)
        self._pods = component.informer("pods")
        self._pods.add_index(NODE_INDEX, node_index, "spec")
        on_pod_change(self._pods, self._pod_changed, stirring)

    def reset(self) -> None:
        """Forget every eviction to come."""
        self._taints: dict[str, list[Object]] = {}
        self._pending: dict[Key, _Pending] = {}

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        node = new or old
        assert node is not None
        name = objects.name(node)
        before = self._taints.get(name, [])
        taints = no_execute_taints(new) if new is not None else []
        if before == taints:
            return
        if taints:
            self._taints[name] = taints
        else:
            del self._taints[name]
        for pod in self._pods.by_index(NODE_INDEX, name):
            self._process(pod, taints)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None or (old is not None and objects.uid(old) != objects.uid(new)):
            assert old is not None
            self._cancel(old)
        if new is None or not self._taints:
            return
        spec = new["spec"]
        taints = self._taints.get(spec.get("nodeName", ""))
        if taints is None:
            return
        if old is not None:
            before = old["spec"]
            same = before is spec or (
                before.get("nodeName") == spec["nodeName"]
                and before.get("tolerations") == spec.get("tolerations")
            )
            if same and objects.uid(old) == objects.uid(new):
                return
        self._process(new, taints)

    # --- the times ----------------------------------------------------------------------------------------------

    def _process(self, pod: Object, taints: list[Object]) -> None:
        """Give the pod its time beside these taints (processPodOnNode)."""
        stay = time_to_stay(taints, pod["spec"].get("tolerations") or ())
        if stay == FOREVER:
            self._cancel(pod)
            return
        key, now = objects.key(pod), self.engine.now
        pending = self._pending.get(key)
        since = now
        if pending is not None and stay:
            since = pending.since
            # A time that is running already is kept when it ends no later.
            if since + stay < now + stay:
                return
        if pending is not None:
            self._cancel(pod)
        timer = self.component.after(since + stay - now, self._due, key)
        self._pending[key] = _Pending(objects.uid(pod), since, timer)

    def _due(self, key: Key) -> None:
        self._pending[key].timer = None
        self.enqueue(key)

    def _cancel(self, pod: Object) -> None:
        pending = self._pending.pop(objects.key(pod), None)
        if pending is not None and pending.timer is not None:
            pending.timer.cancel()
            namespace, name = objects.key(pod)
            self._event(pod, f"Cancelling deletion of Pod {namespace}/{name}")

    # --- eviction -----------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Outcome:
        """Evict a pod whose time has ended."""
        pending = self._pending.get(key)
        pod = self._pods.get(*key)
        if pending is None or pending.timer is not None or pod is None or objects.uid(pod) != pending.uid:
            return None
        namespace, name = key
        self._event(pod, f"Marking for deletion Pod {namespace}/{name}")
        try:
            yield from self._mark(pod)
            yield self.client.delete("pods", namespace, name)
        except StatusError as error:
            if not error.is_not_found:
                raise
        return None

    def _mark(self, pod: Object) -> Outcome:
        namespace, name = objects.key(pod)
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
        }
        if generation := pod["metadata"].get("generation"):
            condition["observedGeneration"] = generation
        before = objects.conditions(pod)
        after = objects.set_condition(before, condition, rfc3339(self.engine.now))
        if after is not before:
            new = next(item for item in after if item["type"] == "DisruptionTarget")
            body = {"status": {"conditions": [new]}}
            yield self.client.patch("pods", namespace, name, body, type="strategic", subresource="status")
        return None

    def _event(self, pod: Object, message: str) -> None:
        self.component.events.event(pod, "Normal", _REASON, message, self.name)
