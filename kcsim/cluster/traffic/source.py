"""A source of traffic: clients, inside the cluster or outside, who send requests to one target.

Every request really depends on the cluster: the name must be known, the Service programmed where the request comes in, the endpoint
picked must be on a machine that packets reach, no NetworkPolicy may stop it, its container must listen, and then it
answers as its image behaves, after the programs that it calls. Requests from outside come in at the edge, as through
an ingress that knows the endpoints, unless they are sent to node ports, to the cloud's load balancer, to an Ingress or
to a Gateway. Conditions are worked out when one of them changes; what becomes of the requests is counted as flows
(``flows.py``), or, where a run is small and asks for it, played one by one (``requests.py``).

**Walk:** rules, a name, a route, a container, an image's age or the topology change -> ``_look`` makes an ``Outlook`` -> the mix of
one try -> the flows, or the requests, go on with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from kcsim.api.objects import Key
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.cluster.podnet.services import Backend, ServiceRules
from kcsim.cluster.traffic.arrivals import exact_rate
from kcsim.cluster.traffic.demand import Demand
from kcsim.cluster.traffic.flows import Flows
from kcsim.cluster.traffic.front import Front
from kcsim.cluster.traffic.keepalive import Pool
from kcsim.cluster.traffic.ledger import Failure, Latency, Ledger, Totals
from kcsim.cluster.traffic.legs import Client, Fact, Leg, Option, Reached
from kcsim.cluster.traffic.outcome import (
    CAUSES,
    DROPPED,
    NO_ENDPOINTS,
    NO_PORT,
    NO_SERVICE,
    REFUSED,
    RESET,
    SERVER_ERROR,
    TIMED_OUT,
    Mix,
    blend,
    limited,
    mean_time,
    one,
)
from kcsim.cluster.traffic.outlook import Outlook
from kcsim.cluster.traffic.requests import Requests, Tally
from kcsim.cluster.traffic.retries import NONE, Retries, retried
from kcsim.cluster.traffic.senders import Senders
from kcsim.cluster.traffic.story import Gone, Story
from kcsim.cluster.traffic.target import Target, of_service, of_url
from kcsim.cluster.traffic.ways import ANY_SERVICE
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Timer
from kcsim.engine.trace import Record

ENTRIES = ("", "NodePort", "LoadBalancer", "Ingress", "Gateway")
_OF_ROUTERS = ("Ingress", "Gateway")


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Connections that are kept open: how many, and for how long at most (µs; None: until one side ends them)."""

    connections: int
    max_age: int | None = None


