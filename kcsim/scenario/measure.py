"""One measured value of one world, and how it is told."""

from dataclasses import dataclass
from typing import Any

from kcsim.engine.clock import told_duration


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured value of one world.

    Attributes:
        name: for programs, lower case with underscores; never changes its meaning.
        title: for people.
        value: a number in `unit`, a text, or None where it never happened.
        unit: "s", "ms", "min", "%", "requests", "writes", "deployments", "changes" or "" for texts.
        definition: what exactly is measured, in a sentence.
        detail: the parts it is made of, a line each.
        absent: what to print when the value is None.
    """

    name: str
    title: str
    value: float | int | str | None
    unit: str
    definition: str
    detail: tuple[str, ...] = ()
    absent: str = "never"

    @property
    def text(self) -> str:
        """The value as a table shows it, with its unit."""
        if self.value is None:
            return self.absent
        if self.unit == "s":
            return told_seconds(self.value)
        if self.unit == "ms":
            return f"{self.value:g} ms"
        if self.unit == "min":
            return f"{self.value:g} min"
        if self.unit == "/day":
            return f"{self.value:g} a day"
        if self.unit == "%":
            return f"{self.value:.2f} %"
        return f"{self.value:,}" if isinstance(self.value, int) else str(self.value)

    def to_json(self) -> dict[str, Any]:
        """As the ``--json`` document shows it."""
        return {
            "name": self.name,
            "title": self.title,
            "value": self.value,
            "unit": self.unit,
            "text": self.text,
            "definition": self.definition,
            "detail": list(self.detail),
        }


def told_seconds(value: float | str) -> str:
    """Seconds as people read them: 2m14s, 850ms."""
    return told_duration(round(float(value) * 1_000_000))
