"""The topology of a world as rows: hosts outside, zones with their nodes with their pods, Services with their backends.

Rows are made when they are in sight, because there may be a hundred thousand pods: before that they are only counted.

**Walk:** pods by node -> ``Block``s, one a node and one for what belongs together -> how many rows come before each -> the rows
in sight.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, chain

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.cluster.controllers.pods import is_ready
from kcsim.network.topology import Host
from kcsim.simulation.simulation import Simulation
from kcsim.tui.asks.net import world_of
from kcsim.tui.asks.pages import Page, Row, Want, paged
from kcsim.tui.session import Session
from kcsim.views.objects import Ref
from kcsim.views.states import State


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that stand together: how many, what makes each of them, and where among them the row of a key is."""

    size: int
    make: Callable[[int], Row]
    find: Callable[[object], int | None]


class Rows:
    """The rows of some blocks, one behind the other, made when they are asked for."""

    def __init__(self, blocks: list[Block], note: str) -> None:
        """``note``: what stands below them."""
        self._blocks = blocks
        self._starts = [0, *accumulate(block.size for block in blocks)]
        self.note = note

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, place: int) -> Row:
        block = bisect_right(self._starts, place) - 1
        return self._blocks[block].make(place - self._starts[block])

    def place(self, key: object) -> int | None:
        """Where the row of a key is."""
        for block, start in zip(self._blocks, self._starts, strict=False):
            place = block.find(key)
            if place is not None:
                return start + place
        return None


def topology(session: Session, want: Want) -> Page:
    """What is connected to what."""
    rows = session.look.once("topology", lambda: _rows(session))
    return paged(
        want, ("WHAT", "KIND", "STATUS"), len(rows), rows.__getitem__, find=rows.place, note=rows.note
    )


def _rows(session: Session) -> Rows:
    world = world_of(session)
    network = world.world.network
    zones: dict[str, list[str]] = {}
    outside: list[Host] = []
    for host in network.hosts:
        if host.kind == "node":
            zones.setdefault(host.zone, []).append(host.name)
        elif host.kind != "switch":
            outside.append(host)
    running: dict[str, list[Object]] = {}
    for pod in session.look.objects("pods"):
        running.setdefault(pod["spec"].get("nodeName") or "", []).append(pod)
    nowhere = [running.pop(name) for name in [*running] if not network.has_host(name)]
    pending = sorted(chain.from_iterable(nowhere), key=objects.key)
    blocks: list[Block] = []
    if outside:
        blocks.append(
            _titled("outside the cluster", "", [_host(h, up=network.is_up(h.name)) for h in outside])
        )
    for zone, names in sorted(zones.items()):
        title = f"zone {zone}" if zone else "nodes without a zone"
        blocks.append(_titled(title, _many(len(names), "node"), []))
        for name in names:
            is_last = name == names[-1]
            blocks.append(_node(name, running.get(name, []), up=network.is_up(name), is_last=is_last))
    waits = Block(len(pending), lambda place: _waiting(pending[place]), lambda key: _among(pending, key))
    blocks.append(waits)
    services = [_service(world, service) for service in session.look.objects("services")]
    if services:
        blocks.append(_titled("Services", "", services))
    return Rows(blocks, f"{_many(sum(map(len, zones.values())), 'node')}, {_many(len(services), 'Service')}")


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _titled(title: str, status: str, rows: list[Row]) -> Block:
    every = [Row(title, (title, "", status), ""), *rows]

    def find(key: object) -> int | None:
        return next((place for place, row in enumerate(every) if row.key == key), None)

    return Block(len(every), every.__getitem__, find)


def _host(host: Host, *, up: bool) -> Row:
    return Row(
        host.name, (f"   {host.name}", host.kind, "reachable" if up else "OFF"), "ok" if up else "failed"
    )


def _node(name: str, pods: list[Object], *, up: bool, is_last: bool) -> Block:
    own = Ref("node", "", name)

    def make(place: int) -> Row:
        if place:
            return _pod(pods[place - 1], "  " if is_last else "│ ")
        text = f"{'└─' if is_last else '├─'} {name}"
        return Row(own, (text, "node", "up" if up else "OFF"), "ok" if up else "failed")

    def find(key: object) -> int | None:
        if key == own:
            return 0
        place = _among(pods, key)
        return None if place is None else 1 + place

    return Block(1 + len(pods), make, find)


def _among(pods: list[Object], key: object) -> int | None:
    """Where among pods in key order one of them is."""
    if not isinstance(key, Ref) or key.kind != "pod":
        return None
    place = bisect_left(pods, (key.namespace, key.name), key=objects.key)
    return place if place < len(pods) and objects.key(pods[place]) == (key.namespace, key.name) else None


def _pod(pod: Object, bar: str) -> Row:
    space, name = objects.key(pod)
    address = (pod.get("status") or {}).get("podIP") or "no address"
    ready: State = "ok" if is_ready(pod) else "pending"
    return Row(Ref("pod", space, name), (f"{bar}   {space}/{name}", "pod", address), ready)


def _waiting(pod: Object) -> Row:
    space, name = objects.key(pod)
    return Row(Ref("pod", space, name), (f"   {space}/{name}", "pod", "has no node"), "pending")


def _service(world: Simulation, service: Object) -> Row:
    space, name = objects.key(service)
    count = len(world.network.backends(space, name))
    cells = (f"   {space}/{name}", "service", _many(count, "ready endpoint"))
    return Row(Ref("service", space, name), cells, "ok" if count else "failed")
