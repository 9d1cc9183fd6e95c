"""How long scheduling takes."""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.profile.constants import DEFAULT
from kcsim.profile.distributions import Distribution

_CYCLE = DEFAULT.delay("kube-scheduler/scheduling-cycle")


@dataclass(frozen=True, slots=True)
class SchedulerTimings:
    """Delays of the scheduler, in µs."""

    cycle: Distribution = _CYCLE
    """One scheduling cycle; the next begins when it has ended."""


DEFAULT_TIMINGS = SchedulerTimings()
