"""Worlds side by side, as every surface shows them: measures and expectations, a column a delivery.  Pure.

**Walk:** ``Twins.table()`` -> ``comparison`` picks the rows worth showing and says how they differ -> text, or whatever a
surface makes of ``Line``s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kcsim.scenario.compare import ExpectationRow, MeasureRow, Table
from kcsim.views.states import State
from kcsim.views.text import WIDTH, table

MAIN = (
    "change_lead_time",
    "drift_detection_time",
    "drift_repair_time",
    "minutes_adrift",
    "availability",
    "deployments",
    "failed_changes",
    "recovery_time",
    "convergence_time",
    "api_requests_by_delivery",
    "api_writes_by_delivery",
    "api_writes",
    "credentials_outside",
    "credentials_inside",
)
"""Measures of a short table, in its order; all others are told on demand."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a comparison.

    Attributes:
        kind: ``measure`` or ``expectation``.
        name: for programs.
        title: for people.
        cells: a text for each world.
        states: how each cell is to be judged; ``""`` for plain values.
        differs: whether the worlds differ in it.
        help: what it means, in a sentence or two.
    """

    kind: str
    name: str
    title: str
    cells: tuple[str, ...]
    states: tuple[State, ...]
    differs: bool
    help: str


def comparison(compared: Table, *, every: bool = False) -> list[Line]:
    """The rows of a comparison: measures first, then expectations.

    Args:
        every: all measures; otherwise those of ``MAIN`` that happened in some world.
    """
    by_name = {row.name: row for row in compared.measures}
    chosen = list(compared.measures) if every else [by_name[name] for name in MAIN if name in by_name]
    lines = [_measure(row) for row in chosen if every or _happened(row)]
    lines.extend(_expectation(row) for row in compared.expectations)
    return lines


def comparison_text(compared: Table, *, every: bool = False, width: int = WIDTH) -> str:
    """The comparison as plain text: two tables with a column for each delivery."""
    lines = comparison(compared, every=every)
    return "\n".join(_tables(compared, lines, width))


def _tables(compared: Table, lines: list[Line], width: int) -> Iterator[str]:
    for kind, title in (("measure", "measured"), ("expectation", "expected")):
        rows = [(line.title, *line.cells) for line in lines if line.kind == kind]
        if rows:
            yield table((title, *compared.columns), rows, width)


def _happened(row: MeasureRow) -> bool:
    return any(value is not None and value.value is not None for value in row.values)


def _measure(row: MeasureRow) -> Line:
    texts = row.texts
    plain: list[State] = ["" for _ in texts]
    return Line("measure", row.name, row.title, texts, tuple(plain), len(set(texts)) > 1, row.definition)


def _expectation(row: ExpectationRow) -> Line:
    states: list[State] = []
    for verdict in row.verdicts:
        if verdict.expected == "not judged" or not verdict.decided:
            states.append("unknown")
        else:
            states.append("ok" if verdict.passed else "failed")
    texts = row.texts
    return Line("expectation", row.name, row.name, texts, tuple(states), len(set(texts)) > 1, row.note)
