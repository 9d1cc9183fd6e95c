"""The flat pod network of one cluster: every pod reaches every pod by its address.

**Imitates:** the Kubernetes network model as a routed CNI fulfils it: each node owns its podCIDR, an address leads to the
node that owns it, and there to the pod; with an overlay, packets between pods of two nodes travel packed. Left out: the
time it takes to program routes.

**Walk:** an address -> ``node_of`` -> the route to that node's host -> that node's container runtime says who answers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.objects import Key, Object
from kcsim.cluster.kubelet.runtime import ContainerRuntime, Serving
from kcsim.cluster.podnet.encapsulation import ROUTED, Encapsulation
from kcsim.cluster.podnet.firewall import Firewall
from kcsim.cluster.podnet.ipam import parse_cidr, pod_cidrs
from kcsim.cluster.podnet.loadbalancer import EXCLUDED, Cloud, balancer_ips
from kcsim.cluster.podnet.proxy import Proxy
from kcsim.cluster.podnet.reflectors import RouteReflectors
from kcsim.cluster.podnet.services import Backend
from kcsim.network.topology import Route
from kcsim.profile.distributions import Distribution


class Load(Protocol):
    """Somebody who sends requests. Pods and Services are named ``namespace/name``; times are µs."""

    name: str
    service: str

    def rate_to(self, pod: str, since: int, until: int) -> float:
        """Requests a second that reached the program in a pod between two instants; of all pods when "" is asked for."""
        ...


Prefix = tuple[int, int, int]
"""How long a family's addresses are, how much of one counts, and that part of it."""


@dataclass(frozen=True, slots=True)
class Path:
    """The way to an address: the node it leads to, and the routes there and back."""

    node: str
    there: Route
    back: Route

    @property
    def median(self) -> int:
        """How long a packet and its answer usually travel (µs)."""
        return sum(link.at(0.5) for link in (*self.there.latencies, *self.back.latencies))

    def delay(self, draw: Callable[[Distribution], int]) -> int:
        """How long a packet and its answer travel (µs), one draw a link."""
        return self.there.delay(draw) + self.back.delay(draw)


class NameServer(Protocol):
    """A program that answers questions for names."""

    def answer(self, name: str, type: str = "A", *, remember: bool = True) -> Any:
        """The answer, as ``kcsim.cluster.dns.records.Answer``."""
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """What an HTTP request says of itself: ``Host``, path, and the headers that somebody may route by."""

    host: str = ""
    path: str = "/"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Passed:
    """Where a router passes a share of requests on: to any of ``backends``; without one it answers ``status`` itself.

    ``where`` says what of its configuration decided.
    """

    share: float
    backends: tuple[Backend, ...] = ()
    status: int = 0
    where: str = ""


class Router(Protocol):
    """A program that passes HTTP requests on: an ingress controller's, a gateway's.

    Attributes:
        tries: how many backends it tries when connections are not opened.
        connect_timeout, timeout: how long it waits for a connection, and for an answer (µs).
    """

    tries: int
    connect_timeout: int
    timeout: int

    def rule(self, ask: Ask, port: int) -> object | None:
        """The rule that such a request falls under; None: there is none."""
        ...

    def route(self, ask: Ask, port: int) -> Sequence[Passed]:
        """Where such requests go that come in at a port; the shares make 1."""
        ...


