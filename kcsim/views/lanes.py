"""The timeline drawn as lanes: one line of characters for each, one column for each stretch of time.

Pure: moments and readiness in, glyphs and states out; a terminal, a notebook and a report can all draw from it.

**Walk:** ``Scale`` maps time to columns -> ``lanes`` puts each moment's mark into its column -> the pods lane shows the
worst of each stretch -> ``ruler`` writes the times above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kcsim.engine.clock import DAY, HOUR, MINUTE, SECOND, format_duration
from kcsim.views.readiness import ReadyStep
from kcsim.views.states import SEVERITY, State


class Happening(Protocol):
    """What a lane shows: ``kcsim.views.timeline.Moment`` is one."""

    @property
    def time(self) -> int:
        """When, in µs."""

    @property
    def lane(self) -> str:
        """Which lane it belongs to."""

    @property
    def verb(self) -> str:
        """What was done; some open a stretch of their lane (``inject``), some close it (``heal``)."""

    @property
    def subject(self) -> str:
        """To what."""


MARKS = {
    "git": "◆",
    "registry": "▼",
    "ci": "■",
    "agent": "▲",
    "api": "≠",
    "pods": "·",
    "traffic": "~",
    "fault": "✗",
    "person": "@",
}
"""The mark of a moment, by lane."""

ORDER = ("git", "registry", "ci", "agent", "pods", "traffic", "fault", "person", "api")
"""Lanes from the top."""

_KEPT = ("pods", "agent", "ci", "fault", "person", "git", "api", "traffic", "registry")
"""Where there is little room the last ones go first."""

_STEPS = (
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
)


@dataclass(frozen=True, slots=True)
class Scale:
    """Time [start, end] (µs) over ``width`` columns."""

    start: int
    end: int
    width: int

    def column(self, time: int) -> int:
        """The column of an instant; outside 0..width-1 when it is out of sight."""
        return (time - self.start) * self.width // max(1, self.end - self.start)

    def time(self, column: int) -> int:
        """The instant at which a column begins."""
        return self.start + -(-(self.end - self.start) * column // max(1, self.width))


@dataclass(frozen=True, slots=True)
class Lane:
    """One line: its name, a character for each column, and the state each is coloured by."""

    name: str
    glyphs: str
    states: tuple[State, ...]


def lanes(
    moments: Sequence[Happening], steps: Sequence[ReadyStep], scale: Scale, now: int, most: int | None = None
) -> list[Lane]:
    """The lanes that have something in them (pods always), at most ``most``, as far as ``now``."""
    drawn: dict[str, _Canvas] = {"pods": _pods(steps, scale, now)}
    begun: dict[tuple[str, str], int] = {}
    for moment in moments:
        if moment.time > now:
            break
        name = moment.lane
        canvas = drawn.get(name)
        if canvas is None:
            canvas = drawn[name] = _Canvas(scale.width)
        column = scale.column(moment.time)
        if name in _STRETCHES:
            _stretch(canvas, moment, column, begun)
        elif name != "pods":
            canvas.put(column, MARKS.get(name, "*"), "")
    for (name, _), column in begun.items():
        drawn[name].stretch(column, scale.column(now), "━", _STRETCHES[name].state)
    chosen = [name for name in ORDER if name in drawn]
    chosen.extend(sorted(set(drawn) - set(ORDER)))
    if most is not None and len(chosen) > most:
        kept = sorted(chosen, key=lambda name: _KEPT.index(name) if name in _KEPT else len(_KEPT))[:most]
        chosen = [name for name in chosen if name in kept]
    return [drawn[name].lane(name) for name in chosen]


class _Canvas:
    """The cells of one lane while it is drawn."""

    def __init__(self, width: int) -> None:
        self.glyphs = [" "] * width
        self.states: list[State] = [""] * width

    def put(self, column: int, glyph: str, state: State) -> None:
        """A mark; one out of sight is not drawn."""
        if 0 <= column < len(self.glyphs):
            self.glyphs[column], self.states[column] = glyph, state

    def stretch(self, first: int, last: int, glyph: str, state: State) -> None:
        """Fill what is still empty of a stretch, both ends included."""
        for column in range(max(0, first), min(len(self.glyphs) - 1, last) + 1):
            if self.glyphs[column] == " ":
                self.put(column, glyph, state)

    def lane(self, name: str) -> Lane:
        """The finished line."""
        return Lane(name, "".join(self.glyphs), tuple(self.states))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A lane whose moments open and close stretches: how they are told, and the state while one is open."""

    opens: frozenset[str]
    closes: dict[str, tuple[str, State]]
    state: State


_STRETCHES = {
    "fault": _Stretch(frozenset({"inject"}), {"heal": ("○", "ok")}, "failed"),
    "traffic": _Stretch(frozenset({"failing"}), {"recovered": ("○", "ok")}, "failed"),
    "ci": _Stretch(
        frozenset({"start"}),
        {"succeed": ("■", "ok"), "fail": ("✗", "failed"), "cancel": ("○", "done")},
        "pending",
    ),
}


def _stretch(canvas: _Canvas, moment: Happening, column: int, begun: dict[tuple[str, str], int]) -> None:
    """A stretch runs from the moment that opens it to the one of the same subject that closes it."""
    kind = _STRETCHES[moment.lane]
    key = moment.lane, moment.subject
    if moment.verb in kind.opens:
        begun.setdefault(key, column)
        canvas.put(column, MARKS[moment.lane], kind.state)
    elif moment.verb in kind.closes and key in begun:
        canvas.stretch(begun.pop(key), column - 1, "━", kind.state)
        canvas.put(column, *kind.closes[moment.verb])
    else:
        canvas.put(column, *kind.closes.get(moment.verb, (MARKS[moment.lane], kind.state)))


_READY: dict[State, str] = {"ok": "█", "pending": "▄", "failed": "▁"}


def _pods(steps: Sequence[ReadyStep], scale: Scale, now: int) -> _Canvas:
    """Each column shows the worst moment within it: all pods ready, some, or none."""
    canvas = _Canvas(scale.width)
    last_column = min(scale.width - 1, scale.column(now))
    for place, step in enumerate(steps):
        if step.time > now:
            break
        if not step.total:
            continue
        state: State = "ok" if step.ready == step.total else "pending" if step.ready else "failed"
        until = steps[place + 1].time if place + 1 < len(steps) else now
        first, last = scale.column(step.time), min(last_column, scale.column(min(until, now)))
        for column in range(max(0, first), last + 1):
            before = canvas.states[column]
            if not before or SEVERITY.index(state) < SEVERITY.index(before):
                canvas.put(column, _READY[state], state)
    return canvas


def ticks(scale: Scale, spacing: int) -> list[int]:
    """Instants at round intervals, at least ``spacing`` columns apart."""
    span = max(1, scale.end - scale.start)
    # Beyond the longest step, its multiples.
    longest = _STEPS[-1]
    step = next(
        (s for s in _STEPS if s * scale.width >= spacing * span),
        -(-spacing * span // (scale.width * longest)) * longest,
    )
    return list(range(-(-scale.start // step) * step, scale.end + 1, step))


def ruler(scale: Scale, spacing: int = 10) -> str:
    """Times written over their columns, at round intervals at least ``spacing`` columns apart."""
    line = [" "] * scale.width
    for time in ticks(scale, spacing):
        column, text = scale.column(time), format_duration(time)
        if column + len(text) <= scale.width:
            line[column : column + len(text)] = text
    return "".join(line)
