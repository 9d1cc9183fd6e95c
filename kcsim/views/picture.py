"""A story as a picture: one or several worlds as lanes on one clock.

What worlds share (commits, people, faults) stands at the top, once; below it each world has its delivery, its pods and
its users' requests, so that the eye compares straight down.

**Walk:** a world -> ``strip_of`` collects what its lanes show -> ``picture`` scales time to pixels and draws lane by lane.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kcsim.engine.clock import format_duration
from kcsim.scenario.compare import Twins
from kcsim.scenario.play import Play
from kcsim.views.lanes import Scale, ticks
from kcsim.views.readiness import Readiness, ReadyStep
from kcsim.views.svg import Svg
from kcsim.views.timeline import Moment, timeline

SHARED = ("git", "person", "fault")
"""Lanes that twin worlds have in common."""

_TONES = (("ok", "all pods ready"), ("pending", "some ready"), ("failed", "none ready, or requests failed"))
_LABEL, _RIGHT, _ROW, _HEAD, _SPACING = 92, 16, 24, 26, 70


@dataclass(frozen=True, slots=True)
class FailingRequests:
    """Requests that failed between two instants (µs), and why."""

    since: int
    until: int
    text: str


@dataclass(frozen=True, slots=True)
class Strip:
    """What one world shows, as far as ``now`` (µs)."""

    name: str
    moments: Sequence[Moment]
    pods: Sequence[ReadyStep]
    failing: Sequence[FailingRequests]
    has_traffic: bool
    now: int


def strip_of(play: Play) -> Strip:
    """The lanes of a world, from its record."""
    readiness = Readiness()
    readiness.update(play.world.cluster.server.log)
    failing = [
        FailingRequests(failure.since, failure.until, f"{name}: {_causes(failure.causes)}")
        for name, source in play.traffic.items()
        for failure in source.failures()
    ]
    now = play.engine.now
    return Strip(play.delivery, timeline(play), readiness.steps, failing, bool(play.traffic), now)


def picture_of(what: Play | Twins) -> Svg:
    """A world, or twin worlds, from the beginning to where they stand."""
    plays = list(what.worlds.values()) if isinstance(what, Twins) else [what]
    title = what.scenario.title or what.scenario.name
    return picture([strip_of(play) for play in plays], max(play.engine.now for play in plays), title)


def picture(strips: Sequence[Strip], end: int, title: str, width: int = 960) -> Svg:
    """The lanes of one world or of several over [0, ``end``] µs."""
    shared = [lane for lane in SHARED if any(m.lane == lane for strip in strips for m in strip.moments)]
    rows = len(shared) + sum(len(_own_lanes(strip)) for strip in strips)
    height = 2 * _HEAD + rows * _ROW + len(strips) * _HEAD + 8
    svg = Svg(width, height, title, _description(strips))
    scale = Scale(0, end, width - _LABEL - _RIGHT)
    svg.text(12, 18, title, "strong")
    _legend(svg)
    y = 2 * _HEAD
    for tick in ticks(scale, _SPACING):
        x = _LABEL + scale.column(tick)
        svg.line(x, y - 6, x, height - 8)
        svg.text(x, y - 10, format_duration(tick), "soft", "end" if x > width - 2 * _RIGHT else "middle")
    for lane in shared:
        draw = _faults if lane == "fault" else _marks
        draw(svg, y, lane, strips[0].moments, scale)
        y += _ROW
    for strip in strips:
        svg.line(0, y + 4, width, y + 4, "axis")
        svg.text(12, y + 20, strip.name, "strong")
        y += _HEAD
        for lane in _own_lanes(strip):
            _own_lane(svg, y, lane, strip, scale)
            y += _ROW
    return svg


def _own_lanes(strip: Strip) -> list[str]:
    lanes = [lane for lane in ("ci", "agent") if any(m.lane == lane for m in strip.moments)]
    return [*lanes, "pods", *(["requests"] if strip.has_traffic else [])]


def _own_lane(svg: Svg, y: float, lane: str, strip: Strip, scale: Scale) -> None:
    if lane == "pods":
        _pods(svg, y, strip, scale)
    elif lane == "requests":
        _requests(svg, y, strip, scale)
    else:
        _marks(svg, y, lane, strip.moments, scale)


def _marks(svg: Svg, y: float, lane: str, moments: Iterable[Moment], scale: Scale) -> None:
    svg.text(_LABEL - 10, y + 16, lane, "soft", "end")
    svg.line(_LABEL, y + 12, svg.width - _RIGHT, y + 12)
    for moment in moments:
        if moment.lane == lane and moment.time <= scale.end:
            hover = f"t={format_duration(moment.time)} {moment.actor}: {moment.text}"
            svg.circle(_LABEL + scale.column(moment.time), y + 12, 5, lane, hover)


def _faults(svg: Svg, y: float, lane: str, moments: Iterable[Moment], scale: Scale) -> None:
    """A fault is a stretch from where it was put in to where it was healed, or to the end."""
    began: dict[str, Moment] = {}
    for moment in moments:
        if moment.lane == lane and moment.verb == "inject":
            began[moment.subject] = moment
        elif moment.lane == lane and moment.subject in began:
            _stretch(svg, y, began.pop(moment.subject), moment.time, scale)
    for moment in began.values():
        _stretch(svg, y, moment, scale.end, scale)
    _marks(svg, y, lane, moments, scale)


def _stretch(svg: Svg, y: float, begin: Moment, until: int, scale: Scale) -> None:
    x, right = _x(scale, begin.time), _x(scale, min(until, scale.end))
    hover = f"t={format_duration(begin.time)} to {format_duration(until)}: {begin.text}"
    svg.rect(x, y + 8, right - x, 8, "fault faint", hover)


def _legend(svg: Svg) -> None:
    """The tones in words: colour is never all there is."""
    x = svg.width - _RIGHT
    for look, words in reversed(_TONES):
        x -= 6.4 * len(words)
        svg.text(x, 18, words, "soft")
        x -= 16
        svg.rect(x, 9, 11, 11, look)
        x -= 14


def _pods(svg: Svg, y: float, strip: Strip, scale: Scale) -> None:
    """How many pods are ready, as an area; the tone says whether all, some or none are."""
    svg.text(_LABEL - 10, y + 16, "pods", "soft", "end")
    most = max((step.total for step in strip.pods), default=1) or 1
    last = min(strip.now, scale.end)
    for place, step in enumerate(strip.pods):
        until = strip.pods[place + 1].time if place + 1 < len(strip.pods) else last
        if not step.total or step.time >= last:
            continue
        x, right = _x(scale, step.time), _x(scale, min(until, last))
        look = "ok" if step.ready == step.total else "pending" if step.ready else "failed"
        hover = f"from t={format_duration(step.time)}: {step.ready} of {step.total} pods ready"
        height = (_ROW - 4) * step.total / most
        svg.rect(x, y + _ROW - 2 - height, right - x, height, f"{look} faint", hover)
        height = (_ROW - 4) * step.ready / most
        svg.rect(x, y + _ROW - 2 - height, right - x, height, look, hover)


def _requests(svg: Svg, y: float, strip: Strip, scale: Scale) -> None:
    svg.text(_LABEL - 10, y + 16, "requests", "soft", "end")
    svg.line(_LABEL, y + 12, _x(scale, min(strip.now, scale.end)), y + 12)
    for failing in strip.failing:
        x, right = _x(scale, failing.since), _x(scale, min(failing.until, scale.end))
        hover = f"t={format_duration(failing.since)} to {format_duration(failing.until)}: {failing.text}"
        svg.rect(x, y + 5, max(right - x, 2.0), 14, "failed", hover)


def _x(scale: Scale, time: int) -> float:
    return _LABEL + scale.width * time / max(1, scale.end)


def _causes(causes: dict[str, int]) -> str:
    return ", ".join(f"{count} {cause}" for cause, count in causes.items())


def _description(strips: Sequence[Strip]) -> str:
    """The picture in words, for who cannot see it."""
    parts = []
    for strip in strips:
        ready = strip.pods[-1] if strip.pods else None
        pods = f"{ready.ready} of {ready.total} pods ready at the end" if ready else "no pods"
        parts.append(
            f"{strip.name}: {len(strip.moments)} moments, {pods}, {len(strip.failing)} stretches of failed requests."
        )
    return " ".join(parts)
