"""What the cluster's zone answers to a question.  Decides; never acts.

**Imitates:** CoreDNS ``plugin/kubernetes`` (kubernetes.go, parse.go; 1.12) with the settings that kubeadm writes: zone
``cluster.local``, records of pods unchecked (``pods insecure``), a TTL of 30 s. Left out: wildcards, zone transfer.

**Walk:** a name -> the part of the zone it lies in (``svc``, ``pod``) -> the Service, its slices, or nothing -> records. An
address, as a name below ``in-addr.arpa`` or ``ip6.arpa`` -> the Service that has it, or the endpoints.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kcsim.api import objects
from kcsim.api.objects import Key, Object
from kcsim.engine.clock import SECOND
from kcsim.profile.constants import DEFAULT

ZONE = "cluster.local"
TTL_S = DEFAULT.us("coredns/ttl") // SECOND
SERVICE_NAME = "kubernetes.io/service-name"
ADDRESS_TYPES = ("A", "AAAA")
RECORD_TYPES = (*ADDRESS_TYPES, "CNAME", "SRV", "PTR")
NOERROR, NXDOMAIN, SERVFAIL = "NOERROR", "NXDOMAIN", "SERVFAIL"


@dataclass(frozen=True, slots=True)
class Record:
    """One record: ``type`` is A, AAAA, CNAME, PTR or SRV; ``value`` an address, a name, or ``priority weight port name``."""

    name: str
    type: str
    value: str
    ttl_s: int = TTL_S


@dataclass(frozen=True, slots=True)
class Answer:
    """What a name server says. NOERROR without records means that the name has none of this type."""

    code: str
    records: tuple[Record, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses in it."""
        return tuple(r.value for r in self.records if r.type in ADDRESS_TYPES)


MISSING = Answer(NXDOMAIN)
REVERSE = ("in-addr.arpa", "ip6.arpa")
"""The zones in which addresses are names."""


class View(Protocol):
    """The objects that a name server knows."""

    def service(self, namespace: str, name: str) -> Object | None:
        """A Service."""
        ...

    def slices(self, namespace: str, name: str) -> Sequence[Object]:
        """Its EndpointSlices."""
        ...

    def has_namespace(self, name: str) -> bool:
        """Whether there is such a namespace."""
        ...

    def all_services(self) -> Sequence[Object]:
        """Every Service."""
        ...

    def all_slices(self) -> Sequence[Object]:
        """Every EndpointSlice."""
        ...


@dataclass(frozen=True, slots=True)
class _Endpoint:
    hostname: str
    ip: str
    ports: tuple[tuple[str, str, int], ...]


def in_zone(name: str) -> bool:
    """Whether the cluster answers for a name itself."""
    return name == ZONE or name.endswith("." + ZONE)


def service_named(full: str) -> Key | None:
    """Namespace and name of the Service that a full name means or lies below: ``web.shop.svc.cluster.local``."""
    if not in_zone(full):
        return None
    labels = full.removesuffix("." + ZONE).split(".")
    if len(labels) < 3 or labels[-1] != "svc":
        return None
    return labels[-2], labels[-3]


def reverse_name(ip: str) -> str:
    """The name below ``in-addr.arpa`` or ``ip6.arpa`` under which an address is looked up."""
    return ipaddress.ip_address(ip).reverse_pointer


def address_in(name: str) -> str:
    """The address that a name below ``in-addr.arpa`` or ``ip6.arpa`` stands for; "" when it is none."""
    labels = name.lower().split(".")
    parts = labels[:-2][::-1]
    if labels[-2:] == ["ip6", "arpa"] and len(parts) == 32:
        text = ":".join("".join(parts[i : i + 4]) for i in range(0, 32, 4))
    elif labels[-2:] == ["in-addr", "arpa"]:
        text = ".".join(parts)
    else:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def pointers(view: View, name: str) -> Answer | None:
    """The names of whoever in the cluster has the address that a name stands for; None: nobody has.

    A Service by its cluster IP; otherwise the endpoints that have it, ready or not (kubernetes.go: serviceRecordForIP).
    """
    ip = address_in(name)
    if not ip:
        return None
    for service in view.all_services():
        if ip in _cluster_ips(service["spec"]):
            return Answer(NOERROR, (Record(name, "PTR", _domain(service)),))
    found = [
        f"{_hostname(endpoint)}.{owner}.{objects.namespace(slice_)}.svc.{ZONE}"
        for slice_ in view.all_slices()
        if (owner := objects.labels(slice_).get(SERVICE_NAME))
        for endpoint in slice_.get("endpoints") or ()
        if endpoint["addresses"][0] == ip
    ]
    return (
        Answer(NOERROR, tuple(Record(name, "PTR", each) for each in dict.fromkeys(found))) if found else None
    )


