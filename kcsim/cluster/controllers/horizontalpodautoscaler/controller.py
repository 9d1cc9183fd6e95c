"""The HorizontalPodAutoscaler controller: every 15 s it compares load with target and scales.

**Imitates:** ``pkg/controller/podautoscaler/horizontal.go`` (v1.36): a fixed interval for each autoscaler, the first sync
one interval after its creation. What one sync decides is in ``sync.py``.
Differs: an autoscaler whose next syncs can only find what the last one found is not synced until something changes, and
then at the instant at which upstream's would have been: the syncs in between leave no trace upstream either.
**Walk:** 15 s passed -> the target's scale is read -> outside the limits it is snapped, else the metrics are read ->
a replica count -> the scale is written -> the status.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from kcsim.api import objects, selectors
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler, Result
from kcsim.api.resources import Resource, split_api_version
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.horizontalpodautoscaler.groups import CPU_INITIALIZATION
from kcsim.cluster.controllers.horizontalpodautoscaler.history import History
from kcsim.cluster.controllers.horizontalpodautoscaler.readings import Readings
from kcsim.cluster.controllers.horizontalpodautoscaler.sync import AutoscalerSync, CannotScale
from kcsim.engine.clock import DAY, SECOND, parse_rfc3339
from kcsim.engine.task import Waitable
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]

SYNC_PERIOD = DEFAULT.us("kube-controller-manager/horizontal-pod-autoscaler-sync-period")
METRICS_LAG = 45 * SECOND
"""After so long (µs) no metric shows any more what was before a change: two scrapes and some."""


class HorizontalController(Reconciler):
    """Keeps the replicas of each target in step with its load.

    Args:
        is_steady: whether what a pod uses stays as it is until ``on_load`` says otherwise.
        on_load: registers a listener for changes of load.
    """

    name = "horizontal-pod-autoscaler"
    workers = DEFAULT.count("kube-controller-manager/concurrent-horizontal-pod-autoscaler-syncs")

    def __init__(
        self,
        is_steady: Callable[[Object], bool] | None = None,
        on_load: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._is_steady = is_steady
        self._on_load = on_load

    def setup(self, component: Component) -> None:
        """Subscribe to autoscalers, pods and the usual targets."""
        self.engine = component.engine
        self.reset()
        self._readings = Readings(self.client)
        self.autoscalers = component.informer("horizontalpodautoscalers")
        self.autoscalers.on_change(self._changed)
        self.pods = component.informer("pods")
        self.pods.on_change(self._wake_in)
        for resource in ("deployments", "replicasets", "statefulsets"):
            component.informer(resource).on_change(self._wake_in)
        if self._on_load is not None:
            self._on_load(self._wake_all)

    def reset(self) -> None:
        """Forget everything learnt."""
        self._history: dict[Key, History] = {}
        self._selectors: dict[Key, selectors.LabelSelector] = {}
        self._asleep: dict[str, dict[Key, tuple[int, int]]] = {}
        self._disturbed: dict[str, int] = {}

    def _event(self, obj: Object, kind: str, reason: str, message: str) -> None:
        self.component.events.event(obj, kind, reason, message, self.name)

    def error_delay(self, failures: int) -> int:
        """Failed or not, the next sync is one period away."""
        del failures
        return SYNC_PERIOD

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        key = objects.key(obj)
        if new is None:
            self._history.pop(key, None)
            self._selectors.pop(key, None)
            self._asleep.get(key[0], {}).pop(key, None)
        elif old is not None and key in self._asleep.get(key[0], {}):
            self._wake(key)
        else:
            self.enqueue_after(key, SYNC_PERIOD, "autoscaler's 15s")

    def _wake_in(self, old: Object | None, new: Object | None) -> None:
        """Something changed in a namespace: its autoscalers look again."""
        if not self._history:
            return
        obj = new or old
        assert obj is not None
        namespace = objects.namespace(obj)
        self._disturbed[namespace] = self.engine.now
        for key in list(self._asleep.get(namespace) or ()):
            self._wake(key)

    def _wake_all(self) -> None:
        self._disturbed[""] = self.engine.now
        for namespace in list(self._asleep):
            for key in list(self._asleep[namespace]):
                self._wake(key)

    def _wake(self, key: Key) -> None:
        """Sync at the next instant of the autoscaler's beat, as if the beats before had been kept."""
        sleeping = self._asleep[key[0]]
        since, recommended = sleeping.pop(key)
        if not sleeping:
            del self._asleep[key[0]]
        passed = (self.engine.now - since) // SYNC_PERIOD
        if passed:
            self._history[key].recommendations.append((since + passed * SYNC_PERIOD, recommended))
        self.enqueue_after(key, since + (passed + 1) * SYNC_PERIOD - self.engine.now, "autoscaler's 15s")

    # --- one sync -----------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Steps | None:
        """Look at one autoscaler."""
        autoscaler = self.autoscalers.get(*key)
        return None if autoscaler is None else self._sync(key, autoscaler)

    def _sync(self, key: Key, autoscaler: Object) -> Steps:
        now = self.engine.now
        history = self._history.setdefault(key, History())

        def event(kind: str, reason: str, message: str) -> None:
            self._event(autoscaler, kind, reason, message)

        sync = AutoscalerSync(autoscaler, history, event, now)
        pods: Sequence[Object] = ()
        failed = False
        try:
            resource, scale = yield from self._scale(sync, autoscaler)
            sync.saw_scale(scale)
            if not sync.snap():
                pods = yield from self._decide(key, autoscaler, sync, scale)
            yield from self._act(sync, resource, scale)
        except CannotScale as error:
            failed = True
            wrote = yield from self._write(autoscaler, sync)
            if error.computing:
                event("Warning", "FailedComputeMetricsReplicas", str(error))
        else:
            wrote = yield from self._write(autoscaler, sync)
        if (
            failed
            or wrote
            or sync.rescale
            or sync.failures
            or not self._rests(autoscaler, history, pods, now)
        ):
            return Result(requeue_after=SYNC_PERIOD, what="autoscaler's 15s")
        recommended = history.recommendations[-1][1] if history.recommendations else sync.current
        self._asleep.setdefault(key[0], {})[key] = (now, recommended)
        return None

    def _scale(self, sync: AutoscalerSync, autoscaler: Object) -> Steps:
        """The target's resource and scale; gives up when there is none."""
        ref = autoscaler["spec"]["scaleTargetRef"]
        group, _ = split_api_version(ref.get("apiVersion") or "")
        catalog = self.client.endpoint.server.catalog
        resource = next((r for r in catalog if (r.group, r.kind) == (group, ref["kind"])), None)
        if resource is None:
            error = f'no matches for kind "{ref["kind"]}" in group "{group}"'
            sync.lost_scale(error)
            raise CannotScale(f"unable to determine resource for scale target reference: {error}")
        if "scale" not in resource.subresources:
            error = "the server could not find the requested resource"
            sync.lost_scale(error)
            raise CannotScale(error)
        try:
            namespace = objects.namespace(autoscaler)
            scale = yield self.client.get(resource, namespace, ref["name"], subresource="scale")
        except StatusError as refusal:
            sync.lost_scale(str(refusal))
            raise CannotScale(f"failed to query scale subresource: {refusal}") from None
        return resource, scale

    def _decide(self, key: Key, autoscaler: Object, sync: AutoscalerSync, scale: Object) -> Steps:
        """Read the metrics and let the sync decide; gives the pods of the target."""
        text = (scale.get("status") or {}).get("selector") or ""
        if not text:
            missing = "the HPA target's scale is missing a selector"
            raise sync.bad_selector("InvalidSelector", "SelectorRequired", "selector is required", missing)
        selector = selectors.parse(text)
        self._selectors[key] = selector
        namespace = key[0]
        pods = [pod for pod in self.pods.list(namespace) if selector.matches(objects.labels(pod))]
        selecting = self._selecting(namespace, pods)
        if len(selecting) > 1:
            raise sync.bad_selector("AmbiguousSelector", "AmbiguousSelector", ambiguous(text, selecting))
        readings = yield from self._readings.read_all(
            autoscaler["spec"].get("metrics") or [], namespace, text, pods
        )
        sync.by_metrics(scale, pods, readings)
        return pods

    def _selecting(self, namespace: str, pods: Sequence[Object]) -> list[Key]:
        """The autoscalers of the namespace that select any of these pods."""
        return [
            key
            for key, selector in sorted(self._selectors.items())
            if key[0] == namespace and any(selector.matches(objects.labels(pod)) for pod in pods)
        ]

    def _act(self, sync: AutoscalerSync, resource: Resource, scale: Object) -> Steps:
        if not sync.rescale:
            sync.not_rescaled()
            return
        wanted = {**scale, "spec": {"replicas": sync.replicas}}
        try:
            yield self.client.update(resource, wanted, subresource="scale")
        except StatusError as refusal:
            sync.failed_to_rescale(str(refusal))
            raise CannotScale(f"failed to rescale: {refusal}") from None
        sync.rescaled()

    def _write(self, autoscaler: Object, sync: AutoscalerSync) -> Steps:
        """Write the status when it changed; gives whether it did."""
        old, new = _plain(autoscaler.get("status") or {}), _plain(sync.status)
        if old == new:
            return False
        try:
            yield self.client.update_status("horizontalpodautoscalers", {**autoscaler, "status": sync.status})
        except StatusError as refusal:
            self._event(autoscaler, "Warning", "FailedUpdateStatus", str(refusal))
        return True

    # --- resting ------------------------------------------------------------------------------------------------

    def _rests(self, autoscaler: Object, history: History, pods: Sequence[Object], now: int) -> bool:
        """Whether nothing but a change can make the next sync find anything else."""
        if self._is_steady is None:
            return False
        disturbed = max(
            self._disturbed.get("", -DAY), self._disturbed.get(objects.namespace(autoscaler), -DAY)
        )
        if now - disturbed < METRICS_LAG:
            return False
        ref = autoscaler["spec"]["scaleTargetRef"]["kind"]
        if ref not in ("Deployment", "ReplicaSet", "StatefulSet"):
            return False
        if len({replicas for at, replicas in history.recommendations if at > now - _window(autoscaler)}) > 1:
            return False
        return all(self._is_settled(pod, now) for pod in pods)

    def _is_settled(self, pod: Object, now: int) -> bool:
        """Whether the pod's start is long past and its use of resources stays as it is."""
        assert self._is_steady is not None
        start = (pod.get("status") or {}).get("startTime")
        if not start or parse_rfc3339(start) + CPU_INITIALIZATION > now:
            return False
        return self._is_steady(pod)


def _window(autoscaler: Object) -> int:
    """The longest time (µs) for which a recommendation of this autoscaler can matter."""
    behavior = autoscaler["spec"].get("behavior") or {}
    seconds = [
        (behavior.get(way) or {}).get("stabilizationWindowSeconds") or 300 for way in ("scaleUp", "scaleDown")
    ]
    return min(max(seconds) * SECOND, DAY)


def _plain(status: Object) -> Object:
    """A status without members that are null or zero, which the API writes or leaves out alike."""
    return {name: value for name, value in status.items() if value}


def ambiguous(selector: str, autoscalers: Sequence[Key]) -> str:
    """What is said of pods that several autoscalers select."""
    keys = " ".join(f"{{{name} {namespace}}}" for namespace, name in autoscalers)
    return f"pods by selector {selector} are controlled by multiple HPAs: [{keys}]"
