"""The topology of a cluster to look at: zones, nodes, pods and Services as text for a terminal and as SVG.

Over it lie, when asked for, paths (who reaches whom, by ``sim.network.reach``) and NetworkPolicies (whom they isolate).

**Walk:** the graph of ``sim.network.topology`` -> ``layout_of``: zones with their nodes with their pods -> ``text`` or
``picture``. ``topology`` puts graph, paths and policies of a world into one value that shows itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.cluster.podnet.policy import compile_policy, isolating
from kcsim.engine.shown import Tabular
from kcsim.network.graphs import Graph
from kcsim.simulation.reach import Reach
from kcsim.simulation.simulation import Simulation
from kcsim.views.svg import Svg
from kcsim.views.text import WIDTH

_BOX, _GAP, _ROW, _MARGIN, _HEAD = 190, 16, 18, 20, 56


@dataclass(frozen=True, slots=True)
class PodMark:
    """A pod as it is drawn."""

    name: str
    ip: str
    ready: bool


@dataclass(frozen=True, slots=True)
class NodeBox:
    """A node and what runs on it."""

    name: str
    up: bool
    pods: tuple[PodMark, ...]
    rack: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """What is drawn: nodes by zone, pods without a node, Services with how many pods serve them, other hosts, the links
    that the story describes, and how packets are carried.
    """

    zones: dict[str, tuple[NodeBox, ...]]
    pending: tuple[PodMark, ...]
    services: tuple[tuple[str, int], ...]
    outside: tuple[tuple[str, str, bool], ...]
    links: tuple[str, ...] = ()
    carried: str = ""


def layout_of(graph: Graph) -> Layout:
    """What is where, in the order of names within the order of the graph."""
    runs: dict[str, list[PodMark]] = {}
    links: list[str] = []
    placed: set[str] = set()
    for a, b, data in graph.edges(data=True):
        ends = {graph.nodes[a]["kind"]: a, graph.nodes[b]["kind"]: b}
        if data["kind"] == "runs":
            node = next(end for kind, end in ends.items() if kind != "pod")
            runs.setdefault(node, []).append(_pod(graph, ends["pod"]))
            placed.add(ends["pod"])
        elif data.get("described"):
            links.append(_link(a, b, data))
    zones: dict[str, list[NodeBox]] = {}
    outside: list[tuple[str, str, bool]] = []
    services = []
    pending = []
    for name, data in graph.nodes(data=True):
        kind = data["kind"]
        if kind == "node":
            pods = tuple(sorted(runs.get(name, ()), key=lambda p: p.name))
            zones.setdefault(data["zone"], []).append(NodeBox(name, data["up"], pods, data.get("rack", "")))
        elif kind == "service":
            services.append((name.removeprefix("service/"), data["endpoints"]))
        elif kind == "pod" and name not in placed:
            pending.append(_pod(graph, name))
        elif kind not in ("pod", "switch"):
            outside.append((name, kind, data["up"]))
    return Layout(
        {zone: tuple(sorted(boxes, key=lambda box: box.rack)) for zone, boxes in sorted(zones.items())},
        tuple(pending),
        tuple(services),
        tuple(outside),
        tuple(links),
        _carried(graph.graph),
    )


def _link(a: str, b: str, data: dict[str, Any]) -> str:
    told = [f"{data['latency_s'] * 1000:g} ms"]
    if data["bandwidth"]:
        told.append(_bandwidth(data["bandwidth"]))
    if data["loss"]:
        told.append(f"loses {data['loss']:.2%}")
    ends = (name.rpartition("/")[2] for name in (a, b))
    return f"{' - '.join(ends)}  {', '.join(told)}"


def _bandwidth(bits: int) -> str:
    for unit, size in (("Gbit/s", 10**9), ("Mbit/s", 10**6), ("kbit/s", 10**3)):
        if bits >= size:
            return f"{bits / size:g} {unit}"
    return f"{bits} bit/s"


def _carried(about: dict[str, Any]) -> str:
    """How packets travel between pods, where that is not as usual."""
    if not about.get("encapsulation") and about.get("mtu") == about.get("usual_mtu"):
        return ""
    return f"{about['encapsulation'] or 'routed'}, MTU {about['pod_mtu']} in pods, {about['mtu']} on nodes"


def _pod(graph: Graph, name: str) -> PodMark:
    data = graph.nodes[name]
    return PodMark(name.removeprefix("pod/"), data["ip"], data["ready"])


def text(graph: Graph, width: int = WIDTH) -> str:
    """The topology as lines of text."""
    layout = layout_of(graph)
    lines = ["outside   " + "  ".join(f"{name}{'' if up else ' (off)'}" for name, _, up in layout.outside)]
    for zone, nodes in layout.zones.items():
        lines.append(_zone(zone))
        for i, node in enumerate(nodes):
            last = i == len(nodes) - 1
            rack = f"  rack {node.rack}" if node.rack else ""
            lines.append(f"{'└─' if last else '├─'} {node.name}{rack}{'' if node.up else '  OFF'}")
            lines += [f"{'  ' if last else '│ '}    {_line(pod)}"[:width] for pod in node.pods]
    if layout.pending:
        lines.append("without a node")
        lines += [f"       {_line(pod)}" for pod in layout.pending]
    if layout.services:
        lines.append("Services")
        lines += [
            f"   {name}  {count} ready endpoint{'' if count == 1 else 's'}" for name, count in layout.services
        ]
    if layout.links:
        lines.append("links")
        lines += [f"   {link}" for link in layout.links]
    if layout.carried:
        lines.append(f"between nodes   {layout.carried}")
    return "\n".join(lines) + "\n"


def _zone(name: str) -> str:
    return f"zone {name}" if name else "nodes without a zone"


def _line(pod: PodMark) -> str:
    return f"{'●' if pod.ready else '○'} {pod.name}  {pod.ip or 'no address'}"


@dataclass(frozen=True, slots=True)
class PolicyMark:
    """A NetworkPolicy: its name, its rules in words, and the pods that it isolates, by direction."""

    name: str
    text: str
    ingress: tuple[str, ...]
    egress: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topology(Tabular):
    """The network of a world at one instant, with the paths that were asked for and the policies that hold."""

    title: str
    graph: Graph
    paths: tuple[Reach, ...]
    policies: tuple[PolicyMark, ...]

    def svg(self) -> Svg:
        """Zones, nodes, pods and Services; paths as lines; a shield on every pod that a policy isolates."""
        return picture(self.graph, self.title, self.paths, self.policies)

    def to_records(self) -> list[dict[str, Any]]:
        """``{name, kind, zone, up, ready, ip}`` for each host, pod and Service."""
        return [
            {
                "name": name,
                "kind": data["kind"],
                "zone": data["zone"],
                "up": data["up"],
                "ready": data.get("ready"),
                "ip": data.get("ip", ""),
            }
            for name, data in self.graph.nodes(data=True)
        ]

    def __str__(self) -> str:
        return _words(self.graph, self.paths, self.policies).rstrip()


def topology(sim: Simulation, *paths: tuple[str, str] | Reach, cluster: str | None = None) -> Topology:
    """The network of a world now.

    Args:
        paths: pairs of ends as ``sim.network.reach`` takes them (``("users", "service/web")``), or what it gave.

    Raises:
        UnknownSpot: there is no such end.
    """
    asked = tuple(
        each if isinstance(each, Reach) else sim.network.reach(*each, cluster=cluster) for each in paths
    )
    return Topology(
        f"The network at t={sim.now:g}s", sim.network.topology(cluster), asked, tuple(policies(sim, cluster))
    )


def policies(sim: Simulation, cluster: str | None = None) -> list[PolicyMark]:
    """The NetworkPolicies of a cluster, by name, and whom each isolates."""
    firewall = sim.cluster(cluster).pods.firewall
    ends = [
        (f"{objects.namespace(pod)}/{objects.name(pod)}", firewall.end_of_pod(pod))
        for pod in sim.list("pods", cluster=cluster)
    ]
    marks = []
    for policy in sim.list("networkpolicies", cluster=cluster):
        compiled = compile_policy(policy)
        isolated = {
            direction: tuple(name for name, end in ends if isolating((compiled,), end, direction))
            for direction in ("ingress", "egress")
        }
        name = f"{objects.namespace(policy)}/{objects.name(policy)}"
        marks.append(PolicyMark(name, str(compiled), isolated["ingress"], isolated["egress"]))
    return marks


def _words(graph: Graph, paths: Sequence[Reach], marks: Sequence[PolicyMark]) -> str:
    lines = [text(graph).rstrip()]
    if marks:
        lines.append("NetworkPolicies")
        lines += [f"   {mark.name}  {_isolated(mark)}" for mark in marks]
    lines += [str(path) for path in paths]
    return "\n".join(lines) + "\n"


def _isolated(mark: PolicyMark) -> str:
    told = [
        f"{direction} of {len(pods)} pod{'' if len(pods) == 1 else 's'}"
        for direction, pods in (("ingress", mark.ingress), ("egress", mark.egress))
        if pods
    ]
    return " and ".join(told) or "isolates no pod"


def picture(
    graph: Graph,
    title: str = "The network",
    paths: Sequence[Reach] = (),
    policies: Sequence[PolicyMark] = (),
) -> Svg:
    """The topology as one SVG: a column a zone, a box a node, a row a pod; over it paths and the shields of policies."""
    layout = layout_of(graph)
    columns = [_height(nodes) for nodes in layout.zones.values()]
    across = max(len(columns), 1)
    told = [*layout.links, *([f"between nodes: {layout.carried}"] if layout.carried else [])]
    rows = len(layout.services) + len(layout.pending) + len(policies) + len(paths) + len(told)
    head = sum(_outside_width(name, up) for name, _, up in layout.outside)
    width = max(
        2 * _MARGIN + across * _BOX + (across - 1) * _GAP,
        round(_MARGIN + head),
        560 if paths or policies else 0,
    )
    height = _HEAD + max(columns, default=0) + _ROW * (rows + 2) + _MARGIN
    svg = Svg(width, height, title, _words(graph, paths, policies))
    drawn = _Drawing(svg, {name for mark in policies for name in (*mark.ingress, *mark.egress)})
    svg.text(_MARGIN, 24, title, "strong")
    x = float(_MARGIN)
    for name, _, up in layout.outside:
        words = name if up else f"{name} (off)"
        svg.text(x, 42, words, "soft")
        drawn.spots[name] = x + 3 * len(words), 46.0
        x += _outside_width(name, up)
    for column, (zone, nodes) in enumerate(layout.zones.items()):
        left = _MARGIN + column * (_BOX + _GAP)
        y = float(_HEAD)
        svg.text(left, y + 12, _zone(zone), "soft")
        y += _ROW
        for node in nodes:
            y = drawn.node(node, left, y)
    y = _HEAD + max(columns, default=0) + _ROW
    for name, count in layout.services:
        drawn.spots[f"service/{name}"] = _MARGIN + 5, y - 4
        svg.circle(_MARGIN + 5, y - 4, 4, "ok" if count else "failed", f"{count} ready endpoints")
        svg.text(_MARGIN + 16, y, f"Service {name}: {count} ready")
        y += _ROW
    for pod in layout.pending:
        svg.circle(_MARGIN + 5, y - 4, 4, "pending")
        svg.text(_MARGIN + 16, y, f"{pod.name} has no node")
        y += _ROW
    for words in told:
        svg.text(_MARGIN + 16, y, words, "soft")
        y += _ROW
    for mark in policies:
        _shield(svg, _MARGIN + 5, y - 4, mark.text)
        svg.text(_MARGIN + 16, y, f"NetworkPolicy {mark.name}: {_isolated(mark)}")
        y += _ROW
    for path in paths:
        drawn.path(path, graph)
        svg.mark(
            "triangle" if path.ok else "cross", _MARGIN + 5, y - 4, "ok" if path.ok else "failed", str(path)
        )
        words = _path_words(path)
        most = int((svg.width - 2 * _MARGIN) / 6.2)
        svg.text(_MARGIN + 16, y, words if len(words) <= most else f"{words[: most - 1]}…")
        y += _ROW
    return svg


def _outside_width(name: str, up: bool) -> float:
    return 6.6 * len(name if up else f"{name} (off)") + 18


def _path_words(path: Reach) -> str:
    if path.ok:
        return f"{path.source} reaches {path.target}:{path.port} in {path.latency_s * 1000:.1f} ms"
    return f"{path.source} does not reach {path.target}:{path.port}: {path.why}"


@dataclass(slots=True)
class _Drawing:
    """The picture while it is drawn: who is isolated, and where everything stands, for the paths."""

    svg: Svg
    isolated: set[str]
    spots: dict[str, tuple[float, float]] = field(default_factory=dict)

    def node(self, node: NodeBox, x: float, y: float) -> float:
        """A node with its pods; gives where the next one begins."""
        height = _node_height(node)
        svg = self.svg
        svg.rect(x, y, _BOX, height, "agent faint" if node.up else "failed faint", node.name)
        place = f"{node.name} · rack {node.rack}" if node.rack else node.name
        svg.text(x + 8, y + 15, place if node.up else f"{place} (off)", "strong")
        self.spots[node.name] = x + 4, y + 11
        for row, pod in enumerate(node.pods, 1):
            line = y + row * _ROW + 15
            self.spots[f"pod/{pod.name}"] = x + 13, line - 4
            svg.circle(x + 13, line - 4, 4, "ok" if pod.ready else "pending", f"{pod.name} {pod.ip}")
            name = pod.name.rpartition("/")[2]
            most = 24 if pod.name in self.isolated else 26
            svg.text(x + 24, line, name if len(name) <= most else f"{name[: most - 1]}…")
            if pod.name in self.isolated:
                _shield(svg, x + _BOX - 12, line - 4, f"{pod.name} is isolated by a NetworkPolicy")
        return y + height + _GAP

    def path(self, path: Reach, graph: Graph) -> None:
        """A line from end to end, through a Service on to the pods behind it; dashed where nothing passes."""
        ends = [self.spots.get(name) for name in (path.source, path.target)]
        look = "line ok" if path.ok else "line failed dashed"
        start, end = ends
        if start is None or end is None:
            return  # an address that nobody has is told in words only
        bow = 0.0 if abs(start[0] - end[0]) > _GAP else 0.25 * abs(start[1] - end[1]) + 30
        self.svg.curve(*start, *end, look, str(path), bow)
        if path.target in graph and graph.nodes[path.target]["kind"] == "service":
            for pod in sorted(graph.neighbors(path.target)):
                behind = self.spots.get(pod)
                if behind is not None:
                    self.svg.curve(*end, *behind, f"{look} faint", f"{path.target} leads to {pod}")


def _shield(svg: Svg, x: float, y: float, hover: str) -> None:
    corners = ((-5, -5), (5, -5), (5, 0), (0, 6), (-5, 0))
    svg.path([(x + dx, y + dy) for dx, dy in corners], "git", hover)


def _height(nodes: tuple[NodeBox, ...]) -> int:
    return _ROW + sum(_node_height(node) + _GAP for node in nodes)


def _node_height(node: NodeBox) -> int:
    return _ROW * (len(node.pods) + 1) + 8
