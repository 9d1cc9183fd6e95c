"""A story as a picture: one or several worlds as lanes on one clock.

What worlds share (commits, images, people, faults) stands at the top, once; below it each world has its delivery, its
writes to the API, its pods and its users' requests, so that the eye compares straight down.

**Walk:** a world -> ``strip_of`` collects what its lanes show -> ``picture`` scales time to pixels and draws lane by lane.
Shapes carry ``data-a`` and ``data-b``, where they begin and end in seconds, so that a page's script can zoom.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kcsim.engine.clock import SECOND, format_duration, to_seconds
from kcsim.scenario.compare import Twins
from kcsim.simulation.simulation import Simulation
from kcsim.views.lanes import Scale, ticks
from kcsim.views.states import state_of_line
from kcsim.views.strips import Happened, Stretch, Strip, strip_of
from kcsim.views.svg import Svg

SHARED = ("git", "registry", "person", "fault")
"""Lanes that twin worlds have in common."""

SHAPES: Mapping[str, str] = {
    "git": "diamond",
    "registry": "down",
    "person": "",
    "fault": "cross",
    "ci": "square",
    "agent": "triangle",
    "api": "",
}
"""Lane -> the shape of its marks: never is colour all there is."""

_TONES = (("ok", "all pods ready"), ("pending", "some ready, or drift"), ("failed", "none ready, or failed"))
_LABEL, _RIGHT, _ROW, _HEAD, _SPACING = 92, 16, 26, 26, 70


def picture_of(what: Simulation | Twins) -> Svg:
    """A world, or twin worlds, from the beginning to where they stand."""
    worlds: list[Simulation] = list(what.worlds.values()) if isinstance(what, Twins) else [what]
    scenario = getattr(what, "scenario", None)
    title = scenario.title or scenario.name if scenario is not None else "A bare simulation"
    return picture([strip_of(world) for world in worlds], max(world.engine.now for world in worlds), title)


def picture(
    strips: Sequence[Strip],
    end: int,
    title: str,
    width: int = 960,
    links: Mapping[tuple[int, str, str], str] | None = None,
) -> Svg:
    """The lanes of one world or of several over [0, ``end``] µs.

    Args:
        links: where a moment leads to in a page, by its time, lane and text.
    """
    common = _common(strips)
    together = [
        moment for moment in (strips[0].moments if strips else ()) if (moment.lane, moment.text) in common
    ]
    shared = [lane for lane in SHARED if any(moment.lane == lane for moment in together)]
    own = [[*_apart(strip, common), *own_lanes(strip)] for strip in strips]
    rows = len(shared) + sum(len(lanes) for lanes in own)
    height = 2 * _HEAD + rows * _ROW + len(strips) * _HEAD + 8
    svg = Svg(width, height, title, description(strips))
    draw = _Drawing(svg, Scale(0, max(1, end), width - _LABEL - _RIGHT), links or {})
    svg.text(12, 18, _cut(title, (width - 420) // 7), "strong")
    _legend(svg)
    reached = min(
        end, max((strip.now for strip in strips), default=end)
    )  # what has not ended goes on to there
    y = float(2 * _HEAD)
    draw.ticks(y)
    for lane in shared:
        draw.lane(y, lane, together, reached)
        y += _ROW
    for strip, lanes in zip(strips, own, strict=True):
        svg.line(0, y + 3, width, y + 3, "axis")
        svg.text(12, y + 20, strip.name or "world", "strong")
        y += _HEAD
        for lane in lanes:
            if lane in SHARED:
                draw.lane(y, lane, [m for m in strip.moments if (m.lane, m.text) not in common], reached)
            else:
                draw.label(y, lane)
                draw.own(y, lane, strip)
            y += _ROW
    return svg


def span(width: float) -> tuple[float, float]:
    """Where in a picture of that width time begins, and over how many pixels it runs."""
    return _LABEL, width - _LABEL - _RIGHT


def _common(strips: Sequence[Strip]) -> set[tuple[str, str]]:
    """What happened in every world, of the lanes that worlds share."""
    told = [{(m.lane, m.text) for m in strip.moments if m.lane in SHARED} for strip in strips]
    return set.intersection(*told) if told else set()


def _apart(strip: Strip, common: set[tuple[str, str]]) -> list[str]:
    """The shared lanes in which something happened in this world and not in all."""
    return [
        lane
        for lane in SHARED
        if any(m.lane == lane and (m.lane, m.text) not in common for m in strip.moments)
    ]


def own_lanes(strip: Strip) -> list[str]:
    """The lanes of one world that have something in them."""
    lanes = [lane for lane in ("ci", "agent") if any(m.lane == lane for m in strip.moments)]
    api = ["api"] if any(strip.writes) else []
    return [*lanes, *api, "pods", *(["requests"] if strip.has_traffic else [])]


class _Drawing:
    """The picture while it is drawn: time to pixels, and the ways of drawing a lane."""

    def __init__(self, svg: Svg, scale: Scale, links: Mapping[tuple[int, str, str], str]) -> None:
        self.svg = svg
        self.scale = scale
        self.links = links

    def x(self, time: int) -> float:
        """Where an instant stands."""
        return _LABEL + self.scale.width * min(time, self.scale.end) / self.scale.end

    def ticks(self, y: float) -> None:
        """Times at the top, and a thin line down from each."""
        svg = self.svg
        with svg.group("ticks"):
            for tick in ticks(self.scale, _SPACING):
                x = self.x(tick)
                svg.line(x, y - 6, x, svg.height - 8)
                anchor = "end" if x > svg.width - 2 * _RIGHT else "middle"
                svg.text(x, y - 10, format_duration(tick), "soft", anchor)

    def label(self, y: float, lane: str) -> None:
        """The name of a lane, and its base line."""
        self.svg.text(_LABEL - 10, y + 16, lane, "soft", "end")
        self.svg.line(_LABEL, y + 12, self.svg.width - _RIGHT, y + 12)

    def lane(self, y: float, lane: str, moments: Sequence[Happened], end: int) -> None:
        """One of the lanes that worlds share."""
        self.label(y, lane)
        if lane == "fault":
            self.stretches(y, _faults(moments, end), "fault faint")
        self.marks(y, lane, moments)

    def own(self, y: float, lane: str, strip: Strip) -> None:
        """A lane of one world."""
        if lane == "pods":
            self.pods(y, strip)
        elif lane == "requests":
            self.stretches(y, strip.failing, "failed")
        elif lane == "api":
            self.writes(y, strip)
            self.stretches(y, strip.drift, "pending")
            self.marks(y, lane, strip.moments)
        else:
            self.stretches(y, _runs(strip.moments, strip.now) if lane == "ci" else (), "ci faint")
            self.marks(y, lane, strip.moments)

    def marks(self, y: float, lane: str, moments: Iterable[Happened]) -> None:
        """A mark for each moment; what says that something failed is marked so."""
        svg, shape = self.svg, SHAPES.get(lane, "")
        for moment in moments:
            if moment.lane != lane or moment.time > self.scale.end:
                continue
            state = state_of_line(lane, moment.text)
            look = f"{'failed' if state == 'failed' and lane in {'ci', 'agent', 'git'} else _look(lane, state)} m"
            hover = f"t={_when(moment.time)} {moment.actor}: {moment.text}"
            href = self.links.get((moment.time, lane, moment.text))
            at = to_seconds(moment.time)
            if href is None:
                svg.mark(shape, self.x(moment.time), y + 12, look, hover, a=at)
                continue
            with svg.link(href):
                svg.mark(shape, self.x(moment.time), y + 12, look, hover, a=at)

    def stretches(self, y: float, stretches: Iterable[Stretch], look: str) -> None:
        """A bar for each stretch."""
        for each in stretches:
            if each.since > self.scale.end:
                continue
            x, right = self.x(each.since), self.x(each.until)
            hover = f"t={_when(each.since)} to {_when(each.until)}: {each.text}"
            since, until = to_seconds(each.since), to_seconds(each.until)
            self.svg.rect(x, y + 8, max(right - x, 2.0), 8, look, hover, a=since, b=until)

    def writes(self, y: float, strip: Strip) -> None:
        """Writes to the API as bars; their height is the square root of their number, so that few are seen beside many."""
        most = max(strip.writes, default=0) ** 0.5 or 1.0
        length = strip.now / max(1, len(strip.writes))
        for place, count in enumerate(strip.writes):
            if not count:
                continue
            since, until = round(place * length), round((place + 1) * length)
            x, right = self.x(since), self.x(until)
            height = max(2.0, (_ROW - 6) * count**0.5 / most)
            hover = f"t={format_duration(since // SECOND * SECOND)}: {count} write{'' if count == 1 else 's'} to the API"
            self.svg.rect(
                x,
                y + _ROW - 3 - height,
                max(0.8, right - x - 0.4),
                height,
                "api",
                hover,
                a=to_seconds(since),
                b=to_seconds(until),
            )

    def pods(self, y: float, strip: Strip) -> None:
        """How many pods are ready, as an area; the tone says whether all, some or none are."""
        most = max((step.total for step in strip.pods), default=1) or 1
        last = min(strip.now, self.scale.end)
        for place, step in enumerate(strip.pods):
            until = min(strip.pods[place + 1].time if place + 1 < len(strip.pods) else last, last)
            if not step.total or step.time >= last:
                continue
            x, right = self.x(step.time), self.x(until)
            look = "ok" if step.ready == step.total else "pending" if step.ready else "failed"
            hover = f"from t={_when(step.time)}: {step.ready} of {step.total} pods ready"
            span = {"a": to_seconds(step.time), "b": to_seconds(until)}
            for count, tone in ((step.total, f"{look} faint"), (step.ready, look)):
                height = (_ROW - 4) * count / most
                self.svg.rect(x, y + _ROW - 2 - height, right - x, height, tone, hover, **span)


def _look(lane: str, state: str) -> str:
    """Drift and its repair stand in the API's lane in the tones of pods that are not as they should be."""
    return {"pending": "pending", "ok": "ok"}.get(state, "api") if lane == "api" else lane


