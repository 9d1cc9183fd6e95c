"""What controllers ask about one pod: active, ready since when, available, restarted how often.

**Imitates:** ``pkg/api/v1/pod/util.go`` and the pod predicates of ``pkg/controller/controller_utils.go`` (v1.36).
Times are µs of virtual time; ``now`` is handed in.
"""

from __future__ import annotations

from typing import Any

from kcsim.engine.clock import SECOND, parse_rfc3339

Pod = dict[str, Any]


def phase(pod: Pod) -> str:
    """status.phase, "" before anything was reported."""
    status = pod.get("status")
    return status.get("phase", "") if status else ""


def is_terminal(pod: Pod) -> bool:
    """Whether the pod has run to its end: phase Succeeded or Failed."""
    status = pod.get("status")
    return status is not None and status.get("phase") in ("Succeeded", "Failed")


def is_active(pod: Pod) -> bool:
    """Whether the pod counts as a replica: not terminal and not being deleted."""
    return not pod["metadata"].get("deletionTimestamp") and not is_terminal(pod)


def is_terminating(pod: Pod) -> bool:
    """Whether the pod is on its way out: being deleted and not yet terminal."""
    return bool(pod["metadata"].get("deletionTimestamp")) and not is_terminal(pod)


def ready_condition(pod: Pod) -> dict[str, Any] | None:
    """The Ready condition."""
    status = pod.get("status")
    if status:
        for condition in status.get("conditions") or ():
            if condition["type"] == "Ready":
                return condition  # type: ignore[no-any-return]
    return None


def is_ready(pod: Pod) -> bool:
    """Whether the Ready condition is True."""
    condition = ready_condition(pod)
    return condition is not None and condition.get("status") == "True"


def ready_since(pod: Pod) -> int | None:
    """Since when (µs) the pod is Ready; None when it is not, or when the condition carries no time."""
    condition = ready_condition(pod)
    if condition is None or condition.get("status") != "True":
        return None
    since = condition.get("lastTransitionTime")
    return parse_rfc3339(since) if since else None


def is_available(pod: Pod, min_ready_seconds: int, now: int) -> bool:
    """Whether the pod has been Ready for ``min_ready_seconds`` at ``now`` (µs)."""
    if min_ready_seconds == 0:
        return is_ready(pod)
    since = ready_since(pod)
    return since is not None and since + min_ready_seconds * SECOND <= now


def created(pod: Pod) -> int | None:
    """When (µs) the pod was created, None before the server set it."""
    stamp = pod["metadata"].get("creationTimestamp")
    return parse_rfc3339(stamp) if stamp else None


def restarts(pod: Pod) -> tuple[int, int]:
    """The highest restart count among containers, and among sidecars (restartable init containers)."""
    status = pod.get("status") or {}
    regular = [s.get("restartCount", 0) for s in status.get("containerStatuses") or ()]
    init = pod["spec"].get("initContainers")
    if not init:
        return max(regular, default=0), 0
    sidecars = {c["name"] for c in init if c.get("restartPolicy") == "Always"}
    sidecar = [
        s.get("restartCount", 0) for s in status.get("initContainerStatuses") or () if s["name"] in sidecars
    ]
    return max(regular, default=0), max(sidecar, default=0)


def deletion_cost(pod: Pod) -> int:
    """The annotation controller.kubernetes.io/pod-deletion-cost, 0 when absent or malformed."""
    text = (pod["metadata"].get("annotations") or {}).get("controller.kubernetes.io/pod-deletion-cost")
    if not text:
        return 0
    digits = text[1:] if text[0] == "-" else text
    # Upstream refuses a leading plus sign and leading zeros, and falls back to 0 on anything out of int32.
    if not (digits.isascii() and digits.isdigit()) or (digits[0] == "0" and len(digits) > 1):
        return 0
    cost = int(text)
    return cost if -(2**31) <= cost < 2**31 else 0
