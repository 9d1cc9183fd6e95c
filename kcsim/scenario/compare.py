"""Twin worlds: one scenario and seed under several deliveries, side by side.

The worlds share commits, faults and dice, so what differs between them is the delivery's doing.
**Walk:** `worlds` builds one play a delivery -> they run one after the other -> `table` puts measures and verdicts side by
side, `divergence` finds where the clusters first went different ways.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, final

from kcsim.api.log import Version
from kcsim.engine.clock import to_seconds
from kcsim.engine.shown import Shown, Tabular
from kcsim.engine.trace import Record
from kcsim.scenario.expectations import Verdict
from kcsim.scenario.measure import Measure
from kcsim.scenario.model import Scenario
from kcsim.scenario.play import Play, delivery_named, read_scenario
from kcsim.scenario.settings import Settings
from kcsim.simulation.simulation import Run, Time
from kcsim.simulation.why import Why, of_record


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One measure in every world; `values` has one for each column of its table, None where a world does not have it."""

    name: str
    title: str
    unit: str
    definition: str
    values: tuple[Measure | None, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as a table shows them."""
        return tuple("" if value is None else value.text for value in self.values)


@dataclass(frozen=True, slots=True)
class ExpectationRow:
    """One expectation in every world; `verdicts` has one for each column of its table."""

    name: str
    note: str
    verdicts: tuple[Verdict, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The verdicts in a word or two: held, held (should not), failed, failed as expected, not judged."""
        return tuple(map(verdict_text, self.verdicts))


@dataclass(frozen=True, slots=True)
class Table(Tabular):
    """Worlds side by side.

    Attributes:
        scenario, seed: what was played.
        columns: the deliveries, in the scenario's order.
        measures, expectations: the rows; each has one cell a column.
    """

    scenario: str
    title: str
    seed: int
    columns: tuple[str, ...]
    measures: tuple[MeasureRow, ...]
    expectations: tuple[ExpectationRow, ...]

    def __str__(self) -> str:
        cells = [("", *self.columns)]
        cells.extend((row.title, *row.texts) for row in self.measures)
        cells.extend((row.name, *row.texts) for row in self.expectations)
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns) + 1)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells
        ]
        return "\n".join(line.rstrip() for line in lines)

    def to_records(self) -> list[dict[str, Any]]:
        """Every cell as plain data: ``{kind, name, title, unit, <delivery>: value or verdict, ...}``, for data frames."""
        found: list[dict[str, Any]] = []
        for row in self.measures:
            cells = {
                column: None if m is None else m.value
                for column, m in zip(self.columns, row.values, strict=True)
            }
            found.append({"kind": "measure", "name": row.name, "title": row.title, "unit": row.unit, **cells})
        for each in self.expectations:
            texts = dict(zip(self.columns, each.texts, strict=True))
            found.append({"kind": "expectation", "name": each.name, "title": each.note, "unit": "", **texts})
        return found

    rows = to_records


def verdict_text(verdict: Verdict) -> str:
    """What a table says of a verdict."""
    if verdict.expected == "not judged":
        return "not judged"
    if not verdict.decided:
        return "open"
    if verdict.expected == "fails":
        return "failed, as expected" if verdict.passed else "held, but should not"
    return "held" if verdict.passed else "FAILED"


@dataclass(frozen=True, slots=True)
class Side:
    """One world at the divergence: its delivery, the write that did it (None: it did nothing), and why."""

    delivery: str
    record: Record | None
    why: Why | None


