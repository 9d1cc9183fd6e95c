"""The network of a world: a heat map of its nodes, and the path of one request. Looks; changes nothing.

The path is asked of a world that stands at the instant looked at: of the past, a fork of it made for the purpose.

**Walk:** ``heat``: a level for each node -> ``clients`` and ``urls`` to choose from -> ``path``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from kcsim.api import objects
from kcsim.engine.clock import MILLISECOND, format_duration, to_seconds
from kcsim.simulation.reach import UnknownSpot
from kcsim.simulation.simulation import Simulation
from kcsim.tui.asks.lines import TextLine, dim
from kcsim.tui.session import Session
from kcsim.views import usage
from kcsim.views.readiness import INFRASTRUCTURE
from kcsim.views.states import SEVERITY, State

MEASURES = ("state", *usage.MEASURES)
"""What the heat map can show; all but the first as a share of what the node offers, in tenths."""

NONE = 255
"""Stands for the tenths of a node of which no share is known."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One node of the heat map: its name, its state, and its share of what is measured in tenths (-1: none)."""

    name: str
    state: State
    tenths: int


@dataclass(frozen=True, slots=True)
class Heat:
    """The heat map: a cell a node in the order of zones and names, as bytes, because there may be thousands.

    Attributes:
        measure: what it shows.
        names: of the nodes.
        states: of each, as its place in ``SEVERITY``.
        tenths: the share of each, or ``NONE``.
        counts: how many are in which state.
    """

    measure: str
    names: tuple[str, ...]
    states: bytes
    tenths: bytes
    counts: tuple[tuple[State, int], ...]

    def __len__(self) -> int:
        return len(self.names)

    def cell(self, place: int) -> Cell:
        """One of them."""
        tenths = self.tenths[place]
        return Cell(self.names[place], SEVERITY[self.states[place]], -1 if tenths == NONE else tenths)


def heat(session: Session, measure: str) -> Heat:
    """The nodes of the cluster at the instant looked at."""
    look = session.look
    machines = look.once("machines", lambda: session.machines_known.of(look.objects("nodes")))
    places = bytes(SEVERITY.index(machine.state) for machine in machines)
    counts = {state: places.count(place) for place, state in enumerate(SEVERITY)}
    if measure == "state":
        tenths = bytes([NONE]) * len(machines)
    else:
        asked = _asked(session)
        tenths = bytes(_tenths(machine, asked, usage.MEASURES.index(measure)) for machine in machines)
    names = tuple(machine.name for machine in machines)
    return Heat(measure, names, places, tenths, tuple((s, count) for s, count in counts.items() if count))


def _asked(session: Session) -> Mapping[str, usage.Amounts]:
    """What pods ask of each node: of the present kept up to date, of the past added up."""
    look = session.look
    if session.cursor is not None:
        return look.once("asked", lambda: usage.added_up(look.objects("pods")))
    session.usage.update(session.play.cluster().server.log)
    return session.usage.asked


def _tenths(machine: usage.Machine, asked: Mapping[str, usage.Amounts], which: int) -> int:
    whole = machine.offers[which]
    if not whole:
        return NONE
    used = asked.get(machine.name)
    return 0 if used is None else min(10, round(10 * used[which] / whole))


# The path of a request.


_FEW = 40
"""Pods, and nodes, that are offered as clients; another one is typed."""


def clients(session: Session) -> list[str]:
    """Who can send a request: people outside, pods of users, nodes."""
    pods = (
        f"{objects.namespace(pod)}/{objects.name(pod)}"
        for pod in session.look.objects("pods")
        if objects.namespace(pod) not in INFRASTRUCTURE and (pod.get("status") or {}).get("podIP")
    )
    return ["users", *islice(pods, _FEW), *session.machines()[:_FEW]]


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
        journey = world_of(session).network.trace(client, url)
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


def world_of(session: Session) -> Simulation:
    """The world as it stands at the instant looked at."""
    if session.cursor is None:
        return session.play
    if session.stood is None or session.stood[0] != session.cursor:
        session.stood = session.cursor, session.play.fork(to_seconds(session.cursor))
    return session.stood[1]
