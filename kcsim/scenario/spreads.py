"""Durations of a scenario, given or varying, as dice draw them.  Decides; never acts."""

from kcsim.profile.distributions import Distribution, Fixed, Skewed, Uniform
from kcsim.scenario.model import Spread


def duration(value: int | Spread) -> Distribution:
    """How long something takes, as dice draw it (µs)."""
    if isinstance(value, int):
        return Fixed(value)
    if value.min is not None and value.max is not None:
        return Uniform(value.min, value.max)
    assert value.median is not None, "checked when the scenario was read"
    assert value.p99 is not None, "checked when the scenario was read"
    return Skewed(value.median, value.p99)
