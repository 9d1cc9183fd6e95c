"""What becomes of a request that is sent now: all ways it can go, each with its share.  Looks; changes nothing.

Answers are kept with the facts they were made from (``memo.py``): when one of these changes, whoever asks says so, and only
what came of it is worked out again. A cluster in which one pod ends costs one pod's worth of work.

**Imitates:** a client's connect and request over TCP, kube-proxy's choice (``podnet/services.py``), and the retries of
nginx to the next upstream (``ngx_http_upstream``). Left out: the round trip of the handshake, HTTP/2.

**Walk:** a client and a target -> the name is looked up where the cluster has DNS -> the proxy's backends become
``Option``s -> a ``Leg`` is ridden: policies, path, listener -> a router passes on, a program answers, calling others
first -> a ``Mix``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from kcsim.api.objects import Key, Object
from kcsim.cluster.dns.forecast import Forecast, forecast, service_named
from kcsim.cluster.dns.lookup import REFUSED as NAME_REFUSED
from kcsim.cluster.dns.lookup import TIMEOUT as NAME_SILENT
from kcsim.cluster.dns.lookup import resolver_of
from kcsim.cluster.images import Call
from kcsim.cluster.kubelet.runtime import Serving
from kcsim.cluster.podnet.loadbalancer import balancer_ips
from kcsim.cluster.podnet.plane import Ask, Passed, PodNetwork, Router
from kcsim.cluster.podnet.policy import End
from kcsim.cluster.podnet.proxy import Proxy
from kcsim.cluster.podnet.services import DROP, Backend, ServiceRules, outside_ips
from kcsim.cluster.podnet.watched import Watched
from kcsim.cluster.traffic.memo import Memo
from kcsim.cluster.traffic.outcome import (
    DROPPED,
    NAME_TIMEOUT,
    NAME_UNKNOWN,
    NO_ENDPOINTS,
    NO_PORT,
    NO_SERVICE,
    NOT_FOUND,
    NOTHING,
    REFUSED,
    SERVER_ERROR,
    TIMED_OUT,
    Mix,
    Outcome,
    blend,
    in_turn,
    limited,
    lost,
    one,
    onward,
)
from kcsim.cluster.traffic.retries import Retries, retried
from kcsim.cluster.traffic.target import Target, of_url
from kcsim.engine.clock import MILLISECOND, SECOND
from kcsim.network.impairment import loss_of, without_loss
from kcsim.profile.distributions import Distribution

NODE_PORT, LOAD_BALANCER = "NodePort", "LoadBalancer"
_TRIES = 7
_OUTSIDE_WORK = MILLISECOND
"""How long a host of the internet needs to answer."""


@dataclass(frozen=True, eq=False)
class Client:
    """Who sends: a host, or a pod on it."""

    name: str
    host: str
    pod: Object | None = None
    end: End | None = None

    @property
    def namespace(self) -> str:
        """Where its names are looked up."""
        return self.end.namespace if self.end is not None and self.end.namespace else "default"


class Leg(NamedTuple):
    """A connection that a client can have: to an address and port, where ``pod`` is said to be.

    Attributes:
        client: who opens it.
        via: the node that passes it on, when it comes in at a node.
        keeps_source: whether that node keeps the client's address.
    """

    client: str
    via: str
    ip: str
    port: int
    keeps_source: bool
    pod: str


class Option(NamedTuple):
    """What a client may get when it opens a connection now: a leg, or an end (``mix``), after what the name took."""

    share: float
    leg: Leg | None = None
    mix: Mix | None = None
    links: tuple[Distribution, ...] = ()
    waited: int = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """A program that requests reach: where it is, which pod it is, and how long it works on one (µs)."""

    ip: str
    port: int
    uid: str
    node: str
    latency: int


Fact = tuple[Any, ...]
"""Something that answers depend on: ``("rules", host, key)``, ``("ip", address)``, ``("name", key)``, ``("nodes",)``,
``("routes",)``."""

Choose = Callable[[Client, Key, ServiceRules, tuple[Backend, ...]], tuple[Backend, ...]]
"""Which of the backends a client's connections can go to: all of them, or the one it stays with."""


