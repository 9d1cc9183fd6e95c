"""The phase of a pod, from its spec and what its containers do.

**Imitates:** ``pkg/kubelet/kubelet_pods.go`` (``getPhase``), v1.36, with restart rules of single containers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kcsim.cluster.kubelet.restart_policy import (
    Container,
    PodSpec,
    is_restartable_init_container,
    restarts_after,
)

ContainerStatus = dict[str, Any]


def get_container_status(statuses: Iterable[ContainerStatus], name: str) -> ContainerStatus | None:
    """The status of the container of that name."""
    return next((status for status in statuses if status["name"] == name), None)


def _last_exit_code(status: ContainerStatus) -> int | None:
    last = (status.get("lastState") or {}).get("terminated")
    return None if last is None else int(last.get("exitCode", 0))


def _count_init_containers(spec: PodSpec, statuses: list[ContainerStatus]) -> tuple[int, int]:
    """(pending, failed for good) among the init containers that run to completion."""
    pending = failed = 0
    for container in spec.get("initContainers") or ():
        if is_restartable_init_container(container):
            continue
        status = get_container_status(statuses, container["name"])
        state = (status or {}).get("state") or {}
        code: int | None = None
        if "terminated" in state:
            code = int(state["terminated"].get("exitCode", 0))
        elif "waiting" in state:
            code = _last_exit_code(status or {})
        if code is None:
            pending += 1
        elif code != 0 and not restarts_after(container, spec, code):
            failed += 1
        elif code != 0:
            pending += 1
    return pending, failed


def get_phase(
    spec: PodSpec,
    statuses: list[ContainerStatus],
    *,
    pod_is_terminal: bool = False,
    pod_has_initialized: bool = False,
) -> str:
    """``Pending``, ``Running``, ``Succeeded`` or ``Failed``.

    Args:
        spec: the pod's spec.
        statuses: of init containers and main containers together.
        pod_is_terminal: the pod was deleted or evicted and everything in it has stopped.
        pod_has_initialized: its main containers have been started once already.
    """
    pending_init, failed_init = _count_init_containers(spec, statuses)
    running = waiting = stopped = succeeded = unknown = pending_sidecars = 0
    restartable = False

    for container in spec.get("initContainers") or ():
        if not is_restartable_init_container(container):
            continue
        status = get_container_status(statuses, container["name"])
        if status is None:
            unknown += 1
            continue
        state = status.get("state") or {}
        if "running" in state:
            running += 1
            pending_sidecars += not status.get("started")
        elif "terminated" in state:
            pass  # A sidecar that ended says nothing about the pod: it will be back.
        elif "waiting" in state:
            if _last_exit_code(status) is None:
                pending_sidecars += 1
                waiting += 1
        else:
            pending_sidecars += 1
            unknown += 1

    for container in spec.get("containers") or ():
        status = get_container_status(statuses, container["name"])
        state = (status or {}).get("state") or {}
        code = None
        if "running" in state:
            running += 1
        elif "terminated" in state:
            code = int(state["terminated"].get("exitCode", 0))
        elif "waiting" in state:
            code = _last_exit_code(status or {})
            waiting += code is None
        else:
            unknown += 1
        if code is not None:
            stopped += 1
            succeeded += code == 0
            restartable = restartable or restarts_after(container, spec, code)

    if failed_init:
        return "Failed"
    if pending_init or (pending_sidecars and not pod_has_initialized) or waiting:
        return "Pending"
    if running and not unknown:
        return "Running"
    if stopped and not unknown:
        if restartable and not pod_is_terminal:
            return "Running"
        return "Succeeded" if stopped == succeeded else "Failed"
    return "Pending"


def main_containers_have_run(spec: PodSpec, statuses: list[ContainerStatus]) -> bool:
    """Whether any main container runs or ran, which only happens after initialisation."""
    names: set[str] = {container["name"] for container in spec.get("containers") or ()}
    return any(status["name"] in names and _has_run(status) for status in statuses)


def _has_run(status: ContainerStatus) -> bool:
    state = status.get("state") or {}
    return "running" in state or "terminated" in state or _last_exit_code(status) is not None


__all__ = ["Container", "get_container_status", "get_phase", "main_containers_have_run"]
