"""Resizing a pod in place: what the node has given it, what it asks for now, and what follows for its containers.

**Imitates:** ``pkg/kubelet/allocation/allocation_manager.go``, ``pkg/kubelet/kubelet.go`` (``SyncPod``) and
``kuberuntime_manager.go`` (``computePodResizeAction``, ``doPodResizeAction``), v1.36. Left out: static CPU and memory
managers, swap. Differs: what was given outlives the kubelet in its containers, not in a file.

**Walk:** the sizes in the spec change -> ``consider``: given, deferred or infeasible -> the next sync of the worker:
``actuate``, which fails and is tried again while a memory limit would be below what is used -> the sync after it:
``settle``. Deferred ones are looked at again when room is given back, and every three minutes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kcsim.api import quantity
from kcsim.api.qos import qos_class
from kcsim.cluster.kubelet.admission import can_admit_pod, pod_requests
from kcsim.cluster.kubelet.eviction import memory_at
from kcsim.cluster.kubelet.messages import NORMAL, WARNING
from kcsim.cluster.kubelet.restart_policy import is_restartable_init_container
from kcsim.engine.clock import MINUTE, rfc3339

if TYPE_CHECKING:
    from kcsim.cluster.kubelet.kubelet import Kubelet
    from kcsim.cluster.kubelet.pod_worker import PodWorker

Object = dict[str, Any]
Sizes = dict[str, Object]
"""Container -> its ``resources``; ``WHOLE`` -> those of the pod as a whole, where it has any."""
WHOLE = ""
PENDING, IN_PROGRESS = "PodResizePending", "PodResizeInProgress"
DEFERRED, INFEASIBLE, ERROR = "Deferred", "Infeasible", "Error"
RETRY = 3 * MINUTE
_CPU_MEMORY = ("cpu", "memory")


# --- what is asked: pure ----------------------------------------------------------------------------------------


def sizes(spec: Object) -> Sizes:
    """The sizes of the containers that can be resized, main ones and sidecars, and of the pod."""
    found = {c["name"]: c.get("resources") or {} for c in spec["containers"]}
    for each in spec.get("initContainers") or ():
        if is_restartable_init_container(each):
            found[each["name"]] = each.get("resources") or {}
    if spec.get("resources"):
        found[WHOLE] = spec["resources"]
    return found


def with_sizes(pod: Object, given: Sizes) -> Object:
    """The pod as if it asked for what it was given (UpdatePodFromAllocation)."""
    spec = pod["spec"]
    made = dict(spec)
    for field in ("containers", "initContainers"):
        if field in spec:
            made[field] = [_sized(container, given) for container in spec[field]]
    made.pop("resources", None)
    if WHOLE in given:
        made["resources"] = given[WHOLE]
    return {**pod, "spec": made}


def _sized(container: Object, given: Sizes) -> Object:
    resources = given.get(container["name"])
    if resources is None or resources == (container.get("resources") or {}):
        return container
    return {**container, "resources": resources}


def requires_restart(container: Object, actual: Object) -> bool:
    """Whether a container whose size is still ``actual`` comes to its own only by a restart (its resizePolicy)."""
    policies = {p["resourceName"]: p["restartPolicy"] for p in container.get("resizePolicy") or ()}
    wanted = container.get("resources") or {}
    return any(
        policies.get(name) == "RestartContainer"
        for name in _CPU_MEMORY
        for field in ("requests", "limits")
        if (wanted.get(field) or {}).get(name) != (actual.get(field) or {}).get(name)
    )


def inherits_restart(container: Object, before: Object, after: Object) -> bool:
    """Whether a container without a limit of its own starts anew because that of the pod as a whole is another."""
    own = (container.get("resources") or {}).get("limits") or {}
    old, new = before.get("limits") or {}, after.get("limits") or {}
    policies = {p["resourceName"]: p["restartPolicy"] for p in container.get("resizePolicy") or ()}
    return any(
        policies.get(name) == "RestartContainer" and name not in own and old.get(name) != new.get(name)
        for name in _CPU_MEMORY
    )


def too_large(requests: dict[str, int], allocatable: dict[str, int]) -> str:
    """Why the node will never have this much; "" when it could (podResizesAdmitHandler)."""
    for name in ("memory", "cpu"):
        wanted, most = requests.get(name, 0), allocatable.get(name)
        if most is not None and wanted > most:
            return f"Node didn't have enough capacity: {name}, requested: {wanted}, capacity: {most}"
    return ""


def memory_limit(spec: Object) -> int | None:
    """The memory (bytes) that a pod as a whole may use: what it says itself, else None unless each container has a limit."""
    own = ((spec.get("resources") or {}).get("limits") or {}).get("memory")
    if own is not None:
        return quantity.value(own)
    made: Object = {"overhead": spec.get("overhead")}
    for field in ("containers", "initContainers"):
        limits = [(each.get("resources") or {}).get("limits") or {} for each in spec.get(field) or ()]
        if any("memory" not in each for each in limits):
            return None
        made[field] = [
            {"resources": {"requests": limit}, "restartPolicy": each.get("restartPolicy")}
            for each, limit in zip(spec.get(field) or (), limits, strict=True)
        ]
    return pod_requests(made)["memory"]


def container_limit(container: Object) -> int | None:
    """The memory (bytes) that a container may use; None for no limit."""
    text = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return None if text is None else quantity.value(text)


def too_little(decreases: list[tuple[str, int, int]], pod_decrease: tuple[int, int] | None) -> str:
    """Why memory limits cannot go down, "" when they can (validateMemoryResizeAction).

    Args:
        decreases: containers whose limit goes down: name, new limit, what is used now (bytes).
        pod_decrease: the same of the pod as a whole; None where its limit does not go down.
    """
    wrong = []
    if pod_decrease is not None and pod_decrease[1] >= pod_decrease[0]:
        limit, used = pod_decrease
        wrong.append(f"attempting to set pod memory limit ({limit}) below current usage ({used})")
    for name, limit, used in decreases:
        if used >= limit:
            wrong.append(
                f"attempting to set container {json.dumps(name)} memory limit ({limit}) below current usage ({used})"
            )
    if not wrong:
        return ""
    why = wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]"
    return f"cannot decrease memory limits: {why}"


def told(prefix: str, spec: Object, generation: int, error: str = "") -> str:
    """The text of an Event about a resize (podResizeMessage)."""
    summary: Object = {"resources": _in_order(spec)} if spec.get("resources") else {}
    for field in ("initContainers", "containers"):
        if spec.get(field):
            summary[field] = [{"name": c["name"], "resources": _in_order(c)} for c in spec[field]]
    summary["generation"] = generation
    if error:
        summary["error"] = error
    return f"{prefix}: {json.dumps(summary, separators=(',', ':'))}"


def _in_order(container: Object) -> Object:
    given = container.get("resources") or {}
    return {field: dict(sorted(given[field].items())) for field in ("limits", "requests") if given.get(field)}


# --- what is given ----------------------------------------------------------------------------------------------


class PodResize:
    """The sizes of one pod, from the moment on when it was asked for others.

    Attributes:
        given: what the node has promised its containers, and the pod as a whole.
        whole: what the pod as a whole has.
        wanted: the pod as the API has it.
        pending: why it does not get what it asks for, as a condition.
        in_progress: the condition while its containers do not have what they were given.
        failed: whether the containers could not be resized when last tried.
    """

    def __init__(self, worker: PodWorker, given: Sizes) -> None:
        self._worker = worker
        self.given = given
        self.whole = given.get(WHOLE, {})
        self.wanted = worker.pod
        self.pending: Object | None = None
        self.in_progress: Object | None = None
        self.failed = False

    def seen(self, pod: Object) -> Object:
        """A new version of the object: the pod that the worker is to run."""
        self.wanted = pod
        return with_sizes(pod, self.given)

    def consider(self) -> None:
        """handlePodResourcesResize: take over what is asked for, if the node has it."""
        worker = self._worker
        kubelet, spec = worker.kubelet, self.wanted["spec"]
        generation = self.wanted["metadata"].get("generation") or 0
        asked = sizes(spec)
        if asked == self.given:
            self.pending = None
            return
        requests = pod_requests(spec)
        why = too_large(requests, kubelet.allocatable)
        reason = INFEASIBLE
        if not why:
            others = {name: amount - worker.requests.get(name, 0) for name, amount in kubelet.used.items()}
            rejection = can_admit_pod({}, requests, others, kubelet.allocatable, {})
            why, reason = (rejection.message, DEFERRED) if rejection is not None else ("", "")
        if why:
            self._put_off(reason, why, generation)
            return
        self.given, self.pending = asked, None
        kubelet.charge(worker, requests)
        worker.pod = self.seen(self.wanted)
        # What went wrong before stands there until the containers have been tried again.
        words = {k: v for k, v in (self.in_progress or {}).items() if k in {"reason", "message"}}
        self.in_progress = self._condition(IN_PROGRESS, words, generation, self.in_progress)
        worker.event(NORMAL, "ResizeStarted", told("Pod resize started", spec, generation))

    def _put_off(self, reason: str, why: str, generation: int) -> None:
        condition = self._condition(PENDING, {"reason": reason, "message": why}, generation, self.pending)
        if reason == DEFERRED:
            self._worker.kubelet.resizes.defer(self._worker)
        if condition == self.pending:
            return
        self.pending = condition
        text = told(f"Pod resize {reason}", self.wanted["spec"], generation, why)
        self._worker.event(WARNING, f"Resize{reason}", text)

    def _condition(self, kind: str, words: Object, generation: int, before: Object | None) -> Object:
        now = rfc3339(self._worker.kubelet.wall)
        is_new = before is None or (kind == IN_PROGRESS and before.get("reason") != words.get("reason"))
        since = now if before is None or is_new else before["lastTransitionTime"]
        condition = {"type": kind, "status": "True", **words, "lastProbeTime": None}
        condition["lastTransitionTime"] = since
        if generation:
            condition["observedGeneration"] = generation
        return condition

    def grows(self) -> bool:
        """Whether more is asked for than was given."""
        more, less = pod_requests(self.wanted["spec"]), self._worker.requests
        return any(more.get(name, 0) > less.get(name, 0) for name in _CPU_MEMORY)

    @property
    def _is_whole(self) -> bool:
        """Whether the pod as a whole has what it was given."""
        return self.whole == self.given.get(WHOLE, {})

    # --- what runs ----------------------------------------------------------------------------------------------

    def _unlike(self) -> list[tuple[Object, Any]]:
        """The containers, as given, that run with other sizes."""
        found = []
        for spec in self._worker.container_specs():
            container = self._worker.container(spec["name"])
            if container is None or not container.running or spec["name"] not in self.given:
                continue
            if (container.spec.get("resources") or {}) != self.given[spec["name"]]:
                found.append((spec, container))
        return found

    def actuate(self) -> frozenset[str]:
        """Resize what can be resized as it runs; gives the containers that have to be started anew."""
        restarts, running = [], []
        for spec, container in self._unlike():
            if requires_restart(spec, container.spec.get("resources") or {}):
                restarts.append(spec["name"])
            else:
                running.append((spec, container))
        whole = self.given.get(WHOLE, {})
        if not self._is_whole:
            restarts += [
                spec["name"]
                for spec in self._worker.container_specs()
                if spec["name"] in self.given and inherits_restart(spec, self.whole, whole)
            ]
        why = self._too_little(running, restarts)
        self.failed = bool(why)
        if why:
            self._fail(why)
            return frozenset(restarts) if self._is_whole else frozenset()
        if not self._is_whole:
            self.whole = whole
            self._worker.kubelet.pleg(self._worker)
        for spec, container in running:
            self._worker.kubelet.runtime.resize_container(container, spec)
            self._worker.kubelet.pleg(self._worker)
        if self.in_progress is not None and "reason" in self.in_progress:
            generation = self.in_progress.get("observedGeneration", 0)
            self.in_progress = self._condition(IN_PROGRESS, {}, generation, self.in_progress)
        return frozenset(restarts)

    def _too_little(self, resized: list[tuple[Object, Any]], restarts: list[str]) -> str:
        """Why the limits of what runs cannot go down now; what is started anew uses nothing by then."""
        if not resized and self._is_whole:
            return ""
        worker, now = self._worker, self._worker.kubelet.engine.now
        used: dict[str, int] = {}
        sized: Sizes = {WHOLE: self.whole}
        for spec in worker.container_specs():
            container = worker.container(spec["name"])
            if container is not None and container.running:
                sized[spec["name"]] = container.spec.get("resources") or {}
                used[spec["name"]] = 0 if spec["name"] in restarts else memory_at(container, now)
        decreases = []
        for spec, container in resized:
            new, old = container_limit(spec), container_limit(container.spec)
            if new is not None and (old is None or new < old):
                decreases.append((spec["name"], new, used[spec["name"]]))
        new = memory_limit(worker.pod["spec"])
        old = memory_limit(with_sizes(worker.pod, sized)["spec"])
        whole = None if new is None or (old is not None and new >= old) else (new, sum(used.values()))
        return too_little(decreases, whole)

    def _fail(self, why: str) -> None:
        """The containers stay as they are, and the worker tries again (SetPodResizeInProgressCondition)."""
        before = self.in_progress or {}
        generation = before.get("observedGeneration", 0)
        words = {"reason": ERROR, "message": why}
        self.in_progress = self._condition(IN_PROGRESS, words, generation, self.in_progress)
        if self.in_progress != before:
            text = told("Pod resize error", self._worker.pod["spec"], generation, why)
            self._worker.event(WARNING, "ResizeError", text)

    def settle(self) -> None:
        """Say so once every container has what it was given."""
        if self.in_progress is None or self._unlike() or not self._is_whole:
            return
        generation = self.in_progress.get("observedGeneration", 0)
        self.in_progress = None
        spec = self._worker.pod["spec"]
        self._worker.event(NORMAL, "ResizeCompleted", told("Pod resize completed", spec, generation))
        self._worker.kubelet.resizes.retry()

    def shown(self, status: Object) -> Object:
        """The status with what is to be said of the sizes."""
        own = [condition for condition in (self.pending, self.in_progress) if condition is not None]
        others = [c for c in status["conditions"] if c["type"] not in {PENDING, IN_PROGRESS}]
        shown = {**status, "conditions": [*own, *others]}
        if self.whole:
            shown["resources"] = self.whole
        if requests := self.given.get(WHOLE, {}).get("requests"):
            shown["allocatedResources"] = requests
        for field in ("containerStatuses", "initContainerStatuses"):
            if field in status:
                shown[field] = [self._shown(each) for each in status[field]]
        return shown

    def _shown(self, status: Object) -> Object:
        requests = self.given.get(status["name"], {}).get("requests")
        return {**status, "allocatedResources": requests} if requests else status


class Resizes:
    """The pods of a node whose resize was put off."""

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet
        self._deferred: dict[str, PodWorker] = {}
        self._armed = False

    def stop(self) -> None:
        """The kubelet ends."""
        self._deferred.clear()
        self._armed = False

    def defer(self, worker: PodWorker) -> None:
        """There is no room now."""
        self._deferred[worker.uid] = worker
        if not self._armed:
            self._armed = True
            self._kubelet.after(RETRY, self._periodic)

    def _periodic(self) -> None:
        self._armed = False
        self.retry()

    def retry(self) -> None:
        """retryPendingResizes: room may have been given back."""
        if not self._deferred:
            return
        waiting = sorted(self._deferred.values(), key=_rank)
        self._deferred.clear()
        for worker in waiting:
            if worker.resize is None or worker.is_ending:
                continue
            before = worker.resize.pending
            worker.resize.consider()
            if worker.resize.pending != before:
                worker.sync()


def _rank(worker: PodWorker) -> tuple[Any, ...]:
    """sortPendingResizes: what does not grow, then priority, then Guaranteed pods, then who has waited longest."""
    assert worker.resize is not None
    pending = worker.resize.pending or {}
    spec = worker.pod["spec"]
    return (
        worker.resize.grows(),
        -(spec.get("priority") or 0),
        qos_class(spec) != "Guaranteed",
        pending.get("lastTransitionTime", ""),
    )
