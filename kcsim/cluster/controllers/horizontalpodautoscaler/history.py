"""What an autoscaler recommended and did lately, and what that makes of the next recommendation.  Decides; never acts.

**Imitates:** ``stabilizeRecommendation``, ``stabilizeRecommendationWithBehaviors`` and the scale events of
``pkg/controller/podautoscaler/horizontal.go`` (v1.36). Times are µs. Upstream reuses the slots of entries that are too
old; what the answers depend on is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kcsim.engine.clock import SECOND
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]

DOWNSCALE_WINDOW = DEFAULT.us("kube-controller-manager/horizontal-pod-autoscaler-downscale-stabilization")
"""--horizontal-pod-autoscaler-downscale-stabilization."""

ScaleUpStabilized = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
)
ScaleDownStabilized = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
)


@dataclass(slots=True)
class History:
    """Of one autoscaler.

    Attributes:
        recommendations: (instant, replicas), one a sync.
        ups, downs: (instant, replicas added or removed).
        begun: whether it is known what ran at the start.
    """

    recommendations: list[tuple[int, int]] = field(default_factory=list)
    ups: list[tuple[int, int]] = field(default_factory=list)
    downs: list[tuple[int, int]] = field(default_factory=list)
    begun: bool = False

    def begin(self, current: int, now: int) -> None:
        """After a start of the controller what runs now counts as recommended."""
        if not self.begun:
            self.begun = True
            self.recommendations.append((now, current))

    def _record(self, desired: int, now: int, cutoff: int) -> None:
        """Note a recommendation in the place of one that is older than ``cutoff``, if there is one."""
        old = [place for place, (at, _) in enumerate(self.recommendations) if at < cutoff]
        if old:
            self.recommendations[old[-1]] = (now, desired)
        else:
            self.recommendations.append((now, desired))

    def stabilize(self, desired: int, now: int) -> int:
        """The highest recommendation of the last five minutes."""
        cutoff = now - DOWNSCALE_WINDOW
        recent = [replicas for at, replicas in self.recommendations if at >= cutoff]
        self._record(desired, now, cutoff)
        return max([desired, *recent])

    def stabilize_both(
        self, current: int, desired: int, now: int, up_window: int, down_window: int
    ) -> tuple[int, tuple[str, str]]:
        """The recommendation with a window (µs) for each direction; and the reason and message if it was changed."""
        ups = [replicas for at, replicas in self.recommendations if at > now - up_window]
        downs = [replicas for at, replicas in self.recommendations if at > now - down_window]
        lowest, highest = min([desired, *ups]), max([desired, *downs])
        self._record(desired, now, now - max(up_window, down_window))
        stabilized = min(max(current, lowest), highest)
        return stabilized, ScaleUpStabilized if desired >= current else ScaleDownStabilized

    def note_scale(self, behavior: Object | None, before: int, after: int, now: int) -> None:
        """The target was scaled."""
        if behavior is None:
            return
        way, events = ("scaleUp", self.ups) if after > before else ("scaleDown", self.downs)
        longest = max((p["periodSeconds"] for p in behavior[way].get("policies") or ()), default=0)
        events[:] = [event for event in events if event[0] >= now - longest * SECOND]
        events.append((now, abs(after - before)))


def changed_since(events: list[tuple[int, int]], period_seconds: int, now: int) -> int:
    """How many replicas the events of a period added (or removed) together."""
    cutoff = now - period_seconds * SECOND
    return sum(change for at, change in events if at > cutoff)
