"""kube-scheduler: finds a node for every pod that has none.

**Imitates:** pkg/scheduler/{scheduler,schedule_one,eventhandlers}.go (v1.36): one scheduling cycle at a time, bindings
side by side, assumed pods, nominated pods, the Scheduled and FailedScheduling events and the PodScheduled condition.
Left out: extenders and claims of resources; pods that need what is left out are reported. Differs: the plugins look at
the cluster at the end of a cycle, not at its beginning.

**Walk:** informer -> queue -> cycle (a delay) -> ``FastPath.decide`` -> assume -> POST pods/binding -> Scheduled; or
``Preemptor``, a trace note with the refusals, the condition, the event, and back into the queue.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.kit.series import SeriesRecorder
from kcsim.api.objects import Object
from kcsim.api.request import User
from kcsim.cluster.scheduler import reports
from kcsim.cluster.scheduler.cache import Cache
from kcsim.cluster.scheduler.default_profile import default_profile
from kcsim.cluster.scheduler.fast_path import FastPath
from kcsim.cluster.scheduler.hints import (
    Event,
    NodeChanged,
    NodeGone,
    PlacedPodChanged,
    PlacedPodGone,
    worth_requeuing,
)
from kcsim.cluster.scheduler.messages import cut_note
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.nominations import Nominations
from kcsim.cluster.scheduler.plugins.volume_binding import VolumeBinding
from kcsim.cluster.scheduler.pod_info import DEFAULT_SCHEDULER, PodInfo, Shapes
from kcsim.cluster.scheduler.preemptor import Preemptor
from kcsim.cluster.scheduler.queue import QueuedPod, SchedulingQueue
from kcsim.cluster.scheduler.schedule_pod import Diagnosis, explain
from kcsim.cluster.scheduler.timings import DEFAULT_TIMINGS, SchedulerTimings
from kcsim.cluster.scheduler.volume_binder import CachedStorage, bind_volumes
from kcsim.cluster.scheduler.workloads import CachedWorkloads
from kcsim.engine.core import Timer
from kcsim.engine.trace import Record
from kcsim.profile.api import SCHEDULER, UNLIMITED, ClientLimits

EXPLAINED_NODES = 20
"""In clusters of up to so many nodes every choice is noted with all scores; in larger ones only refusals are."""
_ENDED = frozenset(("Succeeded", "Failed"))


class Scheduler(Component):
    """The scheduler as a component.

    Attributes:
        scheduler_name: pods with this ``spec.schedulerName`` are its own.
        percentage: percentageOfNodesToScore; 0 is adaptive.
        queue: pods waiting; for a look inside.
        cache: nodes and placed pods; for a look inside.
        nominations: pods that are promised room; for a look inside.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        user: User,
        host: str,
        *,
        limits: ClientLimits = SCHEDULER,
        timings: SchedulerTimings = DEFAULT_TIMINGS,
        scheduler_name: str = DEFAULT_SCHEDULER,
        percentage: int = 0,
    ) -> None:
        super().__init__(endpoint, "kube-scheduler", user, host, limits=limits)
        self.scheduler_name = scheduler_name
        self.percentage = percentage
        self._timings = timings
        self._series = SeriesRecorder(self, self._tracked_client(UNLIMITED, "series"), DEFAULT_SCHEDULER)
        self._cycle_dice = self.dice("cycle")
        self._pick = self.dice("ties").integer
        self._storage = CachedStorage(self)
        self._profile = default_profile(self._storage)
        self._volumes = next(p for p in self._profile.filters if isinstance(p, VolumeBinding))
        self._workloads = CachedWorkloads(self)
        self._budgets = self.informer("poddisruptionbudgets")
        self._forget_all()
        self._pods = self.informer("pods")
        self._pods.on_change(self._pod_changed)
        self.informer("nodes").on_change(self._node_changed)
        self.informer("namespaces").on_change(self._namespace_changed)
        self._storage.listen()

    # --- life ---------------------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Begin with empty caches; the informers fill them."""
        self._forget_all()

    def on_stop(self) -> None:
        """A crash forgets the queue, the cache and every pod that was assumed."""
        self._series.reset()
        self._forget_all()

    def _forget_all(self) -> None:
        self._shapes = Shapes()
        self.cache = Cache(self._shapes)
        self.queue = SchedulingQueue()
        self._volumes.promised.clear()
        self.nominations = Nominations()
        self.cache.default_selector = self._workloads.selectors
        self._workloads.selectors.forget()
        self._fast = FastPath(self.cache, self._profile, self.nominations)
        self._preemptor = Preemptor(self, self.cache, self._profile, self.nominations, self._budgets.list)
        self._start_index = 0
        self._busy = False
        self._binding: dict[str, QueuedPod] = {}
        self._reported: dict[str, None] = {}
        self._flush_timer: Timer | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a pod is being tried, can be tried now, or is being bound."""
        return self._busy or self.queue.is_ready or bool(self._binding)

    # --- what the informers tell --------------------------------------------------------------------------------

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and (new is None or new["metadata"]["uid"] != old["metadata"]["uid"]):
            self._pod_gone(objects.uid(old))
            old = None
        if new is None:
            return
        if (new.get("status") or {}).get("phase") in _ENDED:
            self._pod_gone(objects.uid(new))
        elif old is not None and self.cache.refresh(old, new):
            return  # its status: nobody's chances are other ones for that
        elif new["spec"].get("nodeName"):
            self._placed_pod_changed(old, new)
        elif new["spec"].get("schedulerName", DEFAULT_SCHEDULER) == self.scheduler_name:
            self._waiting_pod_changed(old, new)

    def _pod_gone(self, uid: str) -> None:
        waiting = self.queue.get(uid)
        self.queue.delete(uid)
        placed = self.cache.remove_pod(uid)
        if self.nominations.remove(uid) and placed is None and waiting is not None:
            # The room it was promised is free for others.
            placed = waiting.pod
        if placed is not None:
            self.happened(PlacedPodGone(placed))

    def _placed_pod_changed(self, old: Object | None, new: Object) -> None:
        uid = objects.uid(new)
        larger = self.cache.set_pod(new)
        self.queue.delete(uid)
        self.nominations.remove(uid)
        if self.queue.has_unschedulable:
            if larger is not None:
                # A pod that was made smaller frees room as one that goes (PodScaleDown).
                self.happened(PlacedPodGone(larger))
            before = old if old is not None and old["spec"].get("nodeName") else None
            if before is None or objects.labels(before) != objects.labels(new):
                was = None if before is None else objects.labels(before)
                self.happened(PlacedPodChanged(self._shapes.info(new), was))

    def _waiting_pod_changed(self, old: Object | None, new: Object) -> None:
        uid = objects.uid(new)
        if self.cache.node_of(uid):
            # Assumed: the binding is on its way.
            return
        pod = self._shapes.info(new)
        if uid not in self._reported and (missing := reports.unmodelled_fields(new)):
            self._reported[uid] = None
            self.engine.note(self.name, "warning", reports.subject(pod), {"not modelled": missing})
        if pod.nominated or self.nominations:
            was = ((old or {}).get("status") or {}).get("nominatedNodeName") or ""
            self.nominations.update(was, pod)
        self.queue.update(
            pod,
            self.engine.now,
            may_help=old is not None and reports.may_help(old, new),
            cause=self.engine.cause,
        )
        self._kick()

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            if old is not None:
                self.cache.remove_node(objects.name(old))
                if self.queue.has_unschedulable:
                    self.happened(NodeGone(NodeInfo(old)))
            return
        if self.cache.set_node(new) and self.queue.has_unschedulable:
            before = NodeInfo(old) if old is not None else None
            self.happened(NodeChanged(before, NodeInfo(new)))

    def _namespace_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self.cache.set_namespace(objects.name(new), objects.labels(new))
        elif old is not None:
            self.cache.set_namespace(objects.name(old), None)

    def happened(self, event: Event) -> None:
        """Give pods another try that the event may help."""
        if not self.queue.has_unschedulable:
            return
        known: dict[Any, bool] = {}
        index, busy = self.cache.index, self._preemptor.busy

        def worth(queued: QueuedPod) -> bool:
            pod = queued.pod
            # Pods of one shape and with equal labels have the same chances, unless they have volumes of their own.
            key = (pod.shape, pod.label_key, queued.refused_by, pod.uid if pod.shape.volumes else "")
            if key not in known:
                known[key] = worth_requeuing(queued.refused_by, queued.pod, event, index)
            if known[key] and queued.pod.uid in busy:
                # Not before its victims are told to go (PreEnqueue of DefaultPreemption).
                busy[queued.pod.uid] = True
                return False
            return known[key]

        if self.queue.move(worth, self.engine.now, self.engine.cause):
            self._arm_flush()
            self._kick()

    # --- the scheduling cycle -----------------------------------------------------------------------------------

    def _kick(self) -> None:
        """Begin a cycle unless one is under way."""
        if self._busy:
            return
        queue = self.queue
        while (queued := queue.pop(self.engine.now)) is not None:
            if objects.is_deleting(queued.pod.pod):
                queue.delete(queued.pod.uid)
                self._event(
                    queued.pod,
                    "Warning",
                    "FailedScheduling",
                    f"skip schedule deleting pod: {queued.pod.full_name}",
                )
                continue
            self._busy = True
            with self.engine.because(queued.cause):
                self.after(self._cycle_dice.draw(self._timings.cycle), self._decide, queued)
            return

    def _decide(self, queued: QueuedPod) -> None:
        self._busy = False
        pod = queued.pod
        if self.queue.get(pod.uid) is queued:
            decision = self._fast.decide(pod, self._start_index, self._pick, self.percentage)
            self._start_index = decision.next_start
            if decision.node:
                with self.engine.because(self._chosen(pod, decision.node) or self.engine.cause):
                    self._bind(queued, decision.node)
            elif decision.diagnosis is not None:
                self._refused(queued, decision.diagnosis)
        self._kick()

    def _chosen(self, pod: PodInfo, node: str) -> Record | None:
        """Note why this node, where there are few enough to tell of each."""
        if len(self.cache.infos) > EXPLAINED_NODES:
            return None
        scores = explain(self._profile, pod, self.cache, self.nominations)
        detail = {"node": node, "feasible": len(scores), "scores": scores}
        return self.engine.note(self.name, "placed", reports.subject(pod), detail)

    def _bind(self, queued: QueuedPod, node: str) -> None:
        pod = queued.pod
        self.cache.assume(pod, node)
        self.nominations.remove(pod.uid)
        self.queue.delete(pod.uid)
        self._binding[pod.uid] = queued
        info = self.cache.node(node)
        choice = self._volumes.choice_for(pod, info) if pod.shape.volumes and info is not None else None
        if choice is None:
            self._post_binding(queued, node)
            return
        promised = {objects.name(volume): "/".join(objects.key(claim)) for claim, volume in choice.bind}
        self._volumes.promised.update(promised)

        def volumes_bound(_value: Any, error: Exception | None) -> None:
            for name in promised:
                self._volumes.promised.pop(name, None)
            if error is None:
                self._post_binding(queued, node)
            else:
                self._not_bound(queued, node, f'running PreBind plugin "VolumeBinding": {error}')

        self.spawn(bind_volumes(self, self._storage, choice, node), volumes_bound)

    def _post_binding(self, queued: QueuedPod, node: str) -> None:
        self.client.bind(queued.pod.pod, node).start(partial(self._bound, self._epoch, queued, node))

    def _bound(self, epoch: int, queued: QueuedPod, node: str, _value: Any, error: Exception | None) -> None:
        if epoch != self._epoch:
            return
        if error is not None:
            self._not_bound(queued, node, f'running Bind plugin "DefaultBinder": {error}')
            return
        pod = queued.pod
        del self._binding[pod.uid]
        self._event(pod, "Normal", "Scheduled", f"Successfully assigned {pod.full_name} to {node}")

    def _not_bound(self, queued: QueuedPod, node: str, text: str) -> None:
        pod = queued.pod
        del self._binding[pod.uid]
        known = self._pods.get(pod.namespace, pod.name)
        if known is not None and objects.uid(known) == pod.uid and known["spec"].get("nodeName"):
            # It has a node after all: the answer was lost, or somebody else was faster.
            return
        placed = self.cache.remove_pod(pod.uid)
        if placed is not None:
            self.happened(PlacedPodGone(placed))
        self._report(pod, "SchedulerError", text, {"error": text, "node": node})
        if known is not None and objects.uid(known) == pod.uid:
            queued.cause = self.engine.cause
            self.queue.add_after_error(queued, self.engine.now)
            self._arm_flush()
            self._kick()

    def _refused(self, queued: QueuedPod, diagnosis: Diagnosis) -> None:
        pod = queued.pod
        outcome = self._preemptor.post_filter(pod, diagnosis)
        diagnosis = replace(diagnosis, post_filter=outcome.text)
        self.queue.add_unschedulable(queued, diagnosis.plugins, self.engine.now)
        if outcome.node is not None:
            self.nominations.add(pod, outcome.node)
        self._arm_flush()
        message = diagnosis.message()
        detail = {**reports.refusals(diagnosis), "attempt": queued.attempts, "message": message}
        self._report(pod, "Unschedulable", message, detail, outcome.node)
        if outcome.candidate is not None:
            self._preemptor.evict(pod, outcome.candidate)

    def eviction_done(self, pod: PodInfo, *, again: bool) -> None:
        """The victims of a pod have been told to go; ``again``: try the pod without waiting for more."""
        if again and self.queue.move(
            lambda queued: queued.pod.uid == pod.uid, self.engine.now, self.engine.cause
        ):
            self._arm_flush()
            self._kick()

    # --- telling ------------------------------------------------------------------------------------------------

    def _report(
        self,
        pod: PodInfo,
        reason: str,
        message: str,
        detail: dict[str, Any],
        nominated: str | None = None,
    ) -> None:
        """Note the failure, then tell it as an event and in the pod's status (``nominated`` None: as it is)."""
        record = self.engine.note(self.name, "refused", reports.subject(pod), detail)
        with self.engine.because(record):
            self._event(pod, "Warning", "FailedScheduling", cut_note(message))
            current = self._pods.get(pod.namespace, pod.name)
            if current is None or objects.uid(current) != pod.uid:
                return
            patch = reports.status_patch(current, reason, message, self.engine.now, nominated)
            if patch is not None:
                call = self.client.patch(
                    "pods", pod.namespace, pod.name, patch, type="strategic", subresource="status"
                )
                call.start(partial(self._patched, self._epoch, pod))

    def _patched(self, epoch: int, pod: PodInfo, _value: Any, error: Exception | None) -> None:
        if error is not None and epoch == self._epoch and not getattr(error, "is_not_found", False):
            self.failed(f"status of {reports.subject(pod)}", error)

    def _event(self, pod: PodInfo, kind: str, reason: str, message: str) -> None:
        self.tell(pod, kind, reason, "Binding" if kind == "Normal" else "Scheduling", message)

    def tell(self, pod: PodInfo, kind: str, reason: str, action: str, message: str) -> None:
        """Write an event about a pod."""
        self._series.event(pod.pod, kind, reason, action, message)

    # --- back-off -----------------------------------------------------------------------------------------------

    def _arm_flush(self) -> None:
        when = self.queue.next_flush(self.engine.now)
        timer = self._flush_timer
        if timer is not None and timer.active:
            if when is not None and timer.when <= when:
                return
            timer.cancel()
        self._flush_timer = None
        if when is not None:
            self._flush_timer = self.tick(when - self.engine.now, "scheduler back-off", self._flush)

    def _flush(self) -> None:
        self.queue.flush(self.engine.now, self.engine.cause)
        self._arm_flush()
        self._kick()