def _faults(moments: Iterable[Happened], end: int) -> list[Stretch]:
    """A fault is a stretch from where it was put in to where it was healed, or to the end."""
    return _between(moments, "fault", {"inject"}, {"heal"}, end)


def _runs(moments: Iterable[Happened], end: int) -> list[Stretch]:
    """A run of the pipeline, from its start to what came of it."""
    return _between(moments, "ci", {"start"}, {"succeed", "fail", "cancel"}, end)


def _between(
    moments: Iterable[Happened], lane: str, opens: set[str], closes: set[str], end: int
) -> list[Stretch]:
    began: dict[str, Happened] = {}
    found: list[Stretch] = []
    for moment in moments:
        if moment.lane == lane and moment.verb in opens:
            began[moment.subject] = moment
        elif moment.lane == lane and moment.verb in closes and moment.subject in began:
            first = began.pop(moment.subject)
            found.append(Stretch(first.time, moment.time, f"{first.text}; {moment.text}"))
    found.extend(Stretch(first.time, end, first.text) for first in began.values())
    return found


def _when(time: int) -> str:
    """To the millisecond: finer than that nobody reads."""
    return format_duration(time // 1000 * 1000)


def _legend(svg: Svg) -> None:
    """The tones in words: colour is never all there is."""
    x = svg.width - _RIGHT
    for look, words in reversed(_TONES):
        x -= 6.4 * len(words)
        svg.text(x, 18, words, "soft")
        x -= 16
        svg.rect(x, 9, 11, 11, look)
        x -= 14


def description(strips: Sequence[Strip]) -> str:
    """The picture in words, for who cannot see it."""
    parts = []
    for strip in strips:
        ready = strip.pods[-1] if strip.pods else None
        pods = f"{ready.ready} of {ready.total} pods ready at the end" if ready else "no pods"
        adrift = f", {len(strip.drift)} times adrift" if strip.drift else ""
        parts.append(
            f"{strip.name or 'The world'}: {len(strip.moments)} moments, {pods}, "
            f"{len(strip.failing)} stretches of failed requests{adrift}."
        )
    return " ".join(parts)


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"
