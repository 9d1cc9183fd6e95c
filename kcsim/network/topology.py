"""The topology: hosts joined by links with latency, loss and bandwidth, and the cuts that break them.

Every host of a world stands here: nodes, the control plane, the git host, the image registry, CI runners and people's
machines. Reachability is answered from a cache that lives until the topology changes, so asking costs nothing while
nothing changes.

**Walk:** ``add_host`` and ``connect`` build the graph -> ``route(a, b)`` finds the shortest path by latency, cached by
``version`` -> a ``Cut`` hides links between two groups of hosts until it is healed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import networkx as nx

from kcsim.network.impairment import Impairment, Lossy
from kcsim.profile.constants import DEFAULT
from kcsim.profile.distributions import Distribution, Fixed

T = TypeVar("T")


class UnknownHost(LookupError):
    """A host that the topology does not have."""


@dataclass(frozen=True, slots=True)
class Host:
    """A place in the network. ``kind`` says what stands there (node, control-plane, git-host ...), ``address`` its IP
    address, where it has one that matters, ``zone`` and ``rack`` where it stands."""

    name: str
    kind: str
    zone: str = ""
    address: str = ""
    rack: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A cable between two places.

    Attributes:
        latency: one way.
        bandwidth: bits a second; 0: more than anybody needs.
        loss: the share of packets that are lost, each way.
        preferred: who can goes over it, though another way were faster.
    """

    a: str
    b: str
    latency: Distribution
    bandwidth: int = 0
    loss: float = 0.0
    preferred: bool = False

    @property
    def weight(self) -> int:
        """What the link costs a route: the way with the least sum is taken."""
        return 1 if self.preferred else self.latency.at(0.5)

    @property
    def delays(self) -> tuple[Distribution, ...]:
        """What a packet spends on it, one way."""
        return (self.latency, Lossy(self.loss)) if self.loss else (self.latency,)


@dataclass(frozen=True, slots=True)
class Route:
    """How packets get from one host to another: the hosts on the way, each link's one-way latency, and what faults add.

    ``bandwidth`` is that of the narrowest link, in bits a second; 0: no link has one that matters.
    """

    hops: tuple[str, ...]
    latencies: tuple[Distribution, ...]
    bandwidth: int = 0

    def delay(self, draw: Callable[[Distribution], int]) -> int:
        """The one-way delay in µs, one draw a link."""
        delay = 0
        for latency in self.latencies:
            delay += draw(latency)
        return delay


@dataclass(frozen=True, slots=True)
class Cut:
    """A broken connection: packets from any of ``sources`` to any of ``targets`` are lost (one way)."""

    sources: frozenset[str]
    targets: frozenset[str]

    def parts(self, a: str, b: str) -> bool:
        """Whether packets between two hosts are lost, in one direction at least."""
        sources, targets = self.sources, self.targets
        return (a in sources and b in targets) or (b in sources and a in targets)