class TrafficSource:
    """Requests to one target.

    Attributes:
        name: what expectations and the trace call it.
        target: whom they ask, as it was given: ``service/web`` in its namespace, or the URL.
        service: ``namespace/name`` of the Service; of a URL, what its name means where it is sent from.
        demand: how many requests its clients want to send.
        ledger: what became of the requests.
    """

    def __init__(
        self,
        pods: PodNetwork,
        name: str,
        *,
        service: str = "",
        url: str = "",
        headers: tuple[tuple[str, str], ...] = (),
        namespace: str = "default",
        port: int | str | None = None,
        rate: float | Fraction = 0,
        demand: Demand | None = None,
        timeout: int = SECOND,
        start: int = 0,
        until: int | None = None,
        source: str,
        workload: str = "",
        entry: str = "",
        gateway: str = "",
        retries: Retries = NONE,
        keep_alive: KeepAlive | None = None,
        aggregate: bool = True,
    ) -> None:
        """Requests to ``service`` in ``namespace``, or to ``url``; times in µs.

        Args:
            headers: what requests carry beyond their host and path, for routes to match.
            port: number or name of the Service's port; its first when None.
            rate: requests a second, always the same; or ``demand``, which may change and may be a closed loop.
            timeout: a try answered later than this counts as not answered.
            start: when the first request is sent; not in the past.
            until: no request is sent after this instant; None: for ever.
            source: the host they come from. A node sends through its own proxy, everybody else through the edge.
            workload: the pods they come from, ``deployment/web`` in ``namespace``, in place of ``source``.
            entry: how requests from outside come in: "" at the edge, ``NodePort`` at any node, ``LoadBalancer``, ``Ingress``
                through the ingress controller, ``Gateway`` through the Gateway named ``gateway`` in ``namespace``.
            retries: when clients try again.
            keep_alive: they keep connections open; left out, each try opens one.
            aggregate: False plays each request as an event of its own.
        """
        if entry not in ENTRIES:
            raise ValueError(f"an entry must be {', '.join(ENTRIES[1:])} or empty, not {entry!r}")
        if workload and entry:
            raise ValueError("pods are inside: requests of a workload have no entry")
        if bool(service) == bool(url):
            raise ValueError("requests are for a Service or for a URL: give one of the two")
        self.name = name
        self.demand = demand or Demand(exact_rate(rate))
        self.timeout = timeout
        self.source = source
        self.entry = entry
        self._pods = pods
        self._engine = pods.engine
        self._target: Target = of_url(url, headers) if url else of_service(namespace, service, port, None)
        self.target = url or f"service/{service}"
        key = self._target.key_in(namespace)
        self.service = "/".join(key) if key is not None else self._target.host
        self.port = port
        self._front = Front(pods, entry, namespace, gateway) if entry in _OF_ROUTERS else None
        self._dice = pods.engine.dice(f"traffic/{name}")
        self._favourites: dict[tuple[str, Key], Backend] = {}
        self._open = False
        self._looking = False
        self._why: Record | None = None
        self._edge: Timer | None = None
        self._heard: set[str] = set()
        self._outlook = Outlook(pods, self._choose, self._listen)
        self._suspects: dict[str, Reached] = {}
        self._ridden: dict[str, dict[tuple[str, Leg], Client]] = {}
        self._named = False
        self._senders_at: set[str] = set()
        start = max(start, self._engine.now)
        story = Story(self._engine, name, self.service)
        self._retries = retries
        self._way: Flows | Requests = (
            Flows(self._engine, story, self._dice, retries, start)
            if aggregate
            else Requests(self._engine, story, self._dice, retries, self.demand, start)
        )
        self._pool: Pool | None = None
        if keep_alive is not None:
            dice = pods.engine.dice(f"traffic/{name}/connections")
            self._pool = Pool(keep_alive.connections, timeout, keep_alive.max_age, dice)
        pods.add_load(self)
        if entry not in ("", *_OF_ROUTERS):
            for node in pods.nodes():
                self._listen(node)
        elif not workload:
            self._listen(pods.proxy(source).host)
        self._senders = Senders(pods, workload, namespace, self._touch) if workload else None
        pods.on_change(self._pod_changed)
        pods.network.on_change(self._network_changed)
        pods.firewall.on_change(self._all_changed)
        pods.on_names(self._name_changed)
        pods.on_routes(partial(self._changed, ("routes",)))
        if entry and entry != "NodePort":
            pods.on_nodes(partial(self._changed, ("nodes",)))
        self._engine.at(start, self._begin)
        if until is not None:
            self._engine.at(max(until, start) + 1, self._end)

    # --- asking -------------------------------------------------------------------------------------------------

    @property
    def rate(self) -> Fraction:
        """Requests a second that are wanted: now, or for a closed loop if answers took no time."""
        return self.demand.wanted(self._engine.now, 0)

    @property
    def patience(self) -> int:
        """The longest that a request with all its tries can take (µs)."""
        retries = self._retries
        waits = sum(retries.wait(tried) for tried in range(1, retries.attempts + 1))
        return self.timeout * (retries.attempts + 1) + waits

    @property
    def ledger(self) -> Ledger | Tally:
        """What became of the requests."""
        return self._way.ledger

    def requests(self, window: int | None = None, now: int | None = None) -> tuple[int, int]:
        """How many requests ended in the last ``window`` µs (ever, when None), and how many of them failed.

        ``now`` asks for an instant that lies in the past.
        """
        now = self._engine.now if now is None else now
        ended, failed = self.ledger.ended(now)
        if window is None:
            return ended, failed
        before, failed_before = self.ledger.ended(now - window)
        return ended - before, failed - failed_before

    def __repr__(self) -> str:
        told = self.totals()
        return f"<TrafficSource {self.name} to {self.target}: {told.sent} sent, {told.ok} ok, {told.failed} failed>"

    def totals(self, now: int | None = None) -> Totals:
        """Requests sent, ended, answered well, and failed by cause and kind."""
        return self.ledger.totals(self._engine.now if now is None else now)

    def failures(self, now: int | None = None) -> list[Failure]:
        """When requests failed, why, and which record is to blame."""
        return self.ledger.failures(self._engine.now if now is None else now)

    def latency(self, now: int | None = None) -> Latency | None:
        """How long good answers took."""
        return self.ledger.latency(self._engine.now if now is None else now)

    def connections(self) -> dict[str, int]:
        """How many kept connections lead to each pod (``namespace/name``); empty without keep-alive."""
        return self._pool.spread() if self._pool is not None else {}

    def pods_reached(self, now: int | None = None) -> dict[str, float]:
        """The pods that requests come to at an instant, each with how often a request does."""
        return self._way.often_at(self._engine.now if now is None else now)

    def rate_to(self, pod: str, since: int, until: int) -> float:
        """Requests a second that reached the program in a pod (``namespace/name``) between two instants (µs).

        When no pod is named, those that were sent, wherever they ended.
        """
        if until <= since:
            return 0.0
        return self._way.visits(pod, since, until) / (until - since)

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._open = True
        self._touch()

    def _end(self) -> None:
        self._open = False
        self._way.end()
        self._pods.load_changed()
        if self._edge is not None:
            self._edge.cancel()

    def _listen(self, host: str) -> None:
        if host not in self._heard:
            self._heard.add(host)
            self._pods.proxy(host).on_rules(partial(self._rules_changed, host))

    def _changed(self, fact: Fact) -> None:
        """A fact has changed: look again if anything depended on it."""
        if self._outlook.depends_on(fact):
            self._outlook.forget(fact)
            self._touch()

    def _network_changed(self) -> None:
        for ip, rides in self._outlook.rides.items():
            self._ridden.setdefault(ip, {}).update(rides)
        self._all_changed()

    def _all_changed(self) -> None:
        self._outlook.clear()
        self._touch()

    def _rules_changed(self, host: str, key: Key) -> None:
        self._changed(("rules", host, key))
        self._changed(("rules", host, ANY_SERVICE))

    def _name_changed(self, key: Key) -> None:
        if not self._named:
            self._named = True
            self._all_changed()  # it is the first that is heard of a name server
        self._changed(("name", key))

    def _pod_changed(self, _node: str, ip: str) -> None:
        if self._outlook.depends_on(("ip", ip)):
            self._suspects.update(self._outlook.pods_at(ip))
        self._changed(("ip", ip))
        if ip in self._senders_at:
            self._touch()

    def multiply(self, times: float) -> None:
        """Clients want so many times as much from now on; 1 is as usual."""
        self.demand = replace(self.demand, times=exact_rate(times))
        if isinstance(self._way, Requests):
            self._way.demand = self.demand
        self._touch()

    def _touch(self) -> None:
        """Something changed: look once, when everything of this instant has happened."""
        if not self._open:
            return
        self._why = self._why or self._engine.cause
        if not self._looking:
            self._looking = True
            self._engine.after(0, self._look)

    # --- working it out -----------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._looking = False
        if not self._open:
            return
        outlook = self._outlook
        now = self._engine.now
        for ip in [ip for ip, edge in outlook.edges.items() if edge <= now]:
            outlook.forget(("ip", ip))
        clients = self._clients()
        one_try = limited(self._mix(outlook, clients), self.timeout)
        gone = self._gone()
        self._watch(clients)
        takes = mean_time(retried(one_try, self._retries).mix) if self.demand.users else 0.0
        rate = self.demand.wanted(now, takes) if clients else Fraction(0)
        why, self._why = self._why, None
        if self._way.begin(one_try, rate, gone, why, self.timeout):
            self._pods.load_changed()

    def _clients(self) -> list[Client]:
        if self._senders is not None:
            return self._senders.clients()
        return [Client(self.source, self.source)]

    def _mix(self, outlook: Outlook, clients: Sequence[Client]) -> Mix:
        """What becomes of a try that is sent now."""
        target, entry = self._target, self.entry
        if not clients:
            return Mix([])
        if self._front is not None:
            found = self._front.target(self._target)
            if isinstance(found, str):
                return one(NO_SERVICE, 0, found)
            target, entry = found, "LoadBalancer"
        if self._pool is None:
            share = 1 / len(clients)
            return blend([(outlook.fresh(client, target, entry), share) for client in clients])
        offered: dict[str, list[Option]] = {}

        def offer(client: Client) -> list[Option]:
            known = offered.get(client.name)
            if known is None:
                known = offered[client.name] = outlook.options(client, target, entry)
            return known

        return self._pool.look(self._engine.now, clients, outlook, offer, target.ask)

    def _choose(
        self, client: Client, key: Key, rules: ServiceRules, backends: tuple[Backend, ...]
    ) -> tuple[Backend, ...]:
        """All of them; only the one it stays with, for a single client of a Service with session affinity.

        Who comes from outside is many clients: each stays with a backend, together they keep to the shares.
        """
        if not rules.affinity or not backends or not self._pods.is_node(client.host):
            return backends
        if not self.demand.users and self.demand.rate * rules.affinity < SECOND:
            return backends  # Every request comes after its affinity is forgotten.
        place = (client.name, key)
        if self._favourites.get(place) not in backends:
            self._favourites[place] = self._dice.choice(backends)
        return (self._favourites[place],)

    def _gone(self) -> list[Gone]:
        """The pods that were asked until now and have ended since, with what that does to requests under way."""
        found = []
        suspects, self._suspects = self._suspects, {}
        for pod, before in suspects.items():
            serving = self._pods.serving(before.ip, before.port)
            if serving is not None and serving.uid == before.uid:
                continue
            self._outlook.reached.pop((before.ip, before.port), None)
            runtime = self._pods.runtime(before.node)
            if runtime is None or not runtime.powered:
                found.append(Gone(pod, TIMED_OUT, before.latency))
            elif not runtime.ended_well(before.ip, before.uid):
                found.append(Gone(pod, RESET, before.latency))
        return found + self._cut_off({gone.pod for gone in found})

    def _cut_off(self, ended: set[str]) -> list[Gone]:
        """The pods whose answers do not arrive any more: a cut has come between them and some of who asked them."""
        ridden, self._ridden = self._ridden, {}
        found = []
        for ip, rides in ridden.items():
            if not self._pods.has_ip(ip):
                continue
            lost = sum(not self._outlook.answers_arrive(client, leg) for (_, leg), client in rides.items())
            latency = max((reached.latency for _, reached in self._outlook.pods_at(ip)), default=0)
            pods = dict.fromkeys(leg.pod for _, leg in rides if leg.pod not in ended) if lost else ()
            found += [Gone(pod, TIMED_OUT, latency, lost / len(rides)) for pod in pods]
        return found

    def _watch(self, clients: Sequence[Client]) -> None:
        """Wait for what changes by itself."""
        if self._senders is not None:
            self._senders_at = {client.end.ip for client in clients if client.end is not None}
        if self._edge is not None:
            self._edge.cancel()
            self._edge = None
        now = self._engine.now
        edges: list[int | None] = [*self._outlook.edges.values(), self.demand.next_change(now)]
        if self._pool is not None:
            edges.append(self._pool.next_look())
        upcoming = min((edge for edge in edges if edge is not None), default=None)
        if upcoming is not None:
            self._edge = self._engine.at(max(upcoming, now + 1), self._touch)


__all__ = [
    "CAUSES",
    "DROPPED",
    "NO_ENDPOINTS",
    "NO_PORT",
    "NO_SERVICE",
    "REFUSED",
    "SERVER_ERROR",
    "TIMED_OUT",
    "KeepAlive",
    "TrafficSource",
]
