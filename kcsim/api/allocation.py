"""Addresses and ports of Services.

**Imitates:** kubernetes ``pkg/registry/core/service/ipallocator`` and ``portallocator`` (v1.36): a random address from
the upper band, the lower band being left for addresses asked for; the same for node ports. One range a family: the
first is that of the cluster's default family.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from kcsim.api import status
from kcsim.api.catalog import Catalog
from kcsim.api.ip_families import IPV6, SINGLE, families_of, families_wrong, family_of
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.api.validation.field import invalid
from kcsim.engine.dice import Dice

SERVICE_CIDR = "10.96.0.0/16"
NODE_PORTS = (30000, 32767)
SMALLEST_RANGE = 4
"""A network's own address, that of the Service ``kubernetes``, one to give away, and the last."""
_EXTERNAL = frozenset({"NodePort", "LoadBalancer"})
_ADDRESSING = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "type")


def _checks_health(spec: Object) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _wiped(spec: Object, before: Object) -> Object:
    """What a Service of another type has no use for, unless its client changed it (dropTypeDependentFields)."""

    def unchanged(*fields: str) -> bool:
        return all(spec.get(field) == before.get(field) for field in fields)

    gone: list[str] = []
    kind, was = spec.get("type"), before.get("type")
    if kind == "ExternalName" != was and unchanged("clusterIP", "clusterIPs"):
        gone += ["clusterIP", "clusterIPs"]
        gone += [field for field in ("ipFamilies", "ipFamilyPolicy") if unchanged(field)]
    if was == "LoadBalancer" != kind:
        gone += [f for f in ("allocateLoadBalancerNodePorts", "loadBalancerClass") if unchanged(f)]
    if _checks_health(before) and not _checks_health(spec) and unchanged("healthCheckNodePort"):
        gone.append("healthCheckNodePort")
    if was in _EXTERNAL and kind not in _EXTERNAL and not spec.get("externalIPs"):
        gone += ["externalTrafficPolicy"] if unchanged("externalTrafficPolicy") else []
    spec = {key: value for key, value in spec.items() if key not in gone}
    if was in _EXTERNAL and kind not in _EXTERNAL:
        ports = {(p.get("port"), p.get("protocol")): p.get("nodePort") for p in before.get("ports") or ()}
        now = spec.get("ports") or []
        if all(p.get("nodePort") == ports.get((p.get("port"), p.get("protocol"))) for p in now) and now:
            spec["ports"] = [{k: v for k, v in port.items() if k != "nodePort"} for port in now]
    return spec


