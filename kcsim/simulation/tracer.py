"""One request followed from its client to a container and back, as it would go right now.  Looks; changes nothing.

**Walk:** a URL -> the name's lookup through the DNS of the client's place -> an address: a Service's, a load balancer's, a
node port, or a pod's -> the proxy that knows it picks a backend -> the stations of ``Looker`` -> the program answers ->
a ``Journey`` that says where it ended and why.
"""

from __future__ import annotations

from collections.abc import Sequence

from kcsim.api import objects
from kcsim.api.objects import Key, Object
from kcsim.cluster.dns.lookup import REFUSED, TIMEOUT, Lookup, look_up
from kcsim.cluster.dns.records import NXDOMAIN, ZONE
from kcsim.cluster.dns.resolver import ResolvConf
from kcsim.cluster.images import Call
from kcsim.cluster.kubelet.runtime import Serving
from kcsim.cluster.podnet.loadbalancer import balancer_ips
from kcsim.cluster.podnet.plane import Ask, Passed, Router
from kcsim.cluster.podnet.proxy import Proxy
from kcsim.cluster.podnet.services import DROP, Backend, ServiceRules
from kcsim.cluster.routing.proxies import GATEWAY_NAME
from kcsim.cluster.traffic.front import INGRESS_SERVICE, gateway_service
from kcsim.cluster.traffic.target import of_url
from kcsim.engine.clock import SECOND
from kcsim.engine.dice import Dice
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.connections import Connection, closed, opened
from kcsim.simulation.dns import has_dns, resolver_of
from kcsim.simulation.journey import (
    ANSWERED,
    CONNECTION_REFUSED,
    DNS_TIMEOUT,
    NO_ENDPOINTS,
    NOT_FOUND,
    NOT_READY,
    POLICY_DROP,
    RESET,
    SERVER_ERROR,
    TIMED_OUT,
    Journey,
    Story,
)
from kcsim.simulation.reach import Finder, Hop, Looker, Spot, is_ip, no_endpoints

_PORT = 80
_DEEPEST = 12
"""Calls within calls; more of them is a circle."""
_UNOPENED = (CONNECTION_REFUSED, TIMED_OUT, POLICY_DROP, RESET)
"""What makes a router ask the next backend."""


