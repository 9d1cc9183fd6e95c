"""What a person said before the world told: whether expectations hold, and which numbers measures come to.

Plain data of one world; it is kept with the world's record, so that it outlives a process. Knows nothing of Textual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kcsim.engine.clock import SECOND, format_duration, seconds
from kcsim.scenario.expectations import Verdict
from kcsim.scenario.measure import Measure, told_seconds

CLOSE = 0.1
"""By which part of what came a number may be off and still have come as somebody said."""

_WORDS = frozenset({"never", "none", "-"})
_MILLISECONDS = {"ms": 1_000, "s": SECOND, "min": 60 * SECOND}
"""Units of time that measures use, in µs: a number may be written as a duration."""


class BadNumber(ValueError):
    """The text is no prediction of that measure; the message says what would be."""


@dataclass(frozen=True, slots=True)
class Said:
    """A number in the measure's unit, None for never; and when (µs) it was said."""

    value: float | None
    at: int


@dataclass(frozen=True, slots=True)
class Predictions:
    """All that was said of one world: {expectation: whether it will hold}, {measure: what it will come to}."""

    holds: Mapping[str, bool] = field(default_factory=dict)
    numbers: Mapping[str, Said] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.holds or self.numbers)

    def tally(self, verdicts: Sequence[Verdict], measures: Sequence[Measure], *, over: bool) -> str:
        """How much of it came, in words; numbers are judged when the story is over."""
        told = [v for v in verdicts if v.decided and v.name in self.holds]
        right = sum(self.holds[v.name] == v.held for v in told)
        count = len(told)
        if over:
            numbers = [m for m in measures if m.name in self.numbers]
            right += sum(came(m, self.numbers[m.name]) for m in numbers)
            count += len(numbers)
        left = len(self.holds) + len(self.numbers) - count
        return f"{right} of {count} came as you said{f', {left} still open' if left else ''}"


UNSAID = Predictions()
"""Nothing was said."""


def is_number(measure: Measure) -> bool:
    """Whether a measure can be predicted as a number."""
    return bool(measure.unit) and not isinstance(measure.value, str)


def read_number(measure: Measure, text: str) -> float | None:
    """What a person says a measure will come to, in its unit; None for never.

    Raises:
        BadNumber: it is none.
    """
    text = text.strip().removesuffix(measure.unit).strip() if measure.unit == "%" else text.strip()
    if text.lower() in _WORDS:
        return None
    unit = _MILLISECONDS.get(measure.unit)
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        value = _duration(text, unit) if unit is not None else -1.0
    if not 0 <= value < float("inf"):
        how = "90, 1m30s or never" if unit is not None else f"a number of {measure.unit}, or never"
        raise BadNumber(f"{text!r} is no {measure.title.lower()}: write {how}")
    return value


def _duration(text: str, unit: int) -> float:
    try:
        return seconds(text) / unit
    except ValueError:
        return -1.0


def came(measure: Measure, said: Said) -> bool:
    """Whether a measure came to what was said, near enough."""
    value = measure.value
    if value is None or said.value is None or isinstance(value, str):
        return value == said.value
    return abs(value - said.value) <= max(CLOSE * abs(value), 1.0 if measure.unit == "s" else 0.0)


def said_text(measure: Measure, said: Said) -> str:
    """What was said, as the measure itself is told."""
    return "never" if said.value is None else _told(measure, said.value)


def beside(measure: Measure, said: Said, *, over: bool) -> str:
    """What was said and by how much it is off: ``you said 30s at t=0s: it came 44s later``."""
    when = format_duration(said.at // SECOND * SECOND)
    lead = f"you said {said_text(measure, said)} at t={when}: "
    value = measure.value
    if over and came(measure, said):
        return f"{lead}as it came"
    if value is None or isinstance(value, str):
        return lead + ("it never came" if over else f"{measure.absent} so far")
    if said.value is None:
        return lead + ("it came all the same" if over else "it has come")
    off = value - said.value
    amount = f"{_told(measure, abs(off))} {'more' if off > 0 else 'less'}" if off else "just that"
    return f"{lead}{'it came to ' if over else 'so far '}{amount}"


def _told(measure: Measure, value: float) -> str:
    if measure.unit == "s":
        return told_seconds(value)
    return f"{value:,.10g} {measure.unit}"