def static_band(size: int, *, smallest: int = 16, divisor: int = 16, largest: int = 256) -> int:
    """How many addresses at the lower end are left for static picks."""
    return min(max(smallest, size // divisor), largest)


class AddressRange:
    """The addresses of Services of one family: each is free or taken."""

    def __init__(self, cidr: str, dice: Dice) -> None:
        """Raises ValueError: it is no range, or one without an address to give away."""
        network = ipaddress.ip_network(cidr)
        if network.num_addresses < SMALLEST_RANGE:
            raise ValueError(f"{cidr} has no room for Services: it takes {SMALLEST_RANGE} addresses at least")
        self.family = family_of(cidr)
        self._make = ipaddress.IPv6Address if self.family == IPV6 else ipaddress.IPv4Address
        self._first = int(network.network_address) + 1
        # Of a large IPv6 range only the first 2^16 are ever given away, as upstream (rangeSize).
        self._size = min(network.num_addresses, 1 << 16) - 2
        self._dice = dice
        self._taken: set[int] = set()

    def take_any(self) -> str:
        """A free address, by chance.

        Raises:
            StatusError: there is none.
        """
        band = static_band(self._size)
        # The lower band is for static picks, and given away only when the upper one is full.
        for least, most in ((band, self._size - band), (0, self._size)):
            if most <= 0:
                continue
            start = self._dice.integer(most)
            for step in range(most):
                number = self._first + least + (start + step) % most
                if number not in self._taken:
                    self._taken.add(number)
                    return str(self._make(number))
        raise status.internal("failed to allocate a serviceIP: range is full")

    def take(self, ip: str) -> str:
        """Take an address that was asked for; says why not, "" when it is taken now."""
        number = int(ipaddress.ip_address(ip))
        if not self._first <= number < self._first + self._size:
            return "the provided network does not match the current range"
        if number in self._taken:
            return "provided IP is already allocated"
        self._taken.add(number)
        return ""

    def hold(self, ip: str) -> None:
        """The address is taken, by whom it was given elsewhere."""
        self._taken.add(int(ipaddress.ip_address(ip)))

    def release(self, ip: str) -> None:
        """The address is free again."""
        self._taken.discard(int(ipaddress.ip_address(ip)))


class ServiceAllocator:
    """Hands out cluster IPs and node ports, and takes them back."""

    def __init__(self, dice: Dice, catalog: Catalog, cidrs: Sequence[str] = (SERVICE_CIDR,)) -> None:
        self._dice = dice
        self._service = catalog.by_gvk(("", "v1", "Service"))
        self.cidrs = tuple(cidrs)
        self._ranges = {each.family: each for each in (AddressRange(cidr, dice) for cidr in cidrs)}
        self.families = tuple(self._ranges)
        self._ports: set[int] = set()

    def on_create(self, resource: Resource, obj: Object) -> Object:
        """The Service with clusterIP(s), IP families and node ports filled in.

        Raises:
            StatusError: it asks for what the cluster has not.
        """
        if resource is not self._service or obj["spec"].get("type") == "ExternalName":
            return obj
        return {**obj, "spec": self._with_node_ports(self._with_ips(obj, obj["spec"], []))}

    def hold(self, resource: Resource, obj: Object) -> None:
        """An object is there that another server let in: what it has is taken."""
        if resource is self._service:
            for ip in obj["spec"].get("clusterIPs") or ():
                self._ranges[family_of(ip)].hold(ip)

    def _with_ips(self, obj: Object, spec: Object, held: Sequence[str]) -> Object:
        """The spec with its families, and an address of each; ``held`` are those that it has."""
        if wrong := families_wrong(spec, self.families):
            raise status.invalid("", "Service", obj["metadata"].get("name", ""), wrong)
        policy, families = families_of(spec, self.families)
        asked = list(spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else []))
        ips = ["None"] if asked[:1] == ["None"] else self._take(obj, families, asked, held)
        return {
            **spec,
            "clusterIP": ips[0],
            "clusterIPs": ips,
            "ipFamilies": families,
            "ipFamilyPolicy": policy,
        }

    def _take(self, obj: Object, families: list[str], asked: list[str], held: Sequence[str]) -> list[str]:
        new: list[str] = []
        for ip in asked[: len(families)]:
            if ip in held:
                continue
            if why := self._ranges[family_of(ip)].take(ip):
                self._release(new)
                error = invalid("spec.clusterIPs", asked, f"failed to allocate IP {ip}: {why}")
                raise status.invalid("", "Service", obj["metadata"].get("name", ""), [error])
            new.append(ip)
        more = families[len(asked) :]
        try:
            added = [self._ranges[family].take_any() for family in more]
        except StatusError:
            self._release(new)
            raise
        return [*asked[: len(families)], *added]

    def _release(self, ips: Sequence[str]) -> None:
        for ip in ips:
            if ip not in ("", "None"):
                self._ranges[family_of(ip)].release(ip)

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
        spec = _wiped(spec, before)
        return {**new, "spec": {k: v for k, v in spec.items() if v is not None}}

    def on_update(self, resource: Resource, new: Object, old: Object) -> Object:
        """Allocate what the type or the families now need, and take back what they need no more."""
        if resource is not self._service or new["spec"] is old["spec"]:
            return new
        spec, before = new["spec"], old["spec"]
        held = [ip for ip in before.get("clusterIPs") or () if ip != "None"]
        if spec.get("type") == "ExternalName":
            self._release(held)
            return {**new, "spec": self._with_node_ports(spec)}
        if any(spec.get(field) != before.get(field) for field in _ADDRESSING):
            spec = self._with_ips(new, self._fewer(spec, before), held)
            self._release([ip for ip in held if ip not in spec["clusterIPs"]])
        return {**new, "spec": self._with_node_ports(spec)}

    @staticmethod
    def _fewer(spec: Object, before: Object) -> Object:
        """Back to one family: who changes the policy alone means the second address as well (patchAllocatedValues)."""
        if spec.get("ipFamilyPolicy") != SINGLE or before.get("ipFamilyPolicy") == SINGLE:
            return spec
        kept = {
            field: spec[field][:1]
            for field in ("clusterIPs", "ipFamilies")
            if spec.get(field) and spec[field] == before.get(field)
        }
        return {**spec, **kept}

    def on_delete(self, resource: Resource, obj: Object) -> None:
        """Take the addresses back."""
        if resource is self._service:
            self._release(obj["spec"].get("clusterIPs") or ())
            for port in obj["spec"].get("ports") or ():
                self._ports.discard(port.get("nodePort", 0))
            self._ports.discard(obj["spec"].get("healthCheckNodePort", 0))

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
        if _checks_health(spec) and not spec.get("healthCheckNodePort"):
            spec = {**spec, "healthCheckNodePort": self._random_port()}
            self._ports.add(spec["healthCheckNodePort"])
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
