"""The status of a pod, worked out from what its containers do, and the patch that tells the API server.

**Imitates:** ``pkg/kubelet/kubelet_pods.go`` (``generateAPIPodStatus``, ``convertToAPIContainerStatuses``) and
``pkg/kubelet/status/status_manager.go`` (``mergePodStatus``; ``PatchPodStatus`` of pkg/util/pod), v1.36. Left out:
``allocatedResources``, ``volumeMounts`` and ``user`` of container statuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kcsim.api.qos import qos_class
from kcsim.cluster.kubelet import messages
from kcsim.cluster.kubelet.conditions import (
    Condition,
    containers_ready_condition,
    initialized_condition,
    merge_conditions,
    pod_ready_condition,
    pod_scheduled_condition,
    ready_to_start_containers_condition,
)
from kcsim.cluster.kubelet.phase import get_phase
from kcsim.cluster.kubelet.restart_policy import is_restartable_init_container
from kcsim.cluster.kubelet.runtime import Container, Sandbox
from kcsim.cluster.kubelet.shared import Shared, SharedPair
from kcsim.engine.clock import rfc3339

Status = dict[str, Any]


@dataclass(slots=True)
class ContainerView:
    """What the kubelet knows of a container beyond the runtime's record.

    Attributes:
        ready: its readiness probe's result, or True without one.
        started: its startup probe's result, or True without one.
        alive: its liveness probe's result.
        startup_failed: its startup probe gave up.
        waiting: (reason, message) while it cannot be started.
        post_start_failed: why its postStart hook failed, until the container has ended for it.
    """

    ready: bool = False
    started: bool = False
    alive: bool = True
    startup_failed: bool = False
    waiting: tuple[str, str] | None = None
    post_start_failed: str = ""


UNSEEN = ContainerView()


def _terminated(container: Container) -> Status:
    state = {"exitCode": container.exit_code, "reason": container.reason}
    state["startedAt"] = rfc3339(container.started_at)
    state["finishedAt"] = rfc3339(container.finished_at or 0)
    state["containerID"] = container.id
    return {"terminated": state}


def _waiting(reason: str, message: str) -> Status:
    return {"waiting": {"reason": reason, "message": message} if message else {"reason": reason}}


def container_status(
    spec: dict[str, Any], container: Container | None, view: ContainerView, *, idle_reason: str
) -> Status:
    """One entry of ``containerStatuses`` or ``initContainerStatuses``.

    Args:
        spec: of the container.
        container: its newest attempt, None when there was none.
        view: what the kubelet knows beside.
        idle_reason: what it waits for when nothing went wrong: ContainerCreating or PodInitializing.
    """
    status: Status = {"name": spec["name"]}
    last: Status = {}
    if container is None:
        status["state"] = _waiting(*(view.waiting or (idle_reason, "")))
    else:
        if container.finished_at is None:
            status["state"] = {"running": {"startedAt": rfc3339(container.started_at)}}
        elif view.waiting is not None:
            status["state"] = _waiting(*view.waiting)
            last = _terminated(container)
        else:
            status["state"] = _terminated(container)
        if not last and container.previous is not None:
            last = _terminated(container.previous)
    running = container is not None and container.finished_at is None
    status["lastState"] = last
    status["ready"] = running and view.ready
    status["restartCount"] = container.attempt if container is not None else 0
    if container is None:
        status["image"] = spec["image"]
        status["imageID"] = ""
    else:
        status["image"], status["imageID"] = _image_names(container.image, container.behaviour.digest)
        status["containerID"] = container.id
    status["started"] = running and view.started
    if running:
        assert container is not None
        status["resources"] = container.spec.get("resources") or {}
    return status


@lru_cache(maxsize=4096)
def _image_names(image: str, digest: str) -> tuple[str, str]:
    full = messages.normalized_image(image)
    return full, f"{_repository(full)}@{digest}"


def _repository(image: str) -> str:
    head, slash, last = image.rpartition("/")
    return f"{head}{slash}{last.split('@')[0].split(':')[0]}"


def _init_container_status(spec: dict[str, Any], container: Container | None, view: ContainerView) -> Status:
    status = container_status(spec, container, view, idle_reason=messages.POD_INITIALIZING)
    # An init container is ready when it is done; a sidecar like any other container.
    if not is_restartable_init_container(spec) and container is not None:
        status["ready"] = container.finished_at is not None and container.exit_code == 0
    return status


def _ephemeral_container_status(
    spec: dict[str, Any], container: Container | None, view: ContainerView, *, idle_reason: str
) -> Status:
    """prober_manager.go, UpdatePodStatus, passes these over: they are never ready, and nobody says that they started."""
    status = container_status(spec, container, view, idle_reason=idle_reason)
    status["ready"] = False
    del status["started"]
    return status


_ENDED = frozenset({"Succeeded", "Failed"})


def generate_pod_status(
    pod: dict[str, Any],
    old: Status,
    sandbox: Sandbox | None,
    views: Mapping[str, ContainerView],
    *,
    host_ips: tuple[str, ...],
    now: int,
    terminal: bool = False,
) -> Status:
    """The whole status of a pod.

    Args:
        pod: the newest version of the object.
        old: the status it replaces: conditions of others and transition times come from it.
        sandbox: with its containers; None before the first one.
        views: by container name.
        host_ips: of the node, one a family.
        now: µs.
        terminal: the pod was deleted or evicted and everything in it has stopped.
    """
    spec = pod["spec"]
    containers: Mapping[str, Container] = sandbox.containers if sandbox is not None else {}
    specs, init_specs = spec["containers"], spec.get("initContainers") or ()
    init: list[Status] = []
    has_run = False
    if containers or init_specs or any(view.waiting for view in views.values()):
        init = [
            _init_container_status(c, containers.get(c["name"]), views.get(c["name"], UNSEEN))
            for c in init_specs
        ]
        idle = messages.POD_INITIALIZING if init_specs else messages.CONTAINER_CREATING
        main = [
            container_status(c, containers.get(c["name"]), views.get(c["name"], UNSEEN), idle_reason=idle)
            for c in specs
        ]
        has_run = True in [c["name"] in containers for c in specs]
    else:
        main = _none_started(specs)
    every = [*init, *main] if init else main
    if not init and False not in ["running" in status["state"] for status in main]:
        phase = "Running"
    elif main is _none_started(specs) and not terminal:
        phase = "Pending"
    else:
        phase = get_phase(spec, every, pod_is_terminal=terminal, pod_has_initialized=has_run)
    if terminal and phase not in _ENDED:
        # status_manager.go, TerminatePod: whatever else, a pod that is over is Succeeded or Failed.
        phase = "Failed"
        main = [_lost(status) if has_run else status for status in main]
        every = [*init, *main]
    elif phase not in _ENDED:
        # kubelet_pods.go, generateAPIPodStatus: what was over, by its own word or the server's, does not begin again.
        phase = next(
            (p for p in (old.get("phase"), (pod.get("status") or {}).get("phase")) if p in _ENDED), phase
        )
    old_conditions = old.get("conditions") or []
    sandbox_ready = sandbox is not None and sandbox.ready and not terminal
    if init_specs or spec.get("readinessGates"):
        conditions = _conditions(spec, old_conditions, every, phase, sandbox_ready=sandbox_ready)
    else:
        # Without these the conditions follow from little, and the pods of one template share them.
        known = _conditions_by_state(specs)
        state = (phase, sandbox_ready, *[status["ready"] for status in main])
        conditions = known.get(state) or known.setdefault(
            state, _alike(_conditions(spec, old_conditions, every, phase, sandbox_ready=sandbox_ready))
        )
    generation = pod["metadata"].get("generation") or 0
    text = rfc3339(now)
    status: Status = {"observedGeneration": generation} if generation else {}
    status["phase"] = phase
    status["conditions"] = _merged_conditions(old_conditions, conditions, text, generation)
    status["hostIP"] = host_ips[0]
    status["hostIPs"] = _addresses(host_ips)
    if sandbox is not None and (sandbox.ready or terminal):
        status["podIP"] = sandbox.ips[0]
        status["podIPs"] = _addresses(sandbox.ips)
    elif old.get("podIP"):
        status["podIP"] = old["podIP"]
        status["podIPs"] = old.get("podIPs") or _addresses((old["podIP"],))
    status["startTime"] = old.get("startTime") or text
    if init:
        status["initContainerStatuses"] = init
    status["containerStatuses"] = main
    status["qosClass"] = old.get("qosClass") or qos_class(spec)
    debuggers = spec.get("ephemeralContainers")
    if debuggers:
        idle = messages.POD_INITIALIZING if init_specs else messages.CONTAINER_CREATING
        status["ephemeralContainerStatuses"] = [
            _ephemeral_container_status(
                c, containers.get(c["name"]), views.get(c["name"], UNSEEN), idle_reason=idle
            )
            for c in debuggers
        ]
    return status


def _conditions(
    spec: dict[str, Any], old: list[Condition], statuses: list[Status], phase: str, *, sandbox_ready: bool
) -> list[Condition]:
    ready = containers_ready_condition(spec, statuses, phase)
    return [
        ready_to_start_containers_condition(sandbox_ready=sandbox_ready),
        initialized_condition(spec, statuses, phase),
        pod_ready_condition(spec, old, statuses, phase, ready),
        ready,
        pod_scheduled_condition(),
    ]


def _waiting_statuses(containers: list[dict[str, Any]]) -> list[Status]:
    return [container_status(c, None, UNSEEN, idle_reason=messages.CONTAINER_CREATING) for c in containers]


_none_started = Shared(_waiting_statuses)
"""The statuses of a pod's containers before the first one; the pods of one template share them."""


