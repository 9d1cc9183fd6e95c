"""The topology of a cluster to look at: zones, nodes, pods and Services as text for a terminal and as SVG.  Pure.

**Walk:** the graph of ``sim.network.topology`` -> ``layout_of``: zones with their nodes with their pods -> ``text`` or
``picture``.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.network.graphs import Graph
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


@dataclass(frozen=True, slots=True)
class Layout:
    """What is drawn: nodes by zone, pods without a node, Services with how many pods serve them, other hosts."""

    zones: dict[str, tuple[NodeBox, ...]]
    pending: tuple[PodMark, ...]
    services: tuple[tuple[str, int], ...]
    outside: tuple[tuple[str, str, bool], ...]


def layout_of(graph: Graph) -> Layout:
    """What is where, in the order of names within the order of the graph."""
    runs: dict[str, list[PodMark]] = {}
    placed: set[str] = set()
    serves: dict[str, int] = {}
    for a, b, data in graph.edges(data=True):
        ends = {graph.nodes[a]["kind"]: a, graph.nodes[b]["kind"]: b}
        if data["kind"] == "runs":
            node = next(end for kind, end in ends.items() if kind != "pod")
            runs.setdefault(node, []).append(_pod(graph, ends["pod"]))
            placed.add(ends["pod"])
        elif data["kind"] == "serves":
            serves[ends["service"]] = serves.get(ends["service"], 0) + 1
    zones: dict[str, list[NodeBox]] = {}
    outside = []
    services = []
    pending = []
    for name, data in graph.nodes(data=True):
        kind = data["kind"]
        if kind == "node":
            pods = tuple(sorted(runs.get(name, ()), key=lambda p: p.name))
            zones.setdefault(data["zone"], []).append(NodeBox(name, data["up"], pods))
        elif kind == "service":
            services.append((name.removeprefix("service/"), serves.get(name, 0)))
        elif kind == "pod" and name not in placed:
            pending.append(_pod(graph, name))
        elif kind not in ("pod", "switch"):
            outside.append((name, kind, data["up"]))
    return Layout(
        {zone: tuple(boxes) for zone, boxes in sorted(zones.items())},
        tuple(pending),
        tuple(services),
        tuple(outside),
    )


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
            lines.append(f"{'└─' if last else '├─'} {node.name}{'' if node.up else '  OFF'}")
            lines += [f"{'  ' if last else '│ '}    {_line(pod)}"[:width] for pod in node.pods]
    if layout.pending:
        lines.append("without a node")
        lines += [f"       {_line(pod)}" for pod in layout.pending]
    if layout.services:
        lines.append("Services")
        lines += [
            f"   {name}  {count} ready endpoint{'' if count == 1 else 's'}" for name, count in layout.services
        ]
    return "\n".join(lines) + "\n"


def _zone(name: str) -> str:
    return f"zone {name}" if name else "nodes without a zone"


def _line(pod: PodMark) -> str:
    return f"{'●' if pod.ready else '○'} {pod.name}  {pod.ip or 'no address'}"


def picture(graph: Graph, title: str = "The network") -> Svg:
    """The topology as one SVG: a column a zone, a box a node, a row a pod."""
    layout = layout_of(graph)
    columns = [_height(nodes) for nodes in layout.zones.values()]
    across = max(len(columns), 1)
    below = _ROW * (len(layout.services) + len(layout.pending) + 2)
    width = 2 * _MARGIN + across * _BOX + (across - 1) * _GAP
    svg = Svg(width, _HEAD + max(columns, default=0) + below + _MARGIN, title, text(graph))
    svg.text(_MARGIN, 24, title, "strong")
    outside = ", ".join(name for name, _, _ in layout.outside)
    svg.text(_MARGIN, 42, outside, "soft")
    for column, (zone, nodes) in enumerate(layout.zones.items()):
        x = _MARGIN + column * (_BOX + _GAP)
        y = float(_HEAD)
        svg.text(x, y + 12, _zone(zone), "soft")
        y += _ROW
        for node in nodes:
            y = _draw_node(svg, node, x, y)
    y = _HEAD + max(columns, default=0) + _ROW
    for name, count in layout.services:
        svg.circle(_MARGIN + 5, y - 4, 4, "ok" if count else "failed", f"{count} ready endpoints")
        svg.text(_MARGIN + 16, y, f"Service {name}: {count} ready")
        y += _ROW
    for pod in layout.pending:
        svg.circle(_MARGIN + 5, y - 4, 4, "pending")
        svg.text(_MARGIN + 16, y, f"{pod.name} has no node")
        y += _ROW
    return svg


def _height(nodes: tuple[NodeBox, ...]) -> int:
    return _ROW + sum(_node_height(node) + _GAP for node in nodes)


def _node_height(node: NodeBox) -> int:
    return _ROW * (len(node.pods) + 1) + 8


def _draw_node(svg: Svg, node: NodeBox, x: float, y: float) -> float:
    height = _node_height(node)
    svg.rect(x, y, _BOX, height, "agent faint" if node.up else "failed faint", node.name)
    svg.text(x + 8, y + 15, node.name if node.up else f"{node.name} (off)", "strong")
    for row, pod in enumerate(node.pods, 1):
        line = y + row * _ROW + 15
        svg.circle(x + 13, line - 4, 4, "ok" if pod.ready else "pending", f"{pod.name} {pod.ip}")
        name = pod.name.rpartition("/")[2]
        svg.text(x + 24, line, name if len(name) <= 26 else f"{name[:25]}…")
    return y + height + _GAP
