"""Distributions that theory knows, to lay beside what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log


@dataclass(frozen=True, slots=True)
class Law:
    """A distribution.

    Attributes:
        name: for people.
        below: the share of values at or below one.
        quantile: the value that a share of values is at or below.
        mean: of all values.
    """

    name: str
    below: Callable[[float], float]
    quantile: Callable[[float], float]
    mean: float


def uniform(low: float, high: float) -> Law:
    """Every value between two is as likely as any other: how long a chance visitor waits for a clock.

    Raises:
        ValueError: there is nothing between them.
    """
    if not low < high:
        raise ValueError(f"uniform from {low} to {high}: the first must be less than the second")
    width = high - low
    return Law(
        f"uniform, {low:g} to {high:g}",
        lambda value: min(1.0, max(0.0, (value - low) / width)),
        lambda share: low + share * width,
        low + width / 2,
    )


def exponential(mean: float) -> Law:
    """How long one waits for the next of events that come independently, at a steady rate: a Poisson process.

    Raises:
        ValueError: the mean is not above 0.
    """
    if not mean > 0:
        raise ValueError(f"the mean of waiting times must be above 0, not {mean}")
    return Law(
        f"exponential, mean {mean:g}",
        lambda value: 1 - exp(-max(0.0, value) / mean),
        lambda share: -mean * log(1 - share) if share < 1 else float("inf"),
        mean,
    )
