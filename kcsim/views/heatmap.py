"""Heat maps: a cell a node, or a cell for each pair of settings, shaded by a number; for eyes that look for the odd one.

**Walk:** cells in rows -> ``HeatMap`` -> ``svg``, ``str`` or ``to_records``. ``nodes`` makes one of a cluster's machines, by
what pods ask of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api import quantity
from kcsim.engine.shown import Tabular
from kcsim.simulation.simulation import Simulation, Time
from kcsim.views.look import Look
from kcsim.views.states import GLYPHS, State
from kcsim.views.svg import Svg

_SHADES = "·░▒▓█"
_STEPS = 5
_ACROSS, _FEW, _LEFT, _HEAD, _CELL = 40, 12, 12, 50, 20


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        name: what it stands for.
        value: from 0 to 1, how deep it is shaded; None where nothing is known.
        text: the value as people read it.
        state: what is wrong with it, when something is.
    """

    name: str
    value: float | None
    text: str
    state: State = ""


@dataclass(frozen=True, slots=True)
class HeatMap(Tabular):
    """Rows of cells, each row with its label; ``scale`` says what the lightest and the deepest shade mean."""

    title: str
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    scale: tuple[str, str] = ("0 %", "100 %")
    columns: tuple[str, ...] = ()

    def to_records(self) -> list[dict[str, Any]]:
        """``{row, name, value, text, state}`` for each cell."""
        return [
            {"row": label, "name": cell.name, "value": cell.value, "text": cell.text, "state": cell.state}
            for label, cells in self.rows
            for cell in cells
        ]

    def __str__(self) -> str:
        width = max((len(label) for label, _ in self.rows), default=0)
        lines = [self.title]
        for label, cells in self.rows:
            marks = "".join(
                GLYPHS[cell.state] if cell.state in {"failed", "unknown"} else _SHADES[_step(cell.value)]
                for cell in cells
            )
            lines.append(f"{label:<{width}}  {marks}".rstrip())
        return "\n".join(lines)

    def svg(self) -> Svg:
        """The map, with its scale; a cross marks what is wrong."""
        label = max((len(each) for each, _ in self.rows), default=0)
        left = _LEFT + (7 * label + 10 if label else 0)
        across = max((len(cells) for _, cells in self.rows), default=1)
        told = max((len(cell.text) for _, cells in self.rows for cell in cells), default=0)
        wide = max([told, *(len(each) for each in self.columns)]) if across <= _FEW else 0
        cell = max(_CELL, 14 + 6.7 * wide if wide else 0)
        head = _HEAD + (18 if self.columns else 0)
        svg = Svg(
            max(360, left + across * cell + _LEFT), head + len(self.rows) * _CELL + 14, self.title, str(self)
        )
        svg.text(_LEFT, 20, self.title, "strong")
        _scale(svg, self.scale)
        for place, name in enumerate(self.columns):
            svg.text(left + place * cell + cell / 2, head - 6, name, "soft", "middle")
        for number, (name, cells) in enumerate(self.rows):
            y = head + number * _CELL
            if name:
                svg.text(left - 8, y + 14, name, "soft", "end")
            for place, each in enumerate(cells):
                x = left + place * cell
                hover = f"{each.name}: {each.text}"
                svg.rect(x + 1, y + 1, cell - 2, _CELL - 2, "box")
                if each.value is not None:
                    with svg.group(f"h{_step(each.value)}"):
                        svg.rect(x + 1, y + 1, cell - 2, _CELL - 2, "git", hover)
                if wide:
                    deep = " on" if each.value is not None and _step(each.value) > 2 else ""
                    svg.text(x + cell / 2, y + 14, each.text, f"small{deep}", "middle")
                if each.state in {"failed", "unknown"}:
                    svg.mark("cross", x + (cell - 10 if wide else cell / 2), y + _CELL / 2, each.state, hover)
        return svg


