"""How values are distributed: the share of runs at or below each value, beside the law that theory names.

The band is Dvoretzky, Kiefer and Wolfowitz's with Massart's constant (The Annals of Probability 18, 1990): with n
independent runs, the true distribution lies nowhere further than sqrt(ln(2 / 0.05) / 2n) from what was seen, in 95 of 100
cases. It assumes no shape. A law that leaves the band is not the one that made these values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log, sqrt
from statistics import mean, median
from typing import Any

from kcsim.engine.shown import Tabular
from kcsim.notebook.plots import draw
from kcsim.notebook.plots.laws import Law
from kcsim.scenario.diagnostics import did_you_mean
from kcsim.scenario.sweep import Sweep

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Sample:
    """The runs of one group: its sorted values, in how many runs it never happened, and the law it should follow."""

    name: str
    values: tuple[float, ...]
    never: int
    law: Law | None

    @property
    def band(self) -> float:
        """How far the true distribution may be from what was seen."""
        return sqrt(log(2 / (1 - CONFIDENCE)) / (2 * len(self.values)))

    @property
    def distance(self) -> float | None:
        """The greatest distance between what was seen and the law (Kolmogorov's statistic); None without a law."""
        if self.law is None:
            return None
        count = len(self.values)
        shares = [(self.law.below(value), place) for place, value in enumerate(self.values)]
        return max(max(share - place / count, (place + 1) / count - share) for share, place in shares)

    def percentile(self, share: float) -> float:
        """The smallest value that at least this share of the runs is at or below."""
        return self.values[max(0, ceil(share * len(self.values)) - 1)]


@dataclass(frozen=True, slots=True)
class Cumulative(Tabular):
    """Samples of one measure; ``unit`` of its values."""

    title: str
    unit: str
    samples: tuple[Sample, ...]

    def to_records(self) -> list[dict[str, Any]]:
        """``{group, runs, never, mean, median, p95, theory, theory_mean, theory_p95, distance, band}`` for each group."""
        return [
            {
                "group": each.name,
                "runs": len(each.values) + each.never,
                "never": each.never,
                "mean": mean(each.values),
                "median": median(each.values),
                "p95": each.percentile(0.95),
                "theory": each.law.name if each.law else None,
                "theory_mean": each.law.mean if each.law else None,
                "theory_p95": each.law.quantile(0.95) if each.law else None,
                "distance": each.distance,
                "band": each.band,
            }
            for each in self.samples
        ]

    def figure(self) -> Any:
        """The plot as a ``matplotlib.figure.Figure``, to change or to save.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        made, axes = draw.canvas(self.title, f"{self.title} ({self.unit})", "share of runs")
        for place, each in enumerate(self.samples):
            colour, count = draw.COLOURS[place % len(draw.COLOURS)], len(each.values)
            shares = [(number + 1) / count for number in range(count)]
            low = [max(0.0, share - each.band) for share in shares]
            high = [min(1.0, share + each.band) for share in shares]
            axes.fill_between(each.values, low, high, step="post", alpha=0.15, color=colour, linewidth=0)
            axes.step(each.values, shares, where="post", color=colour, label=f"{each.name} ({count} runs)")
            if each.law is not None:
                points = [each.law.quantile(share / 100) for share in range(100)]
                axes.plot(
                    points, [share / 100 for share in range(100)], "--", color=colour, label=each.law.name
                )
        axes.set_ylim(0, 1)
        axes.set_xlim(left=0)
        axes.legend(loc="best", frameon=False, labelcolor=draw.INK)
        return made

    def svg(self) -> str:
        """The plot as SVG, the same bytes every time.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        return draw.svg(self.figure(), str(self))

    def __str__(self) -> str:
        lines = [self.title]
        for row in self.to_records():
            lines.append(
                f"  {row['group']}: {row['runs']} runs, mean {row['mean']:.4g}, median {row['median']:.4g}, "
                f"95 % within {row['p95']:.4g} {self.unit}"
                + (f", never in {row['never']}" if row["never"] else "")
            )
            if row["theory"] is not None:
                fits = "inside" if row["distance"] <= row["band"] else "OUTSIDE"
                lines.append(
                    f"    theory: {row['theory']}, mean {row['theory_mean']:.4g}, 95 % within {row['theory_p95']:.4g}; "
                    f"{row['distance']:.2f} away at most, {fits} the band of {row['band']:.2f}"
                )
        return "\n".join(lines)


def cumulative(
    what: Sweep | Mapping[str, Sequence[float | None]],
    measure: str = "",
    *,
    theory: Law | Mapping[str, Law] | None = None,
    unit: str = "s",
) -> Cumulative:
    """How a measure is distributed over the seeds of a sweep, or values by the name of their group.

    Args:
        what: a sweep, or ``{group: values}``; None is a run in which it never happened.
        measure: of the sweep; of values, what they are.
        theory: the law of all groups, or of each by its name.
        unit: of the values; a sweep knows its own.

    Raises:
        ValueError: no such measure or group, or a group without a value.
    """
    title = measure or "value"
    groups: Mapping[str, Sequence[float | None]]
    if isinstance(what, Sweep):
        title, unit = what.unit(measure)
        groups = what.groups(measure)
    else:
        groups = what
    laws: Mapping[str, Law] = dict.fromkeys(groups, theory) if isinstance(theory, Law) else theory or {}
    for name in laws:
        if name not in groups:
            raise ValueError(
                f"theory for {name!r}, which is none of the groups: {did_you_mean(name, groups, 'groups')}"
            )
    if not groups:
        raise ValueError("there is no group: give a sweep, or {group: values}")
    samples = []
    for name, values in groups.items():
        known = sorted(value for value in values if value is not None)
        if not known:
            raise ValueError(f"{title} never happened in {name}: there is nothing to plot")
        samples.append(Sample(name, tuple(known), len(values) - len(known), laws.get(name)))
    return Cumulative(title, unit, tuple(samples))
