"""The pod garbage collector: every 20 s it removes pods that nothing else will remove.

**Imitates:** ``pkg/controller/podgc/gc_controller.go`` (v1.36): ended pods beyond 12,500, Terminating pods of nodes out of
service, pods of nodes that are gone (after 40 s of quarantine and a live look), Terminating pods never scheduled.
Differs: the 20 s clock runs only while there is a candidate; passes fall on the same instants as if it always ran.
**Walk:** a pod or a node changes -> the candidate sets change -> the next 20 s mark is armed -> `reconcile` is one pass.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler, Result
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.pod_changes import on_pod_change, stirring
from kcsim.cluster.controllers.podgc.candidates import (
    TERMINATED_THRESHOLD,
    is_out_of_service,
    is_unscheduled_terminating,
    terminated_surplus,
)
from kcsim.cluster.controllers.pods import is_terminal
from kcsim.engine.clock import rfc3339
from kcsim.engine.task import Waitable
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]

GC_CHECK_PERIOD = DEFAULT.us("kube-controller-manager/pod-gc-check-period")
QUARANTINE_TIME = DEFAULT.us("kube-controller-manager/pod-gc-quarantine-time")

_PASS: Key = ("", "pods")


class PodGarbageCollector(Reconciler):
    """Force-deletes pods left behind. ``terminated_threshold`` 0 keeps all ended pods."""

    name = "pod-garbage-collector-controller"
    workers = 1

    def __init__(self, terminated_threshold: int = TERMINATED_THRESHOLD) -> None:
        self._threshold = terminated_threshold

    def setup(self, component: Component) -> None:
        """Subscribe to pods and nodes."""
        self._origin = component.engine.now
        self.reset()
        self.nodes = component.informer("nodes")
        self.pods = component.informer("pods")
        self.nodes.on_change(self._node_changed)
        on_pod_change(self.pods, self._pod_changed, stirring)

    def reset(self) -> None:
        """Forget everything learnt."""
        # Names of pods, by why they may have to go; orphans by the node they miss. What a deletion could not remove (a finalizer) is not tried again
        # until it changes.
        self._ended: dict[Key, None] = {}
        self._unscheduled: dict[Key, None] = {}
        self._orphans: dict[str, dict[Key, None]] = {}
        self._deleting: dict[Key, str] = {}
        # Nodes out of service, and when nodes that are gone were first missed at a pass (µs).
        self._out_of_service: dict[str, None] = {}
        self._quarantine: dict[str, int] = {}

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            assert old is not None
            for names in (self._ended, self._unscheduled, self._deleting):
                names.pop(objects.key(old), None)
            self._found(old["spec"].get("nodeName", ""), objects.key(old))
            return
        deleting = objects.is_deleting(new)
        node = new["spec"].get("nodeName", "")
        if (
            old is not None
            and not deleting
            and node == old["spec"].get("nodeName", "")
            and not is_terminal(new)
        ):
            return
        key = objects.key(new)
        self._mark(self._ended, key, is_terminal(new))
        self._mark(self._unscheduled, key, is_unscheduled_terminating(new))
        if node and self.nodes.get("", node) is None:
            self._orphans.setdefault(node, {})[key] = None
        if deleting and node:
            self._deleting[key] = node
        self._arm()

    def _found(self, node: str, key: Key) -> None:
        """The pod misses its node no longer: it is gone itself."""
        if node in self._orphans:
            self._orphans[node].pop(key, None)
            if not self._orphans[node]:
                del self._orphans[node]

    @staticmethod
    def _mark(names: dict[Key, None], key: Key, present: bool) -> None:
        if present:
            names[key] = None
        else:
            names.pop(key, None)

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        node = new or old
        assert node is not None
        name = objects.name(node)
        if new is None:
            self._out_of_service.pop(name, None)
            # Nodes seldom vanish; only then are all pods looked at.
            keys = [objects.key(pod) for pod in self.pods.list() if pod["spec"].get("nodeName") == name]
            if keys:
                self._orphans[name] = dict.fromkeys(keys)
        else:
            if old is None:
                self._quarantine.pop(name, None)
                self._orphans.pop(name, None)
            if is_out_of_service(new):
                self._out_of_service[name] = None
            else:
                self._out_of_service.pop(name, None)
        self._arm()

    def _has_candidates(self) -> bool:
        surplus = 0 < self._threshold < len(self._ended)
        if surplus or self._unscheduled or self._orphans:
            return True
        return bool(self._out_of_service) and any(
            node in self._out_of_service for node in self._deleting.values()
        )

    def _arm(self) -> None:
        if self._has_candidates():
            self.enqueue_after(_PASS, self._until_next_pass(), "pod garbage collection period")

    def _until_next_pass(self) -> int:
        return GC_CHECK_PERIOD - (self.component.engine.now - self._origin) % GC_CHECK_PERIOD

    # --- one pass -----------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Steps:
        """One pass over the candidates."""
        del key
        self._find_orphans()
        ended = [self.pods.get(*key) for key in self._ended]
        for pod in terminated_surplus([pod for pod in ended if pod is not None], self._threshold):
            yield from self._fail_and_delete(pod)
        for pod in self._cached(self._deleting):
            if pod["spec"].get("nodeName") in self._out_of_service:
                yield from self._fail_and_delete(pod)
                self._deleting.pop(objects.key(pod), None)
        yield from self._collect_orphans()
        for pod in self._cached(self._unscheduled):
            yield from self._fail_and_delete(pod)
            self._unscheduled.pop(objects.key(pod), None)
        if self._has_candidates():
            return Result(requeue_after=self._until_next_pass(), what="pod garbage collection period")
        return None

    def _cached(self, names: dict[Key, Any]) -> list[Object]:
        """The pods of these names, oldest first."""
        found = [pod for key in sorted(names) if (pod := self.pods.get(*key)) is not None]
        return sorted(found, key=lambda pod: pod["metadata"].get("creationTimestamp", ""))

    def _find_orphans(self) -> None:
        """Pods bound to a node that was never seen: noticed at the pass, when the caches are surely filled."""
        now = self.component.engine.now
        for node in sorted(self._orphans):
            self._quarantine.setdefault(node, now)

    def _collect_orphans(self) -> Steps:
        now = self.component.engine.now
        released = [node for node, since in self._quarantine.items() if now - since >= QUARANTINE_TIME]
        for node in sorted(released):
            del self._quarantine[node]
            if not (yield from self._is_gone(node)):
                continue
            for pod in self._cached(self._orphans.get(node, {})):
                condition = {
                    "type": "DisruptionTarget",
                    "status": "True",
                    "reason": "DeletionByPodGC",
                    "message": "PodGC: node no longer exists",
                }
                yield from self._fail_and_delete(pod, condition)
                self._found(node, objects.key(pod))

    def _is_gone(self, node: str) -> Steps:
        """Ask the API server, not the cache."""
        try:
            yield self.client.get("nodes", "", node)
        except StatusError as error:
            if error.is_not_found:
                return True
            raise
        return False

    def _fail_and_delete(self, pod: Object, condition: Object | None = None) -> Steps:
        """Mark a pod Failed unless it has ended, then delete it without grace (markFailedAndDeletePod)."""
        namespace, name = objects.key(pod)
        try:
            if not is_terminal(pod):
                status: Object = {"phase": "Failed"}
                if condition is not None:
                    now = rfc3339(self.component.engine.now)
                    after = objects.set_condition(objects.conditions(pod), condition, now)
                    status["conditions"] = [each for each in after if each["type"] == condition["type"]]
                body = {"metadata": {"uid": objects.uid(pod)}, "status": status}
                yield self.client.patch("pods", namespace, name, body, type="strategic", subresource="status")
            yield self.client.delete("pods", namespace, name, uid=objects.uid(pod), grace=0)
        except StatusError as error:
            if not error.is_not_found:
                raise