class Tracer:
    """Follows requests in one cluster."""

    def __init__(self, cluster: Cluster, finder: Finder, seed: int) -> None:
        self._cluster = cluster
        self._finder = finder
        self._looker = Looker(finder)
        self._pods = cluster.pods
        self._seed = seed

    def trace(
        self, client: Spot, url: str, timeout: int = 10 * SECOND, over: Connection | None = None
    ) -> Journey:
        """Follow one request; an answer later than ``timeout`` (µs) counts as none.

        ``over`` a connection that was opened before, neither names nor proxies nor policies are asked.

        Raises:
            ValueError: the URL has no host; the connection is of another client.
        """
        target = of_url(url)
        host, ask = target.host, target.ask
        port = target.port if isinstance(target.port, int) else _PORT
        # Dice of its own: what a look picks moves nothing in the world.
        now = self._cluster.engine.now
        story = Story(client, url, ask, timeout, Dice(self._seed, f"trace/{client.name}/{url}/{now}"))
        if over is not None:
            return self._resumed(story, over)
        if not client.host:
            return story.end(CONNECTION_REFUSED, Hop("client", False, f"{client.name} has no address yet"))
        service = self._service_named(host, client)
        if service is not None and self._enters_at_edge(client):
            story.add(Hop("edge", True, "comes in at the cluster's edge, as sources of traffic do"))
            return self._to_service(story, service, port)
        front = self._front(story.ask, port) if service is None and self._enters_at_edge(client) else None
        if front is not None:
            return self._to_front(story, front, port)
        address = self._resolve(story, host, service)
        if isinstance(address, Journey):
            return address
        return self._to_address(story, address, port)

    def _enters_at_edge(self, client: Spot) -> bool:
        return client.pod is None and not self._pods.is_node(client.host)

    # --- routers ------------------------------------------------------------------------------------------------

    def _front(self, ask: Ask, port: int) -> Key | None:
        """The Service of the routers that have a rule for a request; None: nobody has."""
        for key, router in sorted(self._pods.routers.items()):
            pod = self._pods.pod(key)
            if pod is None or router.rule(ask, port) is None:
                continue
            gateway = objects.labels(pod).get(GATEWAY_NAME)
            return gateway_service(key[0], gateway) if gateway else INGRESS_SERVICE
        return None

    def _to_front(self, story: Story, key: Key, port: int) -> Journey:
        service = self._pods.service(key)
        ips = balancer_ips(service) if service is not None else ()
        name = "/".join(key)
        if not ips:
            text = f"the load balancer of Service {name} has no address yet"
            return story.end(NO_ENDPOINTS, Hop("balancer", False, text))
        story.add(Hop("name", True, f"{story.ask.host} leads to {ips[0]}, the address of Service {name}"))
        return self._from_outside(story, ips[0], port)

    def _passed_on(self, story: Story, router: Router, serving: Serving, spot: Spot, port: int) -> Journey:
        """A router that passes the request on, to one of its backends."""
        passed = _drawn(router.route(story.ask, port), story.dice)
        if not passed.backends:
            outcome = NOT_FOUND if passed.status == 404 else SERVER_ERROR
            text = f"{serving.container} answers {passed.status}: {passed.where}"
            return story.end(outcome, Hop("router", False, text, serving.latency))
        share = f" ({passed.share:.0%} of requests)" if passed.share < 1 else ""
        left, status, took = list(passed.backends), "", serving.latency
        for tried in range(min(router.tries, len(left))):
            backend = story.dice.choice(left)
            left.remove(backend)
            what = f"{passed.where}{share}" if not tried else "the next"
            text = f"{what}, to {backend.pod} at {backend.ip}:{backend.port}"
            story.add(Hop("router", True, text, took))
            inner = story.within(spot, router.timeout)
            found = self._connect(inner, spot, self._finder.at(backend.ip), backend.port)
            unopened = found.outcome in _UNOPENED
            story.add(*(Hop(h.what, h.passed or unopened, h.text, h.took) for h in found.hops))
            if not unopened:
                return self._in_time(story, found.outcome)
            lost = found.outcome in (TIMED_OUT, POLICY_DROP)
            took = router.connect_timeout if lost else 0
            status = "504" if lost else "502"
        text = f"{serving.container} answers {status}: {passed.where} gives no answer ({found.outcome})"
        return self._in_time(story, SERVER_ERROR, Hop("router", False, text, took))

    def _in_time(self, story: Story, outcome: str, *last: Hop) -> Journey:
        """The end of a request, unless its client has given up before."""
        took = story.took + sum(hop.took for hop in last)
        if took <= story.timeout:
            return story.end(outcome, *last)
        text = f"the answer comes after {took / SECOND:g} s, later than the client waits"
        return story.end(TIMED_OUT, Hop("reply", False, text))

    # --- the name -----------------------------------------------------------------------------------------------

    def _service_named(self, host: str, client: Spot) -> Object | None:
        labels = host.removesuffix(f".svc.{ZONE}").removesuffix(".svc").split(".")
        if len(labels) > 2:
            return None
        namespace = labels[1] if len(labels) == 2 else client.end.namespace or "default"
        return self._pods.service((namespace, labels[0]))

    def _resolve(self, story: Story, host: str, service: Object | None) -> str | Journey:
        if is_ip(host):
            return host
        client = story.client
        if client.pod is not None and not has_dns(self._cluster):
            return self._without_dns(story, host, service)
        conf = resolver_of(self._cluster, client.pod) if client.pod is not None else ResolvConf()
        found: Lookup = look_up(self._pods, client.end, client.host, conf, host, story.dice)
        for question in found.questions:
            asked = f"{question.name}? {question.server or 'its own resolver'}: {question.result}"
            address = f" {', '.join(question.addresses)}" if question.addresses else ""
            why = f" ({question.why})" if question.why else ""
            passed = question.result not in (TIMEOUT, REFUSED)
            story.add(Hop("dns", passed or bool(found.addresses), asked + address + why, question.took))
        if found.addresses:
            return story.dice.choice(found.addresses)
        outcome = {TIMEOUT: DNS_TIMEOUT, REFUSED: CONNECTION_REFUSED}.get(found.failure, NXDOMAIN)
        hint = self._hint(host) if outcome == NXDOMAIN else ""
        return story.end(outcome, Hop("dns", False, f"{host} has no address: {found.failure}{hint}"))

    def _hint(self, host: str) -> str:
        """Where a Service of that name is, if not where it was looked for."""
        name = host.partition(".")[0]
        spaces = [objects.namespace(s) for s in self._finder.objects("services") if objects.name(s) == name]
        return f"; did you mean {' or '.join(f'{name}.{space}' for space in spaces)}?" if spaces else ""

    def _without_dns(self, story: Story, host: str, service: Object | None) -> str | Journey:
        if service is None:
            return story.end(NXDOMAIN, Hop("dns", False, f"no Service is called {host}{self._hint(host)}"))
        story.add(Hop("dns", True, "this cluster has no DNS installed: the name is taken for its Service"))
        spec = service["spec"]
        if spec.get("clusterIP") not in (None, "", "None"):
            return str(spec["clusterIP"])
        rules = self._pods.proxy(story.client.host).rules(*objects.key(service))
        backends = rules.ports[0].backends if rules and rules.ports else ()
        if not backends:
            return story.end(NXDOMAIN, Hop("dns", False, f"{host} is headless and has no ready pod"))
        return story.dice.choice(backends).ip

    # --- the address --------------------------------------------------------------------------------------------

    def _to_address(self, story: Story, ip: str, port: int) -> Journey:
        client = story.client
        if self._enters_at_edge(client):
            return self._from_outside(story, ip, port)
        proxy = self._pods.proxy(client.host)
        key = proxy.find(ip)
        if key is not None:
            rules = proxy.rules(*key)
            assert rules is not None
            return self._through(story, proxy, rules, key, port, client, ip=ip)
        target = self._finder.at(ip)
        if target.pod is None and self._pods.is_node(target.host):
            return self._to_node(story, target.host, port)
        return self._connect(story, client, target, port)

    def _from_outside(self, story: Story, ip: str, port: int) -> Journey:
        services = self._finder.objects("services")
        owner = next((s for s in services if ip in balancer_ips(s)), None)
        if owner is not None:
            nodes = self._pods.balanced_nodes(owner)
            if not nodes:
                return story.end(
                    NO_ENDPOINTS, Hop("balancer", False, f"the load balancer {ip} has no node to send to")
                )
            node = story.dice.choice(nodes)
            story.add(
                Hop("balancer", True, f"{ip} belongs to a load balancer; it picks {node} of {len(nodes)}")
            )
            return self._enter(story, node, objects.key(owner), port)
        target = self._finder.at(ip)
        if self._pods.is_node(target.host) and target.pod is None:
            return self._to_node(story, target.host, port)
        inside = target.pod is not None or any(ip in (s["spec"].get("clusterIPs") or ()) for s in services)
        if inside:
            return story.end(
                TIMED_OUT,
                Hop("path", False, f"{ip} is an address of the cluster: nothing outside leads to it"),
            )
        return self._connect(story, story.client, target, port)

    def _to_node(self, story: Story, node: str, port: int) -> Journey:
        key = self._pods.proxy(node).find_node_port(port)
        if key is not None:
            return self._enter(story, node, key, port, by_node_port=True)
        return self._connect(story, story.client, self._finder.find(node), port)

    def _enter(
        self, story: Story, node: str, key: tuple[str, str], port: int, *, by_node_port: bool = False
    ) -> Journey:
        """A connection from outside that a node's proxy passes on."""
        entry = self._finder.find(node)
        story.via = node
        way = self._looker.hops(story.client, entry, port, "TCP", listening=False)
        story.add(*way)
        if not all(hop.passed for hop in way):
            return story.end(_outcome_of(way[-1]))
        proxy = self._pods.proxy(node)
        rules = proxy.rules(*key)
        if rules is None:
            text = f"the proxy on {node} knows no Service {'/'.join(key)}"
            return story.end(CONNECTION_REFUSED, Hop("proxy", False, text))
        if by_node_port:
            port = next(p.number for p in rules.ports if p.node_port == port)
        sender = Spot(story.client.name, story.client.end if rules.keeps_source else entry.end, node)
        return self._through(story, proxy, rules, key, port, sender, external=True)

    def _to_service(self, story: Story, service: Object, port: int) -> Journey:
        proxy = self._pods.proxy(story.client.host)
        key = objects.key(service)
        rules = proxy.rules(*key)
        if rules is None:
            text = f"the edge knows no Service {'/'.join(key)} yet"
            return story.end(CONNECTION_REFUSED, Hop("proxy", False, text))
        return self._through(story, proxy, rules, key, port, story.client)

    def _through(
        self,
        story: Story,
        proxy: Proxy,
        rules: ServiceRules,
        key: tuple[str, str],
        port: int,
        sender: Spot,
        *,
        external: bool = False,
        ip: str = "",
    ) -> Journey:
        name = "/".join(key)
        rule = rules.port(port, ip)
        if rule is None:
            known = ", ".join(str(p.number) for p in rules.ports) or "none"
            text = f"Service {name} has no port {port} (it has {known}): packets to it are lost"
            return story.end(TIMED_OUT, Hop("service", False, text))
        backends = rule.external if external else rule.backends
        otherwise = rule.external_otherwise if external else rule.otherwise
        if not backends:
            service = self._pods.service(key)
            text = (
                no_endpoints(self._finder, service, otherwise)
                if service is not None
                else f"the Service {name} is gone; the proxy on {proxy.host} has not heard of it"
            )
            if otherwise == DROP:
                return story.end(TIMED_OUT, Hop("proxy", False, text))
            outcome = NOT_READY if "none is ready" in text else NO_ENDPOINTS
            return story.end(outcome, Hop("proxy", False, text))
        backend: Backend = story.dice.choice(backends)
        chosen = f"{backend.pod or backend.ip} at {backend.ip}:{backend.port}, one of {len(backends)}"
        story.add(Hop("proxy", True, f"{proxy.host} sends Service {name}:{port} to {chosen}"))
        return self._connect(story, sender, self._finder.at(backend.ip), backend.port)

    # --- the container ------------------------------------------------------------------------------------------

    def _connect(self, story: Story, sender: Spot, target: Spot, port: int) -> Journey:
        hops = self._looker.hops(sender, target, port, "TCP")
        story.add(*hops)
        if not all(hop.passed for hop in hops):
            return story.end(_outcome_of(hops[-1]))
        if story.connection is None:
            story.connection = opened(self._pods, story.client, story.via, target, port)
        return self._answered(story, target, port)

    def _resumed(self, story: Story, kept: Connection) -> Journey:
        """A request over a connection that is open: conntrack leads its packets to where it was opened to."""
        client = story.client
        if kept.client != (client.pod["metadata"]["uid"] if client.pod is not None else ""):
            raise ValueError(f"the connection ended with the {client.name} that had opened it")
        story.connection, story.via = kept, kept.via
        target = self._finder.at(kept.ip)
        age = (self._cluster.engine.now - kept.opened) / SECOND
        where = f"{kept.pod or target.name} at {kept.ip}:{kept.port}"
        story.add(Hop("kept", True, f"over a connection that was opened to {where} {age:g} s ago"))
        sender = client
        if kept.via:
            sender = self._finder.find(kept.via)
            story.add(self._looker.path(client, sender))
        if story.hops[-1].passed:
            story.add(self._looker.path(sender, target))
        if not story.hops[-1].passed:
            return story.end(TIMED_OUT)
        why = closed(self._pods, kept, target)
        if why:
            return story.end(RESET, Hop("reset", False, why))
        return self._answered(story, target, kept.port)

    def _answered(self, story: Story, target: Spot, port: int) -> Journey:
        """What the program makes of a request that has come to it."""
        serving = self._pods.serving(target.end.ip, port) if target.end.ip else None
        if serving is None:
            return story.end(ANSWERED, Hop("reply", True, f"{target.name} answers"))
        router = self._pods.routers.get((serving.namespace, serving.pod))
        if router is not None:
            return self._passed_on(story, router, serving, target, port)
        failed = self._called(story, serving, target)
        if failed is not None:
            return failed
        ending = self._ends_meanwhile(story, serving, target, port)
        if ending is not None:
            return ending
        if story.took + serving.latency > story.timeout:
            text = f"{serving.container} needs {serving.latency / SECOND:g} s, longer than the client waits"
            return story.end(TIMED_OUT, Hop("reply", False, text))
        if story.dice.uniform() < serving.error_fraction:
            text = f"{serving.container} answers with an error (500)"
            return story.end(SERVER_ERROR, Hop("reply", False, text, serving.latency))
        return story.end(ANSWERED, Hop("reply", True, f"{serving.container} answers (200)", serving.latency))

    def _ends_meanwhile(self, story: Story, serving: Serving, target: Spot, port: int) -> Journey | None:
        """The end of a request whose program is going to end before it has answered; None: it is not."""
        runtime = self._pods.runtime(target.host)
        container = runtime.container_at(target.end.ip, port) if runtime is not None else None
        ending = container.ending if container is not None else None
        if ending is None or ending.drains:
            return None
        into = ending.when - self._cluster.engine.now - story.took
        if into >= serving.latency:
            return None
        how = f"ends ({ending.reason}, exit code {ending.code})"
        if into <= 0:
            text = f"connection refused: {serving.container} {how} before the request comes"
            return story.end(CONNECTION_REFUSED, Hop("listener", False, text))
        text = f"{serving.container} {how} {into / SECOND:g} s into the request: the connection is reset"
        return story.end(RESET, Hop("reset", False, text, into))

    def _called(self, story: Story, serving: Serving, spot: Spot) -> Journey | None:
        """The calls that a program makes before it answers; the journey's end when one of them fails it."""
        if len(story.inside) > _DEEPEST:
            text = f"calls go in a circle: {' > '.join(story.inside)}"
            return story.end(SERVER_ERROR, Hop("call", False, text))
        for call in serving.calls:
            if story.dice.uniform() >= call.share:
                continue
            inner = self._call(story, spot, call, serving.container)
            late = sum(hop.took for hop in inner.hops) > call.timeout
            if (late or not inner.ok) and not call.optional:
                ended = inner.outcome if not inner.ok else TIMED_OUT
                waits = f" (it waits for {call.timeout / SECOND:g} s)" if late else ""
                text = f"{serving.container} answers with an error (500): {call.to}: {ended}{waits}"
                return story.end(SERVER_ERROR, Hop("reply", False, text, serving.latency))
        return None

    def _call(self, story: Story, spot: Spot, call: Call, container: str) -> Journey:
        target = of_url(call.to)
        inner = story.within(spot, call.timeout, call.to, target.ask)
        inner.inside = (*story.inside, container)
        found = self._asked(inner, target.host, target.port if isinstance(target.port, int) else _PORT)
        story.add(Hop("call", True, f"{container} asks {call.to}"))
        # What an optional call met does not end the journey; what it took counts all the same.
        story.add(*(Hop(h.what, h.passed or call.optional, h.text, h.took) for h in found.hops))
        return found

    def _asked(self, story: Story, host: str, port: int) -> Journey:
        address = self._resolve(story, host, self._service_named(host, story.client))
        return address if isinstance(address, Journey) else self._to_address(story, address, port)


def _drawn(shares: Sequence[Passed], dice: Dice) -> Passed:
    point = dice.uniform()
    for passed in shares:
        point -= passed.share
        if point < 0:
            return passed
    return shares[-1]


def _outcome_of(hop: Hop) -> str:
    kinds = {"egress": POLICY_DROP, "ingress": POLICY_DROP, "listener": CONNECTION_REFUSED}
    return kinds.get(hop.what, TIMED_OUT)
