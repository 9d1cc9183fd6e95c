"""From a Service and its pods to the subsets of its Endpoints.  Decides; never acts.

**Imitates:** ``pkg/controller/endpoint/endpoints_controller.go`` (syncService, podToEndpointAddressForService,
truncateEndpoints) and ``pkg/api/v1/endpoints/util.go`` (RepackSubsets), v1.36.
Differs: several subsets stand in the order of their ports; upstream orders them by a hash of all they hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from kcsim.cluster.controllers.endpointslice.endpoints import endpoint_ports, pod_addresses
from kcsim.cluster.controllers.pods import is_ready, phase
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Port = tuple[tuple[str, Any], ...]
"""A port's fields; () stands for none, which a headless Service without ports has."""
Address = tuple[str, str]
"""An address, and the uid of the pod it belongs to."""

MAX_ADDRESSES = DEFAULT.count("kube-controller-manager/max-endpoints-addresses")


def belongs(pod: Object, *, publish_not_ready: bool) -> bool:
    """Whether a pod has a place in Endpoints at all (ShouldPodBeInEndpoints)."""
    if pod["metadata"].get("deletionTimestamp") and not publish_not_ready:
        return False
    if not (pod.get("status") or {}).get("podIP"):
        return False
    policy = pod["spec"].get("restartPolicy", "Always")
    if policy == "Never":
        return phase(pod) not in ("Succeeded", "Failed")
    return policy != "OnFailure" or phase(pod) != "Succeeded"


def subsets_of(service: Object, pods: Iterable[Object]) -> list[Object]:
    """The subsets that should be written: addresses by the set of ports they have in common, ready ones and others."""
    publish = bool(service["spec"].get("publishNotReadyAddresses"))
    family = (service["spec"].get("ipFamilies") or ["IPv4"])[0]
    addresses: dict[Address, Object] = {}
    # For each port: who serves it, and whether it is ready. Not ready trumps ready.
    serving: dict[Port, dict[Address, bool]] = {}
    for pod in pods:
        if not belongs(pod, publish_not_ready=publish):
            continue
        ips = pod_addresses(pod, family)
        if not ips:
            continue
        address = _address(service, pod, ips[0])
        key = ips[0], pod["metadata"].get("uid", "")
        addresses[key] = address
        ready = publish or is_ready(pod)
        for port in _ports(service, pod):
            by_address = serving.setdefault(port, {})
            by_address[key] = ready and by_address.get(key, True)
    return _repack(addresses, serving)


def truncate(subsets: list[Object]) -> tuple[list[Object], bool]:
    """At most 1000 addresses, shared out by the subsets' sizes; ready ones come first. Whether any were left out."""
    ready = sum(len(subset.get("addresses") or ()) for subset in subsets)
    other = sum(len(subset.get("notReadyAddresses") or ()) for subset in subsets)
    if ready + other <= MAX_ADDRESSES:
        return subsets, False
    only_ready = ready > MAX_ADDRESSES
    kind, total = ("addresses", ready) if only_ready else ("notReadyAddresses", other)
    room = left = MAX_ADDRESSES if only_ready else MAX_ADDRESSES - ready
    cut: list[Object] = []
    for subset in subsets:
        have = subset.get(kind) or []
        # Shares are rounded up, so the last subset may get less than its own.
        keep = min(left, -(-len(have) * room // total))
        left -= keep
        rest = {name: value for name, value in subset.items() if name not in (kind, "notReadyAddresses")}
        cut.append({**({kind: have[:keep]} if keep else {}), **rest})
    return cut, True


def _address(service: Object, pod: Object, ip: str) -> Object:
    metadata, spec = pod["metadata"], pod["spec"]
    address: Object = {"ip": ip}
    if spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]:
        address["hostname"] = spec["hostname"]
    if spec.get("nodeName"):
        address["nodeName"] = spec["nodeName"]
    address["targetRef"] = {
        "kind": "Pod",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
    }
    return address


def _ports(service: Object, pod: Object) -> list[Port]:
    if not service["spec"].get("ports"):
        return [()] if service["spec"].get("clusterIP") == "None" else []
    found = endpoint_ports(service, pod)
    return [tuple((name, value) for name, value in port.items() if value != "") for port in found]


def _repack(addresses: dict[Address, Object], serving: dict[Port, dict[Address, bool]]) -> list[Object]:
    """Ports that the same addresses serve in the same state share one subset."""
    together: dict[frozenset[tuple[Address, bool]], list[Port]] = {}
    for port, by_address in serving.items():
        together.setdefault(frozenset(by_address.items()), []).append(port)
    subsets = []
    for ports in together.values():
        by_address = serving[ports[0]]
        subset: Object = {}
        for name, wanted in (("addresses", True), ("notReadyAddresses", False)):
            keys = sorted((key for key, ready in by_address.items() if ready is wanted), key=_by_number)
            if keys:
                subset[name] = [addresses[key] for key in keys]
        named = [dict(port) for port in sorted(ports, key=_hash) if port]
        subsets.append({**subset, "ports": named} if named else subset)
    return sorted(subsets, key=lambda subset: [_hash(tuple(p.items())) for p in subset.get("ports") or ()])


def _by_number(key: Address) -> tuple[bytes, str]:
    return _packed(key[0]), key[1]


@lru_cache(maxsize=8192)
def _packed(ip: str) -> bytes:
    return ip_address(ip).packed


def _hash(port: Port) -> bytes:
    """Upstream orders ports by the MD5 of Go's dump of them."""
    have = dict(port)
    protocol = f"(*string){have['appProtocol']}" if "appProtocol" in have else "(*string)<nil>"
    dump = (
        f"(v1.EndpointPort){{Name:(string){have.get('name', '')} Port:(int32){have.get('port', 0)} "
        f"Protocol:(v1.Protocol){have.get('protocol', '')} AppProtocol:{protocol}}}"
    )
    return hashlib.md5(dump.encode(), usedforsecurity=False).digest()
