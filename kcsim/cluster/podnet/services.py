"""What a proxy programs for one Service: for each port, where a new connection may go.  Decides; never acts.

**Imitates:** kube-proxy's ``pkg/proxy/topology.go``, ``endpointslicecache.go`` and what ``iptables/proxier.go`` makes of them
(v1.36): ready endpoints that their hints give to this place; when there are none, those that are serving though
terminating; when there are none either, the connection is rejected. Where a traffic policy is ``Local`` only those of
the node count, and it is dropped when only other nodes have some. A connection to an address goes to pods' addresses of
its family. Left out: load balancers' source ranges.

**Walk:** a Service and its slices -> ``endpoints_of`` a port -> ``categorize`` for a place -> a ``PortRule`` with the
backends for connections from inside, and those for connections from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.ip_families import IPV4, family_of
from kcsim.api.not_modelled import told
from kcsim.api.objects import Object
from kcsim.engine.clock import SECOND
from kcsim.profile.constants import DEFAULT

REFUSE, DROP = "refuse", "drop"
"""What happens to a connection for which there is no backend."""
_TOLD = told("io.k8s.api.core.v1.ServiceSpec")
DEFAULT_AFFINITY = DEFAULT.us("kube-proxy/session-affinity-timeout")


@dataclass(frozen=True, slots=True)
class Backend:
    """One place a connection can go: an address and port, and the pod (``namespace/name``) said to be there."""

    ip: str
    port: int
    pod: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One endpoint of a slice, as a proxy reads it."""

    backend: Backend
    ready: bool
    serving: bool
    terminating: bool
    node: str = ""
    zones: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()

    @property
    def lingers(self) -> bool:
        """Whether it still serves though it ends."""
        return self.serving and self.terminating


@dataclass(frozen=True, slots=True)
class Place:
    """Where a proxy stands: its node and that node's zone; "" at the edge of the cluster, which is no node."""

    node: str = ""
    zone: str = ""


EDGE = Place()


@dataclass(frozen=True, slots=True)
class PortRule:
    """One port of a Service.

    Attributes:
        backends: where connections from inside the cluster go, in the order of the slices.
        external: where those go that come in by node port, load balancer or external IP.
        otherwise, external_otherwise: what happens when there are none: ``refuse`` or ``drop``.
        node_port: 0 when it has none.
    """

    name: str
    number: int
    backends: tuple[Backend, ...]
    protocol: str = "TCP"
    node_port: int = 0
    external: tuple[Backend, ...] = ()
    otherwise: str = REFUSE
    external_otherwise: str = REFUSE


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """All ports of one Service.

    Attributes:
        affinity: how long a client stays with its backend (µs); 0: each connection goes anywhere.
        cluster_ips: its own addresses; none for a headless one.
        outside_ips: its external IPs and those of its load balancer.
        external_name: the name it stands for, of an ExternalName Service.
        keeps_source: whether connections from outside keep the client's address (``externalTrafficPolicy: Local``).
        family: of its first address, to whose slices ``ports`` lead.
        other_ports: the same ports, as its second family's slices have them; none where it has one family only.
    """

    ports: tuple[PortRule, ...]
    affinity: int = 0
    cluster_ips: tuple[str, ...] = ()
    outside_ips: tuple[str, ...] = ()
    external_name: str = ""
    keeps_source: bool = False
    family: str = IPV4
    other_ports: tuple[PortRule, ...] = ()

    def port(self, wanted: int | str | None, ip: str = "") -> PortRule | None:
        """The port of that number or name, for connections to that address; None means the first.

        None when the Service has no such port. Without an address the first family's is meant.
        """
        other = bool(ip and self.other_ports) and family_of(ip) != self.family
        ports = self.other_ports if other else self.ports
        if wanted is None:
            return ports[0] if ports else None
        return next((p for p in ports if wanted in {p.number, p.name}), None)


def service_rules(service: Object, slices: Iterable[Object], place: Place = EDGE) -> ServiceRules:
    """What a Service and its EndpointSlices come to at a place."""
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return ServiceRules((), external_name=spec.get("externalName", ""))
    families = spec.get("ipFamilies") or [IPV4]
    known = list(slices)

    def ports_of(family: str) -> tuple[PortRule, ...]:
        mine = [each for each in known if each.get("addressType") in (family, "FQDN", None)]
        return tuple(_port_rule(spec, port, mine, place) for port in spec.get("ports") or ())

    return ServiceRules(
        ports_of(families[0]),
        affinity_of(spec),
        cluster_ips(spec),
        outside_ips(service),
        "",
        spec.get("externalTrafficPolicy") == "Local",
        families[0],
        ports_of(families[1]) if len(families) > 1 else (),
    )


def cluster_ips(spec: Object) -> tuple[str, ...]:
    """A Service's own addresses; none for a headless one."""
    ips = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    return tuple(ip for ip in ips if ip != "None")


