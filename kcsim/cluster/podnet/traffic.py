"""Users of an app, as requests to a Service that come at their rate whatever the answers are (open loop).

Every request really depends on the cluster: the Service must be programmed where the request comes in, the endpoint
picked must be on a machine that packets reach, its container must listen, and then it answers as its image behaves.
No event is spent on a request: conditions are worked out when one of them changes, and requests are counted.

Left out: retries and kept-alive connections of the client (each request is a new connection), and what happens to a
request under way when conditions change; it meets those of the instant at which it was sent.

**Walk:** rules, a container, an image's age or the topology change -> ``_look`` works the outcomes out -> a new
stretch in the ``Ledger`` -> when its first request fails, or the first succeeds again, the trace says so.
"""

from __future__ import annotations

from fractions import Fraction

from kcsim.api.objects import Key
from kcsim.cluster.podnet.arrivals import Arrivals
from kcsim.cluster.podnet.ledger import Failure, Latency, Ledger, Outcome, Stretch, Totals
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.cluster.podnet.services import Backend, PortRule
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Timer
from kcsim.engine.trace import Record
from kcsim.network.topology import Route

NO_SERVICE, NO_PORT, NO_ENDPOINTS = "service not found", "service has no such port", "no ready endpoints"
REFUSED, TIMED_OUT, SERVER_ERROR = "connection refused", "timed out", "server error"
DROPPED = "dropped by network policy"
"""To the client it is a timeout."""
CAUSES = (NO_SERVICE, NO_PORT, NO_ENDPOINTS, REFUSED, TIMED_OUT, DROPPED, SERVER_ERROR)
"""Why a request can fail."""

_FINEST = 1_000_000


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
    ) -> None:
        """Requests to ``service`` in ``namespace``; times in µs.

        Args:
            port: number or name of the Service's port; its first when None.
            rate: requests a second.
            timeout: an answer later than this counts as none.
            start: when the first request is sent; not in the past.
            until: no request is sent after this instant; None: for ever.
            source: the host they come from. A node sends through its own proxy, everybody else through the edge.
        """
        self.name = name
        self.service = f"{namespace}/{service}"
        self.port = port
        self.rate = Fraction(rate).limit_denominator(_FINEST)
        if self.rate <= 0:
            raise ValueError(f"a rate must be more than 0, not {rate}")
        self.timeout = timeout
        self.source = source
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
        self._proxy.on_rules(self._rules_changed)
        pods.on_change(self._pod_changed)
        pods.network.on_change(self._touch)
        pods.firewall.on_change(self._touch)
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
        entry = self._round_trip(self._proxy.host)
        if entry is None:
            return (Outcome(TIMED_OUT, 1.0, self.timeout),)
        rule = self._rule()
        if isinstance(rule, str):
            return (Outcome(rule, 1.0, _typical(entry)),)
        share = 1 / len(rule.backends)
        shares: dict[Outcome, tuple[float, list[str]]] = {}
        for backend in rule.backends:
            self._ips.add(backend.ip)
            for outcome, part in self._at(backend):
                known, pods = shares.get(outcome, (0.0, []))
                shares[outcome] = known + share * part, [*pods, backend.pod]
        found = [
            Outcome(o.cause, part, o.takes, tuple(pods), o.links, o.work)
            for o, (part, pods) in shares.items()
        ]
        return tuple(sorted(found, key=lambda o: (not o.cause, o.cause, o.takes, o.pods)))

    def _rule(self) -> PortRule | str:
        rules = self._proxy.rules(*self._key)
        if rules is None:
            return NO_SERVICE
        rule = rules.port(self.port)
        if rule is None:
            return NO_PORT
        return rule if rule.backends else NO_ENDPOINTS

    def _at(self, backend: Backend) -> list[tuple[Outcome, float]]:
        """What becomes of a request to one backend, with the share of each outcome."""
        timed_out = Outcome(TIMED_OUT, 0.0, self.timeout)
        path = self._pods.path(self.source, backend.ip)
        if path is None or not self._pods.has_ip(backend.ip):
            return [(timed_out, 1.0)]
        if not self._pods.allows(self.source, backend.ip, backend.port):
            return [(Outcome(DROPPED, 0.0, self.timeout), 1.0)]
        links = (*path.there.latencies, *path.back.latencies)
        travel = sum(link.at(0.5) for link in links)
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