@final
@dataclass(frozen=True, slots=True)
class Divergence(Shown):
    """Where two worlds first went different ways.

    Attributes:
        time: virtual seconds.
        object: what first differed, as the trace names it: ``deployment.apps/shop/web``.
        sides: both worlds; the one that changed at that instant, or last, comes first.
    """

    time: float
    object: str
    sides: tuple[Side, ...]

    def __str__(self) -> str:
        lines = [f"t={self.time:.3f}s  {self.object} differs"]
        for side in self.sides:
            story = "unchanged" if side.why is None else str(side.why).replace("\n", "\n    ")
            lines.append(f"  {side.delivery}: {story}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Agreement(Shown):
    """What stands in a divergence's place while there is none; false in a condition, and readable in a notebook.

    Attributes:
        deliveries: the two worlds that were compared.
        time: virtual seconds, up to which they agree.
        begun: whether the first commit has arrived in both; nothing is compared before.
    """

    deliveries: tuple[str, str]
    time: float
    begun: bool

    def __bool__(self) -> Literal[False]:
        return False

    def __str__(self) -> str:
        first, second = self.deliveries
        if not self.begun:
            return f"nothing to compare until t={self.time:.3f}s: the first commit has not arrived in {first} and {second} yet"
        return f"the worlds agree: {first} and {second} hold the same objects until t={self.time:.3f}s"


class Twins(Shown):
    """The worlds of one scenario and seed, one a delivery.

    Attributes:
        scenario: the story.
        worlds: {delivery: its play}, in the scenario's order.
    """

    def __init__(self, scenario: Scenario, worlds: Mapping[str, Play]) -> None:
        self.scenario = scenario
        self.worlds = dict(worlds)

    def __getitem__(self, delivery: str) -> Play:
        """One of the worlds."""
        return self.worlds[delivery]

    def finish(self) -> dict[str, Run]:
        """Run every world to its end."""
        return {name: world.finish() for name, world in self.worlds.items()}

    def run_until(self, until: Time) -> dict[str, Run]:
        """Run every world to an instant (virtual seconds, or a text like ``"10m"``)."""
        return {name: world.run_until(until) for name, world in self.worlds.items()}

    def table(self) -> Table:
        """Measures and verdicts side by side, as far as the worlds have come."""
        measured = {name: {m.name: m for m in world.measures()} for name, world in self.worlds.items()}
        named: dict[str, Measure] = {}
        for of_world in measured.values():
            for name, measure in of_world.items():
                named.setdefault(name, measure)
        judged = [world.verdicts() for world in self.worlds.values()]
        return Table(
            self.scenario.name,
            self.scenario.title or self.scenario.name,
            next(iter(self.worlds.values())).seed,
            tuple(self.worlds),
            tuple(
                MeasureRow(
                    m.name, m.title, m.unit, m.definition, tuple(each.get(name) for each in measured.values())
                )
                for name, m in named.items()
            ),
            tuple(
                ExpectationRow(column[0].name, column[0].note, column) for column in zip(*judged, strict=True)
            ),
        )

    def divergence(self, first: str | None = None, second: str | None = None) -> Divergence | Agreement:
        """The first moment at which the managed objects of two worlds differed in substance.

        While they do not, an agreement, which is false: ``if parted := twins.divergence(): ...``.

        Worlds always differ a little: pods have other names and times. Compared are the objects that the deliveries
        manage, in what a manifest can say (labels, annotations of their own, spec, data), instant by instant, from
        when the first commit had arrived in both worlds.

        Args:
            first, second: deliveries; the first two worlds when left out.
        """
        names = list(self.worlds)
        pair = (first or names[0], second or next((n for n in names if n != (first or names[0])), names[0]))
        left, right = self.worlds[pair[0]], self.worlds[pair[1]]
        begun = left.first_arrival is not None and right.first_arrival is not None
        return _divergence(left, right, pair) or Agreement(pair, min(left.now, right.now), begun)

    def result(self) -> dict[str, Any]:
        """The ``--json`` document: ``{scenario, title, seed, version, worlds: [...]}``; see ``Play.result``."""
        from kcsim import __version__

        return {
            "scenario": self.scenario.name,
            "title": self.scenario.title,
            "seed": next(iter(self.worlds.values())).seed,
            "version": __version__,
            "worlds": [world.result() for world in self.worlds.values()],
        }

    def __repr__(self) -> str:
        return f"<Twins {self.scenario.name} {' | '.join(self.worlds)} seed={next(iter(self.worlds.values())).seed}>"


# Divergence.

_NOISE = frozenset(
    {"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "ownerReferences"}
)
_SERVER_SPEC = frozenset({"clusterIP", "clusterIPs"})
_TOOL_LABELS = ("kustomize.toolkit.fluxcd.io/", "argocd.argoproj.io/", "app.kubernetes.io/instance")
_TOOL_ANNOTATIONS = ("kubectl.kubernetes.io/", "deployment.kubernetes.io/", "kustomize.toolkit.fluxcd.io/")


def _divergence(left: Play, right: Play, names: tuple[str, str]) -> Divergence | None:
    """Walk both logs in the order of time and compare what both deliveries manage."""
    arrivals = [world.first_arrival for world in (left, right)]
    if None in arrivals:
        return None
    start = max(arrival for arrival in arrivals if arrival is not None)
    managed = _managed(left) & _managed(right)
    writes = sorted(
        (version.time, side, version.seq, version)
        for side, world in enumerate((left, right))
        for version in _writes(world, managed)
    )
    states: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    last: tuple[dict[str, Version], dict[str, Version]] = ({}, {})
    begun = False
    for time, group in groupby(writes, key=itemgetter(0)):
        if not begun and time > start:
            begun = True
            if found := _differing(states, last, {**last[0], **last[1]}):
                return _told(start, found, names, last)
        changed = []
        for _, side, _, version in group:
            state = None if version.deleted else substance(version.object)
            if states[side].get(version.subject) != state:
                states[side][version.subject] = state
                last[side][version.subject] = version
                changed.append(version.subject)
        if begun and (found := _differing(states, last, changed)):
            return _told(time, found, names, last)
    found = None if begun else _differing(states, last, {**last[0], **last[1]})
    return _told(start, found, names, last) if found else None


def _differing(
    states: Sequence[Mapping[str, Any]], last: Sequence[Mapping[str, Version]], subjects: Iterable[str]
) -> str | None:
    """Of the subjects that differ now, the one that has done so for longest."""
    found = [each for each in subjects if states[0].get(each) != states[1].get(each)]
    return min(found, key=lambda each: (_latest(last, each).time, each), default=None)


def _latest(last: Sequence[Mapping[str, Version]], subject: str) -> Version:
    return max((side[subject] for side in last if subject in side), key=lambda version: version.time)


def _managed(world: Play) -> set[str]:
    return {f"{w.resource.group_resource}/{w.key.namespace}/{w.key.name}" for w in world.managed()}


def _writes(world: Play, managed: set[str]) -> list[Version]:
    found = []
    for record in world.trace.records:
        if isinstance(record, Version):
            namespace, name = record.key
            if f"{record.resource.group_resource}/{namespace}/{name}" in managed:
                found.append(record)
    return found


def _told(
    time: int, subject: str, names: tuple[str, str], last: Sequence[Mapping[str, Version]]
) -> Divergence:
    """What made the difference: who changed the object at that instant; of an older difference, both worlds' last change."""
    versions = [side.get(subject) for side in last]
    now = [version if version is not None and version.time == time else None for version in versions]
    made = now if any(now) else versions
    latest = _latest(last, subject)
    order = (0, 1) if made[0] is latest or made[1] is None else (1, 0)
    sides = []
    for side in order:
        record = made[side]
        sides.append(Side(names[side], record, of_record(record) if record is not None else None))
    return Divergence(to_seconds(time), subject, tuple(sides))


def substance(obj: Mapping[str, Any]) -> dict[str, Any]:
    """What a manifest can say about an object, without what servers, controllers and delivery tools add."""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in _NOISE}
    for field, prefixes in (("labels", _TOOL_LABELS), ("annotations", _TOOL_ANNOTATIONS)):
        kept = {k: v for k, v in (metadata.get(field) or {}).items() if not k.startswith(prefixes)}
        metadata.pop(field, None)
        if kept:
            metadata[field] = kept
    rest = {k: v for k, v in obj.items() if k not in {"status", "metadata"}}
    spec = rest.get("spec")
    if isinstance(spec, Mapping):
        rest["spec"] = {k: v for k, v in spec.items() if k not in _SERVER_SPEC}
    return {**rest, "metadata": metadata}


# Making them.


def worlds(
    path_or_name: str | Path,
    deliveries: Sequence[str] | None = None,
    seed: int | None = None,
    *,
    settings: Settings | None = None,
    until: Time | None = None,
    repository: str | Path | None = None,
    pace: Time | None = None,
    path: str | None = None,
    chaos: int | None = None,
) -> dict[str, Play]:
    """One world for each delivery (all of the scenario's when None), ready to run; arguments as for ``load``.

    Raises:
        ScenarioError: with every fault, when it cannot be read or cannot be run, or has no such delivery.
    """
    scenario = read_scenario(
        path_or_name, settings=settings, repository=repository, pace=pace, path=path, chaos=chaos
    )
    named = list(dict.fromkeys(delivery_named(scenario, name) for name in deliveries or ()))
    chosen = named or list(scenario.deliveries) or [""]
    return {name: Play(scenario, name, seed, until=until) for name in chosen}


def compare(
    path_or_name: str | Path,
    deliveries: Sequence[str] | None = None,
    seed: int | None = None,
    *,
    settings: Settings | None = None,
    until: Time | None = None,
    repository: str | Path | None = None,
    pace: Time | None = None,
    path: str | None = None,
) -> Twins:
    """Play a scenario under each of its deliveries (or those named), to the end; arguments as for ``load``.

    Raises:
        ScenarioError: with every fault, when it cannot be read or cannot be run, or has no such delivery.
    """
    made = worlds(
        path_or_name,
        deliveries,
        seed,
        settings=settings,
        until=until,
        repository=repository,
        pace=pace,
        path=path,
    )
    twins = Twins(next(iter(made.values())).scenario, made)
    twins.finish()
    return twins


__all__ = [
    "Agreement",
    "Divergence",
    "ExpectationRow",
    "MeasureRow",
    "Side",
    "Table",
    "Twins",
    "compare",
    "worlds",
]
