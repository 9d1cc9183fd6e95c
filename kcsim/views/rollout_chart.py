"""A rollout as a chart: how many pods of each ReplicaSet there were and how many of them were ready, against its bounds.

**Walk:** the log of a cluster -> the Deployment's own versions and those of its ReplicaSets -> ``Rollout`` (steps and
bounds as numbers) -> ``svg``, ``str`` or ``to_records``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

from kcsim.api import objects
from kcsim.api.log import Version
from kcsim.cluster.controllers.deployment.rollout import is_rolling_update, max_surge, max_unavailable
from kcsim.engine.clock import MINUTE, SECOND, format_duration, seconds, to_seconds
from kcsim.engine.shown import Tabular
from kcsim.simulation.simulation import Simulation, Time
from kcsim.views.lanes import Scale, ticks
from kcsim.views.svg import Svg

Timed = TypeVar("Timed", "Count", "Bound")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 280, 44, 16, 62, 30
_LOOKS = ("git", "agent", "ci", "pending", "ok", "registry")
"""The colour of each ReplicaSet in turn, oldest first."""


@dataclass(frozen=True, slots=True)
class Count:
    """From ``time`` (µs) on a ReplicaSet had ``replicas`` pods, ``ready`` of them ready."""

    time: int
    replicas: int
    ready: int


@dataclass(frozen=True, slots=True)
class Bound:
    """From ``time`` (µs) on: how many pods were wanted, how few had to be available, how many there might be at most."""

    time: int
    wanted: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Rollout(Tabular):
    """The rollouts of one Deployment between two instants (µs).

    Attributes:
        sets: ReplicaSet and its images -> its counts, oldest first.
    """

    name: str
    since: int
    until: int
    sets: tuple[tuple[str, str, tuple[Count, ...]], ...]
    bounds: tuple[Bound, ...]

    def at(self, time: int) -> list[Count]:
        """The count of each ReplicaSet at an instant (µs)."""
        return [_last(counts, time) or Count(time, 0, 0) for _, _, counts in self.sets]

    def instants(self) -> list[int]:
        """Every instant at which something changed, within the window, and its two ends."""
        times = {count.time for _, _, counts in self.sets for count in counts}
        times |= {bound.time for bound in self.bounds}
        return sorted({self.since, self.until, *(t for t in times if self.since <= t <= self.until)})

    def to_records(self) -> list[dict[str, Any]]:
        """``{time, replicaset, images, replicas, ready, wanted, min_available, max_pods}`` for each change; times in seconds."""
        rows = []
        for time in self.instants():
            bound = _last(self.bounds, time)
            for (name, images, _), count in zip(self.sets, self.at(time), strict=True):
                rows.append(
                    {
                        "time": to_seconds(time),
                        "replicaset": name,
                        "images": images,
                        "replicas": count.replicas,
                        "ready": count.ready,
                        "wanted": bound.wanted if bound else 0,
                        "min_available": bound.least if bound else 0,
                        "max_pods": bound.most if bound else 0,
                    }
                )
        return rows

    def __str__(self) -> str:
        lines = [f"{self.name} from {format_duration(self.since)} to {format_duration(self.until)}"]
        width = max((len(name) for name, _, _ in self.sets), default=0)
        for name, images, counts in self.sets:
            steps = " ".join(
                f"{format_duration(c.time // SECOND * SECOND)}:{c.ready}/{c.replicas}"
                for c in counts
                if self.since <= c.time <= self.until
            )
            lines.append(f"  {name:<{width}}  {images}  {steps}".rstrip())
        return "\n".join(lines)

    def svg(self) -> Svg:
        """The chart: areas stacked in the order of age, ready pods solid, others faint; bounds as lines."""
        return _chart(self)


def rollout(
    sim: Simulation,
    ref: str = "deployment/web",
    namespace: str | None = None,
    *,
    since: Time | None = None,
    until: Time | None = None,
    cluster: str | None = None,
) -> Rollout:
    """The rollouts of a Deployment as the log tells them.

    Args:
        ref, namespace: which Deployment (also one that is gone).
        since, until: the window; from a minute before the newest rollout began to a minute after it ended when None.

    Raises:
        NotFound: there never was such a Deployment; the nearest names are told.
        ValueError: the window lies beyond the present, or ends before it begins.
    """
    version = sim.versions(ref if "/" in ref else f"deployment/{ref}", namespace, cluster)[-1]
    uid = objects.uid(version.object)
    log = sim.cluster(cluster).server.log
    own: list[Version] = []
    sets: dict[str, list[Version]] = {}
    for each in log.versions:
        if each.resource is version.resource and each.key == version.key:
            own.append(each)
        elif each.resource.kind == "ReplicaSet":
            owner = objects.controller_of(each.object)
            if owner is not None and owner["uid"] == uid:
                sets.setdefault(each.key[1], []).append(each)
    told = tuple((name, _images(versions[0]), tuple(_counts(versions))) for name, versions in sets.items())
    window = _window(sim, own, told, since, until)
    return Rollout(f"deployment/{version.key[1]}", *window, told, tuple(_bounds(own)))


def _window(
    sim: Simulation,
    own: list[Version],
    sets: tuple[tuple[str, str, tuple[Count, ...]], ...],
    since: Time | None,
    until: Time | None,
) -> tuple[int, int]:
    now = sim.engine.now
    changes = [v.time for v in own if _begins(v)]
    begun = max(changes, default=0)
    ended = max((c.time for _, _, counts in sets for c in counts), default=begun)
    # Whole seconds read better.
    first = max(0, begun - MINUTE) // SECOND * SECOND if since is None else seconds(since)
    last = min(now, (max(ended, begun) // SECOND + 61) * SECOND) if until is None else seconds(until)
    if last > now:
        raise ValueError(f"{until} has not happened yet: it is t={format_duration(now)}")
    if first >= last:
        raise ValueError(f"the window from {format_duration(first)} to {format_duration(last)} is empty")
    return first, last


def _begins(version: Version) -> bool:
    """Whether a version of a Deployment asks for something else than the one before."""
    before = version.previous
    return not version.deleted and (before is None or before.object.get("spec") != version.object["spec"])


def _images(version: Version) -> str:
    containers = version.object["spec"]["template"]["spec"].get("containers") or ()
    return ", ".join(container.get("image", "") for container in containers)


def _counts(versions: list[Version]) -> Iterator[Count]:
    last: tuple[int, int] | None = None
    for version in versions:
        status = {} if version.deleted else version.object.get("status") or {}
        now = status.get("replicas") or 0, status.get("readyReplicas") or 0
        if now != last:
            yield Count(version.time, *now)
        last = now


def _bounds(versions: list[Version]) -> Iterator[Bound]:
    last: tuple[int, int, int] | None = None
    for version in versions:
        wanted = 0 if version.deleted else version.object["spec"].get("replicas", 1)
        # Recreate takes all pods away first: it promises none.
        least = wanted - max_unavailable(version.object) if is_rolling_update(version.object) else 0
        most = wanted + max_surge(version.object) if wanted else 0
        if (wanted, least, most) != last:
            yield Bound(version.time, wanted, least, most)
        last = wanted, least, most


def _last(steps: tuple[Timed, ...], time: int) -> Timed | None:
    return next((step for step in reversed(steps) if step.time <= time), None)


# Drawing.


def _chart(told: Rollout) -> Svg:
    times = told.instants()
    totals = [sum(count.replicas for count in told.at(time)) for time in times]
    most = max([1, *totals, *(bound.most for bound in told.bounds if bound.time <= told.until)])
    svg = Svg(_WIDTH, _HEIGHT, f"Rollout of {told.name}", str(told))
    scale = Scale(told.since, told.until, _WIDTH - _LEFT - _RIGHT)
    high = _HEIGHT - _TOP - _BOTTOM

    def x(time: int) -> float:
        return _LEFT + scale.width * (time - told.since) / max(1, told.until - told.since)

    def y(pods: float) -> float:
        return _TOP + high - high * pods / most

    svg.text(12, 20, f"{told.name}: pods by ReplicaSet", "strong")
    _legend(svg, told)
    step = max(1, -(-most // 8))
    for pods in range(0, most + 1, step):
        svg.line(_LEFT, y(pods), _WIDTH - _RIGHT, y(pods))
        svg.text(_LEFT - 8, y(pods) + 4, str(pods), "soft", "end")
    for tick in ticks(scale, 70):
        svg.text(x(tick), _HEIGHT - 10, format_duration(tick), "soft", "middle")
    for time, end in pairwise(times):
        below = 0
        for place, count in enumerate(told.at(time)):
            name, images, _ = told.sets[place]
            look = _LOOKS[place % len(_LOOKS)]
            hover = (
                f"from t={format_duration(time)}: {name} ({images}): {count.ready} of {count.replicas} ready"
            )
            for pods, tone in ((count.ready, look), (count.replicas - count.ready, f"{look} faint")):
                if pods:
                    svg.rect(
                        x(time), y(below + pods), x(end) - x(time), y(below) - y(below + pods), tone, hover
                    )
                below += pods
    for field, look in (("most", "failed dashed"), ("wanted", "ink"), ("least", "ok dashed")):
        points: list[tuple[float, float]] = []
        for time, end in pairwise(times):
            bound = _last(told.bounds, time)
            if bound is not None:
                points += [(x(time), y(getattr(bound, field))), (x(end), y(getattr(bound, field)))]
        if points:
            svg.polyline(points, look)
    return svg


def _legend(svg: Svg, told: Rollout) -> None:
    at = 12.0
    shown = [
        (place, name, images)
        for place, (name, images, counts) in enumerate(told.sets)
        if any(count.replicas for count in counts if count.time <= told.until)
    ][-3:]
    for place, name, images in shown:
        words = f"{name.rpartition('-')[2]} {images.rpartition('/')[2]}"
        svg.rect(at, 34, 11, 11, _LOOKS[place % len(_LOOKS)])
        svg.text(at + 16, 44, words, "soft")
        at += 30 + 6.6 * len(words)
    at = _WIDTH - 330.0
    for look, words in (("ink", "wanted"), ("failed dashed", "at most"), ("ok dashed", "must be available")):
        svg.polyline([(at, 16), (at + 18, 16)], look)
        svg.text(at + 23, 20, words, "soft")
        at += 36 + 6.4 * len(words)