def _domain(service: Object) -> str:
    return f"{objects.name(service)}.{objects.namespace(service)}.svc.{ZONE}"


def _hostname(endpoint: Object) -> str:
    address: str = endpoint["addresses"][0]
    return endpoint.get("hostname") or address.replace(".", "-").replace(":", "-")


def answer(view: View, name: str, type: str = "A", *, pods: bool = True) -> Answer:
    """The answer to a question about a name in the zone, without its final dot; ``pods``: whether they have names by address."""
    labels = name.lower().removesuffix(ZONE).rstrip(".").split(".")
    if labels == [""]:
        return Answer(NOERROR)
    if labels[-1] == "pod" and pods:
        return _pod(view, name, labels[:-1], type)
    if labels[-1] != "svc":
        return MISSING
    match labels[:-1]:
        case []:
            return Answer(NOERROR)
        case [namespace]:
            return Answer(NOERROR) if view.has_namespace(namespace) else MISSING
        case [service, namespace]:
            return _service(view, name, namespace, service, type)
        case [port, protocol, service, namespace] if port[:1] == "_" and protocol[:1] == "_":
            return _srv(view, name, namespace, service, (port[1:], protocol[1:].upper()))
        case [host, service, namespace]:
            return _endpoint(view, name, namespace, service, host, type)
        case _:
            return MISSING


def _service(view: View, name: str, namespace: str, service: str, type: str) -> Answer:
    found = view.service(namespace, service)
    if found is None:
        return MISSING
    spec = found["spec"]
    if spec.get("type") == "ExternalName":
        return Answer(NOERROR, (Record(name, "CNAME", spec["externalName"].rstrip(".")),))
    if spec.get("clusterIP") == "None":
        # A headless Service without a ready pod has no name at all (errNoItems).
        ips = [e.ip for e in _endpoints(view, namespace, service)]
        return _addresses(name, ips, type) if ips else MISSING
    return _addresses(name, _cluster_ips(spec), type)


def _endpoint(view: View, name: str, namespace: str, service: str, host: str, type: str) -> Answer:
    if view.service(namespace, service) is None:
        return MISSING
    ips = [e.ip for e in _endpoints(view, namespace, service) if e.hostname == host]
    return _addresses(name, ips, type) if ips else MISSING


def _srv(view: View, name: str, namespace: str, service: str, wanted: tuple[str, str]) -> Answer:
    found = view.service(namespace, service)
    if found is None or found["spec"].get("type") == "ExternalName":
        return MISSING
    domain = f"{service}.{namespace}.svc.{ZONE}"
    targets: list[tuple[int, str, str]] = []
    if found["spec"].get("clusterIP") == "None":
        targets = [
            (number, f"{e.hostname}.{domain}", e.ip)
            for e in _endpoints(view, namespace, service)
            for port, protocol, number in e.ports
            if (port, protocol) == wanted
        ]
    else:
        targets = [
            (port["port"], domain, ip)
            for port in found["spec"].get("ports") or ()
            for ip in _cluster_ips(found["spec"])
            if (port.get("name", ""), port.get("protocol") or "TCP") == wanted
        ]
    if not targets:
        return MISSING
    asked = dict.fromkeys((port, target) for port, target, _ in targets)
    weight = max(100 // len(asked), 1)
    services = tuple(Record(name, "SRV", f"0 {weight} {port} {target}") for port, target in asked)
    extra = tuple(dict.fromkeys(Record(target, _type_of(ip), ip) for _, target, ip in targets))
    return Answer(NOERROR, services + extra)


def _pod(view: View, name: str, labels: list[str], type: str) -> Answer:
    if len(labels) != 2 or not view.has_namespace(labels[1]):
        return MISSING
    for text in (labels[0].replace("-", "."), labels[0].replace("-", ":")):
        try:
            return _addresses(name, [str(ipaddress.ip_address(text))], type)
        except ValueError:
            continue
    return MISSING


def _addresses(name: str, ips: Sequence[str], type: str) -> Answer:
    return Answer(NOERROR, tuple(dict.fromkeys(Record(name, type, ip) for ip in ips if _type_of(ip) == type)))


def _type_of(ip: str) -> str:
    return "AAAA" if ":" in ip else "A"


def _cluster_ips(spec: Object) -> list[str]:
    return spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])


def _endpoints(view: View, namespace: str, service: str) -> list[_Endpoint]:
    """Those that are ready: with publishNotReadyAddresses the slices call all of them so."""
    return [
        _Endpoint(
            _hostname(endpoint),
            endpoint["addresses"][0],
            tuple(
                (p.get("name") or "", p.get("protocol") or "TCP", p["port"])
                for p in slice_.get("ports") or ()
            ),
        )
        for slice_ in view.slices(namespace, service)
        for endpoint in slice_.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
    ]
