"""What the panes of a live run show: the view models of ``kcsim.views`` put into rows and lines."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from kcsim.engine.clock import clock_text
from kcsim.simulation.finding import NotFound
from kcsim.simulation.why import Why, of_record
from kcsim.tui.asks.lines import TextLine, dim
from kcsim.tui.asks.pages import Page, Row, Want, paged
from kcsim.tui.hands import Answer
from kcsim.tui.session import Session
from kcsim.tui.sight import told
from kcsim.views.concern import Concern, in_short
from kcsim.views.detail import events_of, owner_tree
from kcsim.views.lanes import MARKS
from kcsim.views.look import Look
from kcsim.views.objects import BadFilter, Ref, object_table
from kcsim.views.states import GLYPHS, State, state_of, state_of_line

NARROW = 72
"""Below this width names are cut short."""

WIDE_HEAD = 100
"""From this width on the header has room for counts."""

WIDE_TABLE = 110
"""From this width on a table has the columns of ``-o wide``."""


# The line of why.


def why_line(session: Session, width: int) -> Text:
    """The first expectation that is not met, else the first thing that is not right, and what led to it."""
    line = Text("WHY  ", style="bold")
    verdict = session.unmet()
    if verdict is not None:
        line.append(f"{GLYPHS['failed']} {verdict.name}: ", style="bold")
        line.append(verdict.why)
        return line
    concern = session.concern()
    if concern is None:
        line.append("nothing is wrong here", style="dim")
        return line
    line.append(str(concern))
    because = causes(session, concern, width - len(line) - 3)
    if because:
        line.append(f" ← {because}", style="dim")
    return line


def causes(session: Session, concern: Concern, width: int) -> str:
    """Why something is as it is, in what fits on the line."""
    try:
        why = of_record(concern.record) if concern.record is not None else session.why(concern.ref)
    except NotFound:
        return ""
    return in_short(why, width)


def answers(session: Session) -> list[Answer]:
    """What commands have printed since this was last asked."""
    return session.hands.answers()


# Lists.


def story(session: Session, wanted: str, want: Want) -> Page:
    """The moments up to the instant one looks at."""
    moments = session.moments_seen()
    text = wanted.strip().lower()
    if text:
        hide = text.startswith("!")
        text = text.removeprefix("!")
        moments = [m for m in moments if (text in f"{m.lane} {m.actor} {m.text}".lower()) is not hide]

    def make(place: int) -> Row:
        moment = moments[place]
        lane = f"{MARKS.get(moment.lane, '*')} {moment.lane}"
        state = state_of_line(moment.lane, moment.text)
        return Row(moment.record.seq, (clock_text(moment.time), lane, told(moment)), state)

    empty = "nothing has happened yet: space runs the world" if not text else "nothing matches"
    note = f"{len(moments)} moments{f'  /{wanted}' if wanted else ''}"
    header = ("TIME", "LANE", "WHAT")

    def find(seq: object) -> int | None:
        return next((place for place, moment in enumerate(moments) if moment.record.seq == seq), None)

    return paged(want, header, len(moments), make, find=find, empty=empty, note=note)


@dataclass(frozen=True, slots=True)
class Kinds:
    """Which objects a table shows: the kind by any word, a filter, one namespace or all; with the columns of -o wide."""

    word: str
    wanted: str = ""
    namespace: str | None = None
    wide: bool = False


def objects(session: Session, kinds: Kinds, want: Want) -> Page:
    """The objects of a kind; what is wrong with the kind or the filter stands in the note of an empty page."""
    try:
        table = object_table(
            session.look, kinds.word, wide=kinds.wide, wanted=kinds.wanted, namespace=kinds.namespace
        )
    except (BadFilter, NotFound) as error:
        return Page((), 0, 0, (), 0, str(error), "")

    session.will_be_filtered(kinds.word, kinds.namespace)

    def make(place: int) -> Row:
        row = table.row(place)
        return Row(row.ref, row.cells, row.state)

    wanted, space = kinds.wanted, kinds.namespace
    empty = f"no {table.resource.plural}" + (f" match {wanted!r}" if wanted else " yet")
    of = f"{len(table)} of {table.total}" if wanted else str(table.total)
    unfinished = table.searched < table.total
    if unfinished:
        empty = "none so far"
        of += f", {table.searched:,} searched so far"
    note = of + (f"  -n {space}" if space else "") + (f"  /{wanted}" if wanted else "")
    return paged(
        want, table.header, len(table), make, find=table.place, empty=empty, note=note, unfinished=unfinished
    )


# Parts of one object.


def describe_lines(session: Session, ref: Ref) -> list[TextLine]:
    """As ``kubectl describe`` prints it, at the instant one looks at."""
    outcome = session.read(f"describe {ref}" + (f" -n {ref.namespace}" if ref.namespace else ""))
    return [_describe_line(line) for line in outcome.text.rstrip("\n").split("\n")]


def _describe_line(line: str) -> TextLine:
    head, colon, rest = line.partition(":")
    if colon and (not rest or rest.startswith(" ")) and len(head.split()) <= 2:
        return ((f"{head}:", "key"), (rest, ""))
    return ((line, ""),)


def event_lines(look: Look, ref: Ref) -> list[TextLine]:
    """One line an event: when, how often, reason, who, message."""
    obj = look.find(ref.kind, ref.namespace, ref.name)
    if obj is None:
        return []
    lines: list[TextLine] = []
    for event in events_of(look, obj):
        times = f" x{event.count}" if event.count > 1 else ""
        state = "state--failed" if event.type == "Warning" else ""
        lines.append(
            (
                (f"{clock_text(event.time)}  ", "dim"),
                (f"{event.type:<8} {event.reason}{times}", state),
                (f"  {event.source}  ", "dim"),
                (event.message, ""),
            )
        )
    return lines


def tree_lines(look: Look, ref: Ref) -> list[TextLine]:
    """The owner tree that an object stands in, each with its state."""
    lines: list[TextLine] = []
    states = States(look)
    for branch in owner_tree(look, ref):
        state, word = states.of(branch.ref)
        name = "title" if branch.ref == ref else ""
        glyph: tuple[str, str] = (f"{GLYPHS[state]} ", f"state--{state}" if state else "")
        stem = "   " * (branch.depth - 1) + "└─ " if branch.depth else ""
        lines.append(((stem, "dim"), glyph, (str(branch.ref), name), (f"  {word}", "dim")))
    return lines or [dim(f"{ref} owns nothing and nothing owns it")]


class States:
    """The state of objects and the words kubectl has for it, each kind read once."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._kinds: dict[tuple[str, str], dict[Ref, tuple[State, str]]] = {}

    def of(self, ref: Ref) -> tuple[State, str]:
        """(state, words) of one object; ("", "") of one that is not there."""
        key = ref.kind, ref.namespace
        if key not in self._kinds:
            self._kinds[key] = self._read(*key)
        return self._kinds[key].get(ref, ("", ""))

    def _read(self, kind: str, namespace: str) -> dict[Ref, tuple[State, str]]:
        table = object_table(self._look, kind, namespace=namespace or None)
        found = {}
        for row in table.rows():
            cells = dict(zip(table.header, row.cells, strict=True))
            found[row.ref] = state_of(cells), " ".join(cells[c] for c in ("READY", "STATUS") if c in cells)
        return found


def why_lines(why: Why) -> list[TextLine]:
    """A chain of causes, newest first, each step under what it led to."""
    lines: list[TextLine] = []
    last = len(why.links) - 1
    for place, link in enumerate(why.links):
        lead = f"{'  ' * min(place, 8)}{'because ' if place else ''}"
        lines.append(
            (
                (lead, "dim"),
                (f"t={float(link.t):.3f}s ", "dim"),
                (f"{link.actor} ", "key"),
                (f"{link.verb} {link.object}", "title" if place in {0, last} else ""),
            )
        )
        if link.facts:
            lines.append(((" " * len(lead), ""), (link.facts, "dim")))
    return lines
