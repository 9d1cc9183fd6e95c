"""The first thing in a cluster that is not right, in one line: what a screen names when it asks "why?".

**Walk:** machines first, then pods that fail, then what delivers, then workloads that lack pods -> the worst one ->
with the chain of causes of the object in a few words.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from kcsim.api.log import Version
from kcsim.api.objects import Key, Object
from kcsim.engine.clock import SECOND, format_duration, seconds
from kcsim.engine.trace import Record
from kcsim.scenario.play import Play
from kcsim.simulation.finding import NotFound
from kcsim.simulation.simulation import Simulation
from kcsim.simulation.why import Why
from kcsim.views.facts import Facts
from kcsim.views.look import Look
from kcsim.views.objects import ObjectRow, ObjectTable, Ref, object_table
from kcsim.views.states import GLYPHS, SEVERITY, State
from kcsim.views.timeline import differs

KINDS = ("nodes", "pods", "kustomizations", "gitrepositories", "deployments", "statefulsets", "daemonsets")
"""Where to look, in this order; of the same severity the first kind is named."""

_FEW = 3


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that is not right: which object, how bad, and what kubectl says of it.

    ``record`` is the trace record that made it so, where it is known; else the object's own history tells why.
    """

    ref: Ref
    state: State
    text: str
    record: Record | None = None

    def __str__(self) -> str:
        return f"{GLYPHS[self.state]} {self.ref} {self.text}"


def first_concern(look: Look) -> Concern | None:
    """The worst thing there is at that instant; None when everything is as it should be."""
    return look.once("first concern", lambda: _first(look))


def _first(look: Look) -> Concern | None:
    worst: tuple[_Rank, ObjectTable, Object] | None = None
    for word in KINDS:
        try:
            table = object_table(look, word)
        except NotFound:
            continue  # a kind that only some deliveries bring
        for place, obj in enumerate(table.objects):
            state = look.facts.of(table, obj)[0]
            if state in _WRONG:
                rank = _rank(table, state, table.ref(place))
                if worst is None or rank < worst[0]:
                    worst = rank, table, obj
    return None if worst is None else _concern(worst[1], worst[2])


def adrift(play: Play, when: int) -> Concern | None:
    """The object that was first changed by hand and is, at an instant (µs), still not as git says."""
    for episode in play.episodes.episodes:
        if episode.began <= when and (episode.ended is None or episode.ended > when):
            ref = Ref(episode.ref.partition("/")[0], *episode.cause.key)
            return Concern(ref, "pending", f"has drifted{differs(episode)}", episode.cause)
    return None


class Concerns:
    """The same for the present of a world that goes on: each version is read once, so that cost follows change."""

    def __init__(self, simulation: Simulation, facts: Facts | None = None) -> None:
        """``facts`` are kept up to date with the newest versions, for whoever filters them."""
        self._simulation = simulation
        self._facts = Facts() if facts is None else facts
        self._read = 0
        self._wrong: dict[tuple[str, Key], tuple[_Rank, Object]] = {}
        self._heap: list[tuple[_Rank, str, Key]] = []

    def first(self) -> Concern | None:
        """The worst thing there is now."""
        self._catch_up()
        heap, wrong = self._heap, self._wrong
        while heap:
            rank, plural, key = heap[0]
            standing = wrong.get((plural, key))
            if standing is not None and standing[0] == rank:
                look = Look(self._simulation)
                return _concern(self._table(look, plural, [standing[1]]), standing[1])
            heappop(heap)
        return None

    def _catch_up(self) -> None:
        versions = self._simulation.cluster().server.log.versions
        if self._read == len(versions):
            return
        changed: dict[str, dict[Key, Version]] = {}
        for place in range(self._read, len(versions)):
            version = versions[place]
            if version.resource.plural in KINDS:
                changed.setdefault(version.resource.plural, {})[version.key] = version
        look = Look(self._simulation)
        for plural, newest in changed.items():
            standing = [version.object for version in newest.values() if not version.deleted]
            table = self._table(look, plural, standing)
            for key, version in newest.items():
                self._take(table, plural, key, version)
        self._read = len(versions)
        if len(self._heap) > _ROOM + 2 * len(self._wrong):
            self._heap = [(rank, *place) for place, (rank, _) in self._wrong.items()]
            heapify(self._heap)

    def _take(self, table: ObjectTable, plural: str, key: Key, version: Version) -> None:
        self._wrong.pop((plural, key), None)
        before = version.previous
        while before is not None and before.revision > self._read:
            before = before.previous
        if before is not None:
            self._facts.forget(before.object)
        if version.deleted:
            return
        state = self._facts.of(table, version.object)[0]
        if state in _WRONG:
            rank = _rank(table, state, Ref(table.resource.singular, *key))
            self._wrong[plural, key] = rank, version.object
            heappush(self._heap, (rank, plural, key))

    @staticmethod
    def _table(look: Look, plural: str, objects: list[Object]) -> ObjectTable:
        resource = look.resource(plural)
        return ObjectTable(resource, look.columns(resource), objects, look.now)


_ROOM = 1000
"""Entries of the heap that may be out of date."""
_WRONG = frozenset({"failed", "unknown", "pending"})
_Rank = tuple[int, int, Ref]
"""How much something needs attention: its severity, its kind's place in ``KINDS``, its name."""


def _rank(table: ObjectTable, state: State, ref: Ref) -> _Rank:
    return SEVERITY.index(state), KINDS.index(table.resource.plural), ref


def _concern(table: ObjectTable, obj: Object) -> Concern:
    row = table.row_of(obj)
    return Concern(row.ref, row.state, _text(table.header, row))


def _text(header: tuple[str, ...], row: ObjectRow) -> str:
    cells = dict(zip(header, row.cells, strict=True))
    status, ready = cells.get("STATUS", ""), cells.get("READY", "")
    if status and status not in {"Running", "True", "False"} and "READY" not in cells:
        return status
    if "/" in ready:
        return f"{status} {ready} ready".strip() if status in {"", "Running"} else status
    if not ready:
        return "has no status yet"
    return f"Ready={ready} {status}".strip() if ready in {"True", "False", "Unknown"} else f"{ready} ready"


def in_short(why: Why, width: int) -> str:
    """A chain of causes in one line: the nearest few steps, then where it all began.

    The chain is cut in the middle, because its two ends say most.
    """
    steps = [f"{link.verb} {_name(link.object)}".strip() for link in why.links]
    steps = [step for place, step in enumerate(steps) if not place or step != steps[place - 1]]
    origin = why.origin
    when = format_duration(seconds(float(origin.t)) // SECOND * SECOND)
    last = f"{origin.actor} at {when}: {origin.verb} {_name(origin.object)}"
    shown = steps[: min(_FEW, len(steps) - 1)] if len(steps) > 1 else []
    while shown and len(" ← ".join([*shown, "…", last])) > width:
        shown.pop()
    cut = len(shown) < len(steps) - 1
    return " ← ".join([*shown, *(["…"] if cut and shown else []), last])


def _name(subject: str) -> str:
    """``deployment.apps/shop/web`` as ``deployment/web``."""
    kind, *rest = subject.split("/")
    return f"{kind.partition('.')[0]}/{rest[-1]}" if rest else subject
