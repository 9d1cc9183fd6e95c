"""The timeline as lanes, of one world or of several, over the whole story or a part of it; bookmarks; steps in time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kcsim.engine.clock import clock_text, format_duration
from kcsim.scenario.model import Scenario
from kcsim.scenario.play import Play
from kcsim.tui.asks.pages import Page, Row, Want, paged
from kcsim.tui.session import SPEEDS, Session
from kcsim.tui.sight import told
from kcsim.tui.worlds import Worlds
from kcsim.views.lanes import MARKS, Lane, Scale, lanes, ruler
from kcsim.views.states import state_of_line


@dataclass(frozen=True, slots=True)
class Strip:
    """Lanes as they are drawn; times in µs.

    Attributes:
        scale: which column is which time.
        title: the world's name, where there are several.
        lanes: the lines, as far as there is room.
        total: how many there would be.
        now, cursor: the present of the world, and the instant looked at.
        marks: bookmarks, and where branches leave.
    """

    scale: Scale
    ruler: str
    lanes: tuple[Lane, ...]
    total: int
    now: int
    cursor: int
    title: str = ""
    marks: tuple[tuple[int, str], ...] = ()


def strip(session: Session, width: int, room: int, window: tuple[int, int] | None = None) -> Strip:
    """The lanes of one world: ``width`` columns, at most ``room`` lines, over [start, end] (µs) or the whole story."""
    session.readiness.update(*(cluster.server.log for cluster in session.play.world.clusters.values()))
    start, end = window or (0, session.end)
    scale = Scale(start, max(start + 1, end), max(1, width))
    moments = session.moments
    total = len({"pods", *(moment.lane for moment in moments)})
    drawn = lanes(moments, session.readiness.turns, scale, session.now, room)
    return Strip(scale, ruler(scale), tuple(drawn), total, session.now, session.seen)


def strips(
    worlds: Worlds, names: Sequence[str], width: int, room: int, window: tuple[int, int] | None = None
) -> list[Strip]:
    """The lanes of several worlds, one below the other; ``room`` lines for all of them."""
    each = max(1, (room - len(names)) // max(1, len(names)))
    found = []
    for name in names:
        made = strip(worlds[name], width, each, window)
        found.append(
            Strip(
                made.scale,
                made.ruler,
                made.lanes,
                made.total,
                made.now,
                made.cursor,
                name,
                tuple(marks_of(worlds, name)),
            )
        )
    return found


PREVIEW = 1.0
"""Seconds of work that a preview may take; a longer story is drawn as far as it came."""


def preview(
    worlds: Worlds, scenario: Scenario, seed: int | None, delivery: str | None, width: int, room: int
) -> Strip:
    """The lanes of a story that nobody has opened, played to its end in a world that is then forgotten."""
    del worlds  # any process will do
    session = Session(Play(scenario if seed is None else replace(scenario, seed=seed), delivery or ""))
    session.change_speed(len(SPEEDS))
    session.toggle()
    session.advance(0, PREVIEW)
    return strip(session, width, room)


def marks_of(worlds: Worlds, name: str) -> list[tuple[int, str]]:
    """(µs, text) of the bookmarks, and of where branches leave this world or it left another."""
    found = [(when, text) for when, text in sorted(worlds.marks.items())]
    forked = worlds[name].forked
    if forked is not None:
        found.append((forked, "forked here"))
    return sorted(found)


def bookmark(worlds: Worlds, when: int, text: str) -> bool:
    """Put a bookmark at an instant (µs), or take it away; gives whether there is one now."""
    if when in worlds.marks:
        del worlds.marks[when]
        return False
    worlds.marks[when] = text or f"t={format_duration(when)}"
    return True


def next_mark(worlds: Worlds, name: str, by: int) -> int | None:
    """The instant (µs) of the next bookmark or fork after the one looked at, or of the one before."""
    times = [when for when, _ in marks_of(worlds, name)]
    seen = worlds[name].seen
    place = bisect_right(times, seen) if by > 0 else bisect_left(times, seen) - 1
    return times[place] if 0 <= place < len(times) else None


def around(session: Session, want: Want) -> Page:
    """Everything that happened, with the cursor of the list on what happened last at the instant looked at."""
    moments = session.moments
    seen = bisect_right(moments, session.seen, key=lambda moment: moment.time) - 1

    def make(place: int) -> Row:
        moment = moments[place]
        lane = f"{MARKS.get(moment.lane, '*')} {moment.lane}"
        state = state_of_line(moment.lane, moment.text)
        return Row(moment.time, (clock_text(moment.time), lane, told(moment)), state)

    at_cursor = Want(want.first, want.height, max(0, seen))
    header = ("TIME", "LANE", "WHAT")
    return paged(
        at_cursor, header, len(moments), make, empty="nothing has happened yet", note=f"{len(moments)}"
    )
