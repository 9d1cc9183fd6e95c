"""The conditions the kubelet owns: Initialized, ContainersReady, Ready, PodReadyToStartContainers, PodScheduled.

**Imitates:** ``pkg/kubelet/status/generate.go`` (v1.36). Times are not set here: ``merge_conditions`` gives a
condition a new ``lastTransitionTime`` only when its status changed (``status_manager.go``, ``updateLastTransitionTime``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from kcsim.cluster.kubelet.phase import ContainerStatus, get_container_status, main_containers_have_run
from kcsim.cluster.kubelet.restart_policy import PodSpec, is_restartable_init_container

Condition = dict[str, Any]


def _condition(kind: str, status: bool, reason: str = "", message: str = "") -> Condition:
    condition = {"type": kind, "status": "True" if status else "False"}
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    return condition


def _names(names: list[str]) -> str:
    return f"[{' '.join(names)}]"


def _trouble(unknown: list[str], bad: list[str], adjective: str) -> str:
    parts = []
    if unknown:
        parts.append(f"containers with unknown status: {_names(unknown)}")
    if bad:
        parts.append(f"containers with {adjective} status: {_names(bad)}")
    return ", ".join(parts)


def containers_ready_condition(
    spec: PodSpec, statuses: list[ContainerStatus] | None, phase: str
) -> Condition:
    """ContainersReady: every main container and every sidecar is ready. None for statuses means nothing is known."""
    if statuses is None:
        return _condition("ContainersReady", False, "UnknownContainerStatuses")
    unknown: list[str] = []
    unready: list[str] = []
    sidecars = [c for c in spec.get("initContainers") or () if is_restartable_init_container(c)]
    for container in [*sidecars, *(spec.get("containers") or ())]:
        status = get_container_status(statuses, container["name"])
        if status is None:
            unknown.append(container["name"])
        elif not status.get("ready"):
            unready.append(container["name"])
    # A pod that is done is not ready for another reason than its containers.
    if phase == "Succeeded" and not unknown:
        return _condition("ContainersReady", False, "PodCompleted")
    if phase == "Failed":
        return _condition("ContainersReady", False, "PodFailed")
    if unknown or unready:
        return _condition(
            "ContainersReady", False, "ContainersNotReady", _trouble(unknown, unready, "unready")
        )
    return _condition("ContainersReady", True)


def pod_ready_condition(
    spec: PodSpec,
    conditions: list[Condition],
    statuses: list[ContainerStatus] | None,
    phase: str,
    containers_ready: Condition | None = None,
) -> Condition:
    """Ready: the containers are, and every readiness gate's condition is True."""
    containers_ready = containers_ready or containers_ready_condition(spec, statuses, phase)
    if containers_ready["status"] != "True":
        return {**containers_ready, "type": "Ready"}
    missing: list[str] = []
    for gate in spec.get("readinessGates") or ():
        kind = gate["conditionType"]
        found = next((c for c in conditions if c["type"] == kind), None)
        if found is None:
            missing.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif found["status"] != "True":
            missing.append(f'the status of pod readiness gate "{kind}" is not "True", but {found["status"]}')
    if missing:
        return _condition("Ready", False, "ReadinessGatesNotReady", ", ".join(missing))
    return _condition("Ready", True)


def initialized_condition(spec: PodSpec, statuses: list[ContainerStatus] | None, phase: str) -> Condition:
    """Initialized: init containers completed, sidecars started. A pod without any is initialised from the start."""
    init_containers = spec.get("initContainers") or ()
    if statuses is None and init_containers:
        return _condition("Initialized", False, "UnknownContainerStatuses")
    unknown: list[str] = []
    incomplete: list[str] = []
    for container in init_containers:
        status = get_container_status(statuses or (), container["name"])
        if status is None:
            unknown.append(container["name"])
        elif is_restartable_init_container(container):
            if not status.get("started"):
                incomplete.append(container["name"])
        elif not status.get("ready"):
            incomplete.append(container["name"])
    if phase == "Succeeded" and not unknown:
        return _condition("Initialized", True, "PodCompleted")
    # Main containers run only after initialisation, whatever became of the init containers' records since.
    if init_containers and main_containers_have_run(spec, statuses or []):
        return _condition("Initialized", True)
    if unknown or incomplete:
        return _condition(
            "Initialized", False, "ContainersNotInitialized", _trouble(unknown, incomplete, "incomplete")
        )
    return _condition("Initialized", True)


def ready_to_start_containers_condition(*, sandbox_ready: bool) -> Condition:
    """PodReadyToStartContainers: the sandbox exists and has its network."""
    return _condition("PodReadyToStartContainers", sandbox_ready)


def pod_scheduled_condition() -> Condition:
    """PodScheduled as the kubelet reports it for every pod it has."""
    return _condition("PodScheduled", True)


def merge_conditions(
    old: list[Condition], new: list[Condition], now: str, generation: int = 0
) -> list[Condition]:
    """The ``new`` conditions with their times, after those of ``old`` that the kubelet does not own.

    ``lastTransitionTime`` moves only when ``status`` does. ``now`` is a metav1.Time text. ``old`` itself is returned
    when nothing changes.
    """
    before_by_type = {condition["type"]: condition for condition in old}
    own = []
    for condition in new:
        kind, status = condition["type"], condition["status"]
        before = before_by_type.pop(kind, None)
        same = before is not None and before["status"] == status
        when = before.get("lastTransitionTime", now) if before is not None and same else now
        stamped = _stamped(kind, status, condition.get("reason"), condition.get("message"), when, generation)
        own.append(before if same and stamped == before else stamped)
    merged = [*before_by_type.values(), *own]
    return old if merged == old else merged


@lru_cache(maxsize=16_384)
def _stamped(
    kind: str, status: str, reason: str | None, message: str | None, when: str, generation: int
) -> Condition:
    """A condition with its time; thousands of pods share the ones of a second."""
    condition = _condition(kind, status == "True", reason or "", message or "")
    condition["lastProbeTime"] = None
    condition["lastTransitionTime"] = when
    if generation:
        condition["observedGeneration"] = generation
    return condition
