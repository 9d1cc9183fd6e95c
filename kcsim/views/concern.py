"""The first thing in a cluster that is not right, in one line: what a screen names when it asks "why?".

**Walk:** machines first, then pods that fail, then what delivers, then workloads that lack pods -> the worst one ->
with the chain of causes of the object in a few words.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.api.objects import Key
from kcsim.engine.clock import SECOND, format_duration, seconds
from kcsim.engine.trace import Record
from kcsim.scenario.play import Play
from kcsim.simulation.simulation import NotFound, Simulation
from kcsim.simulation.why import Why
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
    found: list[tuple[_Rank, Concern]] = []
    for word in KINDS:
        try:
            table = object_table(look, word)
        except NotFound:
            continue  # a kind that only some deliveries bring
        found.extend(_ranked(table, row) for row in table.rows() if row.state in _WRONG)
    return min(found, key=lambda entry: entry[0])[1] if found else None


def adrift(play: Play, when: int) -> Concern | None:
    """The object that was first changed by hand and is, at an instant (µs), still not as git says."""
    for episode in play.episodes.episodes:
        if episode.began <= when and (episode.ended is None or episode.ended > when):
            ref = Ref(episode.ref.partition("/")[0], *episode.cause.key)
            return Concern(ref, "pending", f"has drifted{differs(episode)}", episode.cause)
    return None


class Concerns:
    """The same for the present of a world that goes on: each version is read once, so that cost follows change."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._read = 0
        self._wrong: dict[tuple[str, Key], tuple[_Rank, Concern]] = {}

    def first(self) -> Concern | None:
        """The worst thing there is now."""
        versions = self._simulation.cluster().server.log.versions
        newest = {
            (version.resource.plural, version.key): version
            for version in versions[self._read :]
            if version.resource.plural in KINDS
        }
        self._read = len(versions)
        look = Look(self._simulation)
        for key, version in newest.items():
            self._wrong.pop(key, None)
            if not version.deleted:
                columns = look.columns(version.resource)
                table = ObjectTable(version.resource, columns, [version.object], look.now, wide=False)
                row = table.row(0)
                if row.state in _WRONG:
                    self._wrong[key] = _ranked(table, row)
        return min(self._wrong.values(), key=lambda entry: entry[0])[1] if self._wrong else None


_WRONG = frozenset({"failed", "unknown", "pending"})
_Rank = tuple[int, int, Ref]
"""How much something needs attention: its severity, its kind's place in ``KINDS``, its name."""


def _ranked(table: ObjectTable, row: ObjectRow) -> tuple[_Rank, Concern]:
    rank = SEVERITY.index(row.state), KINDS.index(table.resource.plural), row.ref
    return rank, Concern(row.ref, row.state, _text(table.header, row))


def _text(header: tuple[str, ...], row: ObjectRow) -> str:
    cells = dict(zip(header, row.cells, strict=True))
    status, ready = cells.get("STATUS", ""), cells.get("READY", "")
    if status and status not in {"Running", "True", "False"} and "READY" not in cells:
        return status
    if "/" in ready:
        return f"{status} {ready} ready".strip() if status in {"", "Running"} else status
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
