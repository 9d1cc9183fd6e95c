"""Two or three worlds on one clock: what is the case in each at an instant, what happened in which, and where they part.

**Walk:** ``bring_together`` lets all of them come as far as the first -> ``facts`` and ``told_together`` at the instant looked
at, with what differs lit -> ``partings`` are the instants to jump to.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kcsim.engine.clock import SECOND, clock_text, format_duration, to_seconds
from kcsim.scenario.changes import Change
from kcsim.scenario.expectations import Verdict
from kcsim.simulation.finding import NotFound
from kcsim.tui.asks.lines import TextLine, dim, short
from kcsim.tui.asks.pages import Page, Row, Want, listed, paged
from kcsim.tui.asks.panes import why_lines
from kcsim.tui.session import Session
from kcsim.tui.sight import told
from kcsim.tui.worlds import Worlds
from kcsim.views.comparison import comparison
from kcsim.views.concern import adrift
from kcsim.views.lanes import MARKS
from kcsim.views.merged import Row as Merged
from kcsim.views.merged import merged
from kcsim.views.moments import Moment
from kcsim.views.objects import object_table
from kcsim.views.readiness import INFRASTRUCTURE
from kcsim.views.states import GLYPHS, State, state_of_line

_WORKLOADS = ("deployments", "statefulsets", "daemonsets")


@dataclass(frozen=True, slots=True)
class Clock:
    """The one clock of several worlds (µs): the instant looked at, how far the slowest has come, and the end."""

    seen: int
    now: int
    end: int
    running: bool
    speed: str


def clock(worlds: Worlds, names: Sequence[str]) -> Clock:
    """The clock of the worlds compared."""
    sessions = [worlds[name] for name in names]
    slowest = min(sessions, key=lambda session: session.now)
    seen = min(session.seen for session in sessions)
    running = any(session.running for session in sessions)
    return Clock(seen, slowest.now, min(s.end for s in sessions), running, sessions[0].speed_text)


def bring_together(worlds: Worlds, names: Sequence[str]) -> None:
    """Run those that lag behind to where the first has come, and look at one instant in all."""
    sessions = [worlds[name] for name in names]
    seen = sessions[0].cursor
    furthest = max(session.now for session in sessions)
    for session in sessions:
        session.pause()
        if session.now < furthest and not session.failure:
            session.go_to(furthest)
            while session.running:
                session.advance(1.0, quantum=1.0)
        session.look_at(seen)


def toggle(worlds: Worlds, names: Sequence[str]) -> None:
    """Run all of them, or pause all."""
    running = any(worlds[name].running for name in names)
    for name in names:
        session = worlds[name]
        if session.running == running:
            session.toggle()


def look_at(worlds: Worlds, names: Sequence[str], when: int | None) -> None:
    """Look at one instant (µs) in all of them; None: now."""
    for name in names:
        worlds[name].look_at(when)


def go_to(worlds: Worlds, names: Sequence[str], when: int) -> None:
    """Look at one instant (µs) in all; those that have not come so far run there."""
    for name in names:
        worlds[name].go_to(when)


def speed(worlds: Worlds, names: Sequence[str], by: int) -> None:
    """Faster or slower, all alike."""
    for name in names:
        worlds[name].change_speed(by)


# What happened.


def _rows(worlds: Worlds, names: Sequence[str]) -> list[Merged[Moment]]:
    return merged({name: worlds[name].moments for name in names})


def story(worlds: Worlds, names: Sequence[str], want: Want) -> Page:
    """What happened up to the instant looked at, once for all; what did not happen in each is lit."""
    seen = clock(worlds, names).seen
    rows = [row for row in _rows(worlds, names) if row.time <= seen]

    def make(place: int) -> Row:
        row = rows[place]
        moment = row.moment
        marks = "".join("●" if time is not None and time <= seen else "·" for time in row.times)
        lane = f"{MARKS.get(moment.lane, '*')} {moment.lane}"
        lit = frozenset() if row.is_common else frozenset({2, 3})
        cells = (clock_text(row.time), lane, marks, told(moment))
        return Row((row.time, moment.text), cells, state_of_line(moment.lane, moment.text), lit)

    apart = sum(not row.is_common for row in rows)
    note = f"{len(rows)} moments, {apart} not in every world"
    return paged(
        want,
        ("TIME", "LANE", "IN", "WHAT"),
        len(rows),
        make,
        find=lambda key: next((i for i, row in enumerate(rows) if (row.time, row.moment.text) == key), None),
        empty="nothing has happened yet: space runs the worlds",
        note=note,
    )


def partings(worlds: Worlds, names: Sequence[str]) -> list[int]:
    """The instants (µs) at which something happens that does not happen in every world, as far as all have come."""
    now = clock(worlds, names).now
    return sorted({row.time for row in _rows(worlds, names) if not row.is_common and row.time <= now})


def next_parting(worlds: Worlds, names: Sequence[str], by: int) -> int | None:
    """The next of them after the instant looked at, or (``by`` -1) the one before; None: there is none."""
    times = partings(worlds, names)
    seen = clock(worlds, names).seen
    place = bisect_right(times, seen) if by > 0 else bisect_left(times, seen) - 1
    return times[place] if 0 <= place < len(times) else None


def parting_words(worlds: Worlds, names: Sequence[str], when: int) -> str:
    """What happens at a parting and where, in one line."""
    for row in _rows(worlds, names):
        if row.time == when and not row.is_common:
            where = ", ".join(name for name, time in zip(names, row.times, strict=True) if time is not None)
            return f"t={clock_text(when)} only {where}: {told(row.moment)}"
    return f"t={clock_text(when)}"


# What is the case.


def facts(worlds: Worlds, names: Sequence[str], want: Want) -> Page:
    """What is the case in each world at the instant looked at: a row a question, a column a world; differences are lit."""
    seen = clock(worlds, names).seen
    columns = [dict(_facts_of(worlds[name], min(seen, worlds[name].now))) for name in names]
    titles = list(dict.fromkeys(title for column in columns for title in column))
    rows = []
    for title in titles:
        cells = [column.get(title, ("-", "")) for column in columns]
        texts = [text for text, _ in cells]
        differs = len(set(texts)) > 1
        shown = [f"{GLYPHS[state]} {text}" if state else f"  {text}" for text, state in cells]
        lit = frozenset(range(2, 2 + len(names))) if differs else frozenset()
        rows.append(Row(title, (title, "≠" if differs else "", *shown), "", lit))
    differing = sum(bool(row.lit) for row in rows)
    header = ("WHAT", "", *(f"  {name}" for name in names))
    return listed(want, header, rows, note=f"{differing} of {len(rows)} differ")


def _facts_of(session: Session, when: int) -> Iterator[tuple[str, tuple[str, State]]]:
    play = session.play
    changes = [change for change in play.changes() if change.at <= when]
    yield "git", (_revision(changes[-1] if changes else None), "")
    arrived = [change for change in changes if change.arrived is not None and change.arrived <= when]
    yield (
        "live",
        (
            _revision(arrived[-1] if arrived else None),
            "ok" if changes and arrived and arrived[-1] is changes[-1] else "pending",
        ),
    )
    yield from _workloads(session)
    concern = adrift(play, when)
    yield "drift", ("none", "ok") if concern is None else (f"{concern.ref} {concern.text}", "pending")
    ongoing = _faults(session, when)
    yield "faults", (", ".join(ongoing) or "none", "failed" if ongoing else "ok")
    for name, source in play.traffic.items():
        answered = _answered(source.ledger.ended(when), source.ledger.ended(max(0, when - 60 * SECOND)))
        yield f"users of {name}, last 1m", answered
    if when >= session.now:
        for verdict in play.verdicts():
            if verdict.expected != "not judged":
                yield verdict.name, _verdict(verdict)


def _verdict(verdict: Verdict) -> tuple[str, State]:
    if not verdict.decided:
        return "open", "pending"
    return ("holds", "ok") if verdict.held else ("does not hold", "failed")


def _revision(change: Change | None) -> str:
    return "-" if change is None else f"{change.sha[:7]} {short(change.title, 20)}"


def _workloads(session: Session) -> Iterator[tuple[str, tuple[str, State]]]:
    look = session.look
    for word in _WORKLOADS:
        try:
            table = object_table(look, word)
        except NotFound:
            continue
        for row in table.rows():
            if row.ref.namespace in INFRASTRUCTURE:
                continue
            cells = dict(zip(table.header, row.cells, strict=True))
            ready = cells.get("READY", "")
            obj = look.find(word, row.ref.namespace, row.ref.name)
            images = [] if obj is None else obj["spec"]["template"]["spec"]["containers"]
            image = ", ".join(each.get("image", "").rpartition("/")[2] for each in images)
            yield str(row.ref), (f"{ready} ready  {image}", row.state)


def _faults(session: Session, when: int) -> list[str]:
    open_: dict[str, None] = {}
    for moment in session.moments:
        if moment.time > when:
            break
        if moment.lane == "fault":
            if moment.verb == "inject":
                open_[moment.subject] = None
            else:
                open_.pop(moment.subject, None)
    return list(open_)


def _answered(until: tuple[int, int], since: tuple[int, int]) -> tuple[str, State]:
    total, failed = until[0] - since[0], until[1] - since[1]
    if total <= 0:
        return "no requests", ""
    share = 1 - failed / total
    return f"{share:.1%} answered", "ok" if not failed else "pending" if share > 0.5 else "failed"


# What was measured, and why they part.


def measures(worlds: Worlds, names: Sequence[str], want: Want) -> Page:
    """The measures and expectations side by side, of the present."""
    table = worlds.twins(names).table()
    rows = []
    for line in comparison(table):
        glyphs = [
            f"{GLYPHS[s]} {text}" if s else f"  {text}"
            for text, s in zip(line.cells, line.states, strict=True)
        ]
        lit = frozenset(range(2, 2 + len(names))) if line.differs else frozenset()
        rows.append(Row(line.name, (line.title, "≠" if line.differs else "", *glyphs), "", lit))
    header = ("MEASURE", "", *(f"  {name}" for name in names))
    return listed(want, header, rows, note="of the present", empty="nothing was measured yet")


def divergence(worlds: Worlds, names: Sequence[str]) -> list[TextLine]:
    """Where the objects of the first two worlds first differ, and why, on both sides."""
    found = worlds.twins(names).divergence(names[0], names[1])
    if not found:
        return [dim("what the deliveries manage is the same in both so far")]
    lines: list[TextLine] = [
        (
            (f"t={format_duration(round(found.time * SECOND))}  ", "dim"),
            (found.object, "title"),
            (f" differs between {names[0]} and {names[1]}", ""),
        )
    ]
    for side in found.sides:
        lines.append((("", ""),))
        lines.append(((side.delivery, "title"),))
        lines.extend(why_lines(side.why) if side.why is not None else [dim("  nothing changes")])
    return lines


def forked_at(worlds: Worlds, names: Sequence[str]) -> list[tuple[str, float]]:
    """(branch, virtual seconds) of those of the worlds that were forked."""
    found = []
    for name in names:
        forked = worlds[name].forked
        if forked is not None:
            found.append((name, to_seconds(forked)))
    return found
