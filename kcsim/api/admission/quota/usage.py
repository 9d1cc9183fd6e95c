"""What an object uses of a quota.

**Imitates:** ``pkg/quota/v1/evaluator/core`` and apiserver ``pkg/quota/v1/{generic,resources.go}`` (v1.36): pods, services, claims,
and any object by count. Left out: claims of devices (dynamic resource allocation), and what a kubelet still
gives to a pod that is being made smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kcsim.api import quantity
from kcsim.api.objects import Object
from kcsim.api.pod_resources import Amounts, amounts, pod_limits, pod_requests
from kcsim.api.quantity import Quantity
from kcsim.api.resources import Resource
from kcsim.engine.clock import SECOND, parse_rfc3339

ONE = Quantity(quantity.NANO_PER_UNIT)
_COUNTED_BY_NAME = frozenset(
    (
        "configmaps",
        "resourcequotas",
        "replicationcontrollers",
        "secrets",
        "services",
        "persistentvolumeclaims",
    )
)
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_POD_RESOURCES = frozenset(("pods", "count/pods")) | {
    f"{prefix}{name}" for prefix in ("", "requests.", "limits.") for name in _COMPUTE
}
_SERVICE_RESOURCES = frozenset(("services", "count/services", "services.nodeports", "services.loadbalancers"))
_CLAIM_RESOURCES = frozenset(("persistentvolumeclaims", "count/persistentvolumeclaims", "requests.storage"))
_CLASS = ".storageclass.storage.k8s.io/"
REQUIRED = frozenset(("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"))
"""What every container must name when a quota limits it."""


def count_name(resource: Resource) -> str:
    """The name under which objects of a resource are counted."""
    return f"count/{resource.group_resource}"


def resource_names(names: Iterable[str], resource: Resource) -> list[str]:
    """Which names of a quota objects of a resource can use."""
    plural = resource.group_resource
    if plural == "pods":
        return [name for name in names if name in _POD_RESOURCES or _is_extended(name)]
    if plural == "services":
        return [name for name in names if name in _SERVICE_RESOURCES]
    if plural == "persistentvolumeclaims":
        return [name for name in names if name in _CLAIM_RESOURCES or _CLASS in name]
    own = {count_name(resource), *({plural} if plural in _COUNTED_BY_NAME else ())}
    return [name for name in names if name in own]


def _is_extended(name: str) -> bool:
    if name.startswith(("hugepages-", "requests.hugepages-")):
        return True
    return name.startswith("requests.") and "/" in name and "kubernetes.io/" not in name


def usage(obj: Object, resource: Resource, now: int) -> Amounts:
    """What an object uses at an instant (µs)."""
    used = {count_name(resource): ONE}
    plural = resource.group_resource
    if plural == "pods":
        return {**used, **_pod_compute(obj)} if counts(obj, now) else used
    if plural == "services":
        return {**used, **_service(obj)}
    if plural == "persistentvolumeclaims":
        return {**used, **_claim(obj)}
    return {**used, plural: ONE} if plural in _COUNTED_BY_NAME else used


def counts(pod: Object, now: int) -> bool:
    """Whether a pod is charged for what it computes with: not once it is over, or should be gone (QuotaV1Pod)."""
    if (pod.get("status") or {}).get("phase") in {"Failed", "Succeeded"}:
        return False
    metadata = pod["metadata"]
    since, grace = metadata.get("deletionTimestamp"), metadata.get("deletionGracePeriodSeconds")
    if since is not None and grace is not None:
        return bool(now <= parse_rfc3339(since) + grace * SECOND)
    return True


def _pod_compute(pod: Object) -> Amounts:
    return compute_usage(pod_requests(pod), pod_limits(pod))


def compute_usage(requests: Mapping[str, Quantity], limits: Mapping[str, Quantity]) -> Amounts:
    """Requests and limits by the names that quotas use (podComputeUsageHelper)."""
    used = {"pods": ONE}
    for name in _COMPUTE:
        if name in requests:
            used[name] = used[f"requests.{name}"] = requests[name]
        if name in limits:
            used[f"limits.{name}"] = limits[name]
    for name, amount in requests.items():
        if name.startswith("hugepages-"):
            used[name] = used[f"requests.{name}"] = amount
        elif "/" in name and "kubernetes.io/" not in name:
            used[f"requests.{name}"] = amount
    return used


def _service(service: Object) -> Amounts:
    spec = service["spec"]
    used = {"services": ONE}
    ports = spec.get("ports") or []
    if spec.get("type") == "NodePort":
        used["services.nodeports"] = ONE.mul(len(ports))
    elif spec.get("type") == "LoadBalancer":
        used["services.loadbalancers"] = ONE
        if spec.get("allocateLoadBalancerNodePorts") is False:
            ports = [port for port in ports if port.get("nodePort")]
        used["services.nodeports"] = ONE.mul(len(ports))
    return used


def _claim(claim: Object) -> Amounts:
    used = {"persistentvolumeclaims": ONE}
    name = claim["spec"].get("storageClassName")
    storage = amounts(claim["spec"].get("resources"), "requests").get("storage")
    if name:
        used[f"{name}{_CLASS}persistentvolumeclaims"] = ONE
    if storage is not None:
        storage, _ = storage.round_up(0)
        used["requests.storage"] = storage
        if name:
            used[f"{name}{_CLASS}requests.storage"] = storage
    return used


def missing(pod: Object, required: Iterable[str]) -> str:
    """What a pod's containers must name and do not: the rest of "must specify ..."; "" for nothing."""
    wanted = REQUIRED.intersection(required)
    without: dict[str, set[str]] = {}
    for field in ("containers", "initContainers"):
        for container in pod["spec"].get(field) or ():
            resources = container.get("resources")
            named = compute_usage(amounts(resources, "requests"), amounts(resources, "limits"))
            for name in wanted - named.keys():
                without.setdefault(name, set()).add(container["name"])
    return "; ".join(f"{name} for: {','.join(sorted(without[name]))}" for name in sorted(without))
