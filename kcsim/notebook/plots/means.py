"""How a mean grows with a setting: a point with its interval for each value of it, and the line that theory draws.

The interval is the mean give or take 1.96 standard errors: 95 % for means of some thirty runs or more, by the central limit
theorem; with fewer it is too narrow, and it is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev
from typing import Any

from kcsim.engine.shown import Tabular
from kcsim.notebook.plots import draw

FEW = 30


@dataclass(frozen=True, slots=True)
class Point:
    """The runs at one value ``x`` of the setting; ``expected`` is what theory says, None without one."""

    x: float
    values: tuple[float, ...]
    expected: float | None

    @property
    def mean(self) -> float:
        """Of its runs."""
        return mean(self.values)

    @property
    def error(self) -> float:
        """Half the width of the interval."""
        return 1.96 * stdev(self.values) / sqrt(len(self.values))


@dataclass(frozen=True, slots=True)
class Means(Tabular):
    """Means over a setting; ``over`` and ``of`` say what x and y are."""

    over: str
    of: str
    points: tuple[Point, ...]
    theory: Callable[[float], float] | None

    def to_records(self) -> list[dict[str, Any]]:
        """``{x, runs, mean, low, high, theory}`` for each point."""
        return [
            {
                "x": each.x,
                "runs": len(each.values),
                "mean": each.mean,
                "low": each.mean - each.error,
                "high": each.mean + each.error,
                "theory": each.expected,
            }
            for each in self.points
        ]

    def figure(self) -> Any:
        """The plot as a ``matplotlib.figure.Figure``, to change or to save.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        made, axes = draw.canvas(f"{self.of} over {self.over}", self.over, self.of)
        xs = [each.x for each in self.points]
        if self.theory is not None:
            line = [max(xs) * step / 100 for step in range(1, 101)]
            axes.plot(line, [self.theory(x) for x in line], "--", color=draw.COLOURS[1], label="theory")
        ys, errors = [each.mean for each in self.points], [each.error for each in self.points]
        axes.errorbar(
            xs, ys, yerr=errors, fmt="o", capsize=3, color=draw.COLOURS[0], label="mean, 95 % interval"
        )
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left", frameon=False, labelcolor=draw.INK)
        return made

    def svg(self) -> str:
        """The plot as SVG, the same bytes every time.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        return draw.svg(self.figure(), str(self))

    def __str__(self) -> str:
        lines = [f"{self.of} over {self.over}"]
        for each in self.points:
            expected = "" if each.expected is None else f", theory {each.expected:.4g}"
            lines.append(
                f"  {each.x:g}: {each.mean:.4g} ± {each.error:.2g} ({len(each.values)} runs){expected}"
            )
        if any(len(each.values) < FEW for each in self.points):
            lines.append(f"  with fewer than {FEW} runs these intervals are too narrow")
        return "\n".join(lines)


def means(
    points: Mapping[float, Sequence[float]],
    *,
    over: str,
    of: str,
    theory: Callable[[float], float] | None = None,
) -> Means:
    """Means of ``{x: values}`` over x.

    Args:
        over, of: what x and the values are, with their units.
        theory: the mean that theory expects at an x.

    Raises:
        ValueError: no point, or a point with fewer than two runs.
    """
    if not points:
        raise ValueError("there is no point: give {x: values}")
    for x, values in points.items():
        if len(values) < 2:
            raise ValueError(f"{len(values)} run at {x:g}: an interval needs two or more")
    found = [Point(x, tuple(points[x]), theory(x) if theory else None) for x in sorted(points)]
    return Means(over, of, tuple(found), theory)
