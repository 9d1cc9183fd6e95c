"""Who reaches whom right now, hop by hop, with the rule that decided each.  Looks; changes nothing.

**Walk:** a word (``pod/web-1``, ``service/web``, ``node-1``, ``users``, an address) -> a ``Spot`` -> the route, the egress
rules at its start, the ingress rules at its end, who listens there -> a ``Reach``.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.cluster.podnet.policy import End
from kcsim.cluster.podnet.services import DROP, Backend
from kcsim.engine.clock import MILLISECOND
from kcsim.engine.shown import Shown
from kcsim.simulation.cluster import Cluster

DEFAULT_PORT = 80


class UnknownSpot(LookupError):
    """Nothing of that name can send or be sent to."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where packets start or end.

    Attributes:
        name: as answers call it.
        end: what policies see.
        host: the machine it is on, "" for an address nobody has.
        pod, service: the object, when it is one.
    """

    name: str
    end: End
    host: str
    pod: Object | None = None
    service: Object | None = None


@dataclass(frozen=True, slots=True)
class Hop:
    """One station of a connection: ``what`` kind it is, whether it lets it pass, why, and the time it takes (µs)."""

    what: str
    passed: bool
    text: str
    took: int = 0

    def __str__(self) -> str:
        time = f"  {self.took / MILLISECOND:.3f} ms" if self.took else ""
        return f"{'ok' if self.passed else 'NO':<3} {self.what:<10} {self.text}{time}"


@dataclass(frozen=True, slots=True)
class Reach(Shown):
    """Whether one reaches the other, and why.

    Attributes:
        ok: whether a connection is opened; for a Service, whether every backend the proxy may pick accepts it.
        hops: what was met on the way, in order; the first that does not let pass ends it.
        share: of connections that are opened, by what the proxy picks.
    """

    source: str
    target: str
    port: int
    protocol: str
    ok: bool
    hops: tuple[Hop, ...]
    share: float = 1.0

    @property
    def latency_s(self) -> float:
        """The usual time there and back, seconds."""
        return sum(hop.took for hop in self.hops) / 1_000_000

    @property
    def why(self) -> str:
        """What stopped it; what let it pass when nothing did."""
        stopped = next((hop.text for hop in self.hops if not hop.passed), None)
        return stopped or "; ".join(hop.text for hop in self.hops if hop.what in ("egress", "ingress"))

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        answer = "yes" if self.ok else f"in {self.share:.0%} of cases" if self.share else "no"
        head = f"{self.source} -> {self.target}:{self.port}/{self.protocol}: {answer}"
        time = f" ({self.latency_s * 1000:.3f} ms there and back)" if self.ok else ""
        return "\n".join([head + time, *(f"  {hop}" for hop in self.hops)])


class Finder:
    """Finds the spots of one cluster by what people call them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.pods: PodNetwork = cluster.pods

    def objects(self, word: str, namespace: str | None = None) -> list[Object]:
        """The current objects of a kind, in key order."""
        return [v.object for v in self._cluster.server.log.list(self._resource(word), namespace)]

    def _resource(self, word: str) -> Resource:
        resource = self._cluster.server.catalog.by_word(word)
        assert resource is not None
        return resource

    def find(self, ref: str, namespace: str | None = None) -> Spot:
        """The spot that ``pod/name``, ``deployment/name`` (its first pod), ``service/name``, a host or an address means.

        Raises:
            UnknownSpot: naming what there is.
        """
        kind, slash, name = ref.partition("/")
        if not slash:
            return self._bare(ref, namespace)
        resource = self._cluster.server.catalog.by_word(kind)
        if resource is None:
            return self._bare(name, kind)
        if "/" in name:
            namespace, _, name = name.partition("/")
        if resource.kind == "Node":
            return self._bare(name, None)
        found = self._named(resource, namespace, name)
        if found is None:
            known = (
                ", ".join(f"{kind}/{objects.name(o)}" for o in self.objects(kind, namespace)[:8]) or "none"
            )
            raise UnknownSpot(f"no {ref}; there are {known}")
        if resource.kind == "Pod":
            return self.of_pod(found)
        if resource.kind == "Service":
            return self.of_service(found)
        return self.of_pod(self._first_pod(ref, found))

    def sender(self, ref: str) -> Spot:
        """The spot of somebody who can send.

        Raises:
            UnknownSpot: there is none of that name, or it is a Service.
        """
        found = self.find(ref)
        if found.service is not None:
            raise UnknownSpot(
                f"{found.name} is a Service, which sends nothing: name a pod, a node or a host outside"
            )
        return found

    def _named(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """The object of that name: where it is said to be, in ``default``, or in the first namespace that has one."""
        log = self._cluster.server.log
        version = log.get(resource, namespace or "default", name)
        if version is None and namespace is None:
            version = next((v for v in log.list(resource) if v.key[1] == name), None)
        return version.object if version is not None else None

    def _bare(self, name: str, namespace: str | None) -> Spot:
        if is_ip(name):
            return self.at(name)
        if namespace is None and self.pods.network.has_host(name):
            return Spot(name, self.pods.firewall.end_of_host(name), name)
        pod = self._named(self._resource("pods"), namespace, name)
        if pod is not None:
            return self.of_pod(pod)
        service = self._named(self._resource("services"), namespace, name)
        if service is not None:
            return self.of_service(service)
        hosts = ", ".join(h.name for h in self.pods.network.hosts[:8])
        raise UnknownSpot(
            f"no pod, Service or host {name!r}; hosts are {hosts} ...; pods are written pod/NAME"
        )

    def _first_pod(self, ref: str, owner: Object) -> Object:
        selector = (owner.get("spec") or {}).get("selector") or {}
        labels = selector.get("matchLabels", selector)
        pods = [
            pod
            for pod in self.objects("pods", objects.namespace(owner))
            if labels
            and labels.items() <= objects.labels(pod).items()
            and (pod.get("status") or {}).get("podIP")
        ]
        if not pods:
            raise UnknownSpot(f"{ref} has no pod with an address")
        return pods[0]

    def of_pod(self, pod: Object) -> Spot:
        """A pod; its host is "" while it has no address."""
        end = self.pods.firewall.end_of_pod(pod)
        return Spot(f"pod/{objects.namespace(pod)}/{objects.name(pod)}", end, end.node if end.ip else "", pod)

    def of_service(self, service: Object) -> Spot:
        """A Service: nobody is there, a proxy leads on."""
        spec = service["spec"]
        name = f"service/{objects.namespace(service)}/{objects.name(service)}"
        return Spot(name, End(spec.get("clusterIP") or ""), "", service=service)

    def at(self, ip: str) -> Spot:
        """Whoever has an address."""
        key = self.pods.pod_at(ip)
        pod = self._named(self._resource("pods"), *key) if key is not None else None
        if pod is not None:
            spot = self.of_pod(pod)
            # Of its addresses the one that was asked for.
            return spot if spot.end.ip == ip else replace(spot, end=replace(spot.end, ip=ip))
        # Every cluster has its control plane at the same address: here its own is meant.
        own = self.pods.endpoint.host
        hosts = (self.pods.network.host(own), *self.pods.network.hosts)
        host = next((h.name for h in hosts if h.address == ip), "")
        return Spot(host or ip, self.pods.firewall.end_at(ip), host)


class Looker:
    """Answers whether connections are opened, in one cluster."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._pods = finder.pods

    def reach(self, source: Spot, target: Spot, port: int | None, protocol: str = "TCP") -> Reach:
        """Whether a connection is opened now. Without a port: whether packets may pass, whoever listens."""
        if target.service is not None:
            return self._through_service(source, target, port, protocol)
        number = port if port is not None else _first_port(target.pod)
        hops = self.hops(source, target, number, protocol, listening=port is not None)
        passes = all(h.passed for h in hops)
        return Reach(source.name, target.name, number, protocol, passes, tuple(hops), 1.0 if passes else 0.0)

    def hops(
        self, source: Spot, target: Spot, port: int, protocol: str, *, listening: bool = True
    ) -> list[Hop]:
        """The stations between two spots up to the first that stops it."""
        if not source.host or (target.pod is not None and not target.host):
            missing = source if not source.host else target
            return [Hop("address", False, f"{missing.name} has no address yet")]
        verdict = self._pods.firewall.verdict(source.end, target.end, port, protocol)
        out, into = verdict.decisions
        hops = [Hop("egress", out.allowed, out.why)]
        if not out.allowed:
            return hops
        hops.append(self.path(source, target))
        if not hops[-1].passed:
            return hops
        hops.append(Hop("ingress", into.allowed, into.why))
        if into.allowed and listening:
            hops.append(self.listener(target, port))
        return hops

    def path(self, source: Spot, target: Spot) -> Hop:
        """Whether packets travel from one to the other and back, and how long they take."""
        network = self._pods.network
        host = target.host
        if not host:
            node = self._pods.node_of(target.end.ip)
            lost = f"routed to {node}, where nobody has it" if node else "no route leads to it"
            return Hop("path", False, f"{target.end.ip}: {lost}; packets are lost")
        path = self._pods.way(source.host, host, packed=target.pod is not None and not target.end.host)
        if path is None:
            if network.reachable(source.host, host):
                text = f"{source.host} has no route to pods on {host}: no node is a route reflector"
                return Hop("path", False, text)
            going = network.route(source.host, host) is None
            way = f"{source.host} to {host}" if going else f"{host} back to {source.host}"
            off = [name for name in (source.host, host) if not network.is_up(name)]
            why = f"{' and '.join(off)} is off" if off else "the network is cut"
            return Hop("path", False, f"packets from {way} are lost: {why}")
        return Hop("path", True, " - ".join(path.there.hops), path.median)

    def listener(self, target: Spot, port: int) -> Hop:
        """Whether somebody accepts connections there."""
        if target.pod is None:
            node = self._pods.is_node(target.host)
            found = self._pods.serving(target.end.ip, port) if node else None
            accepted = not node or found is not None
            who = f"{found.container} on the host network" if found else "nobody" if node else target.name
            return Hop("listener", accepted, f"{who} listens at {target.end.ip or target.host}:{port}")
        serving = self._pods.serving(target.end.ip, port)
        if serving is None:
            return Hop(
                "listener", False, f"connection refused: no container of {target.name} listens on {port}"
            )
        return Hop("listener", True, f"container {serving.container} of {target.name} listens on {port}")

    def _through_service(self, source: Spot, target: Spot, port: int | None, protocol: str) -> Reach:
        assert target.service is not None
        key = objects.key(target.service)
        proxy = self._pods.proxy(source.host)
        rules = proxy.rules(*key)
        rule = rules.port(port) if rules is not None else None
        number = rule.number if rule is not None else port or 0

        def no(text: str) -> Reach:
            return Reach(source.name, target.name, number, protocol, False, (Hop("proxy", False, text),), 0.0)

        if rules is None:
            return no(f"the proxy on {proxy.host} knows no Service {'/'.join(key)}")
        if rules.external_name:
            return no(f"it only stands for the name {rules.external_name}: look that up")
        if rule is None:
            known = ", ".join(str(p.number) for p in rules.ports) or "none"
            return no(f"{target.name} has no port {port}; it has {known}")
        if not rule.backends:
            return no(no_endpoints(self._finder, target.service, rule.otherwise))
        tried = [(b, self._hops_to(source, b, protocol)) for b in rule.backends]
        good = [hops for _, hops in tried if all(h.passed for h in hops)]
        picks = ", ".join(f"{b.pod or b.ip}" for b, _ in tried)
        first = Hop(
            "proxy", True, f"{proxy.host} sends {target.end.ip}:{number} to one of {len(tried)}: {picks}"
        )
        shown = next((hops for _, hops in tried if not all(h.passed for h in hops)), tried[0][1])
        share = len(good) / len(tried)
        return Reach(
            source.name, target.name, number, protocol, len(good) == len(tried), (first, *shown), share
        )

    def _hops_to(self, source: Spot, backend: Backend, protocol: str) -> list[Hop]:
        return self.hops(source, self._finder.at(backend.ip), backend.port, protocol)


def no_endpoints(finder: Finder, service: Object, otherwise: str) -> str:
    """Why there is nobody to connect to, and what becomes of the connection."""
    ends = "dropped: it times out" if otherwise == DROP else "refused"
    if otherwise == DROP:
        return f"only other nodes have endpoints, and the traffic policy is Local: the connection is {ends}"
    selector = service["spec"].get("selector") or {}
    if not selector:
        return f"no endpoints (the Service has no selector): the connection is {ends}"
    pods = [
        pod
        for pod in finder.objects("pods", objects.namespace(service))
        if selector.items() <= objects.labels(pod).items()
    ]
    text = ",".join(f"{k}={v}" for k, v in selector.items())
    if not pods:
        return f"no endpoints: no pod has the labels {text}; the connection is {ends}"
    return f"no endpoints: {len(pods)} pods have the labels {text}, none is ready; the connection is {ends}"


def _first_port(pod: Object | None) -> int:
    containers = pod["spec"]["containers"] if pod is not None else []
    ports = [p["containerPort"] for c in containers for p in c.get("ports") or ()]
    return ports[0] if ports else DEFAULT_PORT


def is_ip(text: str) -> bool:
    """Whether a word is an address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
