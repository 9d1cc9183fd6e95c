"""What the keys do to a world: each a question like any other, so that it works across processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kcsim.kubectl.session import Outcome
from kcsim.scenario import gh_lines
from kcsim.scenario.dump import to_yaml
from kcsim.scenario.model import TimelineEntry
from kcsim.simulation.faults import FaultError
from kcsim.tui.asks import gitting
from kcsim.tui.hands import PERSON, in_words
from kcsim.tui.session import Session
from kcsim.tui.worlds import Worlds
from kcsim.views.detail import yaml_text
from kcsim.views.objects import Ref


def step(session: Session) -> str:
    """One event that leaves a trace; gives what it was, in a line."""
    before = len(session.play.trace)
    session.step()
    records = session.play.trace.records[before:]
    if not records:
        return ""
    more = f" and {len(records) - 1} more" if len(records) > 1 else ""
    return f"{records[0].actor} {records[0].verb} {records[0].subject}{more}"


def wrong_time(session: Session, text: str) -> str | None:
    """Why a text names no instant; None when it does."""
    try:
        session.instant(text)
    except ValueError as error:
        return str(error)
    return None


def go_to_text(session: Session, text: str) -> None:
    """Go to the instant that a text names."""
    session.go_to(session.instant(text))


def carry_out(session: Session, program: str, line: str) -> str | None:
    """Type a line that changes something; gives what is wrong with it. Its answer comes when the world has run far enough."""
    if program not in {"git", "gh"}:
        return session.type(line, program)
    try:
        if program == "git":
            entry = gitting.entry_of(session, line)
        else:
            entry = gh_lines.entry_of(session.play, line, PERSON)
    except gitting.BadLine as error:
        return str(error)
    return session.do(entry)


def look_up(session: Session, program: str, line: str) -> Outcome:
    """What a line that only looks prints, at the instant looked at."""
    if program == "git":
        return gitting.read(session, line)
    if program == "gh":
        return Outcome(0, gh_lines.listed(session.play, session.seen), "")
    return session.read(line, program)


def inject(session: Session, entry: TimelineEntry) -> str | None:
    """Carry out what the palette made; gives what is wrong, for example that its target has vanished meanwhile."""
    return session.do(replace(entry, at=session.now))


def undo(session: Session) -> str | None:
    """Take the last deed back; gives what it was, None when there is none."""
    deed = session.undo()
    return None if deed is None else in_words(deed.entry)


def redo(session: Session) -> tuple[str | None, bool]:
    """Do again what was taken back: (what it was or why it cannot be done, whether it was done)."""
    try:
        deed = session.redo()
    except FaultError as error:
        return str(error), False
    return (None, False) if deed is None else (in_words(deed.entry), True)


def save(session: Session, path: str) -> str | None:
    """Write the story with what was done by hand; gives what went wrong."""
    return session.save(Path(path))


def export(worlds: Worlds, name: str, form: str, ref: Ref | None) -> str:
    """A world as text: ``json`` (its result), ``story`` (its scenario), ``yaml`` (an object), ``trace``, ``lanes`` (SVG)."""
    session = worlds[name]
    if form == "json":
        import json

        return json.dumps(session.play.result(), indent=2, ensure_ascii=False) + "\n"
    if form == "story":
        from kcsim.scenario.recording import rooted

        return to_yaml(rooted(session.hands.scenario(worlds.scenario.name)))
    if form == "trace":
        return "".join(f"{line}\n" for line in session.play.trace.lines())
    if form == "lanes":
        from kcsim.views.picture import picture_of

        return str(picture_of(session.play))
    obj = session.look.find(ref.kind, ref.namespace, ref.name) if ref is not None else None
    return "" if obj is None else yaml_text(obj)
