"""How long things take, as data.

A distribution maps a draw ``u`` in [0, 1) to whole microseconds. Everything that needs a logarithm or a power is
worked out once, rounded to whole microseconds, and interpolated with integers afterwards, so that every machine and
every C library gives the same delay for the same draw.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Protocol

# Normal quantiles at the knots of `Skewed` (standard tables; 0.999 caps the tail instead of letting it run away).
_KNOTS: tuple[tuple[float, float], ...] = (
    (0.0, -2.0),
    (0.1, -1.2816),
    (0.25, -0.6745),
    (0.5, 0.0),
    (0.75, 0.6745),
    (0.9, 1.2816),
    (0.99, 2.3263),
    (1.0, 3.0902),
)


class Distribution(Protocol):
    """A delay: ``at(u)`` gives whole microseconds for a uniform draw ``u`` in [0, 1)."""

    def at(self, u: float) -> int:
        """The delay in µs at quantile ``u``."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same delay of ``us`` µs."""

    us: int

    def at(self, u: float) -> int:
        """The delay in µs; ``u`` is ignored."""
        del u
        return self.us


@dataclass(frozen=True, slots=True)
class Uniform:
    """Any delay in [``low``, ``high``) µs, all equally likely."""

    low: int
    high: int

    def at(self, u: float) -> int:
        """The delay in µs at quantile ``u``."""
        return self.low + int(u * (self.high - self.low))


@dataclass(frozen=True)
class Skewed:
    """A lognormal-shaped delay given by its median and 99th percentile, both in µs.

    The curve is the lognormal's quantile function, cut at the 99.9th percentile and drawn with straight lines
    between eight knots.
    """

    median: int
    p99: int
    _lines: tuple[tuple[int, float, float], ...] = field(init=False, repr=False, compare=False)
    """For each stretch between knots: the value and the quantile where it begins, and its slope."""

    def __post_init__(self) -> None:
        ratio = self.p99 / self.median
        values = [round(self.median * ratio ** (z / 2.3263)) for _, z in _KNOTS]
        lines = [
            (start, low, (end - start) / (high - low))
            for start, end, low, high in zip(values, values[1:], _QUANTILES, _QUANTILES[1:], strict=False)
        ]
        object.__setattr__(self, "_lines", (*lines, (values[-1], 1.0, 0.0)))

    def at(self, u: float) -> int:
        """The delay in µs at quantile ``u``."""
        start, low, slope = self._lines[bisect_right(_QUANTILES, u) - 1]
        return start + int(slope * (u - low))


_QUANTILES: tuple[float, ...] = tuple(q for q, _ in _KNOTS)