class Outlook:
    """Answers about the present, as far as it has been told of changes.

    Attributes:
        reached: the programs that requests may reach, by address and port.
        edges: when (µs) what an address serves changes by itself, where it does.
    """

    def __init__(self, pods: PodNetwork, choose: Choose, listen: Callable[[str], None]) -> None:
        """``listen`` is told of each host whose proxy an answer depends on."""
        self.reached: dict[tuple[str, int], tuple[str, Reached]] = {}
        self.edges: dict[str, int] = {}
        self._pods = pods
        self._choose = choose
        self._listen = listen
        self._memo = Memo()
        self._inside: list[tuple[str, int]] = []

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

    def pods_at(self, ip: str) -> list[tuple[str, Reached]]:
        """The programs at an address that requests reached so far."""
        return [found for (where, _), found in self.reached.items() if where == ip]

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

    # --- a whole request ----------------------------------------------------------------------------------------

    def fresh(self, client: Client, target: Target, entry: str = "") -> Mix:
        """What becomes of a request over a connection of its own."""

        def work() -> Mix:
            return self.all_of(client, self.options(client, target, entry), target.ask)

        # Without names and policies all clients of a node are alike, unless they stay with a backend each.
        return self._memo.keep(("fresh", self._alike(client), client.namespace, target, entry), work)

    def _alike(self, client: Client) -> str:
        plain = not self._pods.firewall.enforcing and self._resolver(client) is None
        return client.host if plain else client.name

    def all_of(self, client: Client, options: Sequence[Option], ask: Ask) -> Mix:
        """What becomes of a request that takes any of some options."""
        found = []
        for option in options:
            end = option.mix if option.leg is None else self.ride(client, option.leg, ask)
            assert end is not None, "an option is a leg or an end"
            found.append((onward(option.links, option.waited, end), option.share))
        return blend(found)

    def options(self, client: Client, target: Target, entry: str = "") -> list[Option]:
        """What a client may get when it opens a connection."""
        if entry:
            assert target.key is not None, "who comes in through a Service names it"
            return self._from_outside(client, target.key, target.port, entry)
        if client.pod is None or self._resolver(client) is None:
            return self._without_names(client, target)
        return self._with_names(client, target)

    # --- names --------------------------------------------------------------------------------------------------

    def _resolver(self, client: Client) -> object:
        return resolver_of(self._pods, client.pod) if client.pod is not None else None

    def _without_names(self, client: Client, target: Target) -> list[Option]:
        key = target.key_in(client.namespace)
        if target.key is None and (key is None or self._pods.service(key) is None):
            if key is not None:
                self._rules(self._pods.proxy(client.host), key)
            if self._pods.network.has_host(target.host):
                return [self._abroad(client, target)]
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
            return self._through(client, self._pods.proxy(client.host), key, target.port)
        pods = self._pods
        if not isinstance(target.port, int):
            # A headless Service's ports are those of its pods; only the object knows the number behind a name.
            number = rules.port(target.port) if rules is not None else None
            port = number.number if number is not None else 80
        else:
            port = target.port
        share = 1 / len(way.addresses)
        if pods.network.has_host(way.name):
            return [self._abroad(client, target)]
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
        return rules is None and service is not None and addresses[0] == service["spec"].get("clusterIP")

    def _abroad(self, client: Client, target: Target) -> Option:
        """A host outside the cluster, which always answers those who reach it."""
        network = self._pods.network
        ways = self._round_trip(client.host, target.host)
        address = network.host(target.host).address
        if ways is None:
            return Option(1.0, mix=lost())
        if client.end is not None and address:
            end = self._pods.firewall.end_at(address)
            port = target.port if isinstance(target.port, int) else 80
            if not self._pods.firewall.verdict(client.end, end, port).allowed:
                return Option(1.0, mix=lost(DROPPED))
        return Option(1.0, mix=onward(ways, _OUTSIDE_WORK, NOTHING))

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
        self, client: Client, proxy: Proxy, key: Key, port: int | str | None, entry: str = ""
    ) -> list[Option]:
        """The backends of a Service that connections which come to one proxy can go to."""
        links = self._round_trip(client.host, proxy.host)
        if links is None:
            self._depends(proxy.host, key)
            return [Option(1.0, mix=lost())]
        rules = self._rules(proxy, key)
        rule = rules.port(port) if rules is not None else None
        links = without_loss(links)

        def end(cause: str, where: str = "") -> list[Option]:
            return [Option(1.0, mix=onward(links, 0, one(cause, 0, where)))]

        if rules is None or rule is None:
            return end(NO_SERVICE if rules is None else NO_PORT)
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

    # --- the connection -----------------------------------------------------------------------------------------

    def ride(self, client: Client, leg: Leg, ask: Ask, *, established: bool = False) -> Mix:
        """What becomes of a request over a leg; policies are asked only when its connection is opened."""

        def work() -> Mix:
            self._sees(leg.ip)
            ways = self.way(client, leg)
            if ways is None:
                return _meant_for(leg, lost())
            if not established and not self.may_open(client, leg):
                return _meant_for(leg, lost(DROPPED))
            loss = loss_of(ways)
            mix = self._accepted(leg, ask, without_loss(ways))
            return _meant_for(leg, _repeated(mix, loss) if loss else mix)

        return self._memo.keep(("ride", self._alike(client), leg, ask, established), work)

    def way(self, client: Client, leg: Leg) -> tuple[Distribution, ...] | None:
        """The links there and back; None: packets are lost."""
        outer = self._round_trip(client.host, leg.via) if leg.via else ()
        path = self._pods.path(leg.via or client.host, leg.ip)
        if outer is None or path is None or not self._pods.has_ip(leg.ip):
            return None
        return (*outer, *path.there.latencies, *path.back.latencies)

    def serving(self, leg: Leg) -> Serving | None:
        """Who accepts connections at the end of a leg."""
        return self._pods.serving(leg.ip, leg.port)

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

    def _accepted(self, leg: Leg, ask: Ask, links: tuple[Distribution, ...]) -> Mix:
        """What becomes of a request whose packets arrive."""
        serving = self._pods.serving(leg.ip, leg.port)
        if serving is None:
            return onward(links, 0, one(REFUSED))
        node = self._pods.node_of(leg.ip) or ""
        name = f"{serving.namespace}/{serving.pod}"
        reached = Reached(leg.ip, leg.port, serving.uid, node, serving.latency)
        self.reached[leg.ip, leg.port] = (name, reached)
        router = self._pods.routers.get((serving.namespace, serving.pod))
        if router is not None:
            mix = self._passed_on(router, serving, leg, ask)
        else:
            mix = self._answered(serving, leg)
        return onward(links, 0, mix)

    # --- programs -----------------------------------------------------------------------------------------------

    def _answered(self, serving: Serving, leg: Leg) -> Mix:
        """What a program makes of a request, and the programs it calls."""
        place = (leg.ip, leg.port)
        if place in self._inside:
            names = " > ".join(self._pod_name(ip) for ip, _ in [*self._inside, place])
            return one(SERVER_ERROR, serving.latency, f"calls go in a circle: {names}")

        def work() -> Mix:
            self._sees(leg.ip)
            latency, errors = serving.latency, serving.error_fraction
            own = (
                Outcome(SERVER_ERROR, errors, latency, (), (), latency),
                Outcome("", 1.0 - errors, latency, (), (), latency),
            )
            pod = f"{serving.namespace}/{serving.pod}"
            mix = Mix([part for part in own if part.share > 0], (), pod)
            if not serving.calls:
                return mix
            self._inside.append(place)
            client = self.client_at(leg.ip)
            mix = in_turn([mix, *(self._called(client, call) for call in serving.calls)])
            self._inside.pop()
            return mix

        return self._memo.keep(("program", place), work)

    def _called(self, client: Client, call: Call) -> Mix:
        target = of_url(call.to)
        mix = limited(self.fresh(client, target), call.timeout)
        if call.retries:
            mix = retried(mix, Retries(call.retries)).mix
        parts = []
        for part in mix.parts:
            if not part.cause:
                parts.append(part)
            elif call.optional:
                parts.append(part._replace(cause="", where=""))
            else:
                told = f"{target.host} > {part.where}" if part.where else f"{target.host}: {part.cause}"
                parts.append(part._replace(cause=SERVER_ERROR, where=told))
        made = Mix(parts, mix.made_of, mix.pod)
        return blend([(made, call.share), (NOTHING, 1.0 - call.share)])

    def client_at(self, ip: str) -> Client:
        """The pod or node at an address, as a client."""

        def work() -> Client:
            self._sees(ip)
            return client_at(self._pods, ip)

        return self._memo.keep(("client", ip), work)

    def _pod_name(self, ip: str) -> str:
        key = self._pods.pod_at(ip)
        return key[1] if key is not None else ip

    # --- routers ------------------------------------------------------------------------------------------------

    def _passed_on(self, router: Router, serving: Serving, leg: Leg, ask: Ask) -> Mix:
        self._memo.reads(("routes",))
        name = f"{serving.namespace}/{serving.pod}"
        client = self.client_at(leg.ip)
        shares = [
            (self._to_upstream(router, client, passed, ask), passed.share)
            for passed in router.route(ask, leg.port)
        ]
        own = Mix((Outcome("", 1.0, serving.latency, (), (), serving.latency),), (), name)
        return in_turn([own, blend(shares)])

    def _to_upstream(self, router: Router, client: Client, passed: Passed, ask: Ask) -> Mix:
        """One share of requests: to a backend, and to the next when no connection is opened there."""
        if not passed.backends:
            cause = NOT_FOUND if passed.status == 404 else SERVER_ERROR if passed.status >= 500 else ""
            return one(cause, 0, f"{passed.where}: {passed.status}" if cause else "")
        dead: list[Mix] = []
        alive: list[Mix] = []
        for backend in passed.backends:
            leg = Leg(client.name, "", backend.ip, backend.port, False, backend.pod)
            mix = self.ride(client, leg, ask)
            unopened = all(p.cause in (REFUSED, TIMED_OUT, DROPPED) for p in mix.parts) and not mix.reached
            (dead if unopened else alive).append(mix)
        told = passed.where
        failed = [limited(mix, router.connect_timeout) for mix in dead]
        first = blend([(mix, 1.0) for mix in failed]) if failed else None
        waits = int(sum(p.takes * p.share for p in first.parts) / len(failed)) if first is not None else 0
        pods = first.parts[0].pods if first is not None else ()
        good = _even(alive)
        found: list[tuple[Mix, float]] = []
        total, left = len(passed.backends), 1.0
        tries = min(router.tries, total)
        for tried in range(tries):
            # Backends are not tried twice: of those left, so many cannot be connected to.
            bad = max(len(dead) - tried, 0) / (total - tried)
            if good is not None:
                found.append((onward((), waits * tried, good), left * (1 - bad)))
            left *= bad
        if left > 0 and first is not None:
            quick = all(p.cause == REFUSED for p in first.parts)
            status = "502" if quick else "504"
            found.append((one(SERVER_ERROR, waits * tries, f"{told}: {status}", pods=pods), left))
        return limited(blend(found), router.timeout, SERVER_ERROR, f"{told}: 504")


