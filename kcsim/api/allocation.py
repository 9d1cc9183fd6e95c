"""Addresses and ports of Services.

**Imitates:** kubernetes ``pkg/registry/core/service/ipallocator`` and ``portallocator`` (v1.36): a random address from
the upper band, the lower band being left for addresses asked for; the same for node ports. IPv4 single stack; dual
stack is left out and said so when a Service asks for it.
"""

from __future__ import annotations

import ipaddress

from kcsim.api import status
from kcsim.api.catalog import Catalog, Resource
from kcsim.api.log import Log
from kcsim.api.objects import Object
from kcsim.api.validation.field import invalid
from kcsim.engine.dice import Dice

SERVICE_CIDR = "10.96.0.0/16"
NODE_PORTS = (30000, 32767)


def static_band(size: int, *, smallest: int = 16, divisor: int = 16, largest: int = 256) -> int:
    """How many addresses at the lower end are left for static picks."""
    return min(max(smallest, size // divisor), largest)


class ServiceAllocator:
    """Hands out cluster IPs and node ports, and takes them back."""

    def __init__(self, dice: Dice, log: Log, catalog: Catalog) -> None:
        self._dice = dice
        service = catalog.by_gvk(("", "v1", "Service"))
        self._service = service
        network = ipaddress.ip_network(SERVICE_CIDR)
        self._first = int(network.network_address) + 1
        self._size = network.num_addresses - 2
        self._ips: set[str] = (
            {str(v.object["spec"].get("clusterIP")) for v in log.list(service)} if service else set()
        )
        # The first address is the API server's own (the Service "kubernetes").
        self._ips.add(str(ipaddress.ip_address(self._first)))
        self._ports: set[int] = set()

    def on_create(self, resource: Resource, obj: Object) -> Object:
        """The Service with clusterIP(s), IP family and node ports filled in."""
        if resource is not self._service:
            return obj
        spec = obj["spec"]
        if spec.get("type") == "ExternalName":
            return obj
        asked = spec.get("clusterIP") or ""
        ip = asked or self._random_ip()
        if asked and asked != "None":
            self._take_ip(obj, asked)
        new = {
            **spec,
            "clusterIP": ip,
            "clusterIPs": [ip],
            "ipFamilies": spec.get("ipFamilies") or ["IPv4"],
            "ipFamilyPolicy": spec.get("ipFamilyPolicy") or "SingleStack",
        }
        return {**obj, "spec": self._with_node_ports(new)}

    def keep(self, resource: Resource, new: Object, old: Object) -> Object:
        """An update with the addresses and node ports that its client left out, before it is validated
        (registry/core/service: patchAllocatedValues).
        """
        if resource is not self._service or new["spec"] is old["spec"]:
            return new
        spec, before = dict(new["spec"]), old["spec"]
        if spec.get("type") != "ExternalName" and before.get("type") != "ExternalName":
            if not spec.get("clusterIP") and before.get("clusterIP"):
                spec["clusterIP"] = before["clusterIP"]
            if not spec.get("clusterIPs") and spec.get("clusterIP") == before.get("clusterIP"):
                spec["clusterIPs"] = before.get("clusterIPs")
            given, ips = spec.get("clusterIP"), spec.get("clusterIPs")
            if given != before.get("clusterIP") and (not ips or ips == before.get("clusterIPs")):
                spec["clusterIPs"] = [given]
            for field in ("ipFamilies", "ipFamilyPolicy"):
                if not spec.get(field) and before.get(field):
                    spec[field] = before[field]
        kept = {(p.get("port"), p.get("protocol")): p.get("nodePort") for p in before.get("ports") or ()}
        if spec.get("type") in {"NodePort", "LoadBalancer"} and spec.get("ports"):
            spec["ports"] = [
                p
                if p.get("nodePort") or not kept.get((p.get("port"), p.get("protocol")))
                else {**p, "nodePort": kept[p.get("port"), p.get("protocol")]}
                for p in spec["ports"]
            ]
        return {**new, "spec": {k: v for k, v in spec.items() if v is not None}}

    def on_update(self, resource: Resource, new: Object, old: Object) -> Object:
        """Allocate node ports when the type now needs them."""
        if resource is not self._service or new["spec"] is old["spec"]:
            return new
        return {**new, "spec": self._with_node_ports(new["spec"])}

    def on_delete(self, resource: Resource, obj: Object) -> None:
        """Take the addresses back."""
        if resource is self._service:
            self._ips.discard(obj["spec"].get("clusterIP", ""))
            for port in obj["spec"].get("ports") or ():
                self._ports.discard(port.get("nodePort", 0))

    def _random_ip(self) -> str:
        band = static_band(self._size)
        for _ in range(self._size):
            ip = str(ipaddress.ip_address(self._first + band + self._dice.integer(self._size - band)))
            if ip not in self._ips:
                self._ips.add(ip)
                return ip
        raise status.internal("failed to allocate a serviceIP: range is full")

    def _take_ip(self, obj: Object, ip: str) -> None:
        name = obj["metadata"].get("name", "")
        why = ""
        if not 0 < int(ipaddress.ip_address(ip)) - self._first + 1 <= self._size:
            why = "the provided network does not match the current range"
        elif ip in self._ips:
            why = "provided IP is already allocated"
        if why:
            error = invalid("spec.clusterIPs", [ip], f"failed to allocate IP {ip}: {why}")
            raise status.invalid("", "Service", name, [error])
        self._ips.add(ip)

    def _with_node_ports(self, spec: Object) -> Object:
        if spec.get("type") not in {"NodePort", "LoadBalancer"}:
            return spec
        if spec.get("type") == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False:
            return spec
        ports = [
            p if p.get("nodePort") else {**p, "nodePort": self._random_port()}
            for p in spec.get("ports") or ()
        ]
        self._ports.update(p["nodePort"] for p in ports)
        return {**spec, "ports": ports}

    def _random_port(self) -> int:
        low, high = NODE_PORTS
        size = high - low + 1
        band = static_band(size, divisor=32, largest=128)
        for _ in range(size):
            port = low + band + self._dice.integer(size - band)
            if port not in self._ports:
                self._ports.add(port)
                return port
        raise status.internal("failed to allocate a nodePort: range is full")
