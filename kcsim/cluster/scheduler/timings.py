"""How long scheduling takes."""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.profile.distributions import Distribution, Skewed

MS = 1_000
_CYCLE = Skewed(1 * MS, 20 * MS)


@dataclass(frozen=True, slots=True)
class SchedulerTimings:
    """Delays of the scheduler, in µs."""

    cycle: Distribution = _CYCLE
    """One scheduling cycle; the next begins when it has ended (kubernetes-workloads reference, 16.3)."""


DEFAULT_TIMINGS = SchedulerTimings()