class PodNetwork:
    """Which address lives where, who answers there, and how Services look from each place.

    Attributes:
        edge: the host at which connections from outside come into the cluster.
        encapsulation: how packets between pods of different nodes are carried.
        reflectors: the nodes that tell the others where pods are.
        firewall: what NetworkPolicies make of a connection.
        name_servers: the programs that answer DNS, by their pods.
        routers: the programs that pass requests on, by their pods.
    """

    def __init__(
        self, endpoint: Endpoint, edge: str = "", encapsulation: Encapsulation = ROUTED, reflectors: str = ""
    ) -> None:
        self.endpoint = endpoint
        self.edge = edge or endpoint.host
        self.encapsulation = encapsulation
        self._packed: dict[tuple[str, str], Path | None] = {}
        self._packed_at = -1
        self.engine = endpoint.engine
        self.network = endpoint.network
        self.server = endpoint.server
        self._runtimes: dict[str, ContainerRuntime] = {}
        self._proxies: dict[str, Proxy] = {}
        self._routes: dict[Prefix, str] = {}
        self._masks: dict[int, tuple[int, ...]] = {}
        self._addresses: dict[str, str] = {}
        self._listeners: list[Callable[[str, str], None]] = []
        self.name_servers: dict[Key, NameServer] = {}
        self.routers: dict[Key, Router] = {}
        self._name_listeners: list[Callable[[Key], None]] = []
        self._route_listeners: list[Callable[[], None]] = []
        self._node_listeners: list[Callable[[], None]] = []
        self._load: list[Load] = []
        self._load_listeners: list[Callable[[], None]] = []
        self.firewall = Firewall(endpoint, self)
        nodes = self.server.catalog.by_word("nodes")
        assert nodes is not None
        self._nodes = nodes
        self.reflectors = RouteReflectors(self.server.log, nodes, self.network, reflectors)
        self._watch = self.server.log.watch(nodes, self._nodes_changed)
        services = self.server.catalog.by_word("services")
        assert services is not None
        self._services = services
        pods = self.server.catalog.by_word("pods")
        assert pods is not None
        self._pods = pods
        self._cloud = Cloud(endpoint, services)

    # --- building -----------------------------------------------------------------------------------------------

    def add_node(self, name: str, runtime: ContainerRuntime) -> None:
        """A machine joins, with its container runtime."""
        self._runtimes[name] = runtime
        runtime.on_change(lambda ip: self._changed(name, ip))

    def set_up(self, node: str, up: bool) -> None:
        """A machine goes down, or is back: so do its proxy and its policy agent."""
        self.firewall.set_up(node, up)
        proxy = self._proxies.get(node)
        if proxy is not None and up:
            proxy.start()
        elif proxy is not None:
            proxy.stop()

    def runtime(self, node: str) -> ContainerRuntime | None:
        """The container runtime of a node."""
        return self._runtimes.get(node)

    def on_change(self, listener: Callable[[str, str], None]) -> None:
        """Call ``listener(node, ip)`` whenever what runs at an address may answer differently."""
        self._listeners.append(listener)

    def on_nodes(self, listener: Callable[[], None]) -> None:
        """Call ``listener()`` whenever a node becomes, or ceases to be, a target of load balancers."""
        self._node_listeners.append(listener)

    def on_names(self, listener: Callable[[Key], None]) -> None:
        """Call ``listener(key)`` whenever a name server learns something new about a Service."""
        self._name_listeners.append(listener)

    def names_changed(self, key: Key) -> None:
        """A name server knows something new about a Service."""
        for listener in self._name_listeners:
            listener(key)

    def on_routes(self, listener: Callable[[], None]) -> None:
        """Call ``listener()`` whenever a router passes requests on differently."""
        self._route_listeners.append(listener)

    def routes_changed(self) -> None:
        """A router passes requests on differently from now on."""
        for listener in self._route_listeners:
            listener()

    def add_load(self, load: Load) -> None:
        """Somebody sends requests to pods."""
        self._load.append(load)

    def loads(self) -> list[Load]:
        """Everybody who sends requests, in the order in which they came."""
        return list(self._load)

    def load_changed(self) -> None:
        """More, fewer or other requests reach pods from now on."""
        for listener in self._load_listeners:
            listener()

    def on_load(self, listener: Callable[[], None]) -> None:
        """Call ``listener()`` whenever the requests that reach pods change."""
        self._load_listeners.append(listener)

    def request_rate(self, pod: str, since: int, until: int) -> float:
        """Requests a second that reached the program in a pod (``namespace/name``) between two instants (µs)."""
        return sum(load.rate_to(pod, since, until) for load in self._load)

    def service_rate(self, service: str, since: int, until: int) -> float:
        """Requests a second that were sent to a Service (``namespace/name``) between two instants (µs)."""
        return sum(load.rate_to("", since, until) for load in self._load if load.service == service)

    def _changed(self, node: str, ip: str) -> None:
        for listener in self._listeners:
            listener(node, ip)

    def _nodes_changed(self) -> None:
        for kind, version in self._watch.take():
            before = version.previous.object if version.previous is not None else None
            after = None if kind == "DELETED" else version.object
            name = version.key[1]
            if self._node_listeners and _is_target(before) != _is_target(after):
                for listener in self._node_listeners:
                    listener()
            if before is not None and after is not None and _same_place(before, after):
                continue
            self._forget(name, before)
            if after is not None:
                prefixes = [_prefix(cidr) for cidr in pod_cidrs(after)]
                self._routes.update(dict.fromkeys(prefixes, name))
                for bits, mask, _ in prefixes:
                    # Longest first; a mask nobody has any more does no harm.
                    known = self._masks.get(bits, ())
                    if mask not in known:
                        self._masks[bits] = tuple(sorted((*known, mask), reverse=True))
                self._addresses.update(dict.fromkeys(_internal_ips(after), name))

    def _forget(self, name: str, node: Object | None) -> None:
        if node is None:
            return
        for prefix in map(_prefix, pod_cidrs(node)):
            if self._routes.get(prefix) == name:
                del self._routes[prefix]
        for ip in _internal_ips(node):
            if self._addresses.get(ip) == name:
                del self._addresses[ip]

    # --- asking -------------------------------------------------------------------------------------------------

    def node_of(self, ip: str) -> str | None:
        """The node that packets to this address are routed to; None when no node owns it."""
        node = self._addresses.get(ip)
        if node is not None:
            return node
        bits, number = _number(ip)
        for mask in self._masks.get(bits, ()):
            node = self._routes.get((bits, mask, number >> (bits - mask)))
            if node is not None:
                return node
        return None

    def is_node(self, host: str) -> bool:
        """Whether a host is a node of this cluster."""
        return host in self._runtimes

    def address_of(self, host: str) -> str:
        """The address of a node or of a host outside; "" when it has none."""
        return self.network.host(host).address if self.network.has_host(host) else ""

    def pod_at(self, ip: str) -> Key | None:
        """The pod that has an address of its own, as namespace and name; None for a node's address or a free one."""
        if ip in self._addresses:
            return None
        runtime = self._runtimes.get(self.node_of(ip) or "")
        sandbox = runtime.sandbox_at(ip) if runtime is not None else None
        return (sandbox.namespace, sandbox.name) if sandbox is not None else None

    def path(self, source: str, ip: str) -> Path | None:
        """How packets get from a host to an address and back; None when they are lost on the way."""
        node = self.node_of(ip)
        if node is None or not self.network.has_host(node):
            return None
        return self.way(source, node, packed=ip not in self._addresses)

    def way(self, source: str, node: str, *, packed: bool) -> Path | None:
        """How packets get from a host to a node and back; ``packed``: those to a pod, which an overlay carries."""
        if packed and source != node and source in self._runtimes:
            if not self.reflectors.work:
                return None
            if self.encapsulation.kind:
                return self._packed_way(source, node)
        there, back = self.network.route(source, node), self.network.route(node, source)
        return Path(node, there, back) if there is not None and back is not None else None

    def _packed_way(self, source: str, node: str) -> Path | None:
        if self._packed_at != self.network.version:
            self._packed.clear()
            self._packed_at = self.network.version
        pair = source, node
        if pair not in self._packed:
            plain = self.way(source, node, packed=False)
            packed = self.encapsulation.packed
            self._packed[pair] = (
                Path(node, packed(plain.there), packed(plain.back)) if plain is not None else None
            )
        return self._packed[pair]

    def allows(self, host: str, ip: str, port: int, protocol: str = "TCP") -> bool:
        """Whether NetworkPolicies let a program on a host (a node's own, or one outside) connect to an address."""
        firewall = self.firewall
        if not firewall.enforcing:
            return True
        return firewall.verdict(firewall.end_of_host(host), firewall.end_at(ip), port, protocol).allowed

    def proxy(self, host: str) -> Proxy:
        """The Service proxy that connections from a host go through: the node's own, or the one at the edge."""
        place = host if host in self._runtimes else self.edge
        proxy = self._proxies.get(place)
        if proxy is None:
            proxy = self._proxies[place] = Proxy(self.endpoint, place)
            if self.network.is_up(place):
                proxy.start()
                proxy.warm_up()
        return proxy

    def balanced_nodes(self, service: Object) -> list[str]:
        """The nodes that a Service's load balancer sends to, in the order of names; none while it has no address.

        Those that are Ready and not excluded; where clients keep their address, those that have an endpoint to offer.
        """
        if not balancer_ips(service):
            return []
        nodes = [v.object for v in self.server.log.list(self._nodes)]
        names = [objects.name(node) for node in nodes if _is_target(node)]
        if service["spec"].get("externalTrafficPolicy") != "Local":
            return names
        rules = {name: self.proxy(name).rules(*objects.key(service)) for name in names}
        return [name for name, known in rules.items() if known and any(p.external for p in known.ports)]

    def service(self, key: Key) -> Object | None:
        """A Service as the API has it."""
        version = self.server.log.get(self._services, *key)
        return version.object if version is not None else None

    def pod(self, key: Key) -> Object | None:
        """A pod as the API has it."""
        version = self.server.log.get(self._pods, *key)
        return version.object if version is not None else None

    def nodes(self) -> list[str]:
        """The nodes with a machine, in the order in which they joined."""
        return list(self._runtimes)

    def serving(self, ip: str, port: int) -> Serving | None:
        """Who accepts connections at this address and port; None: nobody."""
        runtime = self._runtimes.get(self.node_of(ip) or "")
        return runtime.serving(ip, port) if runtime is not None else None

    def has_ip(self, ip: str) -> bool:
        """Whether a pod or node has the address: packets to an address nobody has are lost, not refused."""
        if ip in self._addresses:
            return True
        runtime = self._runtimes.get(self.node_of(ip) or "")
        return runtime is not None and runtime.has_ip(ip)

    def next_change(self, ip: str) -> int | None:
        """The next instant (µs) at which what the address serves changes by itself."""
        runtime = self._runtimes.get(self.node_of(ip) or "")
        return runtime.next_change(ip) if runtime is not None else None


@lru_cache(maxsize=1 << 17)
def _number(ip: str) -> tuple[int, int]:
    """How long the addresses of its family are, and the address."""
    address = ipaddress.ip_address(ip)
    return address.max_prefixlen, int(address)


def _prefix(cidr: str) -> Prefix:
    first, length, bits = parse_cidr(cidr)
    return bits, length, first >> (bits - length)


def _internal_ips(node: Object) -> list[str]:
    addresses = (node.get("status") or {}).get("addresses") or ()
    return [item["address"] for item in addresses if item.get("type") == "InternalIP"]


def _is_target(node: Object | None) -> bool:
    if node is None or EXCLUDED in objects.labels(node):
        return False
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _same_place(before: Object, after: Object) -> bool:
    if pod_cidrs(before) != pod_cidrs(after):
        return False
    return before.get("status") is after.get("status") or _internal_ips(before) == _internal_ips(after)
