"""Users of an app, as requests to a Service that come at their rate whatever the answers are (open loop).

Every request really depends on the cluster: the Service must be programmed where the request comes in, the endpoint
picked must be on a machine that packets reach, no NetworkPolicy may stop it, its container must listen, and then it
answers as its image behaves. Requests from outside come in at the edge, as through an ingress that knows the endpoints,
unless they are sent to node ports or to the cloud's load balancer: then a node's proxy passes them on.
No event is spent on a request: conditions are worked out when one of them changes, and requests are counted.

Left out: retries and kept-alive connections of the client (each request is a new connection), and what happens to a
request under way when conditions change; it meets those of the instant at which it was sent.

**Walk:** rules, a container, an image's age or the topology change -> ``_look`` works the outcomes out -> a new
stretch in the ``Ledger`` -> when its first request fails, or the first succeeds again, the trace says so.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from kcsim.api.objects import Key
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.cluster.podnet.proxy import Proxy
from kcsim.cluster.podnet.services import DROP, Backend, ServiceRules, outside_ips
from kcsim.cluster.traffic.arrivals import Arrivals
from kcsim.cluster.traffic.ledger import Failure, Latency, Ledger, Outcome, Stretch, Totals
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Timer
from kcsim.engine.trace import Record
from kcsim.network.impairment import loss_of, without_loss
from kcsim.network.topology import Route
from kcsim.profile.distributions import Distribution

NO_SERVICE, NO_PORT, NO_ENDPOINTS = "service not found", "service has no such port", "no ready endpoints"
REFUSED, TIMED_OUT, SERVER_ERROR = "connection refused", "timed out", "server error"
DROPPED = "dropped by network policy"
"""To the client it is a timeout."""
CAUSES = (NO_SERVICE, NO_PORT, NO_ENDPOINTS, REFUSED, TIMED_OUT, DROPPED, SERVER_ERROR)
"""Why a request can fail."""

ENTRIES = ("", "NodePort", "LoadBalancer")
_FINEST = 1_000_000
_TRIES = 7


class TrafficSource:
    """Requests from one place to one port of a Service.

    Attributes:
        name: what expectations and the trace call it.
        rate: requests a second.
        service: ``namespace/name``.
        ledger: what became of the requests.
    """

    def __init__(
        self,
        pods: PodNetwork,
        name: str,
        *,
        service: str,
        namespace: str = "default",
        port: int | str | None = None,
        rate: float | Fraction,
        timeout: int = SECOND,
        start: int = 0,
        until: int | None = None,
        source: str,
        entry: str = "",
    ) -> None:
        """Requests to ``service`` in ``namespace``; times in µs.

        Args:
            port: number or name of the Service's port; its first when None.
            rate: requests a second.
            timeout: an answer later than this counts as none.
            start: when the first request is sent; not in the past.
            until: no request is sent after this instant; None: for ever.
            source: the host they come from. A node sends through its own proxy, everybody else through the edge.
            entry: how requests from outside come in: "" at the edge, ``NodePort`` at any node, ``LoadBalancer``.
        """
        self.name = name
        self.service = f"{namespace}/{service}"
        self.port = port
        self.rate = Fraction(rate).limit_denominator(_FINEST)
        if self.rate <= 0:
            raise ValueError(f"a rate must be more than 0, not {rate}")
        self.timeout = timeout
        self.source = source
        if entry not in ENTRIES:
            raise ValueError(f"an entry must be {', '.join(ENTRIES[1:])} or empty, not {entry!r}")
        self.entry = entry
        self._favourite: Backend | None = None
        self._pods = pods
        self._engine = pods.engine
        self._key: Key = (namespace, service)
        self._dice = pods.engine.dice(f"traffic/{name}")
        self._proxy = pods.proxy(source)
        self._ips: set[str] = set()
        self._open = False
        self._looking = False
        self._why: Record | None = None
        self._edge: Timer | None = None
        self._news: Timer | None = None
        self._said: dict[str, float] = {}
        start = max(start, self._engine.now)
        self.ledger = Ledger(Arrivals(self.rate, start))
        pods.add_load(self)
        self._proxies = [pods.proxy(node) for node in pods.nodes()] if entry else [self._proxy]
        for proxy in self._proxies:
            proxy.on_rules(self._rules_changed)
        pods.on_change(self._pod_changed)
        pods.network.on_change(self._touch)
        pods.firewall.on_change(self._touch)
        if entry == "LoadBalancer":
            pods.on_nodes(self._touch)
        self._engine.at(start, self._begin)
        if until is not None:
            self._engine.at(max(until, start) + 1, self._end)

    # --- asking -------------------------------------------------------------------------------------------------

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

    def totals(self, now: int | None = None) -> Totals:
        """Requests sent, ended, answered well, and failed by cause."""
        return self.ledger.totals(self._engine.now if now is None else now)

    def failures(self, now: int | None = None) -> list[Failure]:
        """When requests failed, why, and which record is to blame."""
        return self.ledger.failures(self._engine.now if now is None else now)

    def latency(self, now: int | None = None) -> Latency | None:
        """How long good answers took."""
        return self.ledger.latency(self._engine.now if now is None else now)

    def rate_to(self, pod: str, since: int, until: int) -> float:
        """Requests a second that reached the program in a pod (``namespace/name``) between two instants (µs).

        When no pod is named, those that were sent, wherever they ended.
        """
        if until <= since:
            return 0.0
        requests = 0.0
        for stretch in reversed(self.ledger.stretches):
            end = until if stretch.until is None else min(stretch.until, until)
            time = end - max(stretch.since, since)
            if time > 0:
                shares = (o.share / len(o.pods) for o in stretch.outcomes if o.work and pod in o.pods)
                requests += float(self.rate) * time * (sum(shares) if pod else 1.0)
            if stretch.since <= since:
                break
        return requests / (until - since)

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._open = True
        self._touch()

    def _end(self) -> None:
        self._open = False
        self.ledger.close(self._engine.now)
        self._pods.load_changed()
        if self._edge is not None:
            self._edge.cancel()

    def _rules_changed(self, key: Key) -> None:
        if key == self._key:
            self._touch()

    def _pod_changed(self, _node: str, ip: str) -> None:
        if ip in self._ips:
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
        engine = self._engine
        outcomes = self._outcomes()
        self._arm_edge()
        why, self._why = self._why, None
        stretch = self.ledger.begin(engine.now, outcomes, self._dice, why)
        if stretch is not None:
            self._pods.load_changed()
            self._expect_news(stretch)

    def _arm_edge(self) -> None:
        """Look again when one of the programs changes by itself."""
        if self._edge is not None:
            self._edge.cancel()
            self._edge = None
        edges = [self._pods.next_change(ip) for ip in sorted(self._ips)]
        upcoming = min((edge for edge in edges if edge is not None), default=None)
        if upcoming is not None:
            self._edge = self._engine.at(upcoming, self._touch)

    def _outcomes(self) -> tuple[Outcome, ...]:
        """What becomes of requests sent from now on: failing classes first, shares adding up to 1."""
        self._ips = set()
        shares: dict[Outcome, tuple[float, list[str]]] = {}
        doors = self._doors()
        if isinstance(doors, Outcome):
            return (doors,)
        for door in doors:
            for outcome, part, pod in self._through(door):
                known, pods = shares.get(outcome, (0.0, []))
                shares[outcome] = known + part / len(doors), [*pods, pod] if pod not in pods else pods
        found = [
            Outcome(o.cause, part, o.takes, tuple(pods), o.links, o.work)
            for o, (part, pods) in shares.items()
        ]
        return tuple(sorted(found, key=lambda o: (not o.cause, o.cause, o.takes, o.pods)))

    def _doors(self) -> list[Proxy] | Outcome:
        """The proxies that requests come to, each with the same share; or what becomes of all of them without one."""
        if self.entry == "LoadBalancer":
            service = self._pods.service(self._key)
            nodes = self._pods.balanced_nodes(service) if service is not None else []
            if not nodes:
                # A balancer without a target resets connections; without an address nobody can be connected to.
                missing = service is None or not outside_ips(service)
                return Outcome(NO_SERVICE if missing else NO_ENDPOINTS, 1.0, 0)
            return [self._pods.proxy(node) for node in nodes]
        return self._proxies

    def _through(self, proxy: Proxy) -> list[tuple[Outcome, float, str]]:
        """What becomes of requests that come to one proxy, with the share of each outcome and the pod meant."""
        entry = self._round_trip(proxy.host)
        if entry is None:
            return [(Outcome(TIMED_OUT, 0.0, self.timeout), 1.0, "")]
        rules = proxy.rules(*self._key)
        rule = rules.port(self.port) if rules is not None else None
        if rules is None or rule is None:
            return [(Outcome(NO_SERVICE if rules is None else NO_PORT, 0.0, _typical(entry)), 1.0, "")]
        if self.entry == "NodePort" and not rule.node_port:
            return [(Outcome(REFUSED, 0.0, _typical(entry)), 1.0, "")]
        backends = self._chosen(rules, rule.external if self.entry else rule.backends)
        if not backends:
            dropped = (rule.external_otherwise if self.entry else rule.otherwise) == DROP
            return [(Outcome(NO_ENDPOINTS, 0.0, self.timeout if dropped else _typical(entry)), 1.0, "")]
        share = 1 / len(backends)
        via = proxy.host if self.entry else ""
        found = []
        for backend in backends:
            self._ips.add(backend.ip)
            for outcome, part in self._at(backend, via, rules.keeps_source):
                found.append((outcome, share * part, backend.pod))
        return found

    def _chosen(self, rules: ServiceRules, backends: tuple[Backend, ...]) -> tuple[Backend, ...]:
        """All of them; only the one it stays with, for a single client of a Service with session affinity.

        Who comes from outside is many clients: each stays with a backend, together they keep to the shares.
        """
        if not rules.affinity or not backends or not self._pods.is_node(self.source):
            return backends
        if self.rate * rules.affinity < SECOND:
            return backends  # Every request comes after its affinity is forgotten.
        if self._favourite not in backends:
            self._favourite = self._dice.choice(backends)
        return (self._favourite,)

    def _at(self, backend: Backend, via: str, keeps_source: bool) -> list[tuple[Outcome, float]]:
        """What becomes of a request to one backend, with the share of each outcome; ``via`` is the node it came to."""
        timed_out = Outcome(TIMED_OUT, 0.0, self.timeout)
        path = self._pods.path(via or self.source, backend.ip)
        entry = self._round_trip(via) if via else None
        if path is None or not self._pods.has_ip(backend.ip) or (via and entry is None):
            return [(timed_out, 1.0)]
        # A node that passes a request on puts its own address on it, unless the client's is to be kept.
        sender = via if via and not keeps_source else self.source
        if not self._pods.allows(sender, backend.ip, backend.port):
            return [(Outcome(DROPPED, 0.0, self.timeout), 1.0)]
        outer = tuple(link for route in entry or () for link in route.latencies)
        all_links = (*outer, *path.there.latencies, *path.back.latencies)
        links = without_loss(all_links)
        travel = sum(link.at(0.5) for link in links)
        loss = loss_of(all_links)
        if loss:
            return self._repeated(self._accepted(backend, links, travel), loss)
        return self._accepted(backend, links, travel)

    def _repeated(self, outcomes: list[tuple[Outcome, float]], loss: float) -> list[tuple[Outcome, float]]:
        """What loss makes of outcomes: a request that loses a packet takes a second longer, then two, then four ...

        A request is two exchanges: opening the connection, and the request itself.
        """
        passes = (1.0 - loss) ** 2
        found: list[tuple[Outcome, float]] = []
        left, waited = 1.0, 0
        for tries in range(_TRIES):
            late = [(o, part) for o, part in outcomes if o.takes + waited > self.timeout]
            if late and len(late) == len(outcomes):
                break
            for o, part in outcomes:
                slower = replace(o, takes=o.takes + waited, work=o.work + waited if o.work else 0)
                over = slower.takes > self.timeout
                ended = Outcome(TIMED_OUT, 0.0, self.timeout) if over else slower
                found.append((ended, part * left * passes))
            left *= 1.0 - passes
            waited += SECOND << tries
        found.append((Outcome(TIMED_OUT, 0.0, self.timeout), left))
        return [(o, part) for o, part in found if part > 0]

    def _accepted(
        self, backend: Backend, links: tuple[Distribution, ...], travel: int
    ) -> list[tuple[Outcome, float]]:
        """What becomes of a request whose packets arrive."""
        timed_out = Outcome(TIMED_OUT, 0.0, self.timeout)
        serving = self._pods.serving(backend.ip, backend.port)
        if serving is None:
            return [(Outcome(REFUSED, 0.0, travel) if travel <= self.timeout else timed_out, 1.0)]
        takes = travel + serving.latency
        if takes > self.timeout:
            return [(timed_out, 1.0)]
        errors = serving.error_fraction
        both = (
            (Outcome(SERVER_ERROR, 0.0, takes, (), links, serving.latency), errors),
            (Outcome("", 0.0, takes, (), links, serving.latency), 1.0 - errors),
        )
        return [(outcome, part) for outcome, part in both if part > 0]

    def _round_trip(self, host: str) -> tuple[Route, Route] | None:
        network = self._pods.network
        there, back = network.route(self.source, host), network.route(host, self.source)
        return (there, back) if there is not None and back is not None else None

    # --- telling ------------------------------------------------------------------------------------------------

    def _expect_news(self, stretch: Stretch) -> None:
        """Arm the end of the first request that shows what has changed for users."""
        if self._news is not None:
            self._news.cancel()
            self._news = None
        causes: dict[str, float] = {}
        for outcome in stretch.failing:
            causes[outcome.cause] = round(causes.get(outcome.cause, 0.0) + outcome.share, 4)
        if causes == self._said:
            return
        number = stretch.split.first_failed() if causes else stretch.split.first_good()
        if number is None:
            return
        takes = max(o.takes for o in (stretch.failing or stretch.outcomes))
        sent = self.ledger.arrivals.sent_at(stretch.first + number - 1)
        with self._engine.because(stretch.why):
            self._news = self._engine.at(sent + takes, self._tell, stretch, sent, causes)

    def _tell(self, stretch: Stretch, sent: int, causes: dict[str, float]) -> Record | None:
        self._said = causes
        actor, subject = f"traffic/{self.name}", f"service/{self.service}"
        if not causes:
            return self._engine.note(actor, "recovered", subject)
        pods = sorted({pod for outcome in stretch.failing for pod in outcome.pods if pod})
        detail: dict[str, object] = {"share": causes, "sent": round(sent / SECOND, 6)}
        if pods:
            detail["pods"] = pods
        return self._engine.note(actor, "failing", subject, detail)


def _typical(round_trip: tuple[Route, Route]) -> int:
    return sum(link.at(0.5) for route in round_trip for link in route.latencies)