def affinity_of(spec: Object) -> int:
    """How long a client stays with its backend (µs)."""
    if spec.get("sessionAffinity") != "ClientIP":
        return 0
    config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    seconds = config.get("timeoutSeconds")
    return int(seconds) * SECOND if seconds else DEFAULT_AFFINITY


def outside_ips(service: Object) -> tuple[str, ...]:
    """External IPs of a Service, and the addresses of its load balancer."""
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return (*(service["spec"].get("externalIPs") or ()), *(i["ip"] for i in ingress if i.get("ip")))


def _port_rule(spec: Object, port: Object, slices: list[Object], place: Place) -> PortRule:
    name = port.get("name", "")
    headless = spec.get("clusterIP") == "None"
    # Nobody translates the port of a headless Service: its name leads to the pods themselves.
    listed = endpoints_of(slices, name, port["port"] if headless else None)
    here = bool(place.node)
    inside_local = here and spec.get("internalTrafficPolicy") == "Local"
    outside_local = here and spec.get("externalTrafficPolicy") == "Local"
    found = categorize(listed, place)
    any_at_all = bool(found.cluster or found.local or found.elsewhere)
    lost = DROP if any_at_all else REFUSE
    return PortRule(
        name,
        port["port"],
        found.local if inside_local else found.cluster,
        port.get("protocol") or "TCP",
        port.get("nodePort") or 0,
        found.local if outside_local else found.cluster,
        lost if inside_local else REFUSE,
        lost if outside_local else REFUSE,
    )


def endpoints_of(slices: Iterable[Object], name: str, fixed: int | None = None) -> list[Listed]:
    """The endpoints of one port by name, in the order of the slices; ``fixed`` is a port nobody translates."""
    found: dict[Backend, Listed] = {}
    for slice_ in slices:
        number = next(
            (p.get("port") for p in slice_.get("ports") or () if (p.get("name") or "") == name), None
        )
        if number is None:
            continue
        for endpoint in slice_.get("endpoints") or ():
            listed = _listed(endpoint, fixed or number)
            found.setdefault(listed.backend, listed)
    return list(found.values())


def _listed(endpoint: Object, port: int) -> Listed:
    conditions = endpoint.get("conditions") or {}
    target = endpoint.get("targetRef") or {}
    hints: dict[str, Any] = endpoint.get("hints") or {}
    pod = f"{target.get('namespace', '')}/{target['name']}" if target.get("kind") == "Pod" else ""
    # A missing condition counts as true, but for terminating (discovery/v1, EndpointConditions).
    return Listed(
        Backend(endpoint["addresses"][0], port, pod),
        conditions.get("ready") is not False,
        conditions.get("serving") is not False,
        bool(conditions.get("terminating")),
        endpoint.get("nodeName", ""),
        tuple(zone["name"] for zone in hints.get("forZones") or ()),
        tuple(node["name"] for node in hints.get("forNodes") or ()),
    )


@dataclass(frozen=True, slots=True)
class Categories:
    """The eligible endpoints of a port: for the whole cluster, on this node, and whether another node has some."""

    cluster: tuple[Backend, ...] = ()
    local: tuple[Backend, ...] = ()
    elsewhere: bool = field(default=False)


def categorize(endpoints: Sequence[Listed], place: Place) -> Categories:
    """CategorizeEndpoints: which of them a connection at this place may go to."""
    ready = [e for e in endpoints if e.ready]
    chosen = [e for e in ready if _is_for(e, _mode(ready, place), place)]
    # Among those that end no hint counts: better a far one than none.
    chosen = chosen or [e for e in endpoints if e.lingers]
    here = [e for e in endpoints if place.node and e.node == place.node]
    local = [e for e in here if e.ready] or [e for e in here if e.lingers]
    elsewhere = any(e.ready or e.lingers for e in endpoints)
    return Categories(tuple(e.backend for e in chosen), tuple(e.backend for e in local), elsewhere)


def _mode(ready: list[Listed], place: Place) -> str:
    """Which kind of hint counts: one that every ready endpoint has, and that gives this place at least one."""
    if place.node and all(e.nodes for e in ready) and any(place.node in e.nodes for e in ready):
        return "node"
    if place.zone and all(e.zones for e in ready) and any(place.zone in e.zones for e in ready):
        return "zone"
    return ""


def _is_for(endpoint: Listed, mode: str, place: Place) -> bool:
    if mode == "node":
        return place.node in endpoint.nodes
    return not mode or place.zone in endpoint.zones


def not_modelled(service: Object) -> dict[str, str]:
    """Fields of a Service that would change where connections go, and are not played: ``{field: value}``."""
    asked = service["spec"]
    return {f"spec.{field}": ", ".join(asked[field]) for field in _TOLD if asked.get(field)}


def service_of_slice(slice_: Object) -> tuple[str, ...]:
    """``namespace/name`` of the Service a slice belongs to, for an informer's index."""
    name = objects.labels(slice_).get("kubernetes.io/service-name")
    return (f"{objects.namespace(slice_)}/{name}",) if name else ()
