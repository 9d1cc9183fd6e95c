"""Twin worlds: one scenario and seed under several deliveries, side by side.

The worlds share commits, faults and dice, so what differs between them is the delivery's doing.
**Walk:** `worlds` builds one play a delivery -> they run one after the other -> `table` puts measures and verdicts side by
side, `divergence` (divergence.py) finds where the clusters first went different ways.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kcsim.engine.shown import Shown, Tabular
from kcsim.scenario.diagnostics import did_you_mean
from kcsim.scenario.divergence import Agreement, Divergence, divergence
from kcsim.scenario.expectations import Verdict
from kcsim.scenario.measure import Measure
from kcsim.scenario.model import Scenario
from kcsim.scenario.play import Play, delivery_named, read_scenario
from kcsim.scenario.settings import Settings
from kcsim.simulation.finding import NotFound
from kcsim.simulation.simulation import Run, Time


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
        """One of the worlds.

        Raises:
            NotFound: there is none of that name; the nearest is told.
        """
        if delivery not in self.worlds:
            raise NotFound(f"no world {delivery!r}: {did_you_mean(str(delivery), self.worlds, 'worlds')}")
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

        Raises:
            NotFound: there is no world of that name.
            ValueError: one world is named twice.
        """
        if first is not None and first == second:
            raise ValueError(f"{first!r} is one world: name two that differ, or none for the first two")
        one = first or next((name for name in self.worlds if name != second), next(iter(self.worlds)))
        pair = (one, second or next((name for name in self.worlds if name != one), one))
        left, right = self[pair[0]], self[pair[1]]
        begun = left.first_arrival is not None and right.first_arrival is not None
        return divergence(left, right, pair) or Agreement(pair, min(left.now, right.now), begun)

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
    asked = [deliveries] if isinstance(deliveries, str) else deliveries or ()
    named = list(dict.fromkeys(delivery_named(scenario, name) for name in asked))
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
    "ExpectationRow",
    "MeasureRow",
    "Table",
    "Twins",
    "compare",
    "worlds",
]
