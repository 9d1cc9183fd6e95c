"""The network of a running world, to look at: ``sim.network``.  Looks; changes nothing.

**Walk:** ``topology`` draws what is there as a graph, ``reach`` asks for one pair, ``matrix`` for all pods of a namespace,
``trace`` follows a request, ``lookup`` a question for a name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kcsim.api import objects
from kcsim.cluster.controllers.pods import is_ready
from kcsim.cluster.dns.lookup import Lookup, look_up
from kcsim.cluster.dns.records import RECORD_TYPES, reverse_name
from kcsim.cluster.dns.resolver import ResolvConf
from kcsim.cluster.podnet.encapsulation import ROUTED
from kcsim.cluster.podnet.ipam import pod_cidrs
from kcsim.engine.clock import seconds
from kcsim.engine.dice import Dice
from kcsim.engine.shown import Tabular
from kcsim.network.graphs import Graph, graph_of
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.dns import install_dns, resolver_of
from kcsim.simulation.journey import Journey
from kcsim.simulation.reach import Finder, Looker, Reach, is_ip
from kcsim.simulation.routing import install_gateway, install_ingress
from kcsim.simulation.tracer import Tracer

if TYPE_CHECKING:
    from kcsim.simulation.world import World


PROTOCOLS = ("TCP", "UDP", "SCTP")
_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Matrix(Tabular):
    """Who reaches whom in a namespace: ``cells[source][target]``, pods by name in order; a pod reaches itself."""

    namespace: str
    names: tuple[str, ...]
    cells: dict[str, dict[str, bool]]
    why: dict[tuple[str, str], str]

    @property
    def pairs(self) -> int:
        """How many ordered pairs of different pods reach each other."""
        return sum(ok for source, row in self.cells.items() for target, ok in row.items() if source != target)

    def to_records(self) -> list[dict[str, Any]]:
        """``{source, target, reaches, why}`` for each ordered pair of pods."""
        return [
            {"source": a, "target": b, "reaches": self.cells[a][b], "why": self.why.get((a, b), "")}
            for a in self.names
            for b in self.names
        ]

    def __str__(self) -> str:
        width = max((len(name) for name in self.names), default=0)
        numbers = "  ".join(f"{i:>2}" for i in range(1, len(self.names) + 1))
        lines = [f"{'':>4}{'from / to':<{width}}  {numbers}"]
        for i, source in enumerate(self.names, 1):
            row = self.cells[source]
            marks = "  ".join(" ." if t == source else " x" if row[t] else " -" for t in self.names)
            lines.append(f"{i:>2}  {source:<{width}}  {marks}")
        if not self.names:
            return f"no pod in namespace {self.namespace} has an address"
        possible = len(self.names) * (len(self.names) - 1)
        lines.append(f"x: reaches it, -: does not; {self.pairs} of {possible} pairs do")
        return "\n".join(lines)


class NetworkView:
    """What can be asked about the network of a world. Ends are written ``pod/web-1``, ``shop/web-1``, ``deployment/web``
    (its first pod), ``service/web``, a node, a host outside (``users``) or an address.
    """

    def __init__(
        self,
        world: World,
        cluster_named: Callable[[str | None], Cluster],
        note: Callable[[str, str | None, int], None] = lambda _what, _cluster, _replicas: None,
    ) -> None:
        """``note`` is told of what is installed: the only things here that change the world."""
        self._world = world
        self._cluster = cluster_named
        self._note = note

    def __repr__(self) -> str:
        return "<NetworkView: ask it for topology(), reach(), trace() or matrix()>"

    def topology(self, cluster: str | None = None) -> Graph:
        """The hosts, pods and Services as a networkx graph.

        Vertices have ``kind`` (``node``, ``switch``, ``pod``, ``service`` ...), ``zone``, ``rack`` and ``up``; pods also
        ``ip`` and ``ready``, nodes ``podCIDRs``, Services ``endpoints`` (how many are ready). Edges have ``kind``: ``link`` (with ``latency_s``, ``bandwidth`` in bits
        a second, 0 for no limit, ``loss``, and ``described``: the scenario has it), ``runs`` (a pod on its node),
        ``serves`` (a pod behind a Service). The graph itself has ``encapsulation``, ``mtu`` and ``pod_mtu`` (bytes),
        ``pod_cidrs`` and ``service_cidrs``.
        """
        home = self._cluster(cluster)
        network, finder = self._world.network, Finder(home)
        vertices: list[tuple[str, dict[str, Any]]] = [
            (h.name, {"kind": h.kind, "zone": h.zone, "rack": h.rack, "up": network.is_up(h.name)})
            for h in network.hosts
        ]
        ranges = {objects.name(node): pod_cidrs(node) for node in finder.objects("nodes")}
        for name, data in vertices:
            if data["kind"] == "node":
                data["podCIDRs"] = ranges.get(name, [])
        edges: list[tuple[str, str, dict[str, Any]]] = [
            (
                link.a,
                link.b,
                {
                    "kind": "link",
                    "latency_s": link.latency.at(0.5) / 1_000_000,
                    "bandwidth": link.bandwidth,
                    "loss": link.loss,
                    "described": link.preferred,
                },
            )
            for link in network.links()
        ]
        by_ip: dict[str, str] = {}
        for pod in finder.objects("pods"):
            node, ip = pod["spec"].get("nodeName"), (pod.get("status") or {}).get("podIP")
            name = f"pod/{objects.namespace(pod)}/{objects.name(pod)}"
            vertices.append(
                (name, {"kind": "pod", "ip": ip or "", "ready": is_ready(pod), "up": True, "zone": ""})
            )
            if node and network.has_host(node):
                edges.append((node, name, {"kind": "runs"}))
            for each in (pod.get("status") or {}).get("podIPs") or ():
                by_ip.setdefault(each["ip"], name)
        for service in finder.objects("services"):
            name = f"service/{objects.namespace(service)}/{objects.name(service)}"
            ips = self.backends(*objects.key(service), cluster)
            # Some endpoints are no pods: those of the API server, and those written by hand.
            vertices.append((name, {"kind": "service", "zone": "", "up": True, "endpoints": len(ips)}))
            edges.extend((name, by_ip[ip], {"kind": "serves"}) for ip in ips if ip in by_ip)
        carried = home.pods.encapsulation
        about = {
            "encapsulation": carried.kind,
            "mtu": carried.mtu,
            "pod_mtu": carried.pod_mtu,
            "usual_mtu": ROUTED.mtu,
            "pod_cidrs": home.pod_cidrs,
            "service_cidrs": home.plan.service_cidrs,
        }
        return graph_of(vertices, edges, about)

    def backends(self, namespace: str, name: str, cluster: str | None = None) -> list[str]:
        """The addresses that a Service sends to: its ready endpoints, which need not be pods; none of one that is not there."""
        rules = self._cluster(cluster).pods.proxy("").rules(namespace, name)
        return [] if rules is None else [*dict.fromkeys(b.ip for p in rules.ports for b in p.backends)]

    def reach(
        self,
        source: str,
        target: str,
        port: int | None = None,
        protocol: str = "TCP",
        *,
        cluster: str | None = None,
    ) -> Reach:
        """Whether a connection from ``source`` to ``target`` is opened right now, with each hop and rule that decided.

        Without a port: whether packets may pass, whoever listens.

        Raises:
            UnknownSpot: there is no such end.
            ValueError: the port or the protocol is none.
        """
        _check_port(port, protocol)
        finder = Finder(self._cluster(cluster))
        return Looker(finder).reach(finder.sender(source), finder.find(target), port, protocol)

    def matrix(
        self, namespace: str = "default", port: int | None = None, *, cluster: str | None = None
    ) -> Matrix:
        """Which pods of a namespace reach which. Raises ``ValueError`` when the port is none."""
        _check_port(port)
        finder = Finder(self._cluster(cluster))
        looker = Looker(finder)
        spots = [finder.of_pod(p) for p in finder.objects("pods", namespace)]
        spots = [s for s in spots if s.host]
        cells: dict[str, dict[str, bool]] = {}
        why: dict[tuple[str, str], str] = {}
        for source in spots:
            row = cells[source.end.name] = {}
            for target in spots:
                found = looker.reach(source, target, port)
                row[target.end.name] = found.ok
                if not found.ok:
                    why[source.end.name, target.end.name] = found.why
        return Matrix(namespace, tuple(s.end.name for s in spots), cells, why)

    def trace(
        self,
        client: str,
        url: str,
        *,
        timeout: str | float = "10s",
        over: Journey | None = None,
        cluster: str | None = None,
    ) -> Journey:
        """Follow one request of a client (a pod, a node, ``users``) to a URL, and say where it ended and why.

        ``over`` the connection of an earlier journey, as a client that keeps its connections sends it.

        Raises:
            UnknownSpot: there is no such client.
            ValueError: the URL names no host; the earlier journey opened no connection, or another client did.
        """
        if over is not None and over.connection is None:
            raise ValueError(f"no connection was opened: {over.outcome}: {over.why}")
        home = self._cluster(cluster)
        finder = Finder(home)
        kept = over.connection if over is not None else None
        tracer = Tracer(home, finder, self._world.engine.seed)
        return tracer.trace(finder.sender(client), url, seconds(timeout), kept)

    def lookup(self, client: str, name: str, type: str = "", *, cluster: str | None = None) -> Lookup:
        """Look a name up as a program of the client does: search path, tries and time limits, question by question.

        ``type`` of the records: A, AAAA, CNAME, SRV or PTR; "": addresses of any family. An address is looked up for the
        names of whoever has it.

        Raises:
            UnknownSpot: there is no such client.
            ValueError: name servers do not know records of that type.
        """
        kind = type.upper()
        if kind and kind not in RECORD_TYPES:
            raise ValueError(f"there are records of type {', '.join(RECORD_TYPES)}, not {type[:20]!r}")
        home = self._cluster(cluster)
        spot = Finder(home).sender(client)
        if not spot.host:
            raise ValueError(f"{spot.name} has no address yet: it can ask nobody")
        asked = name
        if is_ip(name) and kind in ("", "PTR"):
            asked, kind = reverse_name(name) + ".", "PTR"
        conf = resolver_of(home, spot.pod) if spot.pod is not None else ResolvConf()
        dice = Dice(self._world.engine.seed, f"lookup/{spot.name}/{name}/{self._world.engine.now}")
        return look_up(home.pods, spot.end, spot.host, conf, asked, dice, kind)

    def install_ingress(self, cluster: str | None = None, *, replicas: int = 2) -> None:
        """Install the ingress controller (ingress-nginx); its load balancer has an address within a minute or so."""
        home = self._cluster(cluster).name
        self._note("ingress", cluster, replicas)
        install_ingress(self._world, home, replicas=replicas)

    def install_gateway(self, cluster: str | None = None) -> None:
        """Install the Gateway API and a controller of class ``kcsim``."""
        home = self._cluster(cluster).name
        self._note("gateway", cluster, 1)
        install_gateway(self._world, home)

    def install(self, what: str, cluster: str | None, replicas: int) -> None:
        """Install ``dns``, ``ingress`` or ``gateway``."""
        if what == "dns":
            self.install_dns(cluster, replicas=replicas)
        elif what == "ingress":
            self.install_ingress(cluster, replicas=replicas)
        else:
            self.install_gateway(cluster)

    def install_dns(self, cluster: str | None = None, *, replicas: int = 2) -> None:
        """Install CoreDNS, as kubeadm does; its pods start within seconds."""
        home = self._cluster(cluster).name
        self._note("dns", cluster, replicas)
        install_dns(self._world, home, replicas=replicas)


def _check_port(port: int | None, protocol: str = "TCP") -> None:
    if port is not None and not 0 < port <= _PORT_MAX:
        raise ValueError(f"port {port} is none: give a number from 1 to {_PORT_MAX}")
    if protocol not in PROTOCOLS:
        raise ValueError(f"pods speak {', '.join(PROTOCOLS)}, not {protocol[:20]!r}")
