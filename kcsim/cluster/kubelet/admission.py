"""Whether the node takes a pod that was bound to it.

**Imitates:** ``pkg/kubelet/lifecycle/predicate.go`` (``generalFilter``) and ``handlers.go`` (v1.36): pods, cpu, memory
and ephemeral storage against what the node can give, and the pod's node selector. Left out: required node affinity,
host ports, topology manager, and critical pods that push others out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api import quantity
from kcsim.api.pod_resources import POD_LEVEL
from kcsim.cluster.kubelet.shared import Shared

REJECTED = "Pod was rejected: "
_COUNTED = ("cpu", "memory", "ephemeral-storage")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why not: ``reason`` and ``message`` of the pod's status."""

    reason: str
    message: str


def pod_requests(spec: Mapping[str, Any]) -> dict[str, int]:
    """What a pod takes: cpu in milli, the rest in bytes, ``pods`` 1.

    Main containers and sidecars add up; an init container counts only where it alone asks for more. What the pod asks for
    as a whole counts instead.
    """
    if not spec.get("initContainers") and not spec.get("overhead") and not spec.get("resources"):
        return _plain_requests(spec.get("containers"))
    return _requests(spec)


def _requests(spec: Mapping[str, Any]) -> dict[str, int]:
    total = {"pods": 1}
    largest_init: dict[str, int] = {}
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        requests = (container.get("resources") or {}).get("requests")
        if not requests:
            continue
        is_init = (
            container in (spec.get("initContainers") or ()) and container.get("restartPolicy") != "Always"
        )
        for name in _COUNTED:
            if name in requests:
                amount = quantity.milli(requests[name]) if name == "cpu" else quantity.value(requests[name])
                if is_init:
                    largest_init[name] = max(largest_init.get(name, 0), amount)
                else:
                    total[name] = total.get(name, 0) + amount
    for name, amount in largest_init.items():
        total[name] = max(total.get(name, 0), amount)
    for name, text in ((spec.get("resources") or {}).get("requests") or {}).items():
        if name in POD_LEVEL:
            total[name] = quantity.milli(text) if name == "cpu" else quantity.value(text)
    for name, text in (spec.get("overhead") or {}).items():
        if name in _COUNTED:
            amount = quantity.milli(text) if name == "cpu" else quantity.value(text)
            total[name] = total.get(name, 0) + amount
    return total


_plain_requests = Shared(lambda containers: _requests({"containers": containers}))


def node_allocatable(node: Mapping[str, Any]) -> dict[str, int]:
    """``status.allocatable`` in the same units."""
    given = (node.get("status") or {}).get("allocatable") or {}
    result = {n: quantity.value(given[n]) for n in ("memory", "ephemeral-storage", "pods") if n in given}
    if "cpu" in given:
        result["cpu"] = quantity.milli(given["cpu"])
    return result


def can_admit_pod(
    spec: Mapping[str, Any],
    requests: Mapping[str, int],
    used: Mapping[str, int],
    allocatable: Mapping[str, int],
    node_labels: Mapping[str, str],
) -> Rejection | None:
    """None when the node takes the pod; the first thing that speaks against it otherwise."""
    for name in ("pods", *_COUNTED):
        wanted, capacity = requests.get(name, 0), allocatable.get(name)
        taken = used.get(name, 0)
        if wanted and capacity is not None and taken + wanted > capacity:
            return Rejection(
                f"OutOf{name}",
                f"Node didn't have enough resource: {name}, requested: {wanted}, used: {taken}, capacity: {capacity}",
            )
    selector = spec.get("nodeSelector") or {}
    if any(node_labels.get(key) != value for key, value in selector.items()):
        return Rejection(
            "NodeAffinity",
            "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
        )
    return None
