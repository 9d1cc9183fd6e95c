"""The network of a world: its topology, a heat map of its nodes, and the path of one request. Looks; changes nothing.

Reach and path are asked of a world that stands at the instant looked at: of the past, a fork of it made for the purpose.

**Walk:** ``topology`` as rows -> ``heat``: a level for each node -> ``clients`` and ``urls`` to choose from -> ``path``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.quantity import parse as quantity
from kcsim.engine.clock import MILLISECOND, format_duration, to_seconds
from kcsim.simulation.reach import UnknownSpot
from kcsim.simulation.simulation import Simulation
from kcsim.tui.asks.lines import TextLine, dim
from kcsim.tui.asks.pages import Page, Row, Want, paged
from kcsim.tui.session import Session
from kcsim.views.objects import Ref
from kcsim.views.readiness import INFRASTRUCTURE
from kcsim.views.states import State
from kcsim.views.topology import layout_of

LEVELS = ("●", "◐", "◍", "✗", "?", "○")
"""Glyphs of the heat map by state: ready, cordoned or under pressure, full, not ready, unknown, empty."""

MEASURES = ("state", "pods", "cpu", "memory")
"""What the heat map can show; the last three as a share of what the node offers, in tenths."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One node of the heat map: its name, its state, and its share of what is measured in tenths (-1: none)."""

    name: str
    state: State
    tenths: int


@dataclass(frozen=True, slots=True)
class Heat:
    """The heat map: a cell a node in the order of zones and names, what it shows, and how many are in which state."""

    measure: str
    cells: tuple[Cell, ...]
    counts: tuple[tuple[State, int], ...]


def heat(session: Session, measure: str) -> Heat:
    """The nodes of the cluster at the instant looked at."""
    look = session.look
    nodes = sorted(look.objects("nodes"), key=lambda node: (_zone(node), _natural(objects.name(node))))
    used = _used(look.objects("pods"), measure) if measure != "state" else {}
    cells = [Cell(objects.name(node), _state(node), _tenths(node, used, measure)) for node in nodes]
    counts: dict[State, int] = {}
    for cell in cells:
        counts[cell.state] = counts.get(cell.state, 0) + 1
    return Heat(measure, tuple(cells), tuple(counts.items()))


def _zone(node: Object) -> str:
    return objects.labels(node).get("topology.kubernetes.io/zone", "")


def _natural(name: str) -> tuple[str, int]:
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or 0)


def _state(node: Object) -> State:
    conditions = {c["type"]: c["status"] for c in (node.get("status") or {}).get("conditions") or ()}
    ready = conditions.get("Ready")
    if ready == "Unknown":
        return "unknown"
    if ready != "True":
        return "failed"
    pressed = any(status == "True" for kind, status in conditions.items() if kind.endswith("Pressure"))
    return "pending" if node["spec"].get("unschedulable") or pressed else "ok"


