"""How much a pod asks for: the arithmetic over its containers.

**Imitates:** staging/src/k8s.io/component-helpers/resource/helpers.go ``PodRequests`` and the scheduler's
``PodInfo.CalculateResource`` (v1.36).

Units: cpu in thousandths, memory and storage in bytes, everything else in whole units.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import quantity as quantities

Requests = dict[str, int]

# Containers that ask for nothing count as this much in the scores (pkg/scheduler/util/pod_resources.go).
DEFAULT_MILLI_CPU_REQUEST = 100
DEFAULT_MEMORY_REQUEST = 200 * 1024 * 1024
_NON_MISSING: Requests = {"cpu": DEFAULT_MILLI_CPU_REQUEST, "memory": DEFAULT_MEMORY_REQUEST}
_NATIVE = frozenset(("cpu", "memory", "ephemeral-storage"))
_amounts: dict[tuple[str, str], int] = {}


def amount(resource: str, quantity: str | float) -> int:
    """A quantity as a whole number of the resource's unit, rounded up."""
    text = str(quantity)
    known = _amounts.get((resource, text))
    if known is None:
        known = quantities.milli(text) if resource == "cpu" else quantities.value(text)
        if len(_amounts) > 10_000:
            _amounts.clear()
        _amounts[resource, text] = known
    return known


def is_scalar_resource(name: str) -> bool:
    """Extended, huge page, ``kubernetes.io/`` and attachable volume resources (schedutil.IsScalarResourceName)."""
    return "/" in name or name.startswith(("hugepages-", "attachable-volumes-"))


def resource_list(amounts: dict[str, Any] | None) -> Requests:
    """A ResourceList as whole numbers; names the scheduler does not count (``pods``, ``storage``) are dropped."""
    if not amounts:
        return {}
    return {
        name: amount(name, quantity)
        for name, quantity in amounts.items()
        if name in _NATIVE or is_scalar_resource(name)
    }


def pod_requests(spec: dict[str, Any], non_missing: Requests | None = None) -> Requests:
    """What a pod asks for: max(init containers, sum of containers and sidecars), pod level, plus overhead.

    ``non_missing`` stands in for requests that a container does not make at all.
    """
    total: Requests = {}
    for container in spec.get("containers") or ():
        _add(total, _container_requests(container, non_missing))
    sidecars: Requests = {}
    init: Requests = {}
    for container in spec.get("initContainers") or ():
        wants = _container_requests(container, non_missing)
        if container.get("restartPolicy") == "Always":
            # A sidecar runs beside everything that starts after it.
            _add(total, wants)
            _add(sidecars, wants)
            wants = dict(sidecars)
        else:
            wants = dict(wants)
            _add(wants, sidecars)
        _max(init, wants)
    _max(total, init)
    total.update(_pod_level(spec))
    _add(total, resource_list(spec.get("overhead")))
    return total


def non_zero_requests(spec: dict[str, Any]) -> tuple[int, int]:
    """(cpu in thousandths, memory in bytes) with stand-ins for containers that ask for nothing."""
    missing = _NON_MISSING
    if _pod_level(spec):
        made = pod_requests(spec)
        missing = {name: value for name, value in missing.items() if name not in made}
    total = pod_requests(spec, missing)
    return total.get("cpu", 0), total.get("memory", 0)


def is_resizing(pod: dict[str, Any]) -> bool:
    """Whether a kubelet says that the pod has another size than its spec."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(condition["type"].startswith("PodResize") for condition in conditions)


def counted(pod: dict[str, Any]) -> dict[str, Any]:
    """The spec of a placed pod, with the sizes that count while it is resized (determineContainerReqs).

    The larger of what a container asks for, was given, and has; where it cannot get it, of what it was given and has.
    """
    status = pod.get("status") or {}
    spec: dict[str, Any] = pod["spec"]
    told = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    known = {each["name"]: each for each in told if each.get("resources") is not None}
    whole = status if status.get("resources") is not None and spec.get("resources") else None
    if not known and whole is None:
        return spec
    hopeless = any(
        c["type"] == "PodResizePending" and c.get("reason") == "Infeasible"
        for c in status.get("conditions") or ()
    )
    made = dict(spec)
    for field in ("containers", "initContainers"):
        if field in spec:
            made[field] = [_counted(each, known.get(each["name"]), hopeless=hopeless) for each in spec[field]]
    if whole is not None:
        made["resources"] = _counted({"resources": spec["resources"]}, whole, hopeless=hopeless)["resources"]
    return made


def _counted(container: dict[str, Any], status: dict[str, Any] | None, *, hopeless: bool) -> dict[str, Any]:
    if status is None:
        return container
    resources = container.get("resources") or {}
    lists = [status["resources"].get("requests"), status.get("allocatedResources")]
    if not hopeless:
        lists.append(resources.get("requests"))
    largest: dict[str, Any] = {}
    for amounts in lists:
        for name, text in (amounts or {}).items():
            if name not in largest or amount(name, text) > amount(name, largest[name]):
                largest[name] = text
    if largest == (resources.get("requests") or {}):
        return container
    return {**container, "resources": {**resources, "requests": largest}}


def _container_requests(container: dict[str, Any], non_missing: Requests | None) -> Requests:
    requests = resource_list((container.get("resources") or {}).get("requests"))
    return {**non_missing, **requests} if non_missing else requests


def _pod_level(spec: dict[str, Any]) -> Requests:
    requests = resource_list((spec.get("resources") or {}).get("requests"))
    return {
        name: value
        for name, value in requests.items()
        if name in {"cpu", "memory"} or name.startswith("hugepages-")
    }


def _add(total: Requests, more: Requests) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def _max(total: Requests, other: Requests) -> None:
    for name, value in other.items():
        if value > total.get(name, -1):
            total[name] = value