def _none_yet(_containers: Any) -> dict[tuple[Any, ...], list[Condition]]:
    return {}


_conditions_by_state = Shared(_none_yet)
"""The containers of a template -> phase, whether there is a sandbox, who is ready -> conditions without times."""
_merged_conditions = SharedPair(merge_conditions)
"""Pods that come to the same conditions in the same second share them."""


def _alike(conditions: list[Condition]) -> list[Condition]:
    """Conditions without times are shared by templates as well."""
    return _same_conditions(tuple([tuple(condition.items()) for condition in conditions]))


@lru_cache(maxsize=1024)
def _same_conditions(rows: tuple[tuple[tuple[str, str], ...], ...]) -> list[Condition]:
    return [dict(row) for row in rows]


@lru_cache(maxsize=16_384)
def _addresses(ips: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"ip": ip} for ip in ips]


def _lost(status: Status) -> Status:
    if "terminated" in status["state"]:
        return status
    state = {
        "exitCode": 137,
        "reason": messages.STATUS_UNKNOWN,
        "message": messages.STATUS_UNKNOWN_MESSAGE,
        "startedAt": None,
        "finishedAt": None,
    }
    return {**status, "state": {"terminated": state}, "ready": False, "started": False}


_MERGED_BY = {"conditions": "type", "podIPs": "ip", "hostIPs": "ip"}
_OF_CONTAINERS = ("containerStatuses", "initContainerStatuses")


