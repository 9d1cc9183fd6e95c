"""How inevitable was it? Rewind some seconds before something went wrong, let chance decide anew, and count.

A rate that stays at 1 up to a rewind of t says that t seconds before it was bound to happen; where the curve falls to the
rate of a fresh start, it was chance until then.

**Walk:** ``inevitability`` -> for each rewind and seed: the story again, byte for byte, up to the rewound instant -> all dice
fall anew (``Engine.reseed``) -> to the end -> was it violated? ``of_violation`` asks for what a probe found,
``of_expectation`` for what a scenario expects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kcsim.engine.clock import MILLISECOND, SECOND, format_duration, seconds, to_seconds
from kcsim.scenario.model import Scenario
from kcsim.scenario.play import Play
from kcsim.testing.probing.compare import differences
from kcsim.testing.probing.report import Violation
from kcsim.testing.probing.runs import Target, examine, run, start

Time = str | float
REWINDS: tuple[Time, ...] = (0, "1s", "5s", "15s", "1m", "5m")
_BAR = 20


@dataclass(frozen=True, slots=True)
class Point:
    """Of ``runs`` that were reseeded ``rewind`` µs before, so many were violated."""

    rewind: int
    violated: int
    runs: int

    @property
    def rate(self) -> float:
        """The share that was violated."""
        return self.violated / self.runs


@dataclass(frozen=True, slots=True)
class Curve:
    """The rate of violation against the rewind.

    Attributes:
        at: when it went wrong (µs).
        points: by rewind, the shortest first.
    """

    at: int
    points: tuple[Point, ...]

    def __str__(self) -> str:
        lines = [f"went wrong at t={_told(self.at)}; dice fall anew ... before:"]
        for point in self.points:
            full = round(_BAR * point.rate)
            bar = "█" * full + "░" * (_BAR - full)
            lines.append(
                f"{_told(point.rewind):>8}  {bar} {point.rate:>4.0%}  {point.violated} of {point.runs}"
            )
        return "\n".join(lines)


def _told(us: int) -> str:
    return format_duration(us if us < SECOND else us // MILLISECOND * MILLISECOND)


def inevitability(
    make: Callable[[], Play],
    violated: Callable[[Play], bool],
    at: Time,
    *,
    rewinds: Sequence[Time] = REWINDS,
    seeds: int = 10,
) -> Curve:
    """The curve for anything that can go wrong.

    Args:
        make: makes the world at its beginning, the same each time.
        violated: whether it went wrong, asked of a world that was played to its end.
        at: when it went wrong in the world as made.
        rewinds: how long before that all dice fall anew; longer ones than ``at`` start from the beginning.
        seeds: how many runs a rewind.

    Raises:
        ValueError: no rewinds or seeds: there would be nothing to count.
    """
    if not rewinds or seeds < 1:
        raise ValueError("the curve needs at least one rewind and one seed")
    when = seconds(at)
    points = []
    for rewind in sorted({min(seconds(rewind), when) for rewind in rewinds}):
        count = 0
        for number in range(1, seeds + 1):
            play = make()
            play.run_until(to_seconds(when - rewind))
            play.engine.reseed(play.engine.seed * 1_000_003 + number)
            play.finish()
            count += violated(play)
        points.append(Point(rewind, count, seeds))
    return Curve(when, tuple(points))


def of_violation(
    target: Target, violation: Violation, *, rewinds: Sequence[Time] = REWINDS, seeds: int = 10
) -> Curve:
    """The curve for what a probe found: ``report = probe(...)``, ``of_violation(report.target, report.violations[0])``."""
    reference = run(target)

    def went_wrong(play: Play) -> bool:
        return bool(differences(reference, examine(target, play)))

    return inevitability(
        lambda: start(target, violation.plan),
        went_wrong,
        violation.time / SECOND,
        rewinds=rewinds,
        seeds=seeds,
    )


def of_expectation(
    scenario: Scenario,
    name: str,
    delivery: str = "",
    *,
    rewinds: Sequence[Time] = REWINDS,
    seeds: int = 10,
) -> Curve:
    """The curve for an expectation that comes out otherwise than its scenario says.

    Raises:
        ValueError: there is no such expectation, or it comes out as the scenario says.
    """

    def verdict(play: Play) -> bool:
        return next(each.passed for each in play.verdicts() if each.name == name)

    if name not in {each.name for each in scenario.expectations}:
        known = ", ".join(each.name for each in scenario.expectations) or "none"
        raise ValueError(f"no expectation {name!r}; there are {known}")
    first = Play(scenario, delivery)
    first.finish()
    found = next(each for each in first.verdicts() if each.name == name)
    if found.passed or found.at is None:
        raise ValueError(f"{name} comes out as the scenario says under {first.delivery or 'no delivery'}")
    return inevitability(
        lambda: Play(scenario, delivery),
        lambda play: not verdict(play),
        found.at,
        rewinds=rewinds,
        seeds=seeds,
    )
