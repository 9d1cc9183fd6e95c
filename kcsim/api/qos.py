"""The quality-of-service class of a pod.

**Imitates:** kubernetes ``pkg/apis/core/v1/helper/qos`` (v1.36): only cpu and memory count, zero counts as unset; where
the pod as a whole asks for something, its containers do not count.
"""

from __future__ import annotations

from typing import Any

from kcsim.api.pod_resources import is_pod_level

_COMPUTE = ("cpu", "memory")


# Pods of one template share their lists of containers: by identity, held so that it stays theirs.
_known: dict[int, tuple[Any, str]] = {}
_BOUND = 2048


def qos_class(spec: dict[str, Any]) -> str:
    """Guaranteed, Burstable or BestEffort."""
    containers = spec.get("containers")
    if containers is None or spec.get("initContainers") or spec.get("resources"):
        return _qos_class(spec)
    known = _known.get(id(containers))
    if known is not None and known[0] is containers:
        return known[1]
    if len(_known) >= _BOUND:
        _known.clear()
    found = _qos_class(spec)
    _known[id(containers)] = (containers, found)
    return found


def _qos_class(spec: dict[str, Any]) -> str:
    guaranteed = True
    anything = False
    asking = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    for container in [spec] if _asks(spec.get("resources") or {}) else asking:
        resources = container.get("resources") or {}
        requests = _counted(resources.get("requests"))
        limits = _counted(resources.get("limits"))
        if requests or limits:
            anything = True
        if set(limits) != set(_COMPUTE) or any(requests.get(k, v) != v for k, v in limits.items()):
            guaranteed = False
    if not anything:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _asks(resources: dict[str, Any]) -> bool:
    """IsPodLevelResourcesSet."""
    return any(is_pod_level(name) for field in ("requests", "limits") for name in resources.get(field) or ())


def _counted(amounts: dict[str, Any] | None) -> dict[str, str]:
    return {
        k: str(v)
        for k, v in (amounts or {}).items()
        if k in _COMPUTE and str(v) not in {"0", "0m", "0Mi", ""}
    }
