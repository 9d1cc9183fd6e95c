"""How requests of a client find their way: names, the proxy's backends, the entrances for those who come from outside.

**Walk:** a client and a target -> the name is looked up where the cluster has DNS -> the proxy's backends become ``Option``s ->
the ``way`` to one, and whether policies let the client take it (``may_open``).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from kcsim.api.objects import Key
from kcsim.cluster.dns.forecast import Forecast, forecast
from kcsim.cluster.dns.lookup import REFUSED as NAME_REFUSED
from kcsim.cluster.dns.lookup import TIMEOUT as NAME_SILENT
from kcsim.cluster.dns.lookup import resolver_of
from kcsim.cluster.dns.records import NXDOMAIN, service_named
from kcsim.cluster.podnet.loadbalancer import balancer_ips
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.cluster.podnet.proxy import Proxy
from kcsim.cluster.podnet.services import DROP, ServiceRules, cluster_ips, outside_ips
from kcsim.cluster.podnet.watched import Watched
from kcsim.cluster.traffic.legs import Choose, Client, Fact, Leg, Option, client_at
from kcsim.cluster.traffic.memo import Memo
from kcsim.cluster.traffic.outcome import (
    DROPPED,
    NAME_TIMEOUT,
    NAME_UNKNOWN,
    NO_ENDPOINTS,
    NO_PORT,
    NO_SERVICE,
    NOTHING,
    REFUSED,
    TIMED_OUT,
    Mix,
    lost,
    one,
    onward,
)
from kcsim.cluster.traffic.target import Target
from kcsim.engine.clock import MILLISECOND
from kcsim.network.impairment import without_loss
from kcsim.profile.distributions import Distribution

NODE_PORT, LOAD_BALANCER = "NodePort", "LoadBalancer"
ANY_SERVICE: Key = ("", "")
"""In the place of one Service: which of them has an address depends on all."""
_OUTSIDE_WORK = MILLISECOND
"""How long a host of the internet needs to answer."""


class Ways:
    """Answers about the present, as far as it has been told of changes.

    Attributes:
        edges: when (µs) what an address serves changes by itself, where it does.
    """

    def __init__(self, pods: PodNetwork, choose: Choose, listen: Callable[[str], None]) -> None:
        """``listen`` is told of each host whose proxy an answer depends on."""
        self.edges: dict[str, int] = {}
        self._pods = pods
        self._choose = choose
        self._listen = listen
        self._memo = Memo()

    # --- what has changed ---------------------------------------------------------------------------------------

    def depends_on(self, fact: Fact) -> bool:
        """Whether any answer so far depended on a fact."""
        return self._memo.depends_on(fact)

    def forget(self, fact: Fact) -> None:
        """A fact has changed."""
        self._memo.forget(fact)
        if fact[0] == "ip":
            self.edges.pop(str(fact[1]), None)

    def clear(self) -> None:
        """The topology, the policies or the resolvers have changed: everything may be different."""
        self._memo.clear()
        self.edges.clear()

    def _sees(self, ip: str) -> None:
        """What is being worked out depends on who is at an address."""
        self._memo.reads(("ip", ip))
        if ip not in self.edges:
            edge = self._pods.next_change(ip)
            if edge is not None:
                self.edges[ip] = edge

    def _rules(self, proxy: Proxy, key: Key) -> ServiceRules | None:
        self._depends(proxy.host, key)
        return proxy.rules(*key)

    def _depends(self, host: str, key: Key) -> None:
        self._listen(host)
        self._memo.reads(("rules", host, key))

    def _alike(self, client: Client) -> str:
        plain = not self._pods.firewall.enforcing and self._resolver(client) is None
        return client.host if plain else client.name

    def client_at(self, ip: str) -> Client:
        """The pod or node at an address, as a client."""

        def work() -> Client:
            self._sees(ip)
            return client_at(self._pods, ip)

        return self._memo.keep(("client", ip), work)

    # --- names --------------------------------------------------------------------------------------------------

    def options(self, client: Client, target: Target, entry: str = "") -> list[Option]:
        """What a client may get when it opens a connection."""
        if entry:
            assert target.key is not None, "who comes in through a Service names it"
            return self._from_outside(client, target.key, target.port, entry)
        if target.is_address:
            return self._to_address(client, target.host, target.port if isinstance(target.port, int) else 80)
        if client.pod is None or self._resolver(client) is None:
            return self._without_names(client, target)
        return self._with_names(client, target)

    def _resolver(self, client: Client) -> object:
        return resolver_of(self._pods, client.pod) if client.pod is not None else None

    def _without_names(self, client: Client, target: Target) -> list[Option]:
        key = target.key_in(client.namespace)
        if target.key is None and (key is None or self._pods.service(key) is None):
            if key is not None:
                self._rules(self._pods.proxy(client.host), key)
            if self._pods.network.has_host(target.host):
                return [self._abroad(client, target.host, target.port)]
            return [Option(1.0, mix=one(NAME_UNKNOWN, 0, f"no Service is called {target.host}"))]
        assert key is not None, "a target is a Service or a name"
        return self._through(client, self._pods.proxy(client.host), key, target.port)

    def _with_names(self, client: Client, target: Target) -> list[Option]:
        assert client.pod is not None
        assert client.end is not None
        conf = resolver_of(self._pods, client.pod)
        assert conf is not None, "asked before"
        name = target.name_in(client.namespace)
        found: list[Option] = []
        watched = Watched()
        ways = forecast(self._pods, client.end, client.host, conf, name, watched)
        self._take_over(watched)
        for way in ways:
            ends = [Option(1.0, mix=_no_name(name, way))] if way.failure else self._at(client, target, way)
            found.extend(
                end._replace(
                    share=end.share * way.share,
                    links=(*way.links, *end.links),
                    waited=way.waited + end.waited,
                )
                for end in ends
            )
        return found

    def _take_over(self, watched: Watched) -> None:
        """What is being worked out depends on all of this."""
        for host, key in sorted(watched.rules):
            self._depends(host, key)
        for name in sorted(watched.names):
            self._memo.reads(("name", name))
        for ip in watched.ips:
            self._sees(ip)

    def _at(self, client: Client, target: Target, way: Forecast) -> list[Option]:
        """Connections to the addresses that a name led to."""
        key = service_named(way.name)
        proxy = self._pods.proxy(client.host)
        rules = self._rules(proxy, key) if key is not None else None
        if key is not None and self._is_virtual(key, rules, way.addresses):
            return self._through(client, proxy, key, target.port, ip=way.addresses[0])
        pods = self._pods
        if not isinstance(target.port, int):
            # A headless Service's ports are those of its pods; only the object knows the number behind a name.
            number = rules.port(target.port) if rules is not None else None
            port = number.number if number is not None else 80
        else:
            port = target.port
        share = 1 / len(way.addresses)
        if pods.network.has_host(way.name):
            return [self._abroad(client, way.name, target.port)]
        found = []
        for ip in way.addresses:
            self._sees(ip)
            pod = "/".join(pods.pod_at(ip) or ())
            found.append(Option(share, Leg(client.name, "", ip, port, False, pod)))
        return found

    def _is_virtual(self, key: Key, rules: ServiceRules | None, addresses: tuple[str, ...]) -> bool:
        """Whether the addresses are the Service's own, and not those of its pods."""
        if rules is not None and rules.cluster_ips:
            return addresses[0] in rules.cluster_ips
        service = self._pods.service(key)
        return rules is None and service is not None and addresses[0] in cluster_ips(service["spec"])

    def _abroad(self, client: Client, host: str, asked: int | str | None) -> Option:
        """A host outside the cluster, which always answers those who reach it."""
        network = self._pods.network
        ways = self._round_trip(client.host, host)
        address = network.host(host).address
        if ways is None:
            return Option(1.0, mix=lost())
        if client.end is not None and address:
            end = self._pods.firewall.end_at(address)
            port = asked if isinstance(asked, int) else 80
            if not self._pods.firewall.verdict(client.end, end, port).allowed:
                return Option(1.0, mix=lost(DROPPED))
        return Option(1.0, mix=onward(ways, _OUTSIDE_WORK, NOTHING))

    # --- addresses ----------------------------------------------------------------------------------------------

    def _to_address(self, client: Client, ip: str, port: int) -> list[Option]:
        """A connection to an address: of a Service, a load balancer, a pod, a node or a host outside."""
        pods, host = self._pods, client.host
        inside = client.pod is not None or pods.is_node(host)
        proxy = pods.proxy(host)
        self._depends(proxy.host, ANY_SERVICE)
        key = proxy.find(ip)
        if key is not None:
            service = pods.service(key)
            if inside:
                return self._through(client, proxy, key, port, ip=ip)
            if service is not None and ip in balancer_ips(service):
                return self._from_outside(client, key, port, LOAD_BALANCER)
        self._sees(ip)
        node = pods.node_of(ip)
        if node is not None and pods.address_of(node) == ip:
            return self._to_node(client, node, ip, port)
        if not inside and (node is not None or key is not None):
            return [
                Option(
                    1.0,
                    mix=lost(TIMED_OUT, f"{ip} is an address of the cluster: nothing outside leads to it"),
                )
            ]
        abroad = next((each.name for each in pods.network.hosts if each.address == ip), None)
        if node is None and abroad is not None:
            return [self._abroad(client, abroad, port)]
        return [Option(1.0, Leg(client.name, "", ip, port, False, "/".join(pods.pod_at(ip) or ())))]

    def _to_node(self, client: Client, node: str, ip: str, port: int) -> list[Option]:
        proxy = self._pods.proxy(node)
        self._depends(node, ANY_SERVICE)
        key = proxy.find_node_port(port)
        rules = self._rules(proxy, key) if key is not None else None
        number = (
            next((p.number for p in rules.ports if p.node_port == port), None) if rules is not None else None
        )
        if key is None or number is None:
            return [Option(1.0, Leg(client.name, "", ip, port, False, ""))]
        return self._through(client, proxy, key, number, NODE_PORT, ip)

    # --- the proxy ----------------------------------------------------------------------------------------------

    def _from_outside(self, client: Client, key: Key, port: int | str | None, entry: str) -> list[Option]:
        """The nodes that requests from outside come to, each with the same share."""
        nodes = self._pods.nodes()
        if entry == LOAD_BALANCER:
            self._memo.reads(("nodes",))
            for node in nodes:
                self._depends(node, key)
            service = self._pods.service(key)
            nodes = self._pods.balanced_nodes(service) if service is not None else []
            if not nodes:
                # A balancer without a target resets connections; without an address nobody can be connected to.
                missing = service is None or not outside_ips(service)
                waits = service is not None and not balancer_ips(service)
                where = f"the load balancer of {'/'.join(key)} has no address" if waits else ""
                return [Option(1.0, mix=one(NO_SERVICE if missing else NO_ENDPOINTS, 0, where))]
        found: list[Option] = []
        for node in nodes:
            found.extend(
                option._replace(share=option.share / len(nodes))
                for option in self._through(client, self._pods.proxy(node), key, port, entry)
            )
        return found or [Option(1.0, mix=one(NO_SERVICE))]

    def _through(
        self, client: Client, proxy: Proxy, key: Key, port: int | str | None, entry: str = "", ip: str = ""
    ) -> list[Option]:
        """The backends of a Service that connections to an address which come to one proxy can go to."""
        links = self._round_trip(client.host, proxy.host)
        if links is None:
            self._depends(proxy.host, key)
            return [Option(1.0, mix=lost())]
        rules = self._rules(proxy, key)
        rule = rules.port(port, ip) if rules is not None else None
        links = without_loss(links)

        def end(cause: str, where: str = "") -> list[Option]:
            return [Option(1.0, mix=onward(links, 0, one(cause, 0, where)))]

        if rules is None:
            return end(NO_SERVICE)
        if rule is None:
            return [Option(1.0, mix=lost(NO_PORT))]  # iptables has no rule for it: the packets go nowhere
        if entry == NODE_PORT and not rule.node_port:
            return end(REFUSED)
        backends = self._choose(client, key, rules, rule.external if entry else rule.backends)
        if not backends:
            silent = (rule.external_otherwise if entry else rule.otherwise) == DROP
            if silent:
                return [Option(1.0, mix=lost(NO_ENDPOINTS))]
            return end(NO_ENDPOINTS, "none is ready" if proxy.lists(key) else "")
        share = 1 / len(backends)
        via = proxy.host if entry else ""
        return [
            Option(share, Leg(client.name, via, b.ip, b.port, rules.keeps_source, b.pod)) for b in backends
        ]

    # --- the way ------------------------------------------------------------------------------------------------

    def way(self, client: Client, leg: Leg) -> tuple[Distribution, ...] | None:
        """The links there and back; None: packets are lost."""
        outer = self._round_trip(client.host, leg.via) if leg.via else ()
        path = self._pods.path(leg.via or client.host, leg.ip)
        if outer is None or path is None or not self._pods.has_ip(leg.ip):
            return None
        return (*outer, *path.there.latencies, *path.back.latencies)

    def answers_arrive(self, client: Client, leg: Leg) -> bool:
        """Whether what is sent back over a leg gets to the client."""
        network, node = self._pods.network, self._pods.node_of(leg.ip)
        places = [node or "", *([leg.via] if leg.via else []), client.host]
        return all(
            network.has_host(a) and network.has_host(b) and network.route(a, b) is not None
            for a, b in pairwise(places)
        )

    def _round_trip(self, source: str, host: str) -> tuple[Distribution, ...] | None:
        network = self._pods.network
        there, back = network.route(source, host), network.route(host, source)
        if there is None or back is None:
            return None
        return (*there.latencies, *back.latencies)

    def may_open(self, client: Client, leg: Leg) -> bool:
        """Whether policies let the client open the connection."""
        pods = self._pods
        # A node that passes a request on puts its own address on it, unless the client's is to be kept.
        if leg.via and not leg.keeps_source:
            return pods.allows(leg.via, leg.ip, leg.port)
        if client.end is None:
            return pods.allows(client.host, leg.ip, leg.port)
        if not pods.firewall.enforcing:
            return True
        return pods.firewall.verdict(client.end, pods.firewall.end_at(leg.ip), leg.port).allowed


def _no_name(name: str, way: Forecast) -> Mix:
    why = f" ({way.why})" if way.why else ""
    if way.failure == NAME_SILENT:
        return one(NAME_TIMEOUT, 0, f"looking up {name}{why}")
    if way.failure == NAME_REFUSED:
        return one(REFUSED, 0, f"looking up {name}{why}")
    said = f": {way.failure}" if way.failure != NXDOMAIN else ""
    return one(NAME_UNKNOWN, 0, f"{name} has no address{said}")
