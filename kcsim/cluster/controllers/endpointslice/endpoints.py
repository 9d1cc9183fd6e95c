"""From a pod to its endpoint of a Service.  Decides; never acts.

**Imitates:** staging ``k8s.io/endpointslice`` ``utils.go`` (podToEndpoint, getEndpointPorts, ShouldPodBeInEndpoints,
podEndpointsChanged) and ``trafficdist``, v1.36.
"""

from __future__ import annotations

from typing import Any

from kcsim.cluster.controllers.pods import is_ready

Object = dict[str, Any]
Shape = tuple[Any, ...]

ZONE_LABEL = "topology.kubernetes.io/zone"


def endpoint_shape(pod: Object) -> Shape | None:
    """What of a pod its endpoints depend on; None while it has none. Two equal shapes mean nothing to write."""
    status = pod.get("status")
    if not status or not status.get("podIP") or status.get("phase") in ("Succeeded", "Failed"):
        return None
    deleting = bool(pod["metadata"].get("deletionTimestamp"))
    return status["podIP"], is_ready(pod), deleting, pod["spec"].get("nodeName"), pod["metadata"].get("uid")


def pod_addresses(pod: Object, address_type: str) -> list[str]:
    """The pod's first address of that family (``IPv4`` or ``IPv6``)."""
    status = pod["status"]
    ips = [item["ip"] for item in status.get("podIPs") or ()] or [status["podIP"]]
    return [ip for ip in ips if (":" in ip) == (address_type == "IPv6")][:1]


def pod_to_endpoint(pod: Object, service: Object, address_type: str, zone: str) -> Object | None:
    """The endpoint of a pod that has a `endpoint_shape`; None when it has no address of the family.

    A Terminating pod stays listed, not ready but still serving, until it ends.
    """
    addresses = pod_addresses(pod, address_type)
    if not addresses:
        return None
    metadata, spec = pod["metadata"], pod["spec"]
    serving = is_ready(pod)
    terminating = bool(metadata.get("deletionTimestamp"))
    ready = bool(service["spec"].get("publishNotReadyAddresses")) or (serving and not terminating)
    endpoint: Object = {
        "addresses": addresses,
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
    }
    if spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]:
        endpoint["hostname"] = spec["hostname"]
    endpoint["targetRef"] = {
        "kind": "Pod",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
    }
    if spec.get("nodeName"):
        endpoint["nodeName"] = spec["nodeName"]
    if zone:
        endpoint["zone"] = zone
        hints = _hints(service["spec"].get("trafficDistribution", ""), zone, spec.get("nodeName", ""))
        if ready and hints:
            endpoint["hints"] = hints
    return endpoint


def as_hinted(endpoint: Object, before: Object | None) -> Object:
    """An endpoint of a Service with proportional hints: it keeps the hint that it has, whatever the distribution says."""
    rest = {key: value for key, value in endpoint.items() if key != "hints"}
    if before is not None and "hints" in before and endpoint["conditions"]["ready"]:
        return {**rest, "hints": before["hints"]}
    return rest


def _hints(distribution: str, zone: str, node: str) -> Object:
    """Who an endpoint is meant for (trafficdist.ReconcileHints): each serves where it is."""
    if distribution == "PreferSameNode" and node:
        return {"forZones": [{"name": zone}], "forNodes": [{"name": node}]}
    if distribution in ("PreferClose", "PreferSameZone", "PreferSameNode"):
        return {"forZones": [{"name": zone}]}
    return {}


def endpoint_ports(service: Object, pod: Object) -> list[Object]:
    """The Service's ports as this pod serves them. A named target port that the pod lacks is left out."""
    ports = []
    for port in service["spec"].get("ports") or ():
        protocol = port.get("protocol", "TCP")
        number = find_port(pod, port.get("targetPort") or port["port"], protocol)
        if number is None:
            continue
        entry = {"name": port.get("name", ""), "port": number, "protocol": protocol}
        if port.get("appProtocol"):
            entry["appProtocol"] = port["appProtocol"]
        ports.append(entry)
    return ports


def find_port(pod: Object, target: int | str, protocol: str) -> int | None:
    """The number of a target port: itself, or that of the container port of this name and protocol."""
    if isinstance(target, int):
        return target
    sidecars = [c for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in (*pod["spec"]["containers"], *sidecars):
        for port in container.get("ports") or ():
            if port.get("name") == target and port.get("protocol", "TCP") == protocol:
                return port["containerPort"]  # type: ignore[no-any-return]
    return None


def has_named_ports(service: Object) -> bool:
    """Whether the ports depend on the pod."""
    return any(isinstance(port.get("targetPort"), str) for port in service["spec"].get("ports") or ())
