"""A measure over many seeds: each run a dot, its quartiles a box, and an interval for the median that claims no shape.

The interval is made of order statistics: of n independent runs, the j-th smallest and the j-th greatest enclose the median
with a probability that follows from the binomial distribution alone (Conover, Practical Nonparametric Statistics, 3.2). It
needs six runs for 95 %; with fewer none is shown, and it is said.

**Walk:** values by group -> ``spread`` -> ``Spread`` with a ``Group`` each -> ``svg``, ``str`` or ``to_records``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from statistics import median, quantiles
from typing import Any

from kcsim.engine.shown import Tabular
from kcsim.views.svg import Svg

CONFIDENCE = 0.95
_WIDTH, _LEFT, _RIGHT, _ROW, _HEAD = 760, 190, 150, 46, 46


@dataclass(frozen=True, slots=True)
class Group:
    """The runs of one delivery or setting.

    Attributes:
        values: of the runs in which it happened, sorted.
        never: in how many runs it did not happen.
        interval: of the median, with the confidence it has; None for too few runs.
    """

    name: str
    values: tuple[float, ...]
    never: int
    interval: tuple[float, float, float] | None

    @property
    def median(self) -> float | None:
        """The middle of the runs in which it happened."""
        return median(self.values) if self.values else None

    @property
    def quartiles(self) -> tuple[float, float] | None:
        """Between them lies the middle half of the runs."""
        if len(self.values) < 2:
            return None
        low, _, high = quantiles(self.values, n=4, method="inclusive")
        return low, high


@dataclass(frozen=True, slots=True)
class Spread(Tabular):
    """One measure over the seeds, group by group; ``unit`` of its numbers."""

    title: str
    unit: str
    groups: tuple[Group, ...]

    def to_records(self) -> list[dict[str, Any]]:
        """``{group, runs, never, median, low, high, confidence, min, max}`` for each group."""
        return [
            {
                "group": group.name,
                "runs": len(group.values) + group.never,
                "never": group.never,
                "median": group.median,
                "low": group.interval[0] if group.interval else None,
                "high": group.interval[1] if group.interval else None,
                "confidence": group.interval[2] if group.interval else None,
                "min": group.values[0] if group.values else None,
                "max": group.values[-1] if group.values else None,
            }
            for group in self.groups
        ]

    def __str__(self) -> str:
        width = max((len(group.name) for group in self.groups), default=0)
        unit = f" ({self.unit})" if self.unit else ""
        return "\n".join(
            [f"{self.title}{unit}", *(f"  {group.name:<{width}}  {_words(group)}" for group in self.groups)]
        )

    def svg(self) -> Svg:
        """A row a group on one axis: dots, the box of the quartiles, the median with its interval."""
        return _drawn(self)


def spread(title: str, groups: Mapping[str, Sequence[float | None]], unit: str = "") -> Spread:
    """The values of each group; None for a run in which it never happened."""
    made = []
    for name, values in groups.items():
        known = tuple(sorted(value for value in values if value is not None))
        made.append(Group(name, known, len(values) - len(known), interval(known)))
    return Spread(title, unit, tuple(made))


def interval(values: Sequence[float]) -> tuple[float, float, float] | None:
    """(low, high, confidence) for the median of sorted values; None when even the widest has less than ``CONFIDENCE``."""
    n = len(values)
    best = None
    outside = 0.0  # the chance that the median lies below the j-th smallest value
    for j in range((n + 1) // 2):
        outside += comb(n, j) / 2**n
        confidence = 1 - 2 * outside
        if confidence < CONFIDENCE:
            break
        best = values[j], values[n - 1 - j], confidence
    return best


def _words(group: Group) -> str:
    runs = len(group.values) + group.never
    never = f", never in {group.never} of {runs}" if group.never else ""
    if group.median is None:
        return f"never, in {runs} runs"
    range_ = f"{_number(group.values[0])} to {_number(group.values[-1])}"
    if group.interval is None:
        return f"median {_number(group.median)}, {range_}, {runs} runs: too few for an interval{never}"
    low, high, confidence = group.interval
    return (
        f"median {_number(group.median)} [{_number(low)}, {_number(high)}] at {confidence:.1%}, "
        f"{range_}, {runs} runs{never}"
    )


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def _drawn(told: Spread) -> Svg:
    values = [value for group in told.groups for value in group.values]
    least, most = min(values, default=0.0), max(values, default=1.0)
    pad = (most - least) * 0.04 or 0.5
    low, high = least - pad, most + pad
    height = _HEAD + len(told.groups) * _ROW + 34
    svg = Svg(_WIDTH, height, told.title, str(told))
    svg.text(12, 20, f"{told.title}{f' ({told.unit})' if told.unit else ''}", "strong")
    svg.text(
        _WIDTH - 12, 20, "dots: runs, box: middle half, bar: median with its interval", "soft small", "end"
    )

    def x(value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - low) / (high - low)

    for mark in _round_marks(low, high):
        svg.line(x(mark), _HEAD - 8, x(mark), height - 24)
        svg.text(x(mark), height - 10, _number(mark), "soft", "middle")
    for place, group in enumerate(told.groups):
        _group(svg, group, x, float(_HEAD + place * _ROW))
    return svg


def _group(svg: Svg, group: Group, x: Any, y: float) -> None:
    svg.text(_LEFT - 12, y + 20, group.name if len(group.name) <= 26 else f"{group.name[:25]}…", "", "end")
    svg.text(_WIDTH - _RIGHT + 12, y + 20, _short(group), "soft small")
    if group.quartiles is not None:
        first, third = group.quartiles
        svg.rect(x(first), y + 4, max(1.5, x(third) - x(first)), 22, "box", _words(group))
    for place, value in enumerate(group.values):
        # Side by side by turns, so that equal runs are seen as many.
        svg.circle(x(value), y + 15 + (place % 5 - 2) * 3.2, 2.6, "agent", _number(value))
    if group.median is not None:
        if group.interval is not None:
            svg.line(x(group.interval[0]), y + 31, x(group.interval[1]), y + 31, "line git", _words(group))
            for end in group.interval[:2]:
                svg.line(x(end), y + 28, x(end), y + 34, "line git")
        svg.line(x(group.median), y + 2, x(group.median), y + 34, "line failed", _words(group))


def _short(group: Group) -> str:
    runs = len(group.values) + group.never
    if group.median is None:
        return f"never ({runs} runs)"
    never = f", {group.never} never" if group.never else ""
    return f"{_number(group.median)} ({runs} runs{never})"


def _round_marks(low: float, high: float) -> list[float]:
    """About five round numbers within a range."""
    raw = (high - low) / 5
    power = 10.0 ** len(str(int(raw))) / 10 if raw >= 1 else 1.0
    while raw < power:
        power /= 10
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first = int(low // step) + 1
    return [round(number * step, 10) for number in range(first, int(high // step) + 1)]