def status_patch(uid: str, old: Status, new: Status) -> Status | None:
    """The strategic merge patch from ``old`` to ``new``; None when there is nothing to say.

    Fields of ``old`` that ``new`` does not have belong to others and stay.
    """
    changed: Status = {}
    for field, value in new.items():
        before = old.get(field)
        if value is before or value == before:
            continue
        key = _MERGED_BY.get(field)
        if key is None:
            changed[field] = value
            continue
        known = {item[key]: item for item in before or ()}
        order = [item[key] for item in value]
        patches = [
            _item_patch(known.get(item[key]), item, key) for item in value if known.get(item[key]) != item
        ]
        # A null says the same as nothing: for an item that is known, the merge key alone is no change.
        items = [patch for patch in patches if len(patch) > 1 or patch[key] not in known]
        items.extend({"$patch": "delete", key: gone} for gone in known if gone not in order)
        if not items and list(known) == order:
            continue
        changed[f"$setElementOrder/{field}"] = [{key: name} for name in order]
        if items:
            changed[field] = items
    return {"metadata": {"uid": uid}, "status": changed} if changed else None


def _item_patch(old: Status | None, new: Status, key: str) -> Status:
    """Only the members that differ, and the merge key; null removes one."""
    if old is None:
        return new
    patch = {k: v for k, v in new.items() if k == key or old.get(k) != v}
    patch.update({k: None for k in old if k not in new})
    return patch


def status_after(old: Status, new: Status) -> Status | None:
    """What ``status_patch`` makes of ``old``: ``old`` itself when there is nothing to say.

    None where only the server's own merging can say: with nulls in what containers report.
    """
    for field in _MERGED_BY:
        if not new.get(field, True) and not old.get(field):
            # An empty list where there was none says nothing.
            new = {k: v for k, v in new.items() if k != field}
    after = {**old, **new}
    before = old.get("conditions")
    if before and "conditions" in new:
        after["conditions"] = _conditions_after(before, new["conditions"])
    if after == old:
        return old
    for field in _OF_CONTAINERS:
        if (
            field in new
            and True in [_has_lost(status) for status in new[field]]
            and new[field] != old.get(field)
        ):
            return None
    return after


def _merge_known(before: list[Condition], conditions: list[Condition]) -> list[Condition]:
    known = {item["type"]: item for item in before}
    return [
        item if (was := known.get(item["type"])) is None or was is item else _merged_item(was, item)
        for item in conditions
    ]


_conditions_after = SharedPair(_merge_known)
"""The conditions before, those of a report -> what they come to."""


def _merged_item(old: Status, new: Status) -> Status:
    """The item as the server has it afterwards: the new one, without a null that is news."""
    news = [k for k, v in new.items() if v is None and old.get(k, old) is not None]
    return {k: v for k, v in new.items() if k not in news} if news else new


def _has_lost(status: Status) -> bool:
    ended = status["state"].get("terminated")
    return ended is not None and ended["startedAt"] is None