def nodes(
    sim: Simulation, what: str = "cpu", *, at: Time | None = None, cluster: str | None = None
) -> HeatMap:
    """Every node of a cluster, row by row and zone by zone: which share of it pods ask for.

    Args:
        what: ``cpu``, ``memory`` or ``pods``.
        at: the instant; now when None.

    Raises:
        ValueError: there is no such share, or the instant lies ahead.
    """
    if what not in {"cpu", "memory", "pods"}:
        raise ValueError(f"there is no heat map of {what!r}: ask for cpu, memory or pods")
    taken = "taken" if what == "pods" else "asked for"
    title = "Nodes by their room for pods" if what == "pods" else f"Nodes by the {what} that pods ask for"
    when = None if at is None else round(sim.at(at).time * 1_000_000)
    look = Look(sim, when, cluster or "")
    asked: dict[str, int] = {}
    for pod in look.objects("pods"):
        if (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}:
            node = pod["spec"].get("nodeName", "")
            asked[node] = asked.get(node, 0) + _request(pod, what)
    zones: dict[str, list[Cell]] = {}
    for node in look.objects("nodes"):
        name = node["metadata"]["name"]
        room = quantity.milli(str((node.get("status") or {}).get("allocatable", {}).get(what, "0")))
        share = asked.get(name, 0) / room if room else None
        zone = (node["metadata"].get("labels") or {}).get("topology.kubernetes.io/zone", "")
        ready = next(
            (c["status"] for c in (node.get("status") or {}).get("conditions") or () if c["type"] == "Ready"),
            "Unknown",
        )
        text = f"{what} {share:.0%} {taken}" if share is not None else f"{what} unknown"
        state: State = "" if ready == "True" else "failed"
        text += "" if ready == "True" else f", Ready={ready}"
        zones.setdefault(zone, []).append(Cell(name, share, text, state))
    everybody = [cell for cells in zones.values() for cell in cells]
    if len(everybody) <= _FEW:
        return HeatMap(title, tuple((cell.name, (cell,)) for cell in everybody))
    rows = [
        (zone if first == 0 else "", tuple(cells[first : first + _ACROSS]))
        for zone, cells in sorted(zones.items())
        for first in range(0, len(cells), _ACROSS)
    ]
    return HeatMap(title, tuple(rows))


def _request(pod: dict[str, Any], what: str) -> int:
    """What a pod asks of its node, in thousandths: the sum of its containers or its largest init container, if more."""
    if what == "pods":
        return 1000

    def of(container: dict[str, Any]) -> int:
        asked = (container.get("resources") or {}).get("requests") or {}
        return quantity.milli(str(asked.get(what, "0")))

    together = sum(of(each) for each in pod["spec"].get("containers") or ())
    return max([together, *(of(each) for each in pod["spec"].get("initContainers") or ())])


def grid(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float | None]],
    unit: str = "",
) -> HeatMap:
    """Numbers for each pair of a row and a column, shaded from the least to the greatest."""
    known = [value for row in values for value in row if value is not None]
    least, most = min(known, default=0.0), max(known, default=0.0)
    span = (most - least) or 1.0

    def cell(row: str, column: str, value: float | None) -> Cell:
        text = "never" if value is None else f"{value:g}{f' {unit}' if unit else ''}"
        return Cell(f"{row}, {column}", None if value is None else (value - least) / span, text)

    return HeatMap(
        title,
        tuple(
            (row, tuple(cell(row, column, value) for column, value in zip(columns, line, strict=True)))
            for row, line in zip(rows, values, strict=True)
        ),
        (f"{least:g}{f' {unit}' if unit else ''}", f"{most:g}{f' {unit}' if unit else ''}"),
        tuple(columns),
    )


def _step(value: float | None) -> int:
    """Which of the shades; the deepest from four fifths on."""
    return 0 if value is None else min(_STEPS - 1, max(0, int(value * _STEPS)))


def _scale(svg: Svg, ends: tuple[str, str]) -> None:
    svg.text(_LEFT, 40, ends[0], "soft")
    x = _LEFT + 8 + 6.6 * len(ends[0])
    for step in range(_STEPS):
        svg.rect(x, 30, 16, 12, "box")
        with svg.group(f"h{step}"):
            svg.rect(x, 30, 16, 12, "git")
        x += 17
    svg.text(x + 6, 40, ends[1], "soft")