def client_at(pods: PodNetwork, ip: str) -> Client:
    """The pod that has an address, or the node whose it is, as a client."""
    key = pods.pod_at(ip)
    end = pods.firewall.end_at(ip)
    pod = pods.pod(key) if key is not None else None
    if pod is None:
        host = pods.node_of(ip) or pods.edge
        return Client(host, host)
    return Client(f"{end.namespace}/{end.name}", end.node or pods.node_of(ip) or pods.edge, pod, end)


def _even(mixes: list[Mix]) -> Mix | None:
    return blend([(mix, 1 / len(mixes)) for mix in mixes]) if mixes else None


def _no_name(name: str, way: Forecast) -> Mix:
    why = f" ({way.why})" if way.why else ""
    if way.failure == NAME_SILENT:
        return one(NAME_TIMEOUT, 0, f"looking up {name}{why}")
    if way.failure == NAME_REFUSED:
        return one(REFUSED, 0, f"looking up {name}{why}")
    return one(NAME_UNKNOWN, 0, f"{name} has no address")


def _meant_for(leg: Leg, mix: Mix) -> Mix:
    """The mix with the pod it was meant for, where none further on is to blame."""
    pods = (leg.pod,)
    return Mix([part if part.pods else part._replace(pods=pods) for part in mix.parts], mix.made_of, mix.pod)


def _repeated(mix: Mix, loss: float) -> Mix:
    """What loss makes of outcomes: a request that loses a packet takes a second longer, then two, then four ...

    A request is two exchanges: opening the connection, and the request itself.
    """
    passes = (1.0 - loss) ** 2
    found: list[tuple[Mix, float]] = []
    left, waited = 1.0, 0
    for tries in range(_TRIES):
        found.append((onward((), waited, mix), left * passes))
        left *= 1.0 - passes
        waited += SECOND << tries
    found.append((lost(), left))
    return blend(found)
