"""What a pod as a whole asks for and may use.

**Imitates:** component-helpers ``resource/helpers.go`` (PodRequests, PodLimits; v1.36): containers and sidecars together, or the
hungriest init container beside the sidecars before it; amounts of the pod itself instead, where it names any; overhead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcsim.api import quantity
from kcsim.api.objects import Object
from kcsim.api.quantity import Quantity

Amounts = dict[str, Quantity]
POD_LEVEL = ("cpu", "memory")
"""What a pod can ask for as a whole, beside huge pages."""


def is_pod_level(name: str) -> bool:
    """Whether a pod can ask for it as a whole (IsSupportedPodLevelResource)."""
    return name in POD_LEVEL or name.startswith("hugepages-")


def amounts(resources: Any, field: str) -> Amounts:
    """``requests`` or ``limits`` of a container, parsed."""
    given = (resources or {}).get(field) or {}
    return {name: quantity.of(value) for name, value in given.items()}


def pod_requests(pod: Object) -> Amounts:
    """The requests of a pod."""
    spec = pod["spec"]
    return _plus(_together(spec, "requests"), _overhead(spec))


def pod_limits(pod: Object) -> Amounts:
    """The limits of a pod; overhead counts only where there is one."""
    spec = pod["spec"]
    total = _together(spec, "limits")
    return _plus(total, {name: amount for name, amount in _overhead(spec).items() if name in total})


def _together(spec: Object, field: str) -> Amounts:
    of_pod = amounts(spec.get("resources"), field)
    return {**of_containers(spec, field), **{k: v for k, v in of_pod.items() if is_pod_level(k)}}


def of_containers(spec: Mapping[str, Any], field: str) -> Amounts:
    """``requests`` or ``limits`` of a pod's containers together, whatever the pod names itself."""
    total: Amounts = {}
    for container in spec.get("containers") or ():
        total = _plus(total, amounts(container.get("resources"), field))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = amounts(container.get("resources"), field)
        if container.get("restartPolicy") == "Always":
            total, sidecars = _plus(total, own), _plus(sidecars, own)
            own = sidecars
        else:
            own = _plus(own, sidecars)
        peak = _most(peak, own)
    return _most(total, peak)


def _overhead(spec: Object) -> Amounts:
    return {name: quantity.of(value) for name, value in (spec.get("overhead") or {}).items()}


def _plus(a: Amounts, b: Amounts) -> Amounts:
    return {
        name: a[name].add(b[name]) if name in a and name in b else a.get(name) or b[name]
        for name in {**a, **b}
    }


def _most(a: Amounts, b: Amounts) -> Amounts:
    return {
        name: b[name] if name in b and (name not in a or b[name].nanos > a[name].nanos) else a[name]
        for name in {**a, **b}
    }
