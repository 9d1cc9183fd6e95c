"""What came of a world as lists that show themselves: its measures, and its verdicts."""

from __future__ import annotations

from typing import Any

from kcsim.engine.shown import Tabular
from kcsim.scenario.expectations import Verdict
from kcsim.scenario.measure import Measure


class MeasureList(Tabular, tuple[Measure, ...]):
    """The measures of one world, in the order in which a table shows them."""

    __slots__ = ()

    def to_records(self) -> list[dict[str, Any]]:
        """A row a measure, as ``Measure.to_json`` has it."""
        return [each.to_json() for each in self]

    def __str__(self) -> str:
        width = max((len(each.title) for each in self), default=0)
        return "\n".join(f"{each.title:<{width}}  {each.text}" for each in self)


class VerdictList(Tabular, tuple[Verdict, ...]):
    """The verdicts of one world, in the scenario's order."""

    __slots__ = ()

    def to_records(self) -> list[dict[str, Any]]:
        """A row a verdict, as ``Verdict.to_json`` has it."""
        return [each.to_json() for each in self]

    def __str__(self) -> str:
        marks = {True: "✓", False: "✗"}
        return "\n".join(f"{marks[each.passed]} {each.name}: {each.why}" for each in self)