def _used(pods: Sequence[Object], measure: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if not node or (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
            continue
        amount = 1.0 if measure == "pods" else _requested(pod, measure)
        found[node] = found.get(node, 0.0) + amount
    return found


def _requested(pod: Object, measure: str) -> float:
    total = 0.0
    for container in pod["spec"]["containers"]:
        asked = ((container.get("resources") or {}).get("requests") or {}).get(measure)
        total += quantity(asked).as_approximate_float64() if asked is not None else 0.0
    return total


def _tenths(node: Object, used: dict[str, float], measure: str) -> int:
    if measure == "state":
        return -1
    offered = (node.get("status") or {}).get("allocatable", {}).get(measure)
    if offered is None:
        return -1
    whole = quantity(offered).as_approximate_float64()
    return min(10, round(10 * used.get(objects.name(node), 0.0) / whole)) if whole else -1


# Topology.


def topology(session: Session, want: Want) -> Page:
    """What is connected to what: hosts outside, zones with their nodes with their pods, Services with their backends."""
    layout = layout_of(_world(session).network.topology())
    rows: list[Row] = []
    if layout.outside:
        rows.append(Row("outside", ("outside the cluster", "", ""), ""))
    for name, kind, up in layout.outside:
        rows.append(Row(name, (f"   {name}", kind, "reachable" if up else "OFF"), "ok" if up else "failed"))
    for zone, nodes in layout.zones.items():
        title = f"zone {zone}" if zone else "nodes without a zone"
        rows.append(Row(title, (title, "", f"{len(nodes)} nodes"), ""))
        for place, node in enumerate(nodes):
            stem = "└─" if place == len(nodes) - 1 else "├─"
            state: State = "ok" if node.up else "failed"
            rows.append(
                Row(
                    Ref("node", "", node.name),
                    (f"{stem} {node.name}", "node", "up" if node.up else "OFF"),
                    state,
                )
            )
            bar = "  " if place == len(nodes) - 1 else "│ "
            for pod in node.pods:
                space, _, name = pod.name.partition("/")
                ready: State = "ok" if pod.ready else "pending"
                rows.append(
                    Row(
                        Ref("pod", space, name), (f"{bar}   {pod.name}", "pod", pod.ip or "no address"), ready
                    )
                )
    for pod in layout.pending:
        space, _, name = pod.name.partition("/")
        rows.append(Row(Ref("pod", space, name), (f"   {pod.name}", "pod", "has no node"), "pending"))
    if layout.services:
        rows.append(Row("services", ("Services", "", ""), ""))
    for name, count in layout.services:
        space, _, own = name.partition("/")
        told = f"{count} ready endpoint{'' if count == 1 else 's'}"
        rows.append(
            Row(Ref("service", space, own), (f"   {name}", "service", told), "ok" if count else "failed")
        )
    return paged(
        want,
        ("WHAT", "KIND", "STATUS"),
        len(rows),
        lambda place: rows[place],
        note=f"{sum(map(len, layout.zones.values()))} nodes, {len(layout.services)} Services",
    )


# The path of a request.


def clients(session: Session) -> list[str]:
    """Who can send a request: people outside, pods of users, nodes."""
    pods = [
        f"{objects.namespace(pod)}/{objects.name(pod)}"
        for pod in session.look.objects("pods")
        if objects.namespace(pod) not in INFRASTRUCTURE and (pod.get("status") or {}).get("podIP")
    ]
    return ["users", *pods[:40], *session.machines()[:40]]


def urls(session: Session) -> list[str]:
    """Where a request can go: every Service of users, by its name in the cluster."""
    found = []
    for service in session.look.objects("services"):
        space = objects.namespace(service)
        if space in INFRASTRUCTURE or (space == "default" and objects.name(service) == "kubernetes"):
            continue
        for port in service["spec"].get("ports") or ():
            number = "" if port["port"] == 80 else f":{port['port']}"
            found.append(f"http://{objects.name(service)}.{space}{number}/")
    return found


def path(session: Session, client: str, url: str) -> tuple[list[TextLine], str]:
    """Each station of a request, and how it ends; the note says from when the answer is."""
    note = f"at t={format_duration(session.seen)}"
    try:
        journey = _world(session).network.trace(client, url)
    except (UnknownSpot, ValueError) as error:
        return [((str(error), "state--failed"),)], note
    state = "state--ok" if journey.ok else "state--failed"
    glyph = "●" if journey.ok else "✗"
    lines: list[TextLine] = [
        ((f"{client} → {url}", "title"),),
        ((f"{glyph} {journey.outcome}", state), (f"  after {journey.took / MILLISECOND:.3f} ms", "dim")),
        (("", ""),),
    ]
    for place, hop in enumerate(journey.hops):
        stem = "└─" if place == len(journey.hops) - 1 else "├─"
        style = "state--ok" if hop.passed else "state--failed"
        took = f"  {hop.took / MILLISECOND:.3f} ms" if hop.took else ""
        mark = "●" if hop.passed else "✗"
        lines.append(((f"{stem} ", "dim"), (f"{mark} {hop.what:<9} ", style), (hop.text, ""), (took, "dim")))
    if not journey.ok:
        lines.append(dim(""))
        lines.append((("WHY  ", "title"), (journey.why, "")))
    return lines, note


def _world(session: Session) -> Simulation:
    """The world as it stands at the instant looked at."""
    if session.cursor is None:
        return session.play
    if session.stood is None or session.stood[0] != session.cursor:
        session.stood = session.cursor, session.play.fork(to_seconds(session.cursor))
    return session.stood[1]
