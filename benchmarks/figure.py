"""One measured figure and how it is shown."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A figure and the limit it is held to.

    Attributes:
        name: what was measured.
        value, unit: the result.
        limit: the most that is acceptable, in the same unit.
        floor: what the bare minimum of work took, in the same unit; None where no floor makes sense.
        detail: numbers that explain it.
    """

    name: str
    value: float
    unit: str
    limit: float
    floor: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.value <= self.limit

    def to_json(self) -> dict[str, Any]:
        """The figure as one object of the ``--json`` document."""
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "limit": round(self.limit, 4),
            "floor": None if self.floor is None else round(self.floor, 4),
            "holds": self.holds,
            "detail": self.detail,
        }


def best_of(times: int, work: Callable[[], object]) -> float:
    """Seconds of the fastest of several goes: what the code costs, with the least of what else the machine does."""
    fastest = float("inf")
    for _ in range(times):
        gc.collect()
        begin = time.process_time()
        work()
        fastest = min(fastest, time.process_time() - begin)
    return fastest


@contextmanager
def stopwatch(into: dict[str, float], name: str) -> Iterator[None]:
    """Note the seconds a block takes under ``name``."""
    begin = time.process_time()
    try:
        yield
    finally:
        into[name] = time.process_time() - begin


def show(figures: list[Figure]) -> str:
    """The figures as a table."""
    rows = [("figure", "value", "limit", "floor", "", "")]
    for f in figures:
        floor = "" if f.floor is None else f"{f.floor:.4g}"
        detail = ", ".join(f"{k} {v:,}" if isinstance(v, int) else f"{k} {v}" for k, v in f.detail.items())
        verdict = "holds" if f.holds else "MISSED"
        rows.append((f.name, f"{f.value:.4g} {f.unit}", f"{f.limit:.4g}", floor, verdict, detail))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows
    ]
    return "\n".join(lines)