class Network:
    """The graph of one world's hosts.

    Attributes:
        version: grows with every change, for those who cache what they derived.
    """

    def __init__(self) -> None:
        self._graph: nx.Graph[str] = nx.Graph()
        self._hosts: dict[str, Host] = {}
        self._down: set[str] = set()
        self._cuts: list[Cut] = []
        self._partitions: dict[str, tuple[Cut, ...]] = {}
        self._closed: tuple[Cut, ...] = ()
        self._impairments: dict[str, tuple[Impairment, ...]] = {}
        self._routes: dict[tuple[str, str], Route | None] = {}
        self._ways: dict[tuple[str, str], Route | None] = {}
        self._asked: set[str] = set()
        self._core: nx.Graph[str] | None = None
        self._trunks: dict[tuple[str, str], list[str] | None] = {}
        self._listeners: list[tuple[Callable[[], None], str, str]] = []
        self.version = 0

    # --- building -----------------------------------------------------------------------------------------------

    def add_host(self, name: str, *, kind: str, zone: str = "", address: str = "", rack: str = "") -> Host:
        """Place a host; it is joined to nothing yet."""
        host = self._hosts[name] = Host(name, kind, zone, address, rack)
        self._graph.add_node(name)
        return host

    def remove_host(self, name: str) -> None:
        """Take a host away with its links."""
        self.host(name)
        del self._hosts[name]
        self._down.discard(name)
        self._graph.remove_node(name)
        self._core = None
        self._changed()

    def connect(
        self,
        a: str,
        b: str,
        latency: Distribution,
        *,
        bandwidth: int = 0,
        loss: float = 0.0,
        preferred: bool = False,
    ) -> None:
        """Join two hosts by a link, in the place of one there is already; see ``Link``."""
        self.host(a)
        self.host(b)
        link = Link(a, b, latency, bandwidth, loss, preferred)
        # A host that joins, and whose way nobody has asked for, changes nothing for the others.
        adjacent = self._graph.adj
        joins = (not adjacent[a] and a not in self._asked) or (not adjacent[b] and b not in self._asked)
        self._graph.add_edge(a, b, link=link, weight=link.weight)
        if not joins or len(adjacent[a]) == 2 or len(adjacent[b]) == 2:
            self._core = None
            self._trunks.clear()
        if not joins:
            self._changed()

    @property
    def hosts(self) -> list[Host]:
        """All hosts in the order they were added."""
        return list(self._hosts.values())

    def host(self, name: str) -> Host:
        """One host.

        Raises:
            UnknownHost: when there is none of that name.
        """
        try:
            return self._hosts[name]
        except KeyError:
            raise UnknownHost(f"no host {name!r} in the network") from None

    def has_host(self, name: str) -> bool:
        """Whether such a host exists."""
        return name in self._hosts

    def graph(self) -> nx.Graph[str]:
        """A copy of the graph for drawing and analysis (nodes: host names; edges: ``link``)."""
        return self._graph.copy()

    def links(self) -> list[Link]:
        """Every link once, in the order of the hosts."""
        return [data["link"] for _, _, data in self._graph.edges(data=True)]

    # --- faults -------------------------------------------------------------------------------------------------

    def set_up(self, name: str, up: bool) -> None:
        """Switch a host on or off. Nothing reaches or passes a host that is off."""
        self.host(name)
        if up:
            self._down.discard(name)
        else:
            self._down.add(name)
        self._changed()

    def is_up(self, name: str) -> bool:
        """Whether the host is switched on."""
        self.host(name)
        return name not in self._down

    def cut(self, sources: Iterable[str], targets: Iterable[str]) -> Cut:
        """Lose every packet from ``sources`` to ``targets`` (one way) until healed."""
        cut = Cut(frozenset(sources), frozenset(targets))
        for name in sorted(cut.sources | cut.targets):
            self.host(name)
        self._cuts.append(cut)
        self._changed(ways=False, cuts=(cut,))
        return cut

    def heal(self, cut: Cut) -> None:
        """Undo a cut; harmless when it was undone already."""
        if cut in self._cuts:
            self._cuts.remove(cut)
            self._changed(ways=False, cuts=(cut,))

    def partition(self, name: str, cuts: Iterable[Cut]) -> None:
        """Make these the cuts of a named partition; none: it is healed."""
        before, after = self._partitions.get(name, ()), tuple(cuts)
        _put(self._partitions, name, after)
        self._changed(ways=False, cuts=(*before, *after))

    def impair(self, name: str, impairments: Iterable[Impairment]) -> None:
        """Make these the impairments of that name; none: all is well again."""
        _put(self._impairments, name, tuple(impairments))
        self._changed(ways=False)

    def touch(self) -> None:
        """Something else changed that ways depend on, such as what routers know: whoever remembers an answer asks again."""
        self._changed(ways=False)

    def on_change(self, listener: Callable[[], None], between: tuple[str, str] = ("", "")) -> None:
        """Call ``listener`` after each change of the topology.

        ``between`` two hosts: a cut elsewhere does not matter to it.
        """
        self._listeners.append((listener, *between))

    def _changed(self, *, ways: bool = True, cuts: tuple[Cut, ...] | None = None) -> None:
        """Routes are looked for anew; the ways that cables give only when ``ways`` changed as well.

        ``cuts``: these came or went, and nothing else changed.
        """
        self.version += 1
        self._closed = (*self._cuts, *(cut for cuts in self._partitions.values() for cut in cuts))
        self._routes.clear()
        if ways:
            self._ways.clear()
            self._trunks.clear()
        for listener, a, b in self._listeners:
            if cuts is None or not a or any(cut.parts(a, b) for cut in cuts):
                listener()

    # --- asking -------------------------------------------------------------------------------------------------

    def route(self, source: str, target: str) -> Route | None:
        """The fastest open path from one host to another, None when there is none.

        A cut is between its two groups whatever the path: it models a firewall or a failed uplink, not one cable.

        Raises:
            UnknownHost: when either is not in the topology.
        """
        pair = (source, target)
        try:
            return self._routes[pair]
        except KeyError:
            route = self._routes[pair] = self._find(source, target)
            return route

    def pipes(self, source: str, target: str) -> tuple[tuple[str, str, int], ...]:
        """The links with a bandwidth on the way from one host to another, whatever is cut: from, to, bits a second."""
        way = self._known_way(source, target)
        if way is None or not way.bandwidth:
            return ()
        links = ((a, b, self._graph.edges[a, b]["link"].bandwidth) for a, b in pairwise(way.hops))
        return tuple(link for link in links if link[2])

    def reachable(self, source: str, target: str) -> bool:
        """Whether packets get there and answers get back: what many ask after each change, so nothing is made for it."""
        for cut in self._closed:
            if cut.parts(source, target):
                self.host(source)
                self.host(target)
                return False
        return self._known_way(source, target) is not None and self._known_way(target, source) is not None

    def _find(self, source: str, target: str) -> Route | None:
        way = self._known_way(source, target)
        if way is None or self._is_cut(source, target):
            return None
        if not self._impairments or source == target:
            return way
        return Route(way.hops, way.latencies + self._extra(source, target), way.bandwidth)

    def _is_cut(self, source: str, target: str) -> bool:
        return any(source in cut.sources and target in cut.targets for cut in self._closed)

    def _known_way(self, source: str, target: str) -> Route | None:
        pair = (source, target)
        try:
            return self._ways[pair]
        except KeyError:
            way = self._ways[pair] = self._way(source, target)
            return way

    def _way(self, source: str, target: str) -> Route | None:
        """The fastest path over links and hosts that are on, whatever is cut."""
        self.host(source)
        self.host(target)
        self._asked.update((source, target))
        if source in self._down or target in self._down:
            return None
        if source == target:
            return Route((source,), (LOOPBACK,))
        hops = self._hops(source, target)
        if hops is None:
            return None
        links: list[Link] = [self._graph.edges[a, b]["link"] for a, b in pairwise(hops)]
        delays = tuple(delay for link in links for delay in link.delays)
        return Route(tuple(hops), delays, min((x.bandwidth for x in links if x.bandwidth), default=0))

    def _extra(self, source: str, target: str) -> tuple[Distribution, ...]:
        """What impairments add to the way, as if each were a link of its own."""
        return tuple(
            each.delay
            for group in self._impairments.values()
            for each in group
            if source in each.sources and target in each.targets
        )

    def _hops(self, source: str, target: str) -> list[str] | None:
        """Vertices on the way. Leaves (most hosts hang on one switch) are stripped first, so that the search walks
        only the few vertices between switches, whatever the number of hosts."""
        start, head = self._climb(source)
        end, tail = self._climb(target)
        if start == target or end == source:
            return [source, target]
        trunk = self._trunk(start, end)
        return None if trunk is None else [*head, *trunk, *tail]

    def _trunk(self, start: str, end: str) -> list[str] | None:
        """Vertices between two that are no leaves, which all the leaves of both have in common."""
        pair = (start, end)
        if pair not in self._trunks:
            self._trunks[pair] = self._search(start, end)
        return self._trunks[pair]

    def _search(self, start: str, end: str) -> list[str] | None:
        core = self._core_graph()
        if start not in core or end not in core:
            return [start] if start == end else None
        blocked = [name for name in sorted(self._down) if name in core]
        view = nx.restricted_view(core, blocked, []) if blocked else core
        if start in blocked or end in blocked:
            return None
        try:
            return nx.dijkstra_path(view, start, end, weight="weight")
        except nx.NetworkXNoPath:
            return None

    def _climb(self, name: str) -> tuple[str, list[str]]:
        neighbours = self._graph.adj[name]
        return (next(iter(neighbours)), [name]) if len(neighbours) == 1 else (name, [])

    def _core_graph(self) -> nx.Graph[str]:
        core = self._core
        if core is None:
            inner = [name for name, degree in self._graph.degree() if degree > 1]
            core = self._core = self._graph.subgraph(inner).copy()
        return core


def _put(known: dict[str, tuple[T, ...]], name: str, values: tuple[T, ...]) -> None:
    if values:
        known[name] = values
    else:
        known.pop(name, None)


LOOPBACK = Fixed(DEFAULT.us("network/loopback"))
"""One way within a host (µs)."""
